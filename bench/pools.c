/* SPDX-License-Identifier: MIT */
/*
 * pools: the table of 2019, every pool with one codec on one data set: 4 KiB requests as fio
 * made them then, in sequence for write and read, at random with as many writes as reads for
 * mixed; the worst of a thousand (p99.9) is of the mixed requests. All pools are open at once
 * and take turns every few MiB, so that they can be compared within percents.
 *
 *	pools data=FILE [codec=lz4] [size_mib=64] [rounds=5] [pool=NAME]
 */
#include "disk.h"

#define POOLS_MAX 16
#define TURN_PAGES 2048u

struct entrant {
	const char *name;
	struct bench_disk disk;
	struct bench_time time;
	uint64_t *ticks; /* of each mixed request of this round */
	uint64_t nr;
};

struct pools {
	struct entrant entrant[POOLS_MAX];
	unsigned int nr;
	const char *pages;
	char *buf;
	uint64_t nr_pages, shift;
};

enum work { WORK_WRITE, WORK_READ, WORK_MIXED, WORK_NR };

static const char *const work_name[WORK_NR] = { "write", "read", "mixed" };

static void request(struct pools *p, struct entrant *e, bool read, uint64_t page)
{
	const char *src = p->pages + ((page + p->shift) % p->nr_pages << UZ_PAGE_SHIFT);
	uint64_t off = page << UZ_PAGE_SHIFT;
	int r = read ? uz_dev_read(e->disk.dev, e->disk.st[0], off, p->buf, UZ_PAGE_SIZE, 0)
		     : uz_dev_write(e->disk.dev, e->disk.st[0], off, src, UZ_PAGE_SIZE, 0);

	BENCH_CHECK(r == 0, "%s: %s: %s", e->name, read ? "read" : "write", strerror(-r));
}

static void in_sequence(struct pools *p, struct entrant *e, bool read, uint64_t from)
{
	for (uint64_t i = from; i < from + TURN_PAGES; i++)
		request(p, e, read, i);
}

static void mixed(struct pools *p, struct entrant *e, uint64_t from)
{
	uint64_t rng = from + 1;

	for (unsigned int i = 0; i < TURN_PAGES; i++) {
		uint64_t what = bench_random(&rng), start = bench_ticks();

		request(p, e, what >> 63, what % p->nr_pages);
		e->ticks[e->nr++] = bench_ticks() - start;
	}
}

static void turn(struct pools *p, struct entrant *e, enum work work, uint64_t from)
{
	bench_start(&e->time);
	if (work == WORK_MIXED)
		mixed(p, e, from);
	else
		in_sequence(p, e, work == WORK_READ, from);
	bench_stop(&e->time);
}

static void emit(struct pools *p, struct entrant *e, enum work work)
{
	uint64_t bytes = p->nr_pages << UZ_PAGE_SHIFT;

	bench_emit(work_name[work]);
	bench_emit_text("pool", e->name);
	bench_emit_number("mb_s", (double)bytes * 1e3 / (double)e->time.wall_ns);
	bench_emit_number("cpu_mb_s", (double)bytes * 1e3 / (double)e->time.cpu_ns);
	if (work == WORK_MIXED) {
		struct uz_dev_stats st = bench_disk_stats(&e->disk);

		qsort(e->ticks, e->nr, sizeof(e->ticks[0]), bench_compare_u64);
		bench_emit_number("p999_us", (double)bench_quantile(e->ticks, e->nr, 0.999) /
						     bench_ticks_per_ns() / 1e3);
		bench_emit_number("memory_mib", (double)(st.ram_total - st.ram_reserve) / 1048576);
		bench_emit_number("of_data",
				  (double)(st.ram_total - st.ram_reserve) / (double)bytes);
	}
	bench_emit_end();
}

static void pass(struct pools *p, enum work work, unsigned int round)
{
	for (unsigned int i = 0; i < p->nr; i++) {
		p->entrant[i].time = (struct bench_time){ 0 };
		p->entrant[i].nr = 0;
	}
	for (uint64_t from = 0; from < p->nr_pages; from += TURN_PAGES) {
		for (unsigned int i = 0; i < p->nr; i++)
			turn(p, &p->entrant[(i + round + from / TURN_PAGES) % p->nr], work, from);
	}
	for (unsigned int i = 0; i < p->nr; i++)
		emit(p, &p->entrant[i], work);
}

static void add(struct pools *p, const char *name)
{
	struct entrant *e = &p->entrant[p->nr++];
	struct bench_disk_config dc = { .backing = UZ_HOST_PRIVATE,
					.size_bytes = p->nr_pages << UZ_PAGE_SHIFT,
					.pool = name,
					.codec = bench_text("codec", "lz4") };

	BENCH_CHECK(p->nr <= POOLS_MAX, "more than %d pools", POOLS_MAX);
	e->name = name;
	e->ticks = bench_memory(p->nr_pages * sizeof(e->ticks[0]));
	bench_disk_open(&e->disk, &dc);
	for (uint64_t from = 0; from < p->nr_pages; from += TURN_PAGES)
		in_sequence(p, e, false, from);
}

int main(int argc, char **argv)
{
	struct pools p = { .nr = 0 };
	const char *only;

	bench_args(argc, argv);
	only = bench_text("pool", NULL);
	p.nr_pages = bench_number("size_mib", 64) << 20 >> UZ_PAGE_SHIFT;
	BENCH_CHECK(p.nr_pages && p.nr_pages % TURN_PAGES == 0, "size_mib must be a multiple of 8");
	p.pages = bench_pages(p.nr_pages);
	p.buf = bench_memory(UZ_PAGE_SIZE);
	for (unsigned int i = 0; uz_pools[i]; i++) {
		if (!only || !strcmp(only, uz_pools[i]->name))
			add(&p, uz_pools[i]->name);
	}
	BENCH_CHECK(p.nr, "no pool '%s'", only);
	for (unsigned int r = 0; r < bench_number("rounds", 5); r++) {
		p.shift = (p.shift + p.nr_pages / 3) % p.nr_pages;
		pass(&p, WORK_WRITE, r);
		pass(&p, WORK_READ, r);
		pass(&p, WORK_MIXED, r);
	}
	for (unsigned int i = 0; i < p.nr; i++)
		bench_disk_close(&p.entrant[i].disk);
	return 0;
}
