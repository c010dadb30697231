/* SPDX-License-Identifier: MIT */
/*
 * slab, rebuilding and recounting. On attach the slots say which cells are live;
 * all others are free, whatever is in them.
 *
 * A slot is believed only if the cell's owner word names the same page, so two
 * slots cannot share an object and a wrong index is found with high probability. This
 * touches one cache line an object.
 */
#include "slab_i.h"

int uz__slab_attach_block(struct uz_pool *p, uint32_t block)
{
	struct slab *s = slab_of(p);
	struct uz_block_id id;
	struct slab_class *c = uz__pool_owns(p, block, &id) ? uz__slab_class(s, id) : NULL;

	if (!c)
		return -UZ_EBADMSG;
	slab_reset(s, c, block);
	uz_fetch_add(&p->nr_frames, id.nr_frames);
	return 0;
}

int uz__slab_attach_object(struct uz_pool *p, uint64_t handle, uint32_t size, uint32_t owner)
{
	struct slab *s = slab_of(p);
	uint32_t block = uz_handle_block(handle), index = uz_handle_index(handle);
	struct uz_block_id id;
	struct slab_class *c = uz__pool_owns(p, block, &id) ? uz__slab_class(s, id) : NULL;
	struct uz_block *b = &p->tab->block[block];

	if (!c || index >= c->nr || size - 1 >= c->stride - SLAB_OWNER)
		return -UZ_EBADMSG;
	if (b->u64[SLAB_LIVE] >> index & 1)
		return -UZ_EEXIST;
	if (*slab_cell(uz_block_addr(p->tab, block), c, index) != owner)
		return -UZ_EBADMSG;
	b->u64[SLAB_LIVE] |= 1ull << index;
	b->u8[SLAB_USED]++;
	return 0;
}

void uz__slab_attach_done(struct uz_pool *p)
{
	struct slab *s = slab_of(p);
	struct uz_block_id id;
	uint32_t block = 0;

	while ((block = uz__pool_next(p, block, &id))) {
		struct slab_class *c = uz__slab_class(s, id);
		uint32_t used = p->tab->block[block].u8[SLAB_USED];

		if (!c)
			continue;
		if (!used) {
			uz__pool_block_destroy(p, block);
			continue;
		}
		c->nr_live += used;
		c->nr_free += c->nr - used;
		slab_link(s, c, block, used == c->nr ? SLAB_NO_BIN : slab_bin(c, used));
		slab_note_worth(s, c);
	}
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
	uint32_t used = 0;

	for (uint64_t live = b->u64[SLAB_LIVE]; live; live &= live - 1, used++) {
		uint32_t i = (uint32_t)__builtin_ctzll(live);

		if (i >= c->nr || *slab_cell(base, c, i) >= UZ_OWNER_MAX)
			return false;
	}
	return used && used == b->u8[SLAB_USED] && &s->class[b->u8[SLAB_CLASS]] == c;
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
			if (block[b].u8[SLAB_BIN] != bin || block[b].u8[SLAB_ISOLATED] ||
			    slab_bin(c, block[b].u8[SLAB_USED]) != bin)
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
		uint32_t used = b->u8[SLAB_USED];

		if (uz__slab_class(s, id) != c)
			continue;
		if (!cells_ok(s, c, block))
			return false;
		live += used;
		if (b->u8[SLAB_ISOLATED])
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
