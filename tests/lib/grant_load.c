/* SPDX-License-Identifier: MIT */
#include "grant_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "grant_page.h"

#define EMPTY (1u << 31) /* in a sequence: discarded since */
#define STORED_MIN 2800u /* a page takes at least so much memory on average */
#define COLD_INDEX 255u
#define OTHER_BYTES (9ull << 20) /* streams, tables, reserves */

_Thread_local uint64_t grant_load_pin_ns;

static struct uz_codec_ops codec;

static int decompress(const void *shared, void *state, const void *src, uint32_t len, void *dst)
{
	uint64_t ns = grant_load_pin_ns;

	grant_load_pin_ns = 0;
	if (ns)
		nanosleep(&(struct timespec){ (time_t)(ns / 1000000000), (long)(ns % 1000000000) },
			  NULL);
	return uz_codec_lz4.decompress(shared, state, src, len, dst);
}

void grant_load_check(struct grant_disk *d, struct uz_stream *st, uint32_t page)
{
	unsigned char want[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];
	uint32_t seq = d->seq[page];

	if (!seq || seq & EMPTY)
		memset(want, 0, sizeof(want));
	else
		grant_page_make(want, d->index, page, seq);
	CHECK_EQ(uz_dev_read(d->dev, st, (uint64_t)page << UZ_PAGE_SHIFT, got, UZ_PAGE_SIZE, 0), 0);
	CHECK_MEM(got, want, UZ_PAGE_SIZE);
}

uint64_t grant_load_check_all(struct grant_disk *d, struct uz_stream *st)
{
	for (uint32_t i = 0; i < d->nr; i++)
		grant_load_check(d, st, i);
	return d->nr;
}

bool grant_load_write(struct grant_disk *d, struct uz_stream *st, uint32_t page)
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint32_t seq = (d->seq[page] & ~EMPTY) + 1;
	int r;

	grant_page_make(buf, d->index, page, seq);
	r = uz_dev_write(d->dev, st, (uint64_t)page << UZ_PAGE_SHIFT, buf, UZ_PAGE_SIZE, 0);
	CHECK(r == 0 || r == -ENOSPC);
	if (r == 0)
		d->seq[page] = seq;
	return r == 0;
}

uint64_t grant_load_write_all(struct grant_disk *d, struct uz_stream *st)
{
	uint64_t refused = 0;

	for (uint32_t i = 0; i < d->nr; i++)
		refused += !grant_load_write(d, st, i);
	return refused;
}

void grant_load_discard(struct grant_disk *d, struct uz_stream *st)
{
	CHECK_EQ(uz_dev_discard(d->dev, st, 0, uz_dev_size(d->dev)), 0);
	for (uint32_t i = 0; i < d->nr; i++)
		d->seq[i] |= EMPTY;
}

/* Pages until their objects take @bytes. */
static void fill(struct grant_load *l, struct grant_disk *d, uint64_t bytes)
{
	struct uz_dev_stats st;

	d->seq = calloc(uz_dev_size(d->dev) >> UZ_PAGE_SHIFT, sizeof(*d->seq));
	CHECK(d->seq);
	do {
		for (int i = 0; i < 32; i++)
			CHECK(grant_load_write(d, l->rig.st, d->nr++));
		uz_dev_stats(d->dev, &st);
	} while (st.mem_used_total < bytes);
}

static uint64_t size_for(uint64_t bytes)
{
	return UZ_ALIGN_UP(bytes * UZ_PAGE_SIZE / STORED_MIN, (uint64_t)UZ_PAGE_SIZE) +
	       32 * UZ_PAGE_SIZE;
}

static void make_disk(struct grant_load *l, struct grant_disk *d, const char *name, uint64_t bytes)
{
	struct uz_dev_config dc = { .name = name,
				    .size_bytes = size_for(bytes),
				    .pool = uz_dev_pool(l->rig.dev),
				    .codec = uz_dev_codec(l->rig.dev) };

	CHECK_EQ(uz_dev_create(l->rig.store, &dc, &d->dev), 0);
}

static void fill_cold(struct grant_load *l, uint64_t bytes)
{
	struct grant_disk *d = &l->cold;

	d->index = COLD_INDEX;
	make_disk(l, d, "cold", bytes);
	test_backing_open(&l->backing, uz_dev_size(d->dev) + UZ_PAGE_SIZE);
	CHECK_EQ(uz_dev_set_backing(d->dev, &l->backing.dev, "memory", 0), 0);
	fill(l, d, bytes);
	CHECK(uz_dev_writeback(d->dev, UZ_WRITEBACK_ALL, 0) > 0);
	grant_load_check_all(d, l->rig.st);
}

