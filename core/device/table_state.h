/* SPDX-License-Identifier: MIT */
/*
 * The volatile state of a disk's table frames.
 */
#ifndef UZ_TABLE_STATE_H
#define UZ_TABLE_STATE_H

#include <uz/port.h>

#define SLOTS_SHIFT 9
#define SLOTS_PER_TABLE (1u << SLOTS_SHIFT)
#define TABLE_BAD UINT32_MAX /* root entry whose table frame was damaged */

#define UZ__CLOSING_MAX 64u

/* Table frames on their way out: table.c. Background lock. */
struct uz__closing {
	uint32_t nr;
	bool unlinked;
	uint64_t grace; /* of the period to wait for */
	uint64_t lap; /* number of the walk, from 1 */
	uint64_t at[UZ__CLOSING_MAX]; /* root index; unlinked: frame */
};

#endif
