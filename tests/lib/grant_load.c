/* SPDX-License-Identifier: MIT */
#include "grant_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TABLE_BYTES (1u << 20)
#define STORED_MIN 2400u /* a page takes at least so much memory on average */

_Thread_local uint64_t grant_load_pin_ns;

static struct uz_codec_ops codec;
static unsigned char *table;

static int decompress(const void *shared, void *state, const void *src, uint32_t len, void *dst)
{
	uint64_t ns = grant_load_pin_ns;

	grant_load_pin_ns = 0;
	if (ns)
		nanosleep(&(struct timespec){ (time_t)(ns / 1000000000), (long)(ns % 1000000000) },
			  NULL);
	return uz_codec_lz4.decompress(shared, state, src, len, dst);
}

static void make_content(void)
{
	struct test_rng rng = test_rng_of(1);

	codec = uz_codec_lz4;
	codec.decompress = decompress;
	if (table)
		return;
	table = malloc(TABLE_BYTES);
	CHECK(table);
	test_fill_random(&rng, table, TABLE_BYTES);
}

static void make_page(uint32_t page, uint32_t seq, unsigned char *buf)
{
	uint64_t hash = ((uint64_t)seq << 32 | page) * 0x9e3779b97f4a7c15ull;
	uint32_t from = (uint32_t)(hash >> 44) % (TABLE_BYTES - UZ_PAGE_SIZE);
	uint32_t len = page % 8 ? 1800 + (uint32_t)(hash >> 20) % 1600 : UZ_PAGE_SIZE;

	memcpy(buf, table + from, len);
	memset(buf + len, (int)page, UZ_PAGE_SIZE - len);
	memcpy(buf, &page, sizeof(page));
	memcpy(buf + sizeof(page), &seq, sizeof(seq));
}

static void check_page(struct uz_dev *d, struct uz_stream *st, uint32_t page, uint32_t seq)
{
	unsigned char want[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];

	make_page(page, seq, want);
	CHECK_EQ(uz_dev_read(d, st, (uint64_t)page << UZ_PAGE_SHIFT, got, UZ_PAGE_SIZE, 0), 0);
	CHECK_MEM(got, want, UZ_PAGE_SIZE);
}

static int write_page(struct uz_dev *d, struct uz_stream *st, uint32_t page, uint32_t seq)
{
	unsigned char buf[UZ_PAGE_SIZE];

	make_page(page, seq, buf);
	return uz_dev_write(d, st, (uint64_t)page << UZ_PAGE_SHIFT, buf, UZ_PAGE_SIZE, 0);
}

void grant_load_check(struct grant_load *l, struct uz_stream *st, uint32_t page)
{
	check_page(l->rig.dev, st, page, l->seq[page]);
}

void grant_load_check_cold(struct grant_load *l, struct uz_stream *st, uint32_t page)
{
	check_page(l->cold, st, page, 1);
}

bool grant_load_write(struct grant_load *l, struct uz_stream *st, uint32_t page)
{
	int r = write_page(l->rig.dev, st, page, l->seq[page] + 1);

	CHECK(r == 0 || r == -ENOSPC);
	l->seq[page] += r == 0;
	return r == 0;
}

void grant_load_check_all(struct grant_load *l, struct uz_stream *st)
{
	for (uint32_t i = 0; i < l->nr_move; i++)
		grant_load_check(l, st, i);
	for (uint32_t i = 0; i < l->nr_cold; i++)
		grant_load_check_cold(l, st, i);
}

/* Of the two disks: memory for data, and for copies. */
static uint64_t used_bytes(struct uz_dev *d)
{
	struct uz_dev_stats st;

	uz_dev_stats(d, &st);
	return st.mem_used_total;
}

static void fill_cold(struct grant_load *l, uint64_t bytes)
{
	struct uz_dev_config dc = { .name = "cold",
				    .size_bytes = UZ_ALIGN_UP(bytes * UZ_PAGE_SIZE / STORED_MIN,
							      (uint64_t)UZ_PAGE_SIZE),
				    .pool = uz_dev_pool(l->rig.dev),
				    .codec = uz_dev_codec(l->rig.dev) };

	CHECK_EQ(uz_dev_create(l->rig.store, &dc, &l->cold), 0);
	test_backing_open(&l->backing, dc.size_bytes + UZ_PAGE_SIZE);
	CHECK_EQ(uz_dev_set_backing(l->cold, &l->backing.dev, "memory", 0), 0);
	while (used_bytes(l->cold) < bytes)
		for (int i = 0; i < 64; i++)
			CHECK_EQ(write_page(l->cold, l->rig.st, l->nr_cold++, 1), 0);
	CHECK(uz_dev_writeback(l->cold, UZ_WRITEBACK_ALL, 0) > 0);
}

