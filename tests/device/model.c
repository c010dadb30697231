/* SPDX-License-Identifier: MIT */
/*
 * Model test: the same random operations on a disk and on a flat array, for
 * every pool and codec. After each step a range is compared and every so often
 * the whole disk; uz_store_check() recounts everything.
 *
 * uz-test: timeout 240
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flat_model.h"

#define PAGES_MAX 3000u
#define LEN_MAX (64u * UZ_PAGE_SIZE)

struct model {
	struct flat_model f;
	unsigned int codecs[6];
	uint64_t done[16];
};

static void op_write(struct model *m)
{
	flat_write(&m->f);
}

static void op_read(struct model *m)
{
	flat_read(&m->f);
}

static void op_zero(struct model *m)
{
	uint64_t len, off;

	if (test_one_in(m->f.rng, 2)) {
		flat_discard(&m->f);
		return;
	}
	off = flat_range(&m->f, &len);
	CHECK_EQ(uz_dev_zero(m->f.rig.dev, m->f.rig.st, off, len), 0);
	memset(m->f.flat + off, 0, len);
}

static void op_extent(struct model *m)
{
	uint64_t len, got, off = flat_range(&m->f, &len);
	bool hole;

	CHECK_EQ(uz_dev_extent(m->f.rig.dev, m->f.rig.st, off, len, &got, &hole), 0);
	CHECK(got >= 1 && got <= len);
	for (uint64_t i = 0; hole && i < got; i++)
		CHECK(m->f.flat[off + i] == 0);
}

static void op_background(struct model *m)
{
	uint64_t now = 1000000000ull * test_below(m->f.rng, 1000000);

	for (int i = 0; i < 4; i++)
		uz_dev_background(m->f.rig.dev, now, 2000000);
}

static void op_compact(struct model *m)
{
	CHECK(uz_dev_compact(m->f.rig.dev) >= 0);
}

static void op_set_pool(struct model *m)
{
	flat_set_pool(&m->f);
}

static void op_set_codec(struct model *m)
{
	unsigned int e = m->codecs[test_below(m->f.rng, 6)];

	CHECK_EQ(uz_dev_set_codec(m->f.rig.dev, e), 0);
	CHECK_EQ(uz_dev_codec(m->f.rig.dev), e);
}

static void op_recompress(struct model *m)
{
	struct uz_recompress r = {
		.codec = m->codecs[test_below(m->f.rng, 6)],
		.min_bytes = (uint32_t)test_below(m->f.rng, UZ_PAGE_SIZE + 1),
		.max_pages = test_below(m->f.rng, 200),
	};

	CHECK(uz_dev_recompress(m->f.rig.dev, &r) >= 0);
}

static void op_idle(struct model *m)
{
	struct uz_dev_stats st;

	uz_dev_idle(m->f.rig.dev, 0);
	st = dev_rig_stats(&m->f.rig);
	CHECK_EQ(st.idle_pages * UZ_PAGE_SIZE, st.orig_data_size);
}

static void op_resize(struct model *m)
{
	flat_resize(&m->f);
}

static void op_reset(struct model *m)
{
	if (!test_one_in(m->f.rng, 8))
		return;
	CHECK_EQ(uz_dev_reset(m->f.rig.dev), 0);
	memset(m->f.flat, 0, m->f.size);
	CHECK_EQ(dev_rig_stats(&m->f.rig).orig_data_size, 0);
	CHECK_EQ(dev_rig_stats(&m->f.rig).mem_used_total, 0);
}

static void add_codecs(struct model *m)
{
	static const struct {
		const char *name;
		int32_t level;
		bool checksum;
	} spec[6] = {
		{ "lz4", UZ_LEVEL_DEFAULT, false },
		{ "lz4", 8, true },
		{ "lz4hc", UZ_LEVEL_DEFAULT, false },
		{ "zstd", 1, false },
		{ "zstd", -5, true },
		{ "deflate", 1, false },
	};

	for (unsigned int i = 0; i < 6; i++)
		m->codecs[i] =
			dev_rig_codec(&m->f.rig, spec[i].name, spec[i].level, spec[i].checksum);
}

static void op_adopt(struct model *m)
{
	if (!test_one_in(m->f.rng, 4))
		return;
	dev_rig_adopt(&m->f.rig);
	add_codecs(m);
	CHECK_EQ(uz_dev_size(m->f.rig.dev), m->f.size);
}

static void (*const ops[])(struct model *m) = {
	op_write,  op_write,	  op_write,   op_write,	   op_read,	 op_zero,
	op_extent, op_background, op_compact, op_set_pool, op_set_codec, op_recompress,
	op_idle,   op_resize,	  op_reset,   op_adopt,
};

static void run(struct test_rng *rng, const char *pool, const char *codec, uint64_t steps)
{
	struct model m = { .done = { 0 } };
	struct dev_rig_config c = { .limit_bytes = 64 << 20,
				    .pool = pool,
				    .codec = codec,
				    .checksum = test_one_in(rng, 2) };

	printf("%s %s\n", pool, codec);
	flat_open(&m.f, rng, PAGES_MAX, LEN_MAX, &c);
	add_codecs(&m);
	for (test_step = 0; test_step < steps; test_step++) {
		size_t i = test_below(rng, sizeof(ops) / sizeof(ops[0]));

		ops[i](&m);
		m.done[i]++;
		CHECK_EQ(uz_store_check(m.f.rig.store), 0);
		if (test_one_in(rng, 50))
			flat_check_all(&m.f);
	}
	flat_check_all(&m.f);
	dev_rig_adopt(&m.f.rig);
	flat_check_all(&m.f);
	flat_close(&m.f);
}

int main(void)
{
	static const char *const codecs[] = { "lz4", "lz4hc", "zstd", "deflate" };
	struct test_rng rng = test_start();
	uint64_t steps = test_scale(150, 400, 20000), runs = 0;

	for (unsigned int p = 0; uz_pools[p]; p++)
		for (unsigned int c = 0; c < 4; c++, runs++)
			run(&rng, uz_pools[p]->name, codecs[c], steps);
	test_count("pool_codec_pairs", runs);
	test_count("steps", runs * steps);
	return 0;
}
