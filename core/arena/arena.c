/* SPDX-License-Identifier: MIT */
/*
 * Opening, closing and the account of an arena.
 */
#include "arena_i.h"
#include "promise_i.h"

#define WORTH_PIECES 4 /* pieces above the reserve that are worth the work of moving */

static int self_alloc(struct uz_plat *pl, struct uz__arena **out)
{
	uint64_t bytes = UZ_ALIGN_UP((uint64_t)sizeof(struct uz__arena), (uint64_t)pl->page_bytes);
	void *p;
	int r = pl->ops->reserve(pl, UZ_BACKING_SCRATCH, bytes, pl->page_bytes, &p);

	if (r < 0)
		return r;
	r = pl->ops->commit(pl, p, bytes);
	if (r < 0) {
		pl->ops->release(pl, p, bytes);
		return r;
	}
	*out = p;
	(*out)->pub.plat = pl;
	(*out)->self_bytes = bytes;
	(*out)->total_bytes = bytes + pl->page_bytes; /* and the superblock */
	return 0;
}

static void init_lists(struct uz__arena *a)
{
	for (unsigned int k = 0; k < NR_SHELVES; k++) {
		for (unsigned int b = 0; b < NR_BINS; b++)
			a->bin[k][b] = NO_ABLOCK;
		a->cold[k] = NO_ABLOCK;
	}
	a->lazy_oldest = a->lazy_newest = NO_ABLOCK;
	a->first_ablock = (uint32_t)(a->super.frames_off >> UZ_ABLOCK_SHIFT);
	a->end_ablock = (uint32_t)(a->super.total_bytes >> UZ_ABLOCK_SHIFT);
}

static int map_store(struct uz__arena *a, bool attach)
{
	void *base;
	int r = a->pub.plat->ops->reserve(a->pub.plat, UZ_BACKING_STORE, a->super.total_bytes,
					  ABLOCK_BYTES, &base);

	if (r < 0)
		return r;
	a->pub.base = base;
	if (attach) /* the epoch is raised when all of it has been accepted */
		return uz__super_commit(a);
	r = uz__super_write(a);
	return r < 0 ? r : uz__super_raise_epoch(a);
}

static int setup(struct uz__arena *a, const struct uz_arena_config *c, bool attach)
{
	uint64_t nr;
	int r = attach ? uz__super_read(&a->super, a->pub.plat)
		       : uz__super_plan(&a->super, c->capacity_bytes);

	if (r < 0)
		return r;
	a->limit_bytes = c->limit_bytes;
	a->reserve_bytes = c->reserve_bytes;
	init_lists(a);
	uz__return_init(&a->ret, a->pub.plat);
	nr = a->end_ablock - a->first_ablock;
	r = uz_scratch_reserve(&a->pub, nr * sizeof(struct ablock), &a->ablock_area);
	if (r < 0)
		return r;
	a->ab = (void *)a->ablock_area.base;
	return map_store(a, attach);
}

int uz_arena_open(struct uz_plat *pl, const struct uz_arena_config *c, bool attach,
		  struct uz_arena **out)
{
	struct uz__arena *a;
	int r;

	if (pl->page_bytes > PIECE_BYTES)
		return -UZ_ENOTSUP;
	if (!attach && pl->ops->store_bytes(pl) != 0)
		return -UZ_EEXIST;
	r = self_alloc(pl, &a);
	if (r < 0)
		return r;
	r = setup(a, c, attach);
	if (r < 0)
		uz_arena_close(&a->pub);
	else
		*out = &a->pub;
	return r;
}

void uz_arena_close(struct uz_arena *pub)
{
	struct uz__arena *a = uz__arena(pub);

	if (!pub)
		return;
	uz_scratch_release(pub, &a->ablock_area);
	if (pub->base)
		pub->plat->ops->release(pub->plat, pub->base, a->super.total_bytes);
	pub->plat->ops->release(pub->plat, a, a->self_bytes);
}

uint64_t uz_arena_epoch(const struct uz_arena *pub)
{
	return uz__arena(pub)->super.epoch;
}

void uz_arena_span(const struct uz_arena *pub, uint32_t *first, uint32_t *end)
{
	*first = uz__arena(pub)->first_ablock * UZ_ABLOCK_FRAMES;
	*end = uz__arena(pub)->end_ablock * UZ_ABLOCK_FRAMES;
}

void uz_arena_set_emergency(struct uz_arena *pub, uint32_t nr_frames, uint32_t nr_last)
{
	uz_store(&uz__arena(pub)->last_frames, nr_last);
	uz_store(&uz__arena(pub)->emergency_frames, nr_frames);
}