/*
 * Runs that leave room in the region only, until data is there: taken from all of the arena, and those
 * in the region freed again.
 */
struct filler {
	uint32_t *run, nr;
};

static struct uz_arena *arena_of(struct grant_load *l)
{
	return uz_store_arena(l->rig.store);
}

static void fill_outside(struct grant_load *l, const struct grant_load_config *c, struct filler *f)
{
	struct uz_contig_failure why;
	struct uz_grant g;
	uint64_t ns;
	uint32_t nr = 0;

	f->run = calloc(c->capacity_bytes / (UZ_RUN_MAX * UZ_FRAME_SIZE), sizeof(*f->run));
	CHECK(f->run);
	CHECK_EQ(grant_load_grant(l, c->region_bytes, 1000, &g, &why, &ns), 0);
	CHECK_EQ(uz_contig_free(l->region, g.id), 0);
	while (uz_run_alloc(arena_of(l), UZ_RUN_MAX, UZ_ALLOC_DISCARD, &f->run[f->nr]) == 0)
		f->nr++;
	for (uint32_t i = 0; i < f->nr; i++)
		if (uz_ablock_of(f->run[i]) - g.first < g.nr)
			uz_run_free(arena_of(l), f->run[i], UZ_RUN_MAX);
		else
			f->run[nr++] = f->run[i];
	f->nr = nr;
}

static void free_outside(struct grant_load *l, struct filler *f)
{
	while (f->nr)
		uz_run_free(arena_of(l), f->run[--f->nr], UZ_RUN_MAX);
	free(f->run);
}

static void fill_move(struct grant_load *l, uint64_t bytes)
{
	while (used_bytes(l->rig.dev) < bytes)
		for (int i = 0; i < 64; i++, l->nr_move++)
			CHECK(grant_load_write(l, l->rig.st, l->nr_move));
}

static void fill_inside(struct grant_load *l, const struct grant_load_config *c)
{
	struct filler f = { .nr = 0 };

	CHECK(grant_load_write(l, l->rig.st, 0));
	fill_outside(l, c, &f);
	fill_move(l, c->move_bytes);
	free_outside(l, &f);
}

static void make_region(struct grant_load *l, const struct grant_load_config *c)
{
	struct uz_region_config rc = {
		.name = "cam0", .bytes = c->region_bytes, .policy = c->policy, .spread = c->spread
	};

	CHECK_EQ(uz_store_region_create(l->rig.store, &rc, &l->region), 0);
}

void grant_load_open(struct grant_load *l, const struct grant_load_config *c)
{
	struct dev_rig_config rc = { .size_bytes =
					     UZ_ALIGN_UP(c->move_bytes * UZ_PAGE_SIZE / STORED_MIN,
							 (uint64_t)UZ_PAGE_SIZE),
				     .limit_bytes = c->limit_bytes,
				     .capacity_bytes = c->capacity_bytes,
				     .reserve_bytes = c->reserve_bytes,
				     .private_memory = c->private_memory };

	make_content();
	rc.ops = &codec;
	*l = (struct grant_load){ .nr_move = 0 };
	rc.size_bytes += UZ_PAGE_SIZE;
	dev_rig_open(&l->rig, &rc);
	make_region(l, c);
	l->seq = calloc(rc.size_bytes >> UZ_PAGE_SHIFT, sizeof(*l->seq));
	CHECK(l->seq);
	if (c->discard_bytes)
		fill_cold(l, c->discard_bytes);
	for (uint32_t i = 0; i < l->nr_cold; i++)
		grant_load_check_cold(l, l->rig.st, i);
	if (c->inside)
		fill_inside(l, c);
	else if (c->move_bytes)
		fill_move(l, c->move_bytes);
	CHECK_EQ(uz_background_start(l->rig.store, &l->background), 0);
}

void grant_load_close(struct grant_load *l)
{
	uz_background_stop(l->background);
	dev_rig_close(&l->rig);
	if (l->cold)
		test_backing_close(&l->backing);
	free(l->seq);
}

int grant_load_grant(struct grant_load *l, uint64_t bytes, uint64_t ms, struct uz_grant *g,
		     struct uz_contig_failure *why, uint64_t *ns)
{
	struct uz_plat *pl = &l->rig.fault.plat;
	uint64_t start = pl->ops->now(pl);
	int r = uz_store_contig_alloc(l->rig.store, l->region, bytes, start + ms * 1000000, g, why);

	*ns = pl->ops->now(pl) - start;
	return r;
}
