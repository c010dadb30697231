/* SPDX-License-Identifier: MIT */
/*
 * zslot, rebuilding and recounting. On attach the cells that a slot names are marked,
 * the others dropped, and all that lies between the marked objects becomes holes. The marks
 * are a bit of the cells, taken off again at the beginning of every attach, so an attach
 * that is cut short hurts nobody. Nothing outside the words behind cap is read or
 * written, so garbage in free space is of no interest. And of a block's pages only the last is
 * touched, by a write: a read would have the system map all pages around it, which was 60% of
 * the time of an attach.
 *
 * A slot is believed only if the block has a cell of that place, length and owner, and
 * nothing that another slot named overlaps it. A block whose foot makes no sense, or where the holes
 * between its cells would have no room, has lost its objects; one that was made by a process that died
 * before it wrote the foot looks the same.
 */
#include "zslot_i.h"

/* Words of struct uz_block until attach_done: the cell found last, whether no two overlap. */
enum { A_LAST = 0 }; /* u16 */
enum { A_APART = 2 }; /* u8 */

static bool foot_ok(const struct zslot_foot *f, uint32_t nr_frames)
{
	return f->magic == ZSLOT_MAGIC && f->nr_frames == nr_frames &&
	       f->cap + WORD_UNITS * (1u + f->nr_objects) <= nr_frames * UNITS_FRAME;
}

