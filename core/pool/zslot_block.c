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

/* Units between the last cell and the last hole. */
static uint32_t zslot_slack(const struct zslot_head *h)
{
	return h->cap - WORD_UNITS * (1u + h->nr_objects) - h->nr_holes;
}

#define CAP_FIRST 16u
#define CAP_LOW 4u /* units of slack; below, cap moves up if it can */
#define CAP_STEP 4u
#define CAP_SLACK 32u /* more than this goes back to the objects */

void uz__zslot_hole_add(uint64_t *base, uint32_t off, uint32_t len)
{
	zslot_head(base)->nr_holes++;
	*zslot_holes(base) = zslot_hole(off, len);
}

static void hole_remove(uint64_t *base, uint32_t *hole)
{
	*hole = *zslot_holes(base);
	zslot_head(base)->nr_holes--;
}

static void set_cap(uint64_t *base, uint32_t cap)
{
	uint32_t *from = zslot_holes(base);

	zslot_head(base)->cap = (uint16_t)cap;
	memmove(zslot_holes(base), from, 4u * zslot_head(base)->nr_holes);
}

static uint32_t *hole_at(const uint64_t *base, uint32_t off)
{
	uint32_t *hole = zslot_holes(base);

	for (uint32_t i = 0; i < zslot_head(base)->nr_holes; i++)
		if (zslot_hole_off(hole[i]) == off)
			return &hole[i];
	return NULL;
}

static void cap_up(uint64_t *base)
{
	uint32_t cap = zslot_head(base)->cap, len, step;
	uint32_t *hole = hole_at(base, cap);

	if (!hole)
		return;
	len = zslot_hole_len(*hole);
	step = UZ_MIN(CAP_STEP, len);
	if (step == len)
		hole_remove(base, hole);
	else
		*hole = zslot_hole(cap + step, len - step);
	set_cap(base, cap + step);
}

static void cap_down(uint64_t *base)
{
	uint32_t was = zslot_head(base)->cap;
	uint32_t step = zslot_slack(zslot_head(base)) - CAP_STEP;
	uint32_t *hole = hole_at(base, was);

	if (hole)
		*hole = zslot_hole(was - step, zslot_hole_len(*hole) + step);
	set_cap(base, was - step);
	if (!hole)
		uz__zslot_hole_add(base, was - step, step);
}

/* Every change of a block ends here. */
static void fit_cap(uint64_t *base, struct zslot_room *room)
{
	uint32_t slack = zslot_slack(zslot_head(base));

	if (UZ_LIKELY(slack >= CAP_LOW && slack <= CAP_SLACK))
		return;
	if (slack < CAP_LOW)
		cap_up(base);
	else
		cap_down(base);
	*room = uz__zslot_room(base);
}

void uz__zslot_format(uint64_t *base, uint32_t units)
{
	*zslot_head(base) = (struct zslot_head){ .magic = ZSLOT_MAGIC, .cap = CAP_FIRST };
	uz__zslot_hole_add(base, CAP_FIRST, units - CAP_FIRST);
}

struct zslot_room uz__zslot_room(const uint64_t *base)
{
	const uint32_t *hole = zslot_holes(base);
	struct zslot_room r = { 0, 0 };

	for (uint32_t i = 0; i < zslot_head(base)->nr_holes; i++) {
		uint32_t len = zslot_hole_len(hole[i]);

		r.free += len;
		r.largest = UZ_MAX(r.largest, len);
	}
	if (zslot_slack(zslot_head(base)) < WORD_UNITS)
		r.largest = 0;
	return r;
}

/* Takes the upper end of a hole. */
static uint32_t carve_hole(uint64_t *base, uint32_t *hole, uint32_t len, uint32_t owner)
{
	struct zslot_head *h = zslot_head(base);
	uint32_t spare = zslot_hole_len(*hole) - len, off = zslot_hole_off(*hole) + spare;

	if (spare)
		*hole = zslot_hole(zslot_hole_off(*hole), spare);
	else
		hole_remove(base, hole);
	uz_store_release(&base[1 + h->nr_objects], zslot_cell_pack(off, len, owner));
	uz_store_release(&h->nr_objects, (uint16_t)(h->nr_objects + 1));
	return off;
}

