/* SPDX-License-Identifier: MIT */
/*
 * zslot, one block: where objects and holes lie. Cells come first and holes
 * last in the words before cap, both unsorted, so that adding is appending and removing is
 * moving the last one into the gap. An allocation looks at holes only, a free at the
 * cells until it finds its own and then at the holes: 10 to 20 words that lie together,
 * where lists through the objects would touch a cache line each.
 *
 * Only cells and the number of them must survive a crash. A cell is written before the head
 * counts it, and moved before its old place is dropped, so a live object has its cell
 * at every instant (for one instant twice). Holes are rebuilt from the cells.
 *
 * An object is carved from the upper end of its hole. So the hole that touches cap is the last
 * to go, and cap can move up when cells and holes have met, and down again when they no longer
 * need the words.
 */
#include "zslot_i.h"

#define CAP_FIRST 8u
#define CAP_STEP 4u
#define CAP_SLACK 16u /* words; more than this go back to the objects */

void uz__zslot_hole_add(uint64_t *base, struct zslot_head *h, uint32_t off, uint32_t len)
{
	h->nr_holes++;
	*zslot_holes(base, *h) = zslot_hole(off, len);
	zslot_set_head(base, *h);
}

static void hole_remove(uint64_t *base, struct zslot_head *h, uint32_t *hole)
{
	*hole = *zslot_holes(base, *h);
	h->nr_holes--;
	zslot_set_head(base, *h);
}

static void set_cap(uint64_t *base, struct zslot_head *h, uint32_t cap)
{
	uint32_t *from = zslot_holes(base, *h);

	h->cap = (uint16_t)cap;
	memmove(zslot_holes(base, *h), from, 4u * h->nr_holes);
	zslot_set_head(base, *h);
}

static uint32_t *hole_at(const uint64_t *base, struct zslot_head h, uint32_t off)
{
	uint32_t *hole = zslot_holes(base, h);

	for (uint32_t i = 0; i < h.nr_holes; i++)
		if (zslot_hole_off(hole[i]) == off)
			return &hole[i];
	return NULL;
}

static void cap_up(uint64_t *base, struct zslot_head *h)
{
	uint32_t *hole = hole_at(base, *h, h->cap);
	uint32_t step, cap;

	if (!hole)
		return;
	step = UZ_MIN(CAP_STEP, zslot_hole_len(*hole));
	cap = h->cap + step;
	if (step == zslot_hole_len(*hole))
		hole_remove(base, h, hole);
	else
		*hole = zslot_hole(cap, zslot_hole_len(*hole) - step);
	set_cap(base, h, cap);
}

static void cap_down(uint64_t *base, struct zslot_head *h)
{
	uint32_t step = zslot_slack(*h) / 8 - CAP_STEP, cap = h->cap - step;
	uint32_t *hole = hole_at(base, *h, h->cap);

	if (hole) {
		*hole = zslot_hole(cap, zslot_hole_len(*hole) + step);
		set_cap(base, h, cap);
	} else {
		set_cap(base, h, cap);
		uz__zslot_hole_add(base, h, cap, step);
	}
}

static void fit_cap(uint64_t *base, struct zslot_head *h)
{
	if (UZ_UNLIKELY(zslot_slack(*h) < 8))
		cap_up(base, h);
	else if (UZ_UNLIKELY(zslot_slack(*h) > 8 * CAP_SLACK))
		cap_down(base, h);
}

void uz__zslot_format(uint64_t *base, uint32_t units)
{
	struct zslot_head h = { .magic = ZSLOT_MAGIC, .cap = CAP_FIRST };

	uz__zslot_hole_add(base, &h, CAP_FIRST, units - CAP_FIRST);
}

struct zslot_room uz__zslot_room(const uint64_t *base)
{
	struct zslot_head h = zslot_head(base);
	const uint32_t *hole = zslot_holes(base, h);
	struct zslot_room r = { 0, 0 };

	for (uint32_t i = 0; i < h.nr_holes; i++) {
		uint32_t len = zslot_hole_len(hole[i]);

		r.free += len;
		r.largest = UZ_MAX(r.largest, len);
	}
	if (zslot_slack(h) < 8)
		r.largest = 0;
	return r;
}

/* Index of the smallest hole of at least @len units; nr_holes if there is none. */
static uint32_t best_fit(const uint32_t *hole, uint32_t nr, uint32_t len)
{
	uint32_t best = UINT32_MAX;

	for (uint32_t i = 0; i < nr; i++) {
		uint32_t spare = zslot_hole_len(hole[i]) - len;
		uint32_t key = spare << 16 | i;

		key = spare < UZ_INDEX_NR ? key : UINT32_MAX;
		best = UZ_MIN(best, key);
	}
	return best == UINT32_MAX ? nr : best & 0xffff;
}