static void fill_move(struct grant_load *l, const struct grant_load_config *c)
{
	uint64_t bytes = c->move_bytes / l->nr_disks;
	char name[UZ_DISK_NAME_MAX];

	l->disk[0].dev = l->rig.dev;
	for (uint32_t i = 0; i < l->nr_disks; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		l->disk[i].index = i;
		if (i)
			make_disk(l, &l->disk[i], name, bytes);
		fill(l, &l->disk[i], bytes);
	}
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

/* The first page makes the arena block in which the disk's tables have their place. */
static void fill_inside(struct grant_load *l, const struct grant_load_config *c)
{
	struct filler f = { .nr = 0 };
	struct uz_region_stats rs;
	unsigned char page[UZ_PAGE_SIZE] = { 1 };

	CHECK_EQ(uz_dev_write(l->rig.dev, l->rig.st, 0, page, sizeof(page), 0), 0);
	fill_outside(l, c, &f);
	fill_move(l, c);
	do {
		CHECK(grant_load_write(&l->disk[0], l->rig.st, l->disk[0].nr++));
		uz_region_stats(l->region, &rs);
	} while (rs.lent_move < c->move_bytes >> UZ_FRAME_SHIFT);
	while (f.nr)
		uz_run_free(arena_of(l), f.run[--f.nr], UZ_RUN_MAX);
	free(f.run);
}

static void make_region(struct grant_load *l, const struct grant_load_config *c)
{
	struct uz_region_config rc = {
		.name = "cam0", .bytes = c->region_bytes, .policy = c->policy, .spread = c->spread
	};

	CHECK_EQ(uz_store_region_create(l->rig.store, &rc, &l->region), 0);
}

struct grant_load_config grant_load_nearly_full(uint64_t bytes)
{
	uint64_t data = bytes / 1024 * 950;

	return (struct grant_load_config){ .limit_bytes = UZ_MAX(bytes, data + OTHER_BYTES),
					   .region_bytes = bytes / 4,
					   .move_bytes = bytes / 1024 * 700,
					   .discard_bytes = bytes / 1024 * 250,
					   .spread = true };
}

void grant_load_open(struct grant_load *l, const struct grant_load_config *c)
{
	struct dev_rig_config rc = { .limit_bytes = c->limit_bytes,
				     .capacity_bytes = c->capacity_bytes,
				     .reserve_bytes = c->reserve_bytes,
				     .private_memory = c->private_memory,
				     .ops = &codec };

	codec = uz_codec_lz4;
	codec.decompress = decompress;
	grant_page_open();
	*l = (struct grant_load){ .nr_disks = UZ_MAX(c->nr_disks, 1u) };
	CHECK(l->nr_disks <= GRANT_DISKS_MAX && c->nr_streams <= GRANT_STREAMS_MAX);
	rc.size_bytes = size_for(c->move_bytes / l->nr_disks + (c->inside ? c->region_bytes : 0));
	dev_rig_open(&l->rig, &rc);
	if (c->region_bytes)
		make_region(l, c);
	for (uint32_t i = 0; i < c->nr_streams; i++)
		CHECK_EQ(uz_stream_open(l->rig.store, &l->st[i]), 0);
	if (c->discard_bytes)
		fill_cold(l, c->discard_bytes);
	if (c->inside)
		fill_inside(l, c);
	else if (c->move_bytes)
		fill_move(l, c);
	if (!c->quiet)
		CHECK_EQ(uz_background_start(l->rig.store, &l->background), 0);
}

void grant_load_close(struct grant_load *l)
{
	uz_background_stop(l->background);
	dev_rig_close(&l->rig);
	if (l->cold.dev)
		test_backing_close(&l->backing);
	free(l->cold.seq);
	for (uint32_t i = 0; i < l->nr_disks; i++)
		free(l->disk[i].seq);
}

int grant_load_grant(struct grant_load *l, uint64_t bytes, uint64_t ms, struct uz_grant *g,
		     struct uz_contig_failure *why, uint64_t *ns)
{
	uint64_t start = dev_rig_in(&l->rig, 0);
	int r = dev_rig_grant(&l->rig, l->region, bytes, ms * 1000000, g, why);

	*ns = dev_rig_in(&l->rig, 0) - start;
	return r;
}
