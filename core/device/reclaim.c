/* SPDX-License-Identifier: MIT */
/*
 * Room: what a write does that found none, in the order of what it costs. Clean copies go first,
 * then blocks are compacted, then pages recompressed where a disk has a second codec, then pages leave for
 * a backing (neither by background work, for whose lock others wait); the emergency reserve is last,
 * for replacements only. Compaction runs in the background too. Called inside a request, with no
 * slot held.
 */
#include "device_i.h"

#define SHRINK_BYTES (256u << 10) /* of clean copies at once */
#define SHRINKS 64 /* for one page: what others read meanwhile makes new copies */
#define SQUEEZES 16 /* for one page: with what uz__squeeze takes, a third of a second at most */

/* Frames freed by emptying a block in each pool of the disk. */
uint64_t uz__compact(struct uz_dev *d, bool hard, uint64_t end_ns)
{
	struct uz__mover mv;
	uint64_t freed = 0;

	uz__mover_init(&mv, d, end_ns);
	for (unsigned int e = 0; e < NR_POOLS; e++) {
		struct uz_pool *p = uz_load_acquire(&d->pools[e]);
		uint64_t before, after;

		if (!p)
			continue;
		before = uz_load(&p->nr_frames);
		if (uz_pool_compact(p, 1, hard, &mv.m) == 0)
			continue;
		after = uz_load(&p->nr_frames);
		freed += before - UZ_MIN(after, before);
	}
	uz_fetch_add(&d->compacted, freed);
	return freed;
}

/*
 * Makes room somewhere in the store; false when compaction can gain nothing. Threads that come
 * meanwhile try as well: what the first one is about to free would not help a write that gives up.
 */
bool uz__reclaim(struct uz_store *s)
{
	uint64_t freed = 0;

	if (uz_load(&s->reclaim) == UZ__RECLAIM_NOTHING)
		return false;
	uz_store(&s->reclaim, UZ__RECLAIM_TRYING);
	for (unsigned int i = 0; i < UZ_DISK_MAX; i++) {
		struct uz_dev *d = uz_load_acquire(&s->disk[i]);

		if (d)
			freed += uz__compact(d, true, UZ_FOREVER);
	}
	if (freed)
		uz_store(&s->reclaim, UZ__RECLAIM_MAYBE);
	else
		(void)uz_cas_acquire(&s->reclaim, UZ__RECLAIM_TRYING, UZ__RECLAIM_NOTHING);
	return freed != 0;
}

/* After a failed allocation: whether to try again, and how. Slots are not locked here. */
bool uz__try_harder(struct uz_dev *d, struct uz__effort *e)
{
	struct uz_dev *only = uz__disk_near_limit(d) ? d : NULL;

	if (e->shrinks < SHRINKS && uz__clean_shrink(d->store, SHRINK_BYTES)) {
		e->shrinks++;
		return true;
	}
	if (uz__reclaim(d->store))
		return true;
	if (!e->background && e->squeezes < SQUEEZES && uz__squeeze(d->store, only)) {
		e->squeezes++;
		return true;
	}
	if (!e->background && uz__wb_relief(d->store, only))
		return true;
	if (e->flags & UZ_ALLOC_URGENT)
		return false;
	e->flags |= UZ_ALLOC_URGENT;
	return true;
}

/*
 * What is kept aside is for objects that give back at least what they take. Larger ones would use
 * it up, and smaller ones would then find nothing.
 */
unsigned int uz__flags_for(unsigned int flags, uint64_t old, uint32_t size)
{
	bool smaller = uz__slot_is_stored(old) && size <= uz__slot_size(old);

	return smaller ? flags : flags & ~UZ_ALLOC_URGENT;
}
