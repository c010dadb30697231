/* SPDX-License-Identifier: MIT */
/*
 * zslot, one block: where objects and holes lie. The list of holes comes first and the cells
 * last in the words behind cap, both unsorted, so that adding is appending and removing is
 * moving the last one into the gap. An allocation looks at holes only, a free at the
 * cells until it finds its own and then at the holes: 10 to 20 words that lie together,
 * where lists through the objects would touch a cache line each.
 *
 * Only cap, the cells and the number of them must survive a crash. A cell is written before the
 * foot counts it, and moved before its old place is dropped, so a live object has its cell
 * at every instant (for one instant twice). Holes are rebuilt from the cells.
 *
 * An object is carved from the lower end of its hole. So what is written one behind the other
 * lies one behind the other, and is read at the speed at which the hardware fetches ahead: with
 * objects placed downwards, reading 2 KiB objects took 1.3 to 2 times as long. And the
 * hole that touches cap is the last to go, so cap can move down when cells and holes have met,
 * and up again when they no longer need the words.
 */
#include "zslot_i.h"

/* Units between the last hole and the last cell. */
static uint32_t zslot_slack(const struct zslot_foot *f)
{
	return zslot_foot_units(f) - WORD_UNITS * (1u + f->nr_objects) - f->nr_holes - f->cap;
}

#define TAIL_FIRST 16u
#define SLACK_LOW 4u /* below, cap goes down if it can */
#define CAP_STEP 4u
#define SLACK_HIGH 32u /* more than this goes back to the objects */

void uz__zslot_hole_add(struct zslot_foot *f, uint32_t off, uint32_t len)
{
	zslot_holes(f)[f->nr_holes++] = zslot_hole(off, len);
}

static void hole_remove(struct zslot_foot *f, uint32_t *hole)
{
	*hole = zslot_holes(f)[--f->nr_holes];
}

static void set_cap(struct zslot_foot *f, uint32_t cap)
{
	uint32_t *from = zslot_holes(f);

	f->cap = (uint16_t)cap;
	memmove(zslot_holes(f), from, 4u * f->nr_holes);
}

static uint32_t *hole_before(const struct zslot_foot *f, uint32_t end)
{
	uint32_t *hole = zslot_holes(f);

	for (uint32_t i = 0; i < f->nr_holes; i++)
		if (zslot_hole_off(hole[i]) + zslot_hole_len(hole[i]) == end)
			return &hole[i];
	return NULL;
}

static void cap_down(struct zslot_foot *f)
{
	uint32_t cap = f->cap, len, step;
	uint32_t *hole = hole_before(f, cap);

	if (!hole)
		return;
	len = zslot_hole_len(*hole);
	step = UZ_MIN(CAP_STEP, len);
	if (step == len)
		hole_remove(f, hole);
	else
		*hole = zslot_hole(zslot_hole_off(*hole), len - step);
	set_cap(f, cap - step);
}

static void cap_up(struct zslot_foot *f)
{
	uint32_t was = f->cap, step = zslot_slack(f) - CAP_STEP;
	uint32_t *hole = hole_before(f, was);

	if (hole)
		*hole = zslot_hole(zslot_hole_off(*hole), zslot_hole_len(*hole) + step);
	set_cap(f, was + step);
	if (!hole)
		uz__zslot_hole_add(f, was, step);
}

/* Every change of a block ends here. */
static void fit_cap(struct zslot_foot *f, struct zslot_room *room)
{
	uint32_t slack = zslot_slack(f);

	if (UZ_LIKELY(slack >= SLACK_LOW && slack <= SLACK_HIGH))
		return;
	if (slack < SLACK_LOW)
		cap_down(f);
	else
		cap_up(f);
	*room = uz__zslot_room(f);
}

void uz__zslot_format(struct zslot_foot *f, uint32_t nr_frames)
{
	uint32_t cap = nr_frames * UNITS_FRAME - TAIL_FIRST;

	*f = (struct zslot_foot){ .magic = ZSLOT_MAGIC,
				  .nr_frames = (uint8_t)nr_frames,
				  .cap = (uint16_t)cap };
	uz__zslot_hole_add(f, 0, cap);
}

struct zslot_room uz__zslot_room(const struct zslot_foot *f)
{
	const uint32_t *hole = zslot_holes(f);
	struct zslot_room r = { 0, 0 };

	for (uint32_t i = 0; i < f->nr_holes; i++) {
		uint32_t len = zslot_hole_len(hole[i]);

		r.free += len;
		r.largest = UZ_MAX(r.largest, len);
	}
	if (zslot_slack(f) < WORD_UNITS)
		r.largest = 0;
	return r;
}

/* Takes the lower end of a hole. */
static uint32_t carve_hole(struct zslot_foot *f, uint32_t *hole, uint32_t len, uint32_t owner)
{
	uint32_t spare = zslot_hole_len(*hole) - len, off = zslot_hole_off(*hole);

	if (spare)
		*hole = zslot_hole(off + len, spare);
	else
		hole_remove(f, hole);
	uz_store_release(zslot_cell(f, 1u + f->nr_objects), zslot_cell_pack(off, len, owner));
	uz_store_release(&f->nr_objects, (uint16_t)(f->nr_objects + 1));
	return off;
}

uint32_t uz__zslot_carve(struct zslot_foot *f, uint32_t len, uint32_t owner,
			 struct zslot_room *room)
{
	uint32_t *hole = zslot_holes(f), nr = f->nr_holes;
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
	off = carve_hole(f, &hole[best & 0xffff], len, owner);
	fit_cap(f, room);
	return off;
}

/* Gives [off, off + len) to the holes beside it, or makes it one. */
static void merge(struct zslot_foot *f, uint32_t off, uint32_t len, struct zslot_room *room)
{
	uint32_t *hole = zslot_holes(f), nr = f->nr_holes;
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
		hole_remove(f, &hole[above]);
	else if (above == nr && below == nr)
		uz__zslot_hole_add(f, off, len);
	*room = (struct zslot_room){ .largest = UZ_MAX(largest, len), .free = total };
}

static uint64_t *find_cell(const struct zslot_foot *f, uint32_t off)
{
	uint32_t i = 1;

	while (*zslot_cell(f, i) >> CELL_OFF_SHIFT != off) {
		i++;
		UZ_ASSERT(i <= f->nr_objects);
	}
	return zslot_cell(f, i);
}

void uz__zslot_release(struct zslot_foot *f, uint32_t off, struct zslot_room *room)
{
	uint64_t *cell;
	uint32_t len;

	UZ_ASSERT(f->nr_objects);
	cell = find_cell(f, off);
	len = zslot_cell_unpack(*cell).len;
	uz_store_release(cell, *zslot_cell(f, f->nr_objects));
	uz_store_release(&f->nr_objects, (uint16_t)(f->nr_objects - 1));
	merge(f, off, len, room);
	fit_cap(f, room);
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

bool uz__zslot_gather(struct zslot_foot *f, struct zslot_cell *from, uint32_t *to)
{
	uint32_t *hole = zslot_holes(f), nr = f->nr_holes, at = nr;
	struct zslot_room room = uz__zslot_room(f);

	if (!room.largest)
		return false;
	for (uint32_t i = 1; i <= f->nr_objects; i++) {
		struct zslot_cell c = zslot_cell_unpack(*zslot_cell(f, i));
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
	*to = carve_hole(f, &hole[at], from->len, from->owner);
	fit_cap(f, &room);
	return true;
}
