/* SPDX-License-Identifier: MIT */
/*
 * zslot, a shard: its blocks in bins by their largest hole, one bin a unit up to the
 * largest object, and a bitmap of the bins in use, so that the tightest fit over all blocks
 * is a few words away. Sparse blocks are filed once more, in levels by their free
 * space, so that the emptiest is found as fast (the open one is not); in a pool that is well filled hardly any
 * block has a level.
 */
#include "zslot_i.h"

static uint32_t bin_of(const struct zslot_shard *s, uint32_t block, uint32_t largest)
{
	if (largest <= UNITS_OBJECT)
		return largest;
	if (block == s->open)
		return BIN_OPEN;
	return largest < 2 * UNITS_OBJECT   ? UNITS_OBJECT + 1
	       : largest < 4 * UNITS_OBJECT ? UNITS_OBJECT + 2
					    : UNITS_OBJECT + 3;
}

static void bin_link(struct zslot *z, struct zslot_shard *s, uint32_t block, uint32_t bin)
{
	uz_block_push(z->pool.tab, &s->bin[bin], block);
	uz_store(&s->map[bin / 64], s->map[bin / 64] | 1ull << bin % 64);
	uz_store(&s->maps, s->maps | 1ull << bin / 64);
}

static void bin_unlink(struct zslot *z, struct zslot_shard *s, uint32_t block, uint32_t bin)
{
	uz_block_unlink(z->pool.tab, &s->bin[bin], block);
	if (s->bin[bin])
		return;
	uz_store(&s->map[bin / 64], s->map[bin / 64] & ~(1ull << bin % 64));
	if (!s->map[bin / 64])
		uz_store(&s->maps, s->maps & ~(1ull << bin / 64));
}

static void set_bin(struct zslot *z, struct zslot_shard *s, uint32_t block, uint32_t bin)
{
	uint16_t *now = &z->pool.tab->block[block].u16[B_BIN];

	if (*now == bin)
		return;
	if (*now)
		bin_unlink(z, s, block, *now);
	if (bin)
		bin_link(z, s, block, bin);
	*now = (uint16_t)bin;
}

/* Levels are rings, s->level[] is the oldest. */
static void level_link(struct zslot *z, struct zslot_shard *s, uint32_t block, uint32_t level)
{
	struct uz_block *tab = z->pool.tab->block;
	uint32_t first = s->level[level] ? s->level[level] : block;
	uint32_t last = s->level[level] ? tab[first].u32[B_LEVEL_PREV] : block;

	tab[block].u32[B_LEVEL_NEXT] = first;
	tab[block].u32[B_LEVEL_PREV] = last;
	tab[last].u32[B_LEVEL_NEXT] = block;
	tab[first].u32[B_LEVEL_PREV] = block;
	s->level[level] = first;
	uz_store(&s->levels, s->levels | 1ull << level);
}

static void level_unlink(struct zslot *z, struct zslot_shard *s, uint32_t block, uint32_t level)
{
	struct uz_block *tab = z->pool.tab->block;
	uint32_t next = tab[block].u32[B_LEVEL_NEXT], prev = tab[block].u32[B_LEVEL_PREV];

	tab[prev].u32[B_LEVEL_NEXT] = next;
	tab[next].u32[B_LEVEL_PREV] = prev;
	if (s->level[level] == block)
		s->level[level] = next == block ? 0 : next;
	if (!s->level[level])
		uz_store(&s->levels, s->levels & ~(1ull << level));
}

static void set_level(struct zslot *z, struct zslot_shard *s, uint32_t block, uint32_t level)
{
	uint8_t *now = &z->pool.tab->block[block].u8[B_LEVEL];

	if (*now == level)
		return;
	if (*now)
		level_unlink(z, s, block, *now);
	if (level)
		level_link(z, s, block, level);
	*now = (uint8_t)level;
}

/* What is left over beside objects of nearly one size is of use to none of them. */
static bool is_usable(const struct zslot_shard *s, uint32_t block, struct zslot_room r)
{
	return block != s->open && r.largest > s->mean >> (MEAN_SHIFT + (zslot_alike(s) ? 1 : 2));
}

static void set_free(struct zslot *z, struct zslot_shard *s, uint32_t block, struct zslot_room r)
{
	struct uz_block *b = &z->pool.tab->block[block];
	bool usable = r.free && is_usable(s, block, r);

	uz_store(&s->free, s->free + r.free - b->u16[B_FREE]);
	uz_store(&s->usable,
		 s->usable + (usable ? r.free : 0) - (b->u8[B_USABLE] ? b->u16[B_FREE] : 0));
	b->u16[B_FREE] = (uint16_t)r.free;
	b->u8[B_USABLE] = usable;
}

