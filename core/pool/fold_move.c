/* SPDX-License-Identifier: MIT */
/*
 * fold, the cold half: moving, attach, recounting.
 *
 * Compaction takes a frame with a single object and moves that into a hole of
 * another: one copy of less than half a frame on average, for a whole frame. It takes
 * the one with the largest hole, which is about the smallest object; if that fits nowhere,
 * none is worth a try.
 */
#include <uz/san.h>

#include "fold_i.h"

/* Locks and returns the shard of @block, if the block is (still) one of this pool's. */
static struct fold_shard *lock_shard(struct fold *f, uint32_t block)
{
	struct uz_block_id id;
	struct fold_shard *sh;

	if (!uz__pool_owns(&f->pool, block, &id) || id.class_nr >= FOLD_SHARDS)
		return NULL;
	sh = &f->shard[id.class_nr];
	uz_lock(f->plat, &sh->lock);
	if (uz__pool_owns(&f->pool, block, &id) && sh == &f->shard[id.class_nr])
		return sh;
	uz_unlock(f->plat, &sh->lock);
	return NULL;
}

static void isolate_locked(struct fold *f, struct fold_shard *sh, uint32_t block,
			   enum uz__isolator by)
{
	uz__fold_unfile(f, sh, block);
	f->pool.tab->block[block].u16[FOLD_HOLE] = (uint16_t)(FOLD_ISOLATED | by);
}

int uz__fold_isolate(struct uz_pool *p, uint32_t block)
{
	struct fold *f = fold_of(p);
	struct fold_shard *sh = lock_shard(f, block);
	bool already;

	if (!sh)
		return -UZ_ESTALE;
	already = p->tab->block[block].u16[FOLD_HOLE] & FOLD_ISOLATED;
	if (!already)
		isolate_locked(f, sh, block, UZ__BY_CALLER);
	uz_unlock(f->plat, &sh->lock);
	return already ? -UZ_EBUSY : 0;
}

int uz__fold_move(struct uz_pool *p, uint32_t block, uint32_t nr, uint32_t to)
{
	struct fold *f = fold_of(p);
	struct fold_shard *sh = lock_shard(f, block);
	bool all;

	if (!sh)
		return -UZ_ESTALE;
	all = p->tab->block[block].u16[FOLD_COUNT] == nr;
	uz_unlock(f->plat, &sh->lock);
	if (all)
		uz_block_switch(p->tab, block, to);
	return all ? 0 : -UZ_EBUSY;
}

static void end_isolation(struct uz_pool *p, uint32_t block, enum uz__isolator by)
{
	struct fold *f = fold_of(p);
	struct uz_block *b = &p->tab->block[block];
	struct fold_shard *sh = lock_shard(f, block);

	if (!sh)
		return;
	if (b->u16[FOLD_HOLE] == (FOLD_ISOLATED | by)) {
		b->u16[FOLD_HOLE] = 0;
		uz__fold_file(f, sh, block);
	}
	uz_unlock(f->plat, &sh->lock);
}

void uz__fold_undo(struct uz_pool *p, uint32_t block)
{
	end_isolation(p, block, UZ__BY_CALLER);
}

void uz__fold_spare(struct uz_pool *p, uint32_t block)
{
	end_isolation(p, block, UZ__BY_VICTIM);
}

uint32_t uz__fold_residents(struct uz_pool *p, uint32_t block, uint32_t from,
			    struct uz_resident *out, uint32_t nr)
{
	struct fold *f = fold_of(p);
	struct uz_block *b = &p->tab->block[block];
	struct fold_shard *sh = lock_shard(f, block);
	uint32_t found = 0;

	if (!sh)
		return 0;
	for (uint32_t i = 0; i < b->u16[FOLD_COUNT] && found < nr; i++) {
		uint32_t start = b->u16[FOLD_START + i];
		uint32_t owner = uz_load(fold_at(f, block, start));

		/* Not written yet by an allocation that goes on: lock() refuses it. */
		uz_san_unpoison(&owner, sizeof(owner));
		if (start >= from)
			out[found++] = (struct uz_resident){ start, owner };
	}
	uz_unlock(f->plat, &sh->lock);
	return found;
}

/* Isolates the candidate of one shard; *len is what has to fit elsewhere. */
static uint32_t candidate(struct fold *f, struct fold_shard *sh, bool hard, uint32_t *len)
{
	uint32_t block = 0;

	uz_lock(f->plat, &sh->lock);
	if (sh->nr_single > (hard ? 0 : 16 + sh->nr_frames / 32))
		block = sh->head[1][63 - __builtin_clzll(sh->bins[1])];
	if (block) {
		*len = f->pool.tab->block[block].u16[FOLD_LEN];
		isolate_locked(f, sh, block, UZ__BY_VICTIM);
	}
	uz_unlock(f->plat, &sh->lock);
	return block;
}

static bool fits(struct fold *f, uint32_t len)
{
	bool found = false;

	for (uint32_t i = 0; i < FOLD_SHARDS && !found; i++) {
		uz_lock(f->plat, &f->shard[i].lock);
		found = uz__fold_fit(&f->shard[i], len);
		uz_unlock(f->plat, &f->shard[i].lock);
	}
	return found;
}

uint32_t uz__fold_victim(struct uz_pool *p, bool hard)
{
	struct fold *f = fold_of(p);
	uint32_t k = uz_load(&f->cursor), len;

	for (uint32_t i = 0; i < FOLD_SHARDS; i++) {
		uint32_t block;

		k = (k + 1) % FOLD_SHARDS;
		block = candidate(f, &f->shard[k], hard, &len);
		uz_store(&f->cursor, k);
		if (block && fits(f, len))
			return block;
		if (block)
			uz__fold_spare(p, block);
	}
	return 0;
}

