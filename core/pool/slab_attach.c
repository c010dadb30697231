/* SPDX-License-Identifier: MIT */
/*
 * slab, rebuilding and recounting. On attach the slots say which cells are live;
 * a bit a cell remembers which have been named, in scratch memory that is gone when attach is
 * done, since a store that is being adopted may be adopted again after a crash in the
 * middle. All other cells of a block then become its free list: what their owner
 * words say is of no interest, and writing them hurts nobody.
 *
 * A slot is believed only if the cell's owner word names the same page, so two
 * slots cannot share an object and a wrong index is found with high probability. This
 * touches one cache line an object.
 */
#include "slab_i.h"

static uint64_t *seen_bits(struct slab *s, const struct uz_block *b)
{
	return (uint64_t *)(void *)s->seen.base + b->u32[SLAB_SEEN];
}

static int reserve_seen(struct slab *s)
{
	struct uz_arena *a = s->pool.tab->arena;
	uint32_t first, end;

	if (s->seen.base)
		return 0;
	uz_arena_span(a, &first, &end);
	return uz_scratch_reserve(a, (uint64_t)(end - first) * (UZ_FRAME_SIZE / 16 / 8), &s->seen);
}

int uz__slab_attach_block(struct uz_pool *p, uint32_t block)
{
	struct slab *s = slab_of(p);
	struct uz_block_id id;
	struct slab_class *c = uz__pool_owns(p, block, &id) ? uz__slab_class(s, id) : NULL;
	struct uz_block *b = &p->tab->block[block];
	int err;

	if (!c)
		return -UZ_EBADMSG;
	err = reserve_seen(s);
	if (err)
		return err;
	*b = (struct uz_block){ 0 };
	b->u32[SLAB_SEEN] = (uint32_t)(s->seen_bytes / 8);
	err = uz_area_grow(p->tab->arena, &s->seen, s->seen_bytes + UZ_DIV_UP(c->nr, 64) * 8);
	if (err)
		return err;
	s->seen_bytes += UZ_DIV_UP(c->nr, 64) * 8;
	uz_fetch_add(&p->nr_frames, id.nr_frames);
	return 0;
}

int uz__slab_attach_object(struct uz_pool *p, uint64_t handle, uint32_t size, uint32_t owner)
{
	struct slab *s = slab_of(p);
	uint32_t block = uz_handle_block(handle), index = uz_handle_index(handle);
	struct uz_block_id id;
	struct slab_class *c = uz__pool_owns(p, block, &id) ? uz__slab_class(s, id) : NULL;
	uint64_t *bits;

	if (!c || index >= c->nr || size - 1 >= c->stride - SLAB_OWNER)
		return -UZ_EBADMSG;
	bits = seen_bits(s, &p->tab->block[block]);
	if (bits[index / 64] >> index % 64 & 1)
		return -UZ_EEXIST;
	if (*slab_cell(uz_block_addr(p->tab, block), c, index) != owner)
		return -UZ_EBADMSG;
	bits[index / 64] |= 1ull << index % 64;
	p->tab->block[block].u16[SLAB_USED]++;
	return 0;
}

/* Everything that no slot has named becomes free. */
static void attach_cells(struct slab *s, struct slab_class *c, uint32_t block)
{
	struct uz_block *b = &s->pool.tab->block[block];
	const uint64_t *bits = seen_bits(s, b);
	char *base = uz_block_addr(s->pool.tab, block);
	uint32_t used = b->u16[SLAB_USED];

	for (uint32_t i = c->nr; i-- > 0;) {
		if (bits[i / 64] >> i % 64 & 1)
			continue;
		*slab_cell(base, c, i) = UZ_OWNER_MAX + b->u16[SLAB_FREE];
		b->u16[SLAB_FREE] = (uint16_t)(i + 1);
	}
	b->u16[SLAB_CARVED] = c->nr;
	c->nr_live += used;
	c->nr_free += c->nr - used;
	slab_link(s, c, block, used == c->nr ? SLAB_NO_BIN : slab_bin(c, used));
	b->u32[SLAB_SEEN] = 0;
}