void uz__zslot_file(struct zslot *z, struct zslot_shard *s, uint32_t block, struct zslot_room r)
{
	uint32_t nr_frames = uz_block_id(z->pool.tab, block).nr_frames;
	uint32_t level = r.free * NR_LEVELS / UNITS_FRAME / nr_frames;

	if (z->pool.tab->block[block].u8[B_ISOLATED])
		return;
	set_free(z, s, block, r);
	set_bin(z, s, block, bin_of(s, block, r.largest));
	set_level(z, s, block, block == s->open ? 0 : level);
}

void uz__zslot_unfile(struct zslot *z, struct zslot_shard *s, uint32_t block)
{
	set_free(z, s, block, (struct zslot_room){ 0, 0 });
	set_bin(z, s, block, 0);
	set_level(z, s, block, 0);
}

void uz__zslot_open(struct zslot *z, struct zslot_shard *s, uint32_t block)
{
	uint32_t was = s->open;

	s->open = block;
	if (was && !z->pool.tab->block[was].u8[B_ISOLATED]) /* its bytes may be on their way */
		uz__zslot_file(z, s, was, uz__zslot_room(zslot_foot(z->pool.tab, was)));
}

void uz__zslot_drop(struct zslot *z, struct zslot_shard *s, uint32_t block)
{
	uz__zslot_unfile(z, s, block);
	if (s->open == block)
		s->open = 0;
	uz__pool_block_destroy(&z->pool, block);
}

uint32_t uz__zslot_peek(const struct zslot_shard *s, uint32_t len)
{
	uint32_t i = len / 64;
	uint64_t w = uz_load(&s->map[i]) & ~0ull << len % 64, above;

	if (w)
		return i * 64 + (uint32_t)__builtin_ctzll(w);
	above = uz_load(&s->maps) >> i >> 1;
	if (!above)
		return NR_BINS;
	i += 1 + (uint32_t)__builtin_ctzll(above);
	w = uz_load(&s->map[i]);
	return w ? i * 64 + (uint32_t)__builtin_ctzll(w) : NR_BINS;
}

struct zslot_shard *uz__zslot_lock_block(struct zslot *z, uint32_t block)
{
	struct uz_block_id id;
	struct zslot_shard *s;

	if (!uz__pool_owns(&z->pool, block, &id))
		return NULL;
	s = zslot_shard(z, id);
	uz_lock(z->plat, &s->lock);
	if (uz__pool_owns(&z->pool, block, &id) && zslot_shard(z, id) == s &&
	    z->pool.tab->block[block].u8[B_READY])
		return s;
	uz_unlock(z->plat, &s->lock);
	return NULL;
}

static bool bin_ok(struct zslot *z, const struct zslot_shard *s, uint32_t bin, uint32_t *nr)
{
	const struct uz_block *tab = z->pool.tab->block;

	if (!(s->map[bin / 64] >> bin % 64 & 1) != !s->bin[bin] ||
	    !(s->maps >> bin / 64 & 1) != !s->map[bin / 64])
		return false;
	for (uint32_t b = s->bin[bin]; b; b = tab[b].next, ++*nr) {
		const struct zslot_foot *f = zslot_foot(z->pool.tab, b);

		if (tab[b].u16[B_BIN] != bin || zslot_shard(z, uz_block_id(z->pool.tab, b)) != s ||
		    bin_of(s, b, uz__zslot_room(f).largest) != bin || tab[b].u8[B_ISOLATED])
			return false;
	}
	return true;
}

static bool level_ok(struct zslot *z, const struct zslot_shard *s, uint32_t level, uint32_t *nr)
{
	const struct uz_block *tab = z->pool.tab->block;

	if (!(s->levels >> level & 1) != !s->level[level])
		return false;
	for (uint32_t b = s->level[level]; b;) {
		if (tab[b].u8[B_LEVEL] != level || zslot_shard(z, uz_block_id(z->pool.tab, b)) != s)
			return false;
		++*nr;
		b = tab[b].u32[B_LEVEL_NEXT];
		b = b == s->level[level] ? 0 : b;
	}
	return true;
}

bool uz__zslot_lists_ok(struct zslot *z)
{
	uint32_t nr_bins = 0, nr_levels = 0, block = 0;
	struct uz_block_id id;

	for (struct zslot_shard *s = z->shard; s < &z->shard[NR_SHARDS]; s++) {
		for (uint32_t i = 0; i < NR_BINS; i++)
			if (!bin_ok(z, s, i, &nr_bins))
				return false;
		for (uint32_t i = 0; i < NR_LEVELS; i++)
			if (!level_ok(z, s, i, &nr_levels))
				return false;
	}
	while ((block = uz__pool_next(&z->pool, block, &id))) {
		nr_bins -= z->pool.tab->block[block].u16[B_BIN] != 0;
		nr_levels -= z->pool.tab->block[block].u8[B_LEVEL] != 0;
	}
	return !nr_bins && !nr_levels;
}
