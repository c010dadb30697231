/* SPDX-License-Identifier: MIT */
/*
 * density: memory for a compressed byte: after a fill, after three times as many random
 * overwrites as there are pages, and 2 s after half of the pages were discarded at random, while
 * nobody asks for anything and only the background thread runs. Ours counts everything the
 * store costs but the populated reserve, which is told beside it, and of which no more than
 * max(4 MiB, 1%) is taken off.
 *
 *	density data=FILE [object_mib=512] [pool=NAME] [zram=NUMBER] [ours=0] [wait_ms=2000]
 *
 * settled_ms: how long after the work the reserve was more than that.
 *
 * The disk is as large as is needed for that many MiB of compressed bytes.
 */
#include <time.h>

#include "side.h"

#define SETTLE_MS 2000u
#define SETTLE_STEP_MS 5u

struct density {
	struct side *ours, *zram;
	struct uz_background *bg;
	const char *pages;
	const char *pool;
	uint64_t nr; /* pages */
};

/* What a store may keep populated ahead of demand; more than that counts as cost. */
static uint64_t reserve_allowed(const struct uz_dev_stats *st)
{
	return UZ_MIN(st->ram_reserve, UZ_MAX(st->ram_total / 100, (uint64_t)4 << 20));
}

static void wait_ms(uint64_t ms)
{
	nanosleep(&(struct timespec){ (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 }, NULL);
}

/* How long it takes until the reserve is within what is allowed: 0 if it is. */
static uint64_t settle_ms(struct density *d)
{
	struct uz_dev_stats st = bench_disk_stats(side_ours_disk(d->ours));
	uint64_t ms = 0;

	for (; st.ram_reserve > reserve_allowed(&st) && ms < SETTLE_MS; ms += SETTLE_STEP_MS) {
		wait_ms(SETTLE_STEP_MS);
		st = bench_disk_stats(side_ours_disk(d->ours));
	}
	return ms;
}

static void emit_ours(struct density *d, const char *when)
{
	struct uz_dev_stats st = bench_disk_stats(side_ours_disk(d->ours));

	bench_emit(when);
	bench_emit_text("who", "ours");
	bench_emit_text("pool", d->pool);
	bench_emit_number("ratio", (double)(st.ram_total - reserve_allowed(&st)) /
					   (double)st.compr_data_size);
	bench_emit_number("compr_mib", (double)st.compr_data_size / 1048576);
	bench_emit_number("reserve_mib", (double)st.ram_reserve / 1048576);
	bench_emit_number("reserve_ok", st.ram_reserve == reserve_allowed(&st));
	bench_emit_number("ram_total_mib", (double)st.ram_total / 1048576);
	bench_emit_number("objects_moved", (double)st.objects_moved);
	bench_emit_number("resident_mib",
			  (double)uz_host_resident(side_ours_disk(d->ours)->host) / 1048576);
	bench_emit_number("settled_ms", (double)settle_ms(d));
	bench_emit_end();
}

/* The kernel's table is not in mm_stat: 16 bytes a page of disksize. */
static void emit_zram(struct density *d, const char *when)
{
	uint64_t stat[9];

	side_zram_stat(d->zram, stat);
	bench_emit(when);
	bench_emit_text("who", "zram");
	bench_emit_number("ratio", (double)(stat[2] + 16 * d->nr) / (double)stat[1]);
	bench_emit_number("ratio_no_table", (double)stat[2] / (double)stat[1]);
	bench_emit_number("compr_mib", (double)stat[1] / 1048576);
	bench_emit_end();
}

static void emit(struct density *d, const char *when)
{
	if (d->ours)
		emit_ours(d, when);
	if (d->zram)
		emit_zram(d, when);
}

static const char *page_at(const struct density *d, uint64_t i)
{
	return d->pages + (i << UZ_PAGE_SHIFT);
}

static void write_pages(struct side *s, uint64_t page, const char *src, uint64_t len)
{
	if (s)
		s->write(s, 0, page << UZ_PAGE_SHIFT, src, len);
}

static void fill(struct density *d)
{
	for (uint64_t i = 0; i < d->nr; i += BENCH_REQUEST >> UZ_PAGE_SHIFT) {
		uint64_t len = UZ_MIN((d->nr - i) << UZ_PAGE_SHIFT, (uint64_t)BENCH_REQUEST);

		write_pages(d->ours, i, page_at(d, i), len);
		write_pages(d->zram, i, page_at(d, i), len);
	}
}

static void churn(struct density *d)
{
	uint64_t rng = 7;

	for (uint64_t k = 0; k < 3 * d->nr; k++) {
		uint64_t page = bench_random(&rng) % d->nr;
		const char *src = page_at(d, bench_random(&rng) % d->nr);

		write_pages(d->ours, page, src, UZ_PAGE_SIZE);
		write_pages(d->zram, page, src, UZ_PAGE_SIZE);
	}
}

static void discard_half(struct density *d)
{
	struct bench_disk *disk = d->ours ? side_ours_disk(d->ours) : NULL;
	uint64_t rng = 9;

	for (uint64_t i = 0; i < d->nr; i++) {
		if (bench_random(&rng) >> 63)
			continue;
		BENCH_CHECK(!disk || !uz_dev_discard(disk->dev, disk->st[0], i << UZ_PAGE_SHIFT,
						     UZ_PAGE_SIZE),
			    "discard");
		if (d->zram)
			side_zram_discard(d->zram, i << UZ_PAGE_SHIFT, UZ_PAGE_SIZE);
	}
}

/* Pages that compress to @bytes, by the average of the data set; a little more. */
static uint64_t pages_for(uint64_t bytes)
{
	uint64_t probe = bench_data_pages(), per_page;
	char *pages = bench_pages(probe);
	struct side *bare = side_bare(pages, probe);

	per_page = side_bare_bytes(bare) / probe;
	bare->close(bare);
	bench_memory_free(pages, probe << UZ_PAGE_SHIFT);
	return bytes / (per_page - per_page / 50) + 1;
}

static void open_ours(struct density *d)
{
	struct bench_disk_config dc = { .backing = UZ_HOST_PRIVATE,
					.size_bytes = d->nr << UZ_PAGE_SHIFT,
					.pool = d->pool };

	d->ours = side_ours(&dc);
	d->ours->reset(d->ours);
	BENCH_CHECK(!uz_background_start(side_ours_disk(d->ours)->store, &d->bg),
		    "no background thread");
}

int main(int argc, char **argv)
{
	struct density d = { .nr = 0 };

	bench_args(argc, argv);
	d.pool = bench_text("pool", uz_pools[0]->name);
	d.nr = pages_for(bench_number("object_mib", 512) << 20);
	d.pages = bench_pages(d.nr);
	if (bench_number("ours", 1))
		open_ours(&d);
	d.zram = side_zram(d.nr << UZ_PAGE_SHIFT);
	if (d.zram)
		d.zram->reset(d.zram);
	fill(&d);
	emit(&d, "fill");
	churn(&d);
	emit(&d, "overwrite");
	discard_half(&d);
	wait_ms(bench_number("wait_ms", 2000));
	emit(&d, "discard");
	uz_background_stop(d.bg);
	if (d.ours)
		d.ours->close(d.ours);
	if (d.zram)
		d.zram->close(d.zram);
	return 0;
}