int uz__fold_attach_block(struct uz_pool *p, uint32_t block)
{
	struct uz_block_id id;

	if (!uz__pool_owns(p, block, &id) || id.class_nr >= FOLD_SHARDS || id.nr_frames != 1)
		return -UZ_EBADMSG;
	p->tab->block[block] = (struct uz_block){ 0 };
	uz_fetch_add(&p->nr_frames, 1);
	return 0;
}

static bool starts_at(const struct uz_block *b, uint32_t start)
{
	for (uint32_t i = 0; i < b->u16[FOLD_COUNT]; i++)
		if (b->u16[FOLD_START + i] == start)
			return true;
	return false;
}

int uz__fold_attach_object(struct uz_pool *p, uint64_t handle, uint32_t size, uint32_t owner)
{
	struct fold *f = fold_of(p);
	uint32_t block = uz_handle_block(handle), start = uz_handle_index(handle);
	struct uz_block_id id;
	struct uz_block *b = &p->tab->block[block];

	if (!uz__pool_owns(p, block, &id) || id.class_nr >= FOLD_SHARDS || id.nr_frames != 1 ||
	    size - 1 >= FOLD_OBJECT_MAX || start + fold_units(size) > FOLD_UNITS)
		return -UZ_EBADMSG;
	if (starts_at(b, start))
		return -UZ_EEXIST;
	if (b->u16[FOLD_COUNT] == f->max || *fold_at(f, block, start) != owner ||
	    !uz__fold_insert(b, start, fold_units(size)))
		return -UZ_EBADMSG;
	f->shard[id.class_nr].nr_objects++;
	return 0;
}

void uz__fold_attach_done(struct uz_pool *p)
{
	struct fold *f = fold_of(p);
	struct uz_block_id id;
	uint32_t block = 0;

	while ((block = uz__pool_next(p, block, &id))) {
		if (id.class_nr >= FOLD_SHARDS)
			continue;
		if (p->tab->block[block].u16[FOLD_COUNT])
			uz__fold_file(f, &f->shard[id.class_nr], block);
		else
			uz__pool_block_destroy(p, block);
	}
}

void uz__fold_stats(struct uz_pool *p, struct uz_pool_stats *st)
{
	struct fold *f = fold_of(p);

	uz__pool_head_stats(p, st);
	for (struct fold_shard *sh = f->shard; sh < f->shard + FOLD_SHARDS; sh++) {
		uz_lock(f->plat, &sh->lock);
		st->objects += sh->nr_objects;
		st->free_bytes += sh->free_units * FOLD_UNIT;
		uz_unlock(f->plat, &sh->lock);
	}
}

/* The objects of a frame: in order, apart, each with an owner; and its hole. */
static bool frame_ok(const struct fold *f, uint32_t block)
{
	const struct uz_block *b = &f->pool.tab->block[block];
	uint32_t count = b->u16[FOLD_COUNT], hole = 0, start;

	if (!count || count > f->max)
		return false;
	for (uint32_t i = 0; i <= count; i++) {
		uint32_t gap = fold_gap(b, i, &start);

		if (gap > FOLD_UNITS ||
		    (i < count && *fold_at(f, block, b->u16[FOLD_START + i]) >= UZ_OWNER_MAX))
			return false;
		hole = UZ_MAX(hole, gap);
	}
	if (b->u16[FOLD_HOLE] & FOLD_ISOLATED)
		return true;
	return b->u16[FOLD_HOLE] == (count < f->max ? hole : 0);
}

/* Frames in one set of lists of a shard; UINT32_MAX if one is in the wrong place. */
static uint32_t count_listed(const struct fold *f, const struct fold_shard *sh, bool single)
{
	const struct uz_block *block = f->pool.tab->block;
	uint32_t nr = 0;

	for (uint32_t bin = 0; bin < FOLD_BINS; bin++) {
		if (!(sh->bins[single] >> bin & 1) != !sh->head[single][bin])
			return UINT32_MAX;
		for (uint32_t b = sh->head[single][bin]; b; b = block[b].next, nr++)
			if (block[b].u16[FOLD_HOLE] / FOLD_BIN_UNITS != bin)
				return UINT32_MAX;
	}
	return nr;
}

static bool shard_ok(struct fold *f, uint32_t k, uint64_t *frames)
{
	const struct fold_shard *sh = &f->shard[k];
	uint32_t block = 0, filed = 0, objects = 0, single = 0;
	uint64_t units = 0;
	struct uz_block_id id;

	while ((block = uz__pool_next(&f->pool, block, &id))) {
		const struct uz_block *b = &f->pool.tab->block[block];

		if (id.class_nr != k)
			continue;
		if (!frame_ok(f, block))
			return false;
		(*frames)++;
		objects += b->u16[FOLD_COUNT];
		if (b->u16[FOLD_HOLE] & FOLD_ISOLATED)
			continue;
		filed++;
		single += b->u16[FOLD_COUNT] == 1;
		units += b->u16[FOLD_HOLE];
	}
	return filed == sh->nr_frames && single == sh->nr_single && units == sh->free_units &&
	       objects == sh->nr_objects && single == count_listed(f, sh, true) &&
	       filed == single + count_listed(f, sh, false);
}

int uz__fold_check(struct uz_pool *p)
{
	uint64_t frames = 0;

	for (uint32_t k = 0; k < FOLD_SHARDS; k++)
		if (!shard_ok(fold_of(p), k, &frames))
			return -UZ_EBADMSG;
	return frames == uz_load(&p->nr_frames) ? 0 : -UZ_EBADMSG;
}
