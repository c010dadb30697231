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

#include "dev_rig.h"
#include "pages.h"

#define PAGES_MAX 3000u
#define LEN_MAX (64u * UZ_PAGE_SIZE)

struct model {
	struct dev_rig rig;
	struct test_rng *rng;
	unsigned char *flat; /* PAGES_MAX pages; beyond size all zero */
	unsigned char *buf;
	uint64_t size;
	unsigned int codecs[6];
	uint64_t done[16];
};

static uint64_t random_offset(struct model *m, uint64_t *len)
{
	uint64_t off = test_below(m->rng, m->size);

	*len = 1 + test_below(m->rng, UZ_MIN((uint64_t)LEN_MAX, m->size - off));
	if (test_one_in(m->rng, 2)) {
		off &= ~(uint64_t)(UZ_PAGE_SIZE - 1);
		*len = UZ_MIN(UZ_ALIGN_UP(*len, (uint64_t)UZ_PAGE_SIZE), m->size - off);
	}
	return off;
}

static void make_data(struct model *m, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += UZ_PAGE_SIZE) {
		page_make(m->rng, (enum page_kind)test_below(m->rng, PAGE_KINDS), m->buf + at);
		if (test_one_in(m->rng, 8))
			memset(m->buf + at, 0, UZ_PAGE_SIZE / 2);
	}
}

static void op_write(struct model *m)
{
	uint64_t len, off = random_offset(m, &len);
	unsigned int flags = test_one_in(m->rng, 4) ? UZ_IO_SHARED : 0;

	make_data(m, len);
	CHECK_EQ(uz_dev_write(m->rig.dev, m->rig.st, off, m->buf, len, flags), 0);
	memcpy(m->flat + off, m->buf, len);
}

static void check_range(struct model *m, uint64_t off, uint64_t len)
{
	CHECK_EQ(uz_dev_read(m->rig.dev, m->rig.st, off, m->buf, len, 0), 0);
	CHECK_MEM(m->buf, m->flat + off, len);
}

static void op_read(struct model *m)
{
	uint64_t len, off = random_offset(m, &len);

	check_range(m, off, len);
}

static void op_zero(struct model *m)
{
	uint64_t len, off = random_offset(m, &len);

	if (test_one_in(m->rng, 2))
		CHECK_EQ(uz_dev_zero(m->rig.dev, m->rig.st, off, len), 0);
	else
		CHECK_EQ(uz_dev_discard(m->rig.dev, m->rig.st, off, len), 0);
	memset(m->flat + off, 0, len);
}

static void op_extent(struct model *m)
{
	uint64_t len, got, off = random_offset(m, &len);
	bool hole;

	CHECK_EQ(uz_dev_extent(m->rig.dev, m->rig.st, off, len, &got, &hole), 0);
	CHECK(got >= 1 && got <= len);
	for (uint64_t i = 0; hole && i < got; i++)
		CHECK(m->flat[off + i] == 0);
}

static void op_background(struct model *m)
{
	uint64_t now = 1000000000ull * test_below(m->rng, 1000000);

	for (int i = 0; i < 4; i++)
		uz_dev_background(m->rig.dev, now, 2000000);
}

static void op_compact(struct model *m)
{
	CHECK(uz_dev_compact(m->rig.dev) >= 0);
}

static void op_set_pool(struct model *m)
{
	unsigned int nr = 0;

	while (uz_pools[nr])
		nr++;
	nr = (unsigned int)test_below(m->rng, nr);
	CHECK_EQ(uz_dev_set_pool(m->rig.dev, uz_pools[nr]), 0);
	CHECK(uz_dev_pool(m->rig.dev) == uz_pools[nr]);
}

static void op_set_codec(struct model *m)
{
	unsigned int e = m->codecs[test_below(m->rng, 6)];

	CHECK_EQ(uz_dev_set_codec(m->rig.dev, e), 0);
	CHECK_EQ(uz_dev_codec(m->rig.dev), e);
}