void uz__slab_attach_done(struct uz_pool *p)
{
	struct slab *s = slab_of(p);
	struct uz_block_id id;
	uint32_t block = 0;

	while ((block = uz__pool_next(p, block, &id))) {
		struct slab_class *c = uz__slab_class(s, id);

		if (!c)
			continue;
		if (p->tab->block[block].u16[SLAB_USED])
			attach_cells(s, c, block);
		else
			uz__pool_block_destroy(p, block);
	}
	for (uint32_t k = 0; k < s->nr_classes; k++)
		slab_note_worth(s, &s->class[k]);
	if (s->seen.base)
		uz_scratch_release(p->tab->arena, &s->seen);
	s->seen = (struct uz_area){ 0 };
	s->seen_bytes = 0;
}

void uz__slab_stats(struct uz_pool *p, struct uz_pool_stats *st)
{
	struct slab *s = slab_of(p);

	uz__pool_head_stats(p, st);
	for (struct slab_class *c = s->class; c < &s->class[s->nr_classes]; c++) {
		uz_lock(s->plat, &c->lock);
		st->objects += c->nr_live;
		st->free_bytes += (uint64_t)c->nr_free * (c->stride - SLAB_OWNER);
		uz_unlock(s->plat, &c->lock);
	}
}

/* The cells of one block against its words. */
static bool cells_ok(struct slab *s, const struct slab_class *c, uint32_t block)
{
	const struct uz_block *b = &s->pool.tab->block[block];
	char *base = uz_block_addr(s->pool.tab, block);
	uint32_t used = 0, nr_free = 0;

	if (!b->u16[SLAB_USED] || b->u16[SLAB_CARVED] > c->nr)
		return false;
	for (uint32_t i = 0; i < b->u16[SLAB_CARVED]; i++)
		used += slab_owner_live(*slab_cell(base, c, i));
	for (uint32_t i = b->u16[SLAB_FREE]; i; nr_free++) {
		uint32_t word = i <= b->u16[SLAB_CARVED] ? *slab_cell(base, c, i - 1) : 0;

		if (slab_owner_live(word) || nr_free > c->nr)
			return false;
		i = word - UZ_OWNER_MAX;
	}
	return used == b->u16[SLAB_USED] && used + nr_free == b->u16[SLAB_CARVED];
}

/* Blocks in the lists of a class; UINT32_MAX if one is in the wrong place. */
static uint32_t count_listed(const struct slab *s, const struct slab_class *c)
{
	const struct uz_block *block = s->pool.tab->block;
	uint32_t nr = 0;

	for (uint32_t bin = 0; bin < SLAB_BINS; bin++) {
		if (!(c->bins >> bin & 1) != !c->head[bin])
			return UINT32_MAX;
		for (uint32_t b = c->head[bin]; b; b = block[b].next, nr++)
			if (block[b].u8[SLAB_BIN] != bin || block[b].u16[SLAB_ISOLATED] ||
			    slab_bin(c, block[b].u16[SLAB_USED]) != bin)
				return UINT32_MAX;
	}
	return nr;
}

static bool class_ok(struct slab *s, const struct slab_class *c)
{
	uint32_t block = 0, listed = 0, live = 0, nr_free = 0;
	struct uz_block_id id;

	while ((block = uz__pool_next(&s->pool, block, &id))) {
		const struct uz_block *b = &s->pool.tab->block[block];
		uint32_t used = b->u16[SLAB_USED];

		if (uz__slab_class(s, id) != c)
			continue;
		if (!cells_ok(s, c, block))
			return false;
		live += used;
		if (b->u16[SLAB_ISOLATED])
			continue;
		nr_free += c->nr - used;
		listed += used < c->nr;
	}
	return live == c->nr_live && nr_free == c->nr_free && listed == count_listed(s, c) &&
	       s->worth[c - s->class] == slab_worth(c);
}

int uz__slab_check(struct uz_pool *p)
{
	struct slab *s = slab_of(p);
	struct uz_block_id id;
	uint32_t block = 0;
	uint64_t frames = 0;

	while ((block = uz__pool_next(p, block, &id))) {
		if (!uz__slab_class(s, id))
			return -UZ_EBADMSG;
		frames += id.nr_frames;
	}
	for (uint32_t k = 0; k < s->nr_classes; k++)
		if (!class_ok(s, &s->class[k]))
			return -UZ_EBADMSG;
	return frames == uz_load(&p->nr_frames) ? 0 : -UZ_EBADMSG;
}
