/* SPDX-License-Identifier: MIT */
/*
 * Model test of a disk with a backing: write-back by every selection, by age and under a tight
 * budget, copies dropped and kept, between all other operations, for every pool. Whatever is
 * read is compared with a flat array; everything is recounted after each step.
 *
 * uz-test: timeout 240
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flat_model.h"
#include "test_backing.h"

#define PAGES_MAX 2000u
#define LEN_MAX (48u * UZ_PAGE_SIZE)
#define LIMIT (48ull << 20)

struct model {
	struct flat_model f;
	struct test_backing backing;
	unsigned int codecs[4];
	uint64_t written, read_back, hits;
};

static void op_write(struct model *m)
{
	flat_write(&m->f);
}

static void op_read(struct model *m)
{
	flat_read(&m->f);
}

static void op_discard(struct model *m)
{
	flat_discard(&m->f);
}

static void op_writeback(struct model *m)
{
	enum uz_writeback_what what = (enum uz_writeback_what)test_below(m->f.rng, 4);
	struct uz_dev_stats before = dev_rig_stats(&m->f.rig), after;
	int64_t n = uz_dev_writeback(m->f.rig.dev, what, test_below(m->f.rng, 400));

	CHECK(n >= 0);
	after = dev_rig_stats(&m->f.rig);
	CHECK_EQ(after.bd_count - before.bd_count, n);
	CHECK_EQ(after.orig_data_size, before.orig_data_size);
}

static void op_background(struct model *m)
{
	CHECK_EQ(uz_dev_set_writeback(m->f.rig.dev, (uint32_t)test_below(m->f.rng, 3)), 0);
	for (int i = 0; i < 12; i++)
		uz_dev_background(m->f.rig.dev, UINT64_MAX / 2, 2000000);
}

/* Copies go, then pages, when there is no room; the limit comes back. */
static void op_squeeze(struct model *m)
{
	struct uz_arena *a = uz_store_arena(m->f.rig.store);
	uint64_t total = dev_rig_stats(&m->f.rig).ram_total;

	uz_arena_set_limit(a, UZ_MAX(total + (64u << 10), 7ull << 20));
	for (int i = 0; i < 4; i++)
		op_write(m);
	for (int i = 0; i < 4; i++)
		uz_dev_background(m->f.rig.dev, 0, 2000000);
	uz_arena_set_limit(a, LIMIT);
}

static void op_idle(struct model *m)
{
	uz_dev_idle(m->f.rig.dev, 0);
}

static void op_pool(struct model *m)
{
	flat_set_pool(&m->f);
}

static void op_codec(struct model *m)
{
	CHECK_EQ(uz_dev_set_codec(m->f.rig.dev, m->codecs[test_below(m->f.rng, 4)]), 0);
}

static void op_recompress(struct model *m)
{
	struct uz_recompress r = { .codec = m->codecs[test_below(m->f.rng, 4)],
				   .max_pages = test_below(m->f.rng, 100) };

	CHECK(uz_dev_recompress(m->f.rig.dev, &r) >= 0);
}

static void op_resize(struct model *m)
{
	flat_resize(&m->f);
}

static void op_reset(struct model *m)
{
	struct uz_dev_stats st = dev_rig_stats(&m->f.rig);

	if (!test_one_in(m->f.rng, 8))
		return;
	m->written += st.bd_writes;
	m->read_back += st.bd_reads;
	m->hits += st.clean_hits;
	CHECK_EQ(uz_dev_reset(m->f.rig.dev), 0);
	memset(m->f.flat, 0, m->f.size);
	CHECK_EQ(dev_rig_stats(&m->f.rig).bd_count, 0);
}

/* With all pages in memory the disk needs no backing, and can be given it again. */
static void op_drop(struct model *m)
{
	struct uz_backing_info info;

	if (!test_one_in(m->f.rng, 4))
		return;
	CHECK_EQ(uz_dev_drop_backing(m->f.rig.dev), 0);
	CHECK_EQ(uz_dev_drop_backing(m->f.rig.dev), -UZ_ENOENT);
	CHECK_EQ(dev_rig_stats(&m->f.rig).bd_count, 0);
	uz_dev_backing(m->f.rig.dev, &info);
	CHECK(!info.attached && !info.id);
	memset(m->backing.bytes + UZ_PAGE_SIZE, 0xee, PAGES_MAX * UZ_PAGE_SIZE);
	op_write(m);
	flat_check_all(&m->f);
	CHECK_EQ(uz_dev_set_backing(m->f.rig.dev, &m->backing.dev, "memory",
				    UZ_BACKING_KEPT | UZ_BACKING_FORMAT),
		 0);
}