static void op_recompress(struct model *m)
{
	struct uz_recompress r = {
		.codec = m->codecs[test_below(m->rng, 6)],
		.min_bytes = (uint32_t)test_below(m->rng, UZ_PAGE_SIZE + 1),
		.max_pages = test_below(m->rng, 200),
	};

	CHECK(uz_dev_recompress(m->rig.dev, &r) >= 0);
}

static void op_idle(struct model *m)
{
	struct uz_dev_stats st;

	uz_dev_idle(m->rig.dev, 0);
	st = dev_rig_stats(&m->rig);
	CHECK_EQ(st.idle_pages * UZ_PAGE_SIZE, st.orig_data_size);
}

static void op_resize(struct model *m)
{
	uint64_t size = (1 + test_below(m->rng, PAGES_MAX)) * UZ_PAGE_SIZE;

	CHECK_EQ(uz_dev_resize(m->rig.dev, size), 0);
	if (size < m->size)
		memset(m->flat + size, 0, m->size - size);
	m->size = size;
	CHECK_EQ(uz_dev_size(m->rig.dev), size);
	CHECK_EQ(uz_dev_read(m->rig.dev, m->rig.st, size, m->buf, 1, 0), -UZ_EINVAL);
}

static void op_reset(struct model *m)
{
	if (!test_one_in(m->rng, 8))
		return;
	CHECK_EQ(uz_dev_reset(m->rig.dev), 0);
	memset(m->flat, 0, m->size);
	CHECK_EQ(dev_rig_stats(&m->rig).orig_data_size, 0);
	CHECK_EQ(dev_rig_stats(&m->rig).mem_used_total, 0);
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
			dev_rig_codec(&m->rig, spec[i].name, spec[i].level, spec[i].checksum);
}

static void op_adopt(struct model *m)
{
	if (!test_one_in(m->rng, 4))
		return;
	dev_rig_adopt(&m->rig);
	add_codecs(m);
	CHECK_EQ(uz_dev_size(m->rig.dev), m->size);
}

static void (*const ops[])(struct model *m) = {
	op_write,  op_write,	  op_write,   op_write,	   op_read,	 op_zero,
	op_extent, op_background, op_compact, op_set_pool, op_set_codec, op_recompress,
	op_idle,   op_resize,	  op_reset,   op_adopt,
};

static void check_all(struct model *m)
{
	for (uint64_t off = 0; off < m->size; off += LEN_MAX)
		check_range(m, off, UZ_MIN((uint64_t)LEN_MAX, m->size - off));
	CHECK_EQ(uz_store_check(m->rig.store), 0);
}

static void run(struct test_rng *rng, const char *pool, const char *codec, uint64_t steps)
{
	struct model m = { .rng = rng, .size = PAGES_MAX / 2 * UZ_PAGE_SIZE };
	struct dev_rig_config c = { .size_bytes = m.size,
				    .limit_bytes = 64 << 20,
				    .pool = pool,
				    .codec = codec,
				    .checksum = test_one_in(rng, 2) };

	printf("%s %s\n", pool, codec);
	m.flat = calloc(PAGES_MAX, UZ_PAGE_SIZE);
	m.buf = malloc(LEN_MAX + UZ_PAGE_SIZE);
	CHECK(m.flat && m.buf);
	dev_rig_open(&m.rig, &c);
	add_codecs(&m);
	for (test_step = 0; test_step < steps; test_step++) {
		size_t i = test_below(rng, sizeof(ops) / sizeof(ops[0]));

		ops[i](&m);
		m.done[i]++;
		CHECK_EQ(uz_store_check(m.rig.store), 0);
		if (test_one_in(rng, 50))
			check_all(&m);
	}
	check_all(&m);
	dev_rig_adopt(&m.rig);
	check_all(&m);
	dev_rig_close(&m.rig);
	free(m.flat);
	free(m.buf);
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
