/* SPDX-License-Identifier: MIT */
/*
 * A dictionary trained from the disk's own pages: it is kept in the store, makes pages that have
 * much in common smaller, and is there with its pages after the store has been adopted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev_rig.h"

#define PAGES 600u
#define RECORD 64u

/* Records that share their words over pages but not within one: what a dictionary is for. */
static void make_page(uint32_t page, unsigned char *buf)
{
	struct test_rng rng = test_rng_of(test_seed() + page);
	unsigned char vocabulary[RECORD];

	for (uint32_t at = 0; at < UZ_PAGE_SIZE; at += RECORD) {
		struct test_rng word = test_rng_of(at);

		test_fill_random(&word, vocabulary, RECORD);
		memcpy(buf + at, vocabulary, RECORD);
		test_fill_random(&rng, buf + at, 8);
	}
}

static void check_pages(struct dev_rig *rig)
{
	unsigned char want[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];

	for (uint32_t p = 0; p < PAGES; p++) {
		make_page(p, want);
		CHECK_EQ(uz_dev_read(rig->dev, rig->st, (uint64_t)p * UZ_PAGE_SIZE, got,
				     sizeof(got), 0),
			 0);
		CHECK_MEM(got, want, sizeof(got));
	}
	CHECK_EQ(uz_store_check(rig->store), 0);
}

static void write_pages(struct dev_rig *rig)
{
	unsigned char buf[UZ_PAGE_SIZE];

	for (uint32_t p = 0; p < PAGES; p++) {
		make_page(p, buf);
		CHECK_EQ(uz_dev_write(rig->dev, rig->st, (uint64_t)p * UZ_PAGE_SIZE, buf,
				      sizeof(buf), 0),
			 0);
	}
}

static unsigned int trained(struct dev_rig *rig, const struct uz_codec_ops *ops)
{
	unsigned char *pages = malloc((size_t)PAGES * UZ_PAGE_SIZE);
	static unsigned char dict[UZ_DICT_MAX];
	struct uz_codec_params p = { .level = UZ_LEVEL_DEFAULT, .dict = dict };
	uint32_t nr;
	int n, e;

	CHECK(pages);
	nr = uz_dev_sample(rig->dev, rig->st, pages, PAGES / 2);
	CHECK(nr > PAGES / 4);
	n = ops->train(pages, nr, dict, 16 << 10);
	CHECK_MSG(n > 0, "train gives %d", n);
	free(pages);
	p.dict_bytes = (uint32_t)n;
	e = uz_store_codec(rig->store, ops, &p, false);
	CHECK(e >= 0);
	CHECK_EQ(uz_store_codec(rig->store, ops, &p, false), e);
	memset(dict, 0, sizeof(dict)); /* the store has its own */
	return (unsigned int)e;
}

static void check_info(struct dev_rig *rig, unsigned int e, struct uz_codec_info *was)
{
	struct uz_codec_info info;

	CHECK_EQ(uz_store_codec_info(rig->store, e, &info), 0);
	CHECK(info.dict_bytes > 0 && info.dict_hash != 0);
	CHECK(!was->name ||
	      (info.dict_bytes == was->dict_bytes && info.dict_hash == was->dict_hash));
	*was = info;
}

static void test_codec(const struct uz_codec_ops *ops)
{
	struct dev_rig_config c = { .size_bytes = (PAGES + 8) * UZ_PAGE_SIZE,
				    .limit_bytes = 64 << 20,
				    .codec = ops->name };
	struct uz_codec_info info = { 0 };
	struct dev_rig rig;
	uint64_t before, after;
	unsigned int e;

	dev_rig_open(&rig, &c);
	write_pages(&rig);
	before = dev_rig_stats(&rig).compr_data_size;
	e = trained(&rig, ops);
	check_info(&rig, e, &info);
	CHECK_EQ(uz_dev_set_codec(rig.dev, e), 0);
	for (int i = 0; i < 1000 && dev_rig_stats(&rig).migrate_left; i++)
		uz_dev_background(rig.dev, 0, 10000000);
	after = dev_rig_stats(&rig).compr_data_size;
	printf("%s: %llu bytes, with a dictionary of %u: %llu\n", ops->name,
	       (unsigned long long)before, info.dict_bytes, (unsigned long long)after);
	CHECK(after < before / 2);
	check_pages(&rig);
	dev_rig_adopt(&rig);
	check_info(&rig, e, &info);
	CHECK_EQ(uz_dev_codec(rig.dev), e);
	check_pages(&rig);
	write_pages(&rig);
	CHECK(dev_rig_stats(&rig).compr_data_size < before / 2);
	check_pages(&rig);
	dev_rig_close(&rig);
}

int main(void)
{
	test_start();
	test_codec(&uz_codec_zstd);
	test_codec(&uz_codec_lz4);
	return 0;
}