static void add_codecs(struct model *m)
{
	m->codecs[0] = dev_rig_codec(&m->f.rig, "lz4", UZ_LEVEL_DEFAULT, false);
	m->codecs[1] = dev_rig_codec(&m->f.rig, "lz4", 8, true);
	m->codecs[2] = dev_rig_codec(&m->f.rig, "zstd", 1, true);
	m->codecs[3] = dev_rig_codec(&m->f.rig, "deflate", 1, false);
}

static void op_adopt(struct model *m)
{
	struct uz_dev_stats st = dev_rig_stats(&m->f.rig);
	struct uz_backing_info info;

	if (!test_one_in(m->f.rng, 3))
		return;
	m->written += st.bd_writes;
	m->read_back += st.bd_reads;
	m->hits += st.clean_hits;
	dev_rig_adopt(&m->f.rig);
	add_codecs(m);
	uz_dev_backing(m->f.rig.dev, &info);
	CHECK(!info.attached && info.id);
	CHECK_EQ(info.pages, st.bd_count);
	CHECK(!strcmp(info.hint, "memory"));
	CHECK_EQ(uz_dev_writeback(m->f.rig.dev, UZ_WRITEBACK_ALL, 0), -UZ_ENOENT);
	CHECK_EQ(uz_dev_set_backing(m->f.rig.dev, &m->backing.dev, "memory", UZ_BACKING_KEPT), 0);
}

static void (*const ops[])(struct model *m) = {
	op_write,     op_write,	     op_write,	 op_read,  op_read, op_discard,
	op_writeback, op_writeback,  op_squeeze, op_idle,  op_pool, op_background,
	op_codec,     op_recompress, op_resize,	 op_adopt, op_drop,
};

static void run(struct test_rng *rng, const char *pool, const char *codec, uint64_t steps)
{
	struct model m = { .written = 0 };
	struct dev_rig_config c = {
		.limit_bytes = LIMIT, .pool = pool, .codec = codec, .checksum = test_one_in(rng, 2)
	};
	struct uz_dev_stats st;

	printf("%s %s\n", pool, codec);
	flat_open(&m.f, rng, PAGES_MAX, LEN_MAX, &c);
	add_codecs(&m);
	test_backing_open(&m.backing, (PAGES_MAX + 1) * UZ_PAGE_SIZE);
	CHECK_EQ(uz_dev_set_backing(m.f.rig.dev, &m.backing.dev, "memory", UZ_BACKING_KEPT), 0);
	CHECK_EQ(uz_dev_set_backing(m.f.rig.dev, &m.backing.dev, "memory", 0), -UZ_EBUSY);
	for (test_step = 0; test_step < steps; test_step++) {
		size_t i = test_below(rng, sizeof(ops) / sizeof(ops[0]) + 1);

		if (i < sizeof(ops) / sizeof(ops[0]))
			ops[i](&m);
		else
			op_reset(&m);
		CHECK_EQ(uz_store_check(m.f.rig.store), 0);
		if (test_one_in(rng, 40))
			flat_check_all(&m.f);
	}
	CHECK(uz_dev_writeback(m.f.rig.dev, UZ_WRITEBACK_ALL, 0) >= 0);
	flat_check_all(&m.f);
	flat_check_all(&m.f);
	st = dev_rig_stats(&m.f.rig);
	CHECK(m.written + st.bd_writes > 100);
	CHECK(m.read_back + st.bd_reads > 10);
	CHECK(m.hits + st.clean_hits > 10);
	CHECK(m.backing.discarded);
	uz_dev_destroy(m.f.rig.dev);
	CHECK_EQ(uz_store_check(m.f.rig.store), 0);
	test_backing_close(&m.backing);
	flat_close(&m.f);
}

int main(void)
{
	static const char *const codecs[] = { "lz4", "zstd" };
	struct test_rng rng = test_start();
	uint64_t steps = test_scale(200, 300, 20000), runs = 0;

	for (unsigned int p = 0; uz_pools[p]; p++)
		for (unsigned int c = 0; c < 2; c++, runs++)
			run(&rng, uz_pools[p]->name, codecs[c], steps);
	test_count("pool_codec_pairs", runs);
	return 0;
}