void uz_arena_set_limit(struct uz_arena *pub, uint64_t limit_bytes)
{
	struct uz__arena *a = uz__arena(pub);

	uz_lock(pub->plat, &a->lock);
	uz_store(&a->limit_bytes, limit_bytes);
	if (a->nr_lent)
		uz__regions_prepare(a, 0);
	uz_unlock(pub->plat, &a->lock);
}

bool uz_arena_tight(struct uz_arena *pub, uint64_t slack_bytes)
{
	struct uz__arena *a = uz__arena(pub);
	uint64_t used = uz_load(&a->total_bytes);
	uint64_t free_bytes = (uz_load(&a->nr_free_frames) + uz_load(&a->lazy_frames))
			      << UZ_FRAME_SHIFT;

	used -= UZ_MIN(free_bytes, used);
	return used + slack_bytes >= uz_load(&a->limit_bytes);
}

void uz_arena_stats(struct uz_arena *pub, struct uz_arena_stats *st)
{
	struct uz__arena *a = uz__arena(pub);
	uint64_t frames;

	uz_lock(pub->plat, &a->lock);
	frames = a->nr_used_frames + a->nr_free_frames + a->lazy_frames;
	*st = (struct uz_arena_stats){
		.limit_bytes = uz_load(&a->limit_bytes),
		.ram_total_bytes = uz_load(&a->total_bytes) + a->owed_bytes,
		.owed_bytes = a->owed_bytes,
		.used_bytes = a->nr_used_frames << UZ_FRAME_SHIFT,
		.reserve_bytes = a->nr_free_frames << UZ_FRAME_SHIFT,
		.commit_stalls = a->commit_stalls,
		.commit_failures = a->commit_failures,
		.returned_bytes = a->returned_bytes,
		.lazy_bytes = a->lazy_frames << UZ_FRAME_SHIFT,
		.resident_claimed_bytes = (frames << UZ_FRAME_SHIFT) + a->owed_bytes +
					  uz_load(&a->area_bytes) + pub->plat->page_bytes,
	};
	uz__return_stats(&a->ret, st);
	st->meta_bytes = uz_load(&a->total_bytes) - (frames << UZ_FRAME_SHIFT);
	uz_unlock(pub->plat, &a->lock);
}

int uz_ablock_isolate(struct uz_arena *pub, uint32_t ablock, uint32_t *nr_used)
{
	struct uz__arena *a = uz__arena(pub);
	int r = -UZ_EINVAL;

	uz_lock(pub->plat, &a->lock);
	if (ablock >= a->first_ablock && ablock < a->first_ablock + a->nr_ablocks) {
		struct ablock *ab = uz__ablock(a, ablock);

		r = ab->isolated ? -UZ_EBUSY : 0;
		uz__ablock_isolate(a, ablock);
		*nr_used = ab->nr_used;
	}
	uz_unlock(pub->plat, &a->lock);
	return r;
}

void uz_ablock_undo(struct uz_arena *pub, uint32_t ablock)
{
	struct uz__arena *a = uz__arena(pub);

	uz_lock(pub->plat, &a->lock);
	uz__ablock_rejoin(a, ablock);
	uz_unlock(pub->plat, &a->lock);
}

/*
 * More is free than what is kept, so that something will go back, and emptying it leaves half a
 * reserve at least. However full it is, all of its 2 MiB are won: the runs go where free frames
 * are that cannot be returned.
 */
static bool worth_emptying(const struct uz__arena *a, const struct ablock *ab)
{
	uint64_t resident = uz__mask_frames(ab->resident);
	uint64_t reserve = uz__reserve_frames(a);

	return ab->kind == MOVABLE && !ab->isolated && !ab->busy && !ab->foreign && ab->nr_used &&
	       uz__spare_frames(a) >= UZ_MAX(resident + reserve / 2,
					     uz__keep_frames(a) + WORTH_PIECES * PIECE_FRAMES);
}

bool uz_ablock_sparse(struct uz_arena *pub, uint32_t *ablock, uint32_t *nr_used)
{
	struct uz__arena *a = uz__arena(pub);
	uint32_t best = NO_ABLOCK;

	uz_lock(pub->plat, &a->lock);
	for (uint32_t i = a->first_ablock; i < a->first_ablock + a->nr_ablocks; i++) {
		if (!worth_emptying(a, uz__ablock(a, i)))
			continue;
		if (best == NO_ABLOCK || uz__ablock(a, i)->nr_used < uz__ablock(a, best)->nr_used)
			best = i;
	}
	if (best != NO_ABLOCK) {
		uz__ablock_isolate(a, best);
		*ablock = best;
		*nr_used = uz__ablock(a, best)->nr_used;
	}
	uz_unlock(pub->plat, &a->lock);
	return best != NO_ABLOCK;
}
