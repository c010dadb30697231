/* SPDX-License-Identifier: MIT */
/*
 * evacuate: a block's run moves as a whole. Background lock held.
 */
#ifndef UZ_EVACUATE_H
#define UZ_EVACUATE_H

#include "device_i.h"

struct evacuation {
	struct uz_store *s;
	struct uz_window *w; /* NULL: to make memory free */
	uint64_t hold_ns, until_ns; /* how long a busy slot is waited for, and when no longer */
	uint32_t busy_owner; /* of the slot that was waited for in vain */
	uint32_t nr; /* slots taken, in s->taken */
	bool no_place; /* to move to: for at least one run of the window; without one, for the last run */
	bool cannot; /* arena blocks do not move as a whole here */
};

/*
 * A block's slots: take adds them to those taken, and keeps the pool from using the block; false: one
 * is busy, and the caller lets go of what was taken. move: where its @nr objects are from now on. free:
 * the pool may use it again. All between enter and leave of the background stream.
 */
bool uz__block_take(struct evacuation *ev, uint32_t block, struct uz_block_id id);
bool uz__block_move(struct evacuation *ev, uint32_t block, struct uz_block_id id, uint32_t nr,
		    uint32_t to);
void uz__block_free(struct evacuation *ev, uint32_t block, struct uz_block_id id);
void uz__release_all(struct evacuation *ev);

/* Drops copies of what is on a backing, for a place to move to; false: there are none. */
bool uz__window_room(struct evacuation *ev);

/*
 * carry.c: arena block @i of the window as a whole, whose blocks @map has by their frames; false: it is as
 * it was. ev->cannot: nor will others be.
 */
bool uz__carry_ablock(struct evacuation *ev, uint32_t i, const uint32_t *map);

/* Between enter and leave of the background stream; false: the block is busy, or there is no place. */
bool uz__evacuate_block(struct evacuation *ev, uint32_t block, struct uz_block_id id);

/* What a grant left in two arena blocks is brought together; false: still not. */
bool uz__half_join(struct uz_store *s);

/* window.c: what the store does as a borrower */
int uz__window_clear(struct uz_borrower *b, struct uz_window *w, struct uz_contig_failure *why);
uint64_t uz__window_drop(struct uz_borrower *b, uint64_t bytes);
uint64_t uz__window_spill(struct uz_borrower *b, uint32_t first_ablock, uint32_t nr_ablocks);

static inline void uz__slot_nap(struct uz_plat *pl, uint64_t end_ns)
{
	uz_nap(pl, UZ_MIN(end_ns, pl->ops->now(pl) + UZ_SLOT_NAP_NS));
}

#endif
