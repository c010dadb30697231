/* SPDX-License-Identifier: MIT */
/*
 * fold, the hot half: alloc, free, read. fold_i.h has the layout and the rules.
 *
 * An allocation takes the frame with the smallest hole that is sure to fit, by
 * bins of 64 bytes, of equals one with a single object; then the frame is filed anew. A free
 * touches no byte of the object, only the frame's words. Both cost one lock and the words of up to
 * four frames (list neighbours).
 *
 * The owner is written without the lock, since an unlock would wait for that store to a
 * cold line, while the copy of the object waits for it anyway. A mover may find it
 * missing; the slot of whatever it finds will not name the object.
 *
 * A full frame is filed like any other: its hole is 0, its bin is the first, where
 * no search begins. An urgent allocation and a move look into the holes of all
 * shards before they take a new frame, the emergency reserve last, or fail.
 */
#include "fold_i.h"

#define WIDE (UZ_ALLOC_URGENT | UZ_ALLOC_MOVE) /* look into all shards */

size_t uz__fold_bytes(void)
{
	return sizeof(struct fold);
}

int uz__fold_init(struct uz_pool *p, uint32_t max)
{
	struct fold *f = fold_of(p);

	f->plat = uz__pool_plat(p);
	f->max = max;
	return 0;
}

/* +1 or -1 time the frame in the books of its shard. */
static void account(struct fold_shard *sh, const struct uz_block *b, uint32_t sign)
{
	sh->nr_frames += sign;
	sh->nr_single += b->u16[FOLD_COUNT] == 1 ? sign : 0;
	sh->free_units += (uint64_t)b->u16[FOLD_HOLE] * (uint64_t)(int32_t)sign;
}

void uz__fold_unfile(struct fold *f, struct fold_shard *sh, uint32_t block)
{
	struct uz_block *b = &f->pool.tab->block[block];
	uint32_t bin = b->u16[FOLD_HOLE] / FOLD_BIN_UNITS;
	bool single = b->u16[FOLD_COUNT] == 1;

	if (b->u16[FOLD_HOLE] & FOLD_ISOLATED)
		return;
	account(sh, b, UINT32_MAX);
	uz_block_unlink(f->pool.tab, &sh->head[single][bin], block);
	if (!sh->head[single][bin])
		sh->bins[single] &= ~(1ull << bin);
}

void uz__fold_file(struct fold *f, struct fold_shard *sh, uint32_t block)
{
	struct uz_block *b = &f->pool.tab->block[block];
	bool single = b->u16[FOLD_COUNT] == 1;
	uint32_t start, bin;

	if (b->u16[FOLD_HOLE] & FOLD_ISOLATED)
		return;
	b->u16[FOLD_HOLE] = b->u16[FOLD_COUNT] < f->max ? (uint16_t)fold_hole(b, &start) : 0;
	bin = b->u16[FOLD_HOLE] / FOLD_BIN_UNITS;
	account(sh, b, 1);
	uz_block_push(f->pool.tab, &sh->head[single][bin], block);
	sh->bins[single] |= 1ull << bin;
}

static uint32_t lowest_bin(uint64_t bins, uint32_t from)
{
	bins = from < FOLD_BINS ? bins >> from << from : 0;
	return bins ? (uint32_t)__builtin_ctzll(bins) : FOLD_BINS;
}

uint32_t uz__fold_fit(const struct fold_shard *sh, uint32_t len)
{
	uint32_t from = UZ_DIV_UP(len, FOLD_BIN_UNITS);
	uint32_t many = lowest_bin(sh->bins[0], from), single = lowest_bin(sh->bins[1], from);

	if (UZ_MIN(many, single) == FOLD_BINS)
		return 0;
	return many < single ? sh->head[0][many] : sh->head[1][single];
}

bool uz__fold_insert(struct uz_block *b, uint32_t start, uint32_t len)
{
	uint32_t i = b->u16[FOLD_COUNT], gap, at;

	while (i && b->u16[FOLD_START + i - 1] > start)
		i--;
	gap = fold_gap(b, i, &at);
	if (start < at || start + len > at + gap)
		return false;
	for (uint32_t k = b->u16[FOLD_COUNT]; k > i; k--) {
		b->u16[FOLD_START + k] = b->u16[FOLD_START + k - 1];
		b->u16[FOLD_LEN + k] = b->u16[FOLD_LEN + k - 1];
	}
	b->u16[FOLD_START + i] = (uint16_t)start;
	b->u16[FOLD_LEN + i] = (uint16_t)len;
	b->u16[FOLD_COUNT]++;
	return true;
}

