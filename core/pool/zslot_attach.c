/* SPDX-License-Identifier: MIT */
/*
 * zslot, rebuilding and recounting. On attach the cells that a slot names are marked,
 * the others dropped, and all that lies between the marked objects becomes holes. The marks
 * are a bit of the cells, taken off again at the beginning of every attach, so an attach
 * that is cut short hurts nobody. Nothing outside the words before cap is read or
 * written, so garbage in free space is of no interest. And of a block's pages only the first is
 * touched, by a write: a read would have the system map all pages around it, which was 60% of
 * the time of an attach.
 *
 * A slot is believed only if the block has a cell of that place, length and owner, and
 * nothing that another slot named overlaps it. A block whose head makes no sense has lost its
 * objects; one that was made by a process that died before it wrote the head looks
 * the same.
 */
#include "zslot_i.h"

static bool head_ok(const struct zslot_head *h, uint32_t units)
{
	return h->magic == ZSLOT_MAGIC && h->cap >= WORD_UNITS * (1u + h->nr_objects) &&
	       h->cap <= units;
}

static bool cell_ok(struct zslot_cell c, uint32_t cap, uint32_t units)
{
	return c.len && c.len <= UNITS_OBJECT && c.off >= cap && c.off + c.len <= units &&
	       c.owner < UZ_OWNER_MAX;
}

/* Keeps the cells that make sense, none of them seen; no holes. */
static void adopt(uint64_t *base, uint32_t units)
{
	struct zslot_head *h = zslot_head(base);
	uint32_t nr = 0;

	if (!head_ok(h, units))
		*h = (struct zslot_head){ .magic = ZSLOT_MAGIC, .cap = WORD_UNITS };
	for (uint32_t i = 1; i <= h->nr_objects; i++)
		if (cell_ok(zslot_cell_unpack(base[i]), h->cap, units))
			uz_store_release(&base[++nr], base[i] & ~CELL_SEEN);
	uz_store_release(&h->nr_objects, (uint16_t)nr);
	h->nr_holes = 0;
}

int uz__zslot_attach_block(struct uz_pool *p, uint32_t block)
{
	struct uz_block_id id;

	if (!uz__pool_owns(p, block, &id) || id.nr_frames > FRAMES_MAX || id.class >= NR_SHARDS)
		return -UZ_EBADMSG;
	p->tab->block[block] = (struct uz_block){ 0 };
	uz_touch((uint64_t *)uz_block_addr(p->tab, block));
	adopt(uz_block_addr(p->tab, block), id.nr_frames * UNITS_FRAME);
	uz_fetch_add(&p->nr_frames, id.nr_frames);
	return 0;
}

static bool overlap(struct zslot_cell a, struct zslot_cell b)
{
	return a.off < b.off + b.len && b.off < a.off + a.len;
}

int uz__zslot_attach_object(struct uz_pool *p, uint64_t handle, uint32_t size, uint32_t owner)
{
	uint32_t block = uz_handle_block(handle), at = 0;
	struct zslot_cell want = { uz_handle_index(handle), zslot_units(size), owner };
	uint64_t *base, word = zslot_cell_pack(want.off, want.len, owner);
	struct uz_block_id id;

	if (!uz__pool_owns(p, block, &id) || size - 1 >= p->ops->max_object)
		return -UZ_EBADMSG;
	base = uz_block_addr(p->tab, block);
	for (uint32_t i = zslot_head(base)->nr_objects; i; i--) {
		if (base[i] == word)
			at = i;
		else if (base[i] & CELL_SEEN && overlap(zslot_cell_unpack(base[i]), want))
			return zslot_cell_unpack(base[i]).off == want.off ? -UZ_EEXIST
									  : -UZ_EBADMSG;
	}
	if (!at)
		return -UZ_EBADMSG;
	uz_store(&base[at], word | CELL_SEEN);
	return 0;
}

/* False if one of the bits is set already. */
static bool map_set(struct zslot_map *m, uint32_t at, uint32_t len)
{
	bool clear = true;

	while (len) {
		uint32_t n = UZ_MIN(len, 64 - at % 64);
		uint64_t bits = (n < 64 ? (1ull << n) - 1 : ~0ull) << at % 64;

		clear = clear && !(m->w[at / 64] & bits);
		m->w[at / 64] |= bits;
		at += n;
		len -= n;
	}
	return clear;
}

/* The first unit from @at that is set (or not); @end if there is none before it. */
static uint32_t map_next(const struct zslot_map *m, uint32_t at, uint32_t end, bool set)
{
	uint64_t flip = set ? 0 : ~0ull;

	while (at < end) {
		uint64_t w = (m->w[at / 64] ^ flip) >> at % 64;

		if (w)
			return UZ_MIN(at + (uint32_t)__builtin_ctzll(w), end);
		at = (at | 63) + 1;
	}
	return end;
}

/* Keeps the seen cells, and marks their units. */
static void keep_seen(uint64_t *base, struct zslot_map *map)
{
	struct zslot_head *h = zslot_head(base);
	uint32_t nr = 0;

	for (uint32_t i = 1; i <= h->nr_objects; i++) {
		struct zslot_cell c = zslot_cell_unpack(base[i]);

		if (!(base[i] & CELL_SEEN))
			continue;
		map_set(map, c.off, c.len);
		uz_store_release(&base[++nr], base[i] & ~CELL_SEEN);
	}
	uz_store_release(&h->nr_objects, (uint16_t)nr);
}

