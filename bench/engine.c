/* SPDX-License-Identifier: MIT */
/*
 * engine: one thread, 1 MiB requests: first fill of an empty disk, rewrite of the full disk,
 * read. The sides take turns every few MiB, so that what else happens on the machine hits them
 * alike; the order of turns changes from round to round. In a rewrite every page gets another
 * page's content. What was read is compared with what must be there, outside the measured time.
 *
 *	engine data=FILE [size_mib=256] [rounds=5] [pool=NAME] [zram=NUMBER] [cold=1] [background=1]
 *		[placed=1]
 *
 * A virtual machine may give its free memory back to the host within seconds, and the next
 * touch of it then costs ten times what the system's own work does. So memory is touched and
 * freed just before a fill, for all sides; cold=1 leaves that out.
 *
 * Bare plus the copy of its bytes into memory ("kept") bounds what a store that copies can reach in
 * writing. placed=1 adds one that compresses straight to where the bytes stay.
 *
 * background=1 runs the library's background thread beside the measured one.
 */
#include "side.h"

#define TURN_BYTES (16u << 20)
#define SIDES_MAX 5

struct engine {
	struct side *side[SIDES_MAX];
	struct side *bare; /* of side[] */
	unsigned int nr_sides;
	const char *pages;
	char *buf;
	uint64_t size, shift; /* bytes: disk offset 0 holds the pages from shift on */
};

enum work { WORK_FILL, WORK_REWRITE, WORK_READ, WORK_NR };

static const char *const work_name[WORK_NR] = { "fill", "rewrite", "read" };

static const char *content(const struct engine *e, uint64_t off)
{
	uint64_t at = off + e->shift;

	return e->pages + (at < e->size ? at : at - e->size);
}

static void turn(struct engine *e, struct side *s, enum work work, uint64_t off,
		 struct bench_time *t)
{
	uint64_t end = off + TURN_BYTES;

	bench_start(t);
	for (; off < end; off += BENCH_REQUEST) {
		if (work == WORK_READ)
			s->read(s, 0, off, e->buf, BENCH_REQUEST);
		else
			s->write(s, 0, off, content(e, off), BENCH_REQUEST);
	}
	bench_stop(t);
	BENCH_CHECK(work != WORK_READ ||
			    !memcmp(e->buf, content(e, off - BENCH_REQUEST), BENCH_REQUEST),
		    "%s: wrong content before %llu", s->name, (unsigned long long)off);
}

static void pass(struct engine *e, enum work work, unsigned int round)
{
	struct bench_time t[SIDES_MAX] = { 0 };

	for (uint64_t off = 0; off < e->size; off += TURN_BYTES) {
		for (unsigned int i = 0; i < e->nr_sides; i++) {
			unsigned int k = (i + round) % e->nr_sides;

			if (!e->side[k]->read && work == WORK_READ)
				continue;
			turn(e, e->side[k], work, off, &t[k]);
		}
	}
	for (unsigned int i = 0; i < e->nr_sides; i++) {
		if (t[i].wall_ns)
			bench_emit_run(work_name[work], e->side[i]->name, e->size, &t[i]);
	}
}

static void one_round(struct engine *e, unsigned int round)
{
	struct uz_background *bg = NULL;

	for (unsigned int i = 0; i < e->nr_sides; i++)
		e->side[i]->reset(e->side[i]);
	if (!bench_number("cold", 0))
		bench_warm(2 * e->size);
	if (bench_number("background", 0))
		BENCH_CHECK(!uz_background_start(side_ours_disk(e->side[0])->store, &bg),
			    "no background thread");
	e->shift = 0;
	pass(e, WORK_FILL, round);
	e->shift = UZ_ALIGN_UP(e->size / 3, BENCH_REQUEST);
	side_bare_turn(e->bare, e->shift >> UZ_PAGE_SHIFT);
	pass(e, WORK_REWRITE, round);
	pass(e, WORK_READ, round);
	uz_background_stop(bg);
}

int main(int argc, char **argv)
{
	struct engine e = { .nr_sides = 0 };
	struct bench_disk_config dc = { .backing = UZ_HOST_PRIVATE };

	bench_args(argc, argv);
	e.size = bench_number("size_mib", 256) << 20;
	BENCH_CHECK(e.size && e.size % TURN_BYTES == 0, "size_mib must be a multiple of 16");
	e.pages = bench_pages(e.size >> UZ_PAGE_SHIFT);
	e.buf = bench_memory(BENCH_REQUEST);
	dc.size_bytes = e.size;
	dc.pool = bench_text("pool", NULL);
	e.side[0] = side_ours(&dc);
	e.side[1] = e.bare = side_bare(e.pages, e.size >> UZ_PAGE_SHIFT);
	e.side[2] = side_kept(e.pages, e.size >> UZ_PAGE_SHIFT);
	e.side[3] = side_zram(e.size);
	e.nr_sides = e.side[3] ? 4 : 3;
	if (bench_number("placed", 0))
		e.side[e.nr_sides++] = side_placed(e.pages, e.size >> UZ_PAGE_SHIFT);
	for (unsigned int r = 0; r < bench_number("rounds", 5); r++)
		one_round(&e, r);
	for (unsigned int i = 0; i < e.nr_sides; i++)
		e.side[i]->close(e.side[i]);
	return 0;
}