uint32_t uz__zslot_carve(uint64_t *base, uint32_t len, uint32_t owner, struct zslot_room *room)
{
	uint32_t *hole = zslot_holes(base), nr = zslot_head(base)->nr_holes;
	uint32_t best = UINT32_MAX, first = 0, second = 0, total = 0, off;

	for (uint32_t i = 0; i < nr; i++) {
		uint32_t n = zslot_hole_len(hole[i]), key = (n - len) << 16 | i;

		total += n;
		best = UZ_MIN(best, n >= len ? key : UINT32_MAX);
		second = UZ_MAX(second, UZ_MIN(first, n));
		first = UZ_MAX(first, n);
	}
	UZ_ASSERT(best != UINT32_MAX);
	*room = (struct zslot_room){ .largest = first, .free = total - len };
	if ((best >> 16) + len == first)
		room->largest = UZ_MAX(second, best >> 16);
	off = carve_hole(base, &hole[best & 0xffff], len, owner);
	fit_cap(base, room);
	return off;
}

/* Gives [off, off + len) to the holes beside it, or makes it one. */
static void merge(uint64_t *base, uint32_t off, uint32_t len, struct zslot_room *room)
{
	uint32_t *hole = zslot_holes(base), nr = zslot_head(base)->nr_holes;
	uint32_t below = nr, above = nr, largest = 0, total = len;

	for (uint32_t i = 0; i < nr; i++) {
		uint32_t at = zslot_hole_off(hole[i]), n = zslot_hole_len(hole[i]);

		below = at + n == off ? i : below;
		above = at == off + len ? i : above;
		largest = UZ_MAX(largest, n);
		total += n;
	}
	if (above < nr) {
		len += zslot_hole_len(hole[above]);
		hole[above] = zslot_hole(off, len);
	}
	if (below < nr) {
		len += zslot_hole_len(hole[below]);
		hole[below] = zslot_hole(zslot_hole_off(hole[below]), len);
	}
	if (above < nr && below < nr)
		hole_remove(base, &hole[above]);
	else if (above == nr && below == nr)
		uz__zslot_hole_add(base, off, len);
	*room = (struct zslot_room){ .largest = UZ_MAX(largest, len), .free = total };
}

static uint32_t find_cell(const uint64_t *base, uint32_t off)
{
	uint32_t i = 1;

	while (base[i] >> CELL_OFF_SHIFT != off) {
		i++;
		UZ_ASSERT(i <= zslot_head(base)->nr_objects);
	}
	return i;
}

void uz__zslot_release(uint64_t *base, uint32_t off, struct zslot_room *room)
{
	struct zslot_head *h = zslot_head(base);
	uint32_t i, len;

	UZ_ASSERT(h->nr_objects);
	i = find_cell(base, off);
	len = zslot_cell_unpack(base[i]).len;
	uz_store_release(&base[i], base[h->nr_objects]);
	uz_store_release(&h->nr_objects, (uint16_t)(h->nr_objects - 1));
	merge(base, off, len, room);
	fit_cap(base, room);
}

/* Units of the holes that touch @c. */
static uint32_t free_around(const uint32_t *hole, uint32_t nr, struct zslot_cell c)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < nr; i++)
		if (zslot_hole_off(hole[i]) + zslot_hole_len(hole[i]) == c.off ||
		    zslot_hole_off(hole[i]) == c.off + c.len)
			len += zslot_hole_len(hole[i]);
	return len;
}

/* The smallest hole for @c that does not touch it; nr if there is none. */
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
	uint32_t *hole = zslot_holes(base), nr = zslot_head(base)->nr_holes, at = nr;
	struct zslot_room room = uz__zslot_room(base);

	if (!room.largest)
		return false;
	for (uint32_t i = 1; i <= zslot_head(base)->nr_objects; i++) {
		struct zslot_cell c = zslot_cell_unpack(base[i]);
		uint32_t around = free_around(hole, nr, c), fit;

		if (!around || around + c.len <= room.largest)
			continue;
		fit = away_fit(hole, nr, c);
		if (fit == nr)
			continue;
		room.largest = around + c.len;
		at = fit;
		*from = c;
	}
	if (at == nr)
		return false;
	*to = carve_hole(base, &hole[at], from->len, from->owner);
	fit_cap(base, &room);
	return true;
}
