/* SPDX-License-Identifier: MIT */
/* What regions promise, for the rest of the arena; see region.c. Lock held. */
#ifndef UZ_ARENA_PROMISE_I_H
#define UZ_ARENA_PROMISE_I_H

#include "arena_i.h"

/* Arena blocks outside of regions that are free and resident, up to @enough. */
uint32_t uz__evac_ready(const struct uz__arena *a, uint32_t enough);

/* Moves the arena block into a region or out of it. */
void uz__ablock_lend(struct uz__arena *a, uint32_t i, bool lent);

/* Whether that many more bytes can be promised; and frames. */
bool uz__promise_ok(const struct uz__arena *a, uint64_t bytes);
uint64_t uz__promised(const struct uz__arena *a);
uint64_t uz__promise_frames(const struct uz__arena *a);

/*
 * Bookkeeping for all that the limit allows, with a region of @nr more arena blocks, so that no grant needs
 * memory for its targets.
 */
int uz__regions_prepare(struct uz__arena *a, uint32_t nr);

int uz__check_regions(const struct uz__arena *a);

#endif