/* The wall of the longest gap. */
static uint32_t place(const struct uz_block *b, uint32_t len)
{
	uint32_t start, hole = fold_hole(b, &start);

	return start && start + hole == FOLD_UNITS ? FOLD_UNITS - len : start;
}

static void put(struct fold *f, struct fold_shard *sh, uint32_t block, uint32_t len,
		struct uz_object *out)
{
	struct uz_block *b = &f->pool.tab->block[block];
	uint32_t start = place(b, len);
	bool fits = uz__fold_insert(b, start, len);

	UZ_ASSERT(fits && b->u16[FOLD_COUNT] <= f->max);
	sh->nr_objects++;
	out->handle = uz_handle(block, start);
	out->addr = fold_at(f, block, start) + 1;
}

static bool alloc_hole(struct fold *f, struct fold_shard *sh, uint32_t len, struct uz_object *out)
{
	uint32_t block;

	uz_lock(f->plat, &sh->lock);
	block = uz__fold_fit(sh, len);
	if (block) {
		uz__fold_unfile(f, sh, block);
		put(f, sh, block, len, out);
		uz__fold_file(f, sh, block);
	}
	uz_unlock(f->plat, &sh->lock);
	return block;
}

static int alloc_frame(struct fold *f, struct fold_shard *sh, uint32_t len, unsigned int flags,
		       struct uz_object *out)
{
	uint32_t block;
	int err;

	uz_lock(f->plat, &sh->lock);
	err = uz__pool_block_create(&f->pool, 1, (uint32_t)(sh - f->shard), flags, &block);
	if (!err) {
		put(f, sh, block, len, out);
		uz__fold_file(f, sh, block);
	}
	uz_unlock(f->plat, &sh->lock);
	return err;
}

static int alloc_any(struct fold *f, uint32_t len, unsigned int flags, unsigned int hint,
		     struct uz_object *out)
{
	uint32_t nr = flags & WIDE ? FOLD_SHARDS : 1;
	struct fold_shard *own = &f->shard[hint % FOLD_SHARDS];
	int err;

	for (uint32_t i = 0; i < nr; i++)
		if (alloc_hole(f, &f->shard[(hint + i) % FOLD_SHARDS], len, out))
			return 0;
	if (flags & UZ_ALLOC_MOVE)
		return -UZ_ENOSPC;
	err = alloc_frame(f, own, len, flags & ~UZ_ALLOC_URGENT, out);
	if (err && flags & UZ_ALLOC_URGENT)
		err = alloc_frame(f, own, len, flags, out);
	return err;
}

int uz__fold_alloc(struct uz_pool *p, uint32_t size, uint32_t owner, unsigned int flags,
		   unsigned int hint, struct uz_object *out)
{
	int err = alloc_any(fold_of(p), fold_units(size), flags, hint, out);

	if (UZ_LIKELY(!err))
		uz_store((uint32_t *)out->addr - 1, owner);
	return err;
}

/* Forgets the object that starts at @start. */
static void take_out(struct uz_block *b, uint32_t start)
{
	uint32_t i = 0;

	while (i < b->u16[FOLD_COUNT] && b->u16[FOLD_START + i] != start)
		i++;
	UZ_ASSERT(i < b->u16[FOLD_COUNT]);
	b->u16[FOLD_COUNT]--;
	for (; i < b->u16[FOLD_COUNT]; i++) {
		b->u16[FOLD_START + i] = b->u16[FOLD_START + i + 1];
		b->u16[FOLD_LEN + i] = b->u16[FOLD_LEN + i + 1];
	}
}

void uz__fold_free(struct uz_pool *p, uint64_t handle, uint32_t size)
{
	struct fold *f = fold_of(p);
	uint32_t block = uz_handle_block(handle);
	struct fold_shard *sh = &f->shard[uz_block_id(p->tab, block).class_nr % FOLD_SHARDS];
	struct uz_block *b = &p->tab->block[block];

	(void)size;
	uz_lock(f->plat, &sh->lock);
	uz__fold_unfile(f, sh, block);
	take_out(b, uz_handle_index(handle));
	sh->nr_objects--;
	if (b->u16[FOLD_COUNT])
		uz__fold_file(f, sh, block);
	else
		uz__pool_block_destroy(p, block);
	uz_unlock(f->plat, &sh->lock);
}

const void *uz__fold_read(struct uz_pool *p, uint64_t handle, uint32_t size)
{
	(void)size;
	return fold_at(fold_of(p), uz_handle_block(handle), uz_handle_index(handle)) + 1;
}