static uint32_t carve_hole(uint64_t *base, struct zslot_head *h, uint32_t *hole, uint32_t len,
			   uint32_t owner)
{
	uint32_t spare = zslot_hole_len(*hole) - len, off = zslot_hole_off(*hole) + spare;

	if (spare)
		*hole = zslot_hole(zslot_hole_off(*hole), spare);
	else
		hole_remove(base, h, hole);
	uz_store_release(&base[1 + h->nr_objects], zslot_cell_pack(off, len, owner));
	h->nr_objects++;
	zslot_set_head(base, *h);
	return off;
}

uint32_t uz__zslot_carve(uint64_t *base, uint32_t len, uint32_t owner)
{
	struct zslot_head h = zslot_head(base);
	uint32_t *hole = zslot_holes(base, h);
	uint32_t i = best_fit(hole, h.nr_holes, len), off;

	if (i == h.nr_holes || zslot_slack(h) < 8)
		return 0;
	off = carve_hole(base, &h, &hole[i], len, owner);
	fit_cap(base, &h);
	return off;
}

/* Gives [off, off + len) to the holes beside it, or makes it one. */
static void merge(uint64_t *base, struct zslot_head *h, uint32_t off, uint32_t len)
{
	uint32_t *hole = zslot_holes(base, *h), *below = NULL, *above = NULL;

	for (uint32_t i = 0; i < h->nr_holes; i++) {
		if (zslot_hole_off(hole[i]) + zslot_hole_len(hole[i]) == off)
			below = &hole[i];
		if (zslot_hole_off(hole[i]) == off + len)
			above = &hole[i];
	}
	if (above) {
		len += zslot_hole_len(*above);
		*above = zslot_hole(off, len);
	}
	if (below)
		*below = zslot_hole(zslot_hole_off(*below), zslot_hole_len(*below) + len);
	if (above && below)
		hole_remove(base, h, above);
	else if (!above && !below)
		uz__zslot_hole_add(base, h, off, len);
}

static uint32_t find_cell(const uint64_t *base, struct zslot_head h, uint32_t off)
{
	uint32_t i = 1;

	while (base[i] >> 52 != off) {
		i++;
		UZ_ASSERT(i <= h.nr_objects);
	}
	return i;
}

void uz__zslot_release(uint64_t *base, uint32_t off)
{
	struct zslot_head h = zslot_head(base);
	uint32_t i, len;

	UZ_ASSERT(h.nr_objects);
	i = find_cell(base, h, off);
	len = zslot_cell_unpack(base[i]).len;
	uz_store_release(&base[i], base[h.nr_objects]);
	h.nr_objects--;
	zslot_set_head(base, h);
	merge(base, &h, off, len);
	fit_cap(base, &h);
}

/* Units of the hole that ends at @off, or starts there. */
static uint32_t free_around(const uint32_t *hole, uint32_t nr, struct zslot_cell c)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < nr; i++)
		if (zslot_hole_off(hole[i]) + zslot_hole_len(hole[i]) == c.off ||
		    zslot_hole_off(hole[i]) == c.off + c.len)
			len += zslot_hole_len(hole[i]);
	return len;
}

/* A hole for @c that does not touch it and is no larger than what leaving would make. */
static uint32_t away_fit(const uint32_t *hole, uint32_t nr, struct zslot_cell c)
{
	uint32_t best = nr;

	for (uint32_t i = 0; i < nr; i++)
		if (zslot_hole_len(hole[i]) >= c.len &&
		    zslot_hole_off(hole[i]) + zslot_hole_len(hole[i]) != c.off &&
		    zslot_hole_off(hole[i]) != c.off + c.len &&
		    (best == nr || zslot_hole_len(hole[i]) < zslot_hole_len(hole[best])))
			best = i;
	return best;
}

bool uz__zslot_gather(uint64_t *base, struct zslot_cell *from, uint32_t *to)
{
	struct zslot_head h = zslot_head(base);
	uint32_t *hole = zslot_holes(base, h), gain = uz__zslot_room(base).largest, at = 0;

	if (zslot_slack(h) < 8)
		return false;
	for (uint32_t i = 1; i <= h.nr_objects; i++) {
		struct zslot_cell c = zslot_cell_unpack(base[i]);
		uint32_t around = free_around(hole, h.nr_holes, c), fit;

		if (!around || around + c.len <= gain)
			continue;
		fit = away_fit(hole, h.nr_holes, c);
		if (fit == h.nr_holes)
			continue;
		gain = around + c.len;
		at = fit;
		*from = c;
	}
	if (gain == uz__zslot_room(base).largest)
		return false;
	*to = carve_hole(base, &h, &hole[at], from->len, from->owner);
	fit_cap(base, &h);
	return true;
}
