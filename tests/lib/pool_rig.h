/* SPDX-License-Identifier: MIT */
/*
 * A pool under test with all that a device would be to it: a store in memory,
 * a slot table, a mover. Each object's bytes follow from its page and its version, so
 * every read is verified.
 */
#ifndef UZ_TEST_POOL_RIG_H
#define UZ_TEST_POOL_RIG_H

#include <uz/pool.h>

#include "mem_plat.h"
#include "test.h"

struct rig_slot {
	uint32_t lock; /* atomic */
	uint32_t size; /* 0: no object */
	uint32_t version;
	uint64_t handle;
};

struct pool_rig {
	struct mem_plat mem;
	struct uz_arena *arena;
	struct uz_blocktab tab;
	const struct uz_pool_ops *ops;
	struct uz_pool *pool;
	struct rig_slot *slot;
	uint32_t nr_slots;
	uint64_t limit_bytes;
	struct uz_mover mover;
	uint64_t moves; /* atomic; published by the mover */
};

void rig_open(struct pool_rig *r, const struct uz_pool_ops *ops, uint32_t nr_slots,
	      uint64_t limit_bytes);
void rig_close(struct pool_rig *r);

/* Slot operations; each takes the slot's lock. */
int rig_write(struct pool_rig *r, uint32_t page, uint32_t size, unsigned int flags,
	      unsigned int hint);
void rig_discard(struct pool_rig *r, uint32_t page);
#define RIG_MANY 16u
void rig_discard_many(struct pool_rig *r, uint32_t page, uint32_t nr); /* at once; up to RIG_MANY */
void rig_verify(struct pool_rig *r, uint32_t page);

/* Everything: contents of all slots, the pool's own recount, its statistics, the arena's. */
void rig_verify_all(struct pool_rig *r);
void rig_check(struct pool_rig *r);

uint64_t rig_bytes(const struct pool_rig *r); /* sum of object sizes */

/*
 * Forgets all that is volatile, as a killed process does, and opens the store again. @attach is
 * called when the slots are to be attached; NULL attaches all.
 */
void rig_reattach(struct pool_rig *r, void (*attach)(struct pool_rig *r));
void rig_attach_slots(struct pool_rig *r);

/* The pools to test: UZ_POOL names one, or is the path of a loadable one; else all of uz_pools. */
void rig_each_pool(void (*test)(const struct uz_pool_ops *ops));

#endif