static bool cell_ok(struct zslot_cell c, uint32_t cap)
{
	return c.len && c.len <= UNITS_OBJECT && c.off + c.len <= cap && c.owner < UZ_OWNER_MAX;
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

/* Keeps the seen cells; where the last of them ends. */
static uint32_t keep_seen(struct zslot_foot *f)
{
	uint32_t nr = 0, end = 0;

	for (uint32_t i = 1; i <= f->nr_objects; i++) {
		uint64_t w = *zslot_cell(f, i);
		struct zslot_cell c = zslot_cell_unpack(w);

		if (!(w & CELL_SEEN))
			continue;
		end = UZ_MAX(end, c.off + c.len);
		uz_store_release(zslot_cell(f, ++nr), w & ~CELL_SEEN);
	}
	uz_store_release(&f->nr_objects, (uint16_t)nr);
	return end;
}

/* As each_gap, of cells in the order of their places; UINT32_MAX if they are not, or some overlap. */
static uint32_t each_gap_in_order(struct zslot_foot *f, uint32_t units, bool add)
{
	uint32_t nr = 0, end = 0;

	for (uint32_t i = 1; i <= f->nr_objects; i++) {
		struct zslot_cell c = zslot_cell_unpack(*zslot_cell(f, i));

		if (c.off < end)
			return UINT32_MAX;
		if (c.off > end && add)
			uz__zslot_hole_add(f, end, c.off - end);
		nr += c.off > end;
		end = c.off + c.len;
	}
	if (end < units && add)
		uz__zslot_hole_add(f, end, units - end);
	return nr + (end < units);
}

/* False if two of them overlap. */
static bool map_cells(const struct zslot_foot *f, struct zslot_map *map)
{
	bool clear = true;

	memset(map, 0, f->nr_frames * (UNITS_FRAME / 64) * sizeof(map->w[0]));
	for (uint32_t i = 1; i <= f->nr_objects; i++) {
		struct zslot_cell c = zslot_cell_unpack(*zslot_cell(f, i));

		clear = map_set(map, c.off, c.len) && clear;
	}
	return clear;
}

/* The runs of clear bits: how many, or made holes as well. */
static uint32_t each_gap(struct zslot_foot *f, const struct zslot_map *map, uint32_t units,
			 bool add)
{
	uint32_t nr = 0, at = map_next(map, 0, units, false), end;

	for (; at < units; nr++) {
		end = map_next(map, at, units, true);
		if (add)
			uz__zslot_hole_add(f, at, end - at);
		at = map_next(map, end, units, false);
	}
	return nr;
}

/* Whether no two cells overlap. */
static bool apart(struct zslot_foot *f, struct zslot_map *map)
{
	return each_gap_in_order(f, 0, false) != UINT32_MAX || map_cells(f, map);
}

/*
 * Whether the list of the holes will have room, whichever cells are dropped: there is a hole where a
 * cell begins and none ends. Dropping a cell makes one hole more at most and gives back a word; and of
 * cells that are not apart, as a crash may leave one twice, one is dropped.
 */
static bool holes_fit(const struct zslot_foot *f, struct zslot_map *map, bool is_apart)
{
	uint32_t words = WORD_UNITS * (1u + f->nr_objects), end = 0, nr = 0, at;

	if (f->cap + words + f->nr_objects <= zslot_foot_units(f))
		return true;
	memset(map, 0, f->nr_frames * (UNITS_FRAME / 64) * sizeof(map->w[0]));
	for (uint32_t i = 1; i <= f->nr_objects; i++)
		map_set(map, zslot_cell_unpack(*zslot_cell(f, i)).off, 1);
	for (uint32_t i = 1; i <= f->nr_objects; i++) {
		struct zslot_cell c = zslot_cell_unpack(*zslot_cell(f, i));

		map->w[(c.off + c.len) / 64] &= ~(1ull << (c.off + c.len) % 64);
		end = UZ_MAX(end, c.off + c.len);
	}
	for (at = 1; (at = map_next(map, at, end, true)) < end; at++)
		nr++;
	return end + nr + words - !is_apart <= zslot_foot_units(f);
}

/* Keeps the cells that make sense, none of them seen; no holes. */
static void adopt(struct zslot_foot *f, uint32_t nr_frames)
{
	uint32_t nr = 0;

	if (!foot_ok(f, nr_frames))
		*f = (struct zslot_foot){ .magic = ZSLOT_MAGIC, .nr_frames = (uint8_t)nr_frames };
	for (uint32_t i = 1; i <= f->nr_objects; i++) {
		uint64_t w = *zslot_cell(f, i);

		if (cell_ok(zslot_cell_unpack(w), f->cap))
			uz_store_release(zslot_cell(f, ++nr), w & ~CELL_SEEN);
	}
	uz_store_release(&f->nr_objects, (uint16_t)nr);
	f->nr_holes = 0;
}

int uz__zslot_attach_block(struct uz_pool *p, uint32_t block)
{
	struct uz_block *b = &p->tab->block[block];
	struct zslot_foot *f;
	struct uz_block_id id;

	if (!uz__pool_owns(p, block, &id) || id.nr_frames > FRAMES_MAX || id.class_nr >= NR_SHARDS)
		return -UZ_EBADMSG;
	*b = (struct uz_block){ 0 };
	f = zslot_foot(p->tab, block);
	uz_touch((uint64_t *)(void *)f);
	adopt(f, id.nr_frames);
	b->u8[A_APART] = apart(f, &zslot_of(p)->map);
	if (!holes_fit(f, &zslot_of(p)->map, b->u8[A_APART]))
		uz_store_release(&f->nr_objects, (uint16_t)0);
	uz_fetch_add(&p->nr_frames, id.nr_frames);
	return 0;
}

static bool overlap(struct zslot_cell a, struct zslot_cell b)
{
	return a.off < b.off + b.len && b.off < a.off + a.len;
}

/* The cell @word, seen or not; the search begins where the last one ended. 0: none. */
static uint32_t find(const struct zslot_foot *f, uint64_t word, uint32_t last)
{
	for (uint32_t n = f->nr_objects, i = last; n; n--) {
		i = i < f->nr_objects ? i + 1 : 1;
		if ((*zslot_cell(f, i) & ~CELL_SEEN) == word)
			return i;
	}
	return 0;
}

/* Whether one that was seen is in the way: only of use where cells are not all apart. */
static bool taken(const struct zslot_foot *f, struct zslot_cell want)
{
	for (uint32_t i = 1; i <= f->nr_objects; i++)
		if (*zslot_cell(f, i) & CELL_SEEN &&
		    overlap(zslot_cell_unpack(*zslot_cell(f, i)), want))
			return true;
	return false;
}

int uz__zslot_attach_object(struct uz_pool *p, uint64_t handle, uint32_t size, uint32_t owner)
{
	uint32_t block = uz_handle_block(handle), at;
	struct zslot_cell want = { uz_handle_index(handle), zslot_units(size), owner };
	uint64_t word = zslot_cell_pack(want.off, want.len, owner);
	struct uz_block *b = &p->tab->block[block];
	struct zslot_foot *f;
	struct uz_block_id id;

	if (!uz__pool_owns(p, block, &id) || size - 1 >= p->ops->max_object)
		return -UZ_EBADMSG;
	f = zslot_foot(p->tab, block);
	at = find(f, word, b->u16[A_LAST]);
	if (!at)
		return -UZ_EBADMSG;
	if (*zslot_cell(f, at) & CELL_SEEN)
		return -UZ_EEXIST;
	if (!b->u8[A_APART] && taken(f, want))
		return -UZ_EBADMSG;
	uz_store(zslot_cell(f, at), word | CELL_SEEN);
	b->u16[A_LAST] = (uint16_t)at;
	return 0;
}

/*
 * Keeps the seen cells, and makes holes of all space between them. The foot's cap is not needed
 * again: what lies behind it becomes what cells and holes take, and there is room for that, as
 * what is a hole now had a hole or a cell before.
 */
static void rebuild(struct zslot_foot *f, struct zslot_map *map)
{
	uint32_t end = keep_seen(f), gaps = each_gap_in_order(f, end, false), tail;
	bool ordered = gaps != UINT32_MAX;

	if (!ordered) {
		map_cells(f, map);
		gaps = each_gap(f, map, end, false);
	}
	tail = WORD_UNITS * (1u + f->nr_objects) + gaps + 7;
	f->cap = (uint16_t)UZ_MAX(end, zslot_foot_units(f) - tail);
	f->nr_holes = 0;
	if (!f->nr_objects)
		return;
	if (ordered)
		each_gap_in_order(f, f->cap, true);
	else
		each_gap(f, map, f->cap, true);
}

void uz__zslot_attach_done(struct uz_pool *p)
{
	struct zslot *z = zslot_of(p);
	struct uz_block_id next_id = { 0 };
	uint32_t block, next = uz__pool_next(p, 0, &next_id);

	while ((block = next)) {
		struct zslot_foot *f = zslot_foot(p->tab, block);
		struct zslot_shard *s = zslot_shard(z, next_id);

		next = uz__pool_next(p, block, &next_id);
		if (next)
			zslot_prefetch_foot(zslot_foot(p->tab, next));
		rebuild(f, &z->map);
		p->tab->block[block] = (struct uz_block){ .u8[B_READY] = 1 };
		s->nr_objects += f->nr_objects;
		if (f->nr_objects)
			uz__zslot_file(z, s, block, uz__zslot_room(f));
		else
			uz__zslot_drop(z, s, block);
	}
}

/* Every unit belongs to one object, one hole or what is behind cap; holes end before the cells. */
static bool image_ok(const struct zslot_foot *f, uint32_t nr_frames, struct zslot_map *map)
{
	const uint32_t *hole = zslot_holes(f);

	if (!foot_ok(f, nr_frames) ||
	    f->cap + f->nr_holes + WORD_UNITS * (1u + f->nr_objects) > nr_frames * UNITS_FRAME)
		return false;
	*map = (struct zslot_map){ { 0 } };
	for (uint32_t i = 1; i <= f->nr_objects; i++) {
		struct zslot_cell c = zslot_cell_unpack(*zslot_cell(f, i));

		if (*zslot_cell(f, i) & CELL_SEEN || !cell_ok(c, f->cap) ||
		    !map_set(map, c.off, c.len))
			return false;
	}
	for (uint32_t i = 0; i < f->nr_holes; i++) {
		uint32_t off = zslot_hole_off(hole[i]), len = zslot_hole_len(hole[i]);

		if (!len || off + len > f->cap || !map_set(map, off, len))
			return false;
	}
	return map_next(map, 0, f->cap, false) == f->cap;
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
	const struct zslot_foot *f = zslot_foot(z->pool.tab, block);
	struct zslot_room r = uz__zslot_room(f);

	if (!f->nr_objects || !b->u8[B_READY])
		return false;
	if (touching(zslot_holes(f), f->nr_holes))
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
		const struct zslot_foot *f = zslot_foot(p->tab, block);

		if (!image_ok(f, id.nr_frames, &z->map) || !words_ok(z, block))
			return -UZ_EBADMSG;
		frames += id.nr_frames;
		objects += f->nr_objects;
		nr_free += p->tab->block[block].u16[B_FREE];
		if (p->tab->block[block].u8[B_USABLE])
			usable += p->tab->block[block].u16[B_FREE];
	}
	return sums_ok(z, frames, objects, nr_free, usable) && uz__zslot_lists_ok(z) ? 0
										     : -UZ_EBADMSG;
}
