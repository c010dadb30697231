/* SPDX-License-Identifier: MIT */
/*
 * The volatile state of runs that move as a whole.
 */
#ifndef UZ_EVACUATE_STATE_H
#define UZ_EVACUATE_STATE_H

#include <uz/block.h>

/*
 * Slots that evacuation holds at once, the objects of one block. zslot has the most: each takes a cell
 * of 8 bytes and 4 or more of its own, in at most 16 frames.
 */
#define UZ__TAKEN_MAX (16u * UZ_FRAME_SIZE / 12)

struct uz__taken {
	uint64_t *slot, word;
};

/*
 * A block of an arena block that moves as a whole, how many of the slots are its objects', and what it
 * was when they were taken.
 */
struct uz__carried {
	uint32_t block, nr;
	struct uz_block_id id;
};

#endif