/* The runs of clear bits: how many, or made holes as well. */
static uint32_t each_gap(uint64_t *base, const struct zslot_map *map, uint32_t from, uint32_t units,
			 bool add)
{
	uint32_t nr = 0, at = map_next(map, from, units, false), end;

	for (; at < units; nr++) {
		end = map_next(map, at, units, true);
		if (add)
			uz__zslot_hole_add(base, at, end - at);
		at = map_next(map, end, units, false);
	}
	return nr;
}

/*
 * Keeps the seen cells, and makes holes of all space between them. The head's cap is not needed
 * again: it becomes what cells and holes take, and there is room for that, as what is a hole now
 * had a hole or a cell before.
 */
static void rebuild(uint64_t *base, uint32_t units, struct zslot_map *map)
{
	struct zslot_head *h = zslot_head(base);
	uint32_t lowest, nr, cap;

	*map = (struct zslot_map){ { 0 } };
	keep_seen(base, map);
	lowest = map_next(map, WORD_UNITS, units, true);
	nr = each_gap(base, map, lowest, units, false) + 1;
	cap = UZ_MIN(lowest, WORD_UNITS * (1u + h->nr_objects) + nr + 6);
	h->cap = (uint16_t)cap;
	h->nr_holes = 0;
	if (h->nr_objects)
		each_gap(base, map, cap, units, true);
}

void uz__zslot_attach_done(struct uz_pool *p)
{
	struct zslot *z = zslot_of(p);
	uint32_t block = 0;
	struct uz_block_id id;

	while ((block = uz__pool_next(p, block, &id))) {
		uint64_t *base = uz_block_addr(p->tab, block);
		struct zslot_shard *s = zslot_shard(z, id);

		rebuild(base, id.nr_frames * UNITS_FRAME, &z->map);
		p->tab->block[block].u8[B_READY] = 1;
		s->nr_objects += zslot_head(base)->nr_objects;
		if (zslot_head(base)->nr_objects)
			uz__zslot_file(z, s, block, uz__zslot_room(base));
		else
			uz__zslot_drop(z, s, block);
	}
}

/* Every unit belongs to the head, one object or one hole; the cells end before the holes. */
static bool image_ok(const uint64_t *base, uint32_t units, struct zslot_map *map)
{
	struct zslot_head *h = zslot_head(base);
	const uint32_t *hole = zslot_holes(base);

	if (!head_ok(h, units) || WORD_UNITS * (1u + h->nr_objects) + h->nr_holes > h->cap)
		return false;
	*map = (struct zslot_map){ { 0 } };
	map_set(map, 0, h->cap);
	for (uint32_t i = 1; i <= h->nr_objects; i++) {
		struct zslot_cell c = zslot_cell_unpack(base[i]);

		if (base[i] & CELL_SEEN || !cell_ok(c, h->cap, units) ||
		    !map_set(map, c.off, c.len))
			return false;
	}
	for (uint32_t i = 0; i < h->nr_holes; i++) {
		uint32_t off = zslot_hole_off(hole[i]), len = zslot_hole_len(hole[i]);

		if (!len || off + len > units || !map_set(map, off, len))
			return false;
	}
	return map_next(map, 0, units, false) == units;
}

static bool touching(const uint32_t *hole, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++)
		for (uint32_t j = 0; j < nr; j++)
			if (zslot_hole_off(hole[i]) + zslot_hole_len(hole[i]) ==
			    zslot_hole_off(hole[j]))
				return true;
	return false;
}

/* What the volatile words and the shard say of a block. */
static bool words_ok(const struct zslot *z, uint32_t block)
{
	const struct uz_block *b = &z->pool.tab->block[block];
	const uint64_t *base = uz_block_addr(z->pool.tab, block);
	struct zslot_room r = uz__zslot_room(base);

	if (!zslot_head(base)->nr_objects || !b->u8[B_READY])
		return false;
	if (touching(zslot_holes(base), zslot_head(base)->nr_holes))
		return false;
	if (b->u8[B_ISOLATED])
		return !b->u16[B_BIN] && !b->u16[B_FREE] && !b->u8[B_LEVEL];
	return b->u16[B_FREE] == r.free && !b->u16[B_BIN] == !r.largest;
}

static bool sums_ok(const struct zslot *z, uint64_t frames, uint64_t objects, uint64_t nr_free,
		    uint64_t usable)
{
	for (const struct zslot_shard *s = z->shard; s < &z->shard[NR_SHARDS]; s++) {
		objects -= s->nr_objects;
		nr_free -= s->free;
		usable -= s->usable;
	}
	return !objects && !nr_free && !usable && frames == uz_load(&z->pool.nr_frames);
}

int uz__zslot_check(struct uz_pool *p)
{
	struct zslot *z = zslot_of(p);
	uint64_t frames = 0, objects = 0, nr_free = 0, usable = 0;
	uint32_t block = 0;
	struct uz_block_id id;

	while ((block = uz__pool_next(p, block, &id))) {
		const uint64_t *base = uz_block_addr(p->tab, block);

		if (!image_ok(base, id.nr_frames * UNITS_FRAME, &z->map) || !words_ok(z, block))
			return -UZ_EBADMSG;
		frames += id.nr_frames;
		objects += zslot_head(base)->nr_objects;
		nr_free += p->tab->block[block].u16[B_FREE];
		if (p->tab->block[block].u8[B_USABLE])
			usable += p->tab->block[block].u16[B_FREE];
	}
	return sums_ok(z, frames, objects, nr_free, usable) && uz__zslot_lists_ok(z) ? 0
										     : -UZ_EBADMSG;
}
