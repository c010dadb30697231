/* SPDX-License-Identifier: MIT */
/*
 * Compaction: empties a block that the pool points out by moving its objects,
 * one at a time, into free space of other blocks. The victim's index is the hint, so that moves
 * spread over whatever the pool divides by hints.
 * The pool finds the victim and takes it out of allocation; how an object's slot is
 * locked and switched is the mover's business; everything between is here, once for all
 * pools.
 *
 * An object moves in the order that a crash at any point survives: the copy is
 * complete before the slot names it, the old one is freed after. No pool lock is
 * held around the mover's callbacks, so the list of residents may be stale: the mover's
 * lock says which objects are still where the list says.
 *
 * Costs a copy of each object, one slot lock and one pair of alloc and free. A victim with an
 * object that cannot be moved now (its slot is busy, or its writer has not yet
 * published it) goes back into allocation half emptied, which is no loss.
 */
#include "pool_i.h"

#define BATCH 32
#define TRIES 32u /* victims for each that makes the pool smaller */

/* 0: moved, or nothing to move; otherwise there is no room, and going on is no use. */
static int move_object(struct uz_pool *p, uint32_t block, const struct uz_resident *r,
		       unsigned int flags, struct uz_mover *m)
{
	uint64_t from = uz_handle(block, r->index);
	struct uz_object to;
	const void *addr;
	uint32_t size;
	int err;

	if (!m->lock(m, r->owner, from, &size))
		return 0;
	err = uz_pool_alloc(p, size, r->owner, UZ_ALLOC_MOVE | flags, block, &to);
	if (err)
		goto out_unlock;
	addr = p->ops->read_begin(p, from, size);
	memcpy(to.addr, addr, size);
	if (p->ops->read_end)
		p->ops->read_end(p, from, addr);
	m->publish(m, r->owner, to.handle);
	uz_pool_free(p, from, size);
	uz_fetch_add(&p->nr_moved, 1);
	return 0;

out_unlock:
	m->unlock(m, r->owner);
	return err;
}

static int move_residents(struct uz_pool *p, uint32_t block, unsigned int flags, struct uz_mover *m)
{
	struct uz_resident r[BATCH];
	uint32_t from = 0, nr;
	int err;

	while (!uz__mover_stops(m) && (nr = p->ops->residents(p, block, from, r, BATCH))) {
		UZ_ASSERT(nr <= BATCH);
		for (uint32_t i = 0; i < nr; i++) {
			err = move_object(p, block, &r[i], flags, m);
			if (err)
				return err;
		}
		from = r[nr - 1].index + 1;
	}
	return 0;
}

/* True if the block is gone. */
static bool ended(struct uz_pool *p, uint32_t block,
		  void (*rejoin)(struct uz_pool *p, uint32_t block))
{
	struct uz_resident r;

	if (!p->ops->residents(p, block, 0, &r, 1))
		return true;
	rejoin(p, block);
	return false;
}

bool uz_pool_empty(struct uz_pool *p, uint32_t block, unsigned int flags, struct uz_mover *m)
{
	if (!p->ops->residents || p->ops->isolate(p, block) < 0)
		return false;
	move_residents(p, block, flags, m);
	return ended(p, block, p->ops->undo);
}

uint32_t uz_pool_compact(struct uz_pool *p, uint32_t nr_blocks, bool hard, struct uz_mover *m)
{
	uint32_t emptied = 0, left = nr_blocks * TRIES, block;
	int err = 0;

	if (!p->ops->victim)
		return 0;
	while (left-- && nr_blocks && !err && !uz__mover_stops(m) &&
	       (block = p->ops->victim(p, hard))) {
		uint64_t frames = uz_load(&p->nr_frames);

		err = move_residents(p, block, 0, m);
		emptied += ended(p, block, p->ops->spare);
		nr_blocks -= uz_load(&p->nr_frames) < frames;
	}
	return emptied;
}
