/* SPDX-License-Identifier: MIT */
/*
 * A store has sixteen codec entries. Equal parameters share one; when all are taken, one that no page and no
 * setting uses makes place; one that a page uses never does, and its page stays readable, also after
 * the store has been adopted.
 */
#include <errno.h>
#include <string.h>

#include "dev_rig.h"
#include "self_page.h"

static struct dev_rig rig;
static bool there[64];

static int entry(const struct uz_codec_ops *ops, int32_t level, bool checksum)
{
	struct uz_codec_params p = { .level = level };

	return uz_store_codec(rig.store, ops, &p, checksum);
}

/* Page @e is written under entry @e. */
static void use(unsigned int e)
{
	unsigned char buf[UZ_PAGE_SIZE];

	self_page_make(buf, e, 1, test_seed(), SELF_EASY);
	CHECK_EQ(uz_dev_set_codec(rig.dev, e), 0);
	CHECK_EQ(uz_dev_write(rig.dev, rig.st, (uint64_t)e * UZ_PAGE_SIZE, buf, sizeof(buf), 0), 0);
	there[e] = true;
}

static void drop(unsigned int e)
{
	CHECK_EQ(uz_dev_discard(rig.dev, rig.st, (uint64_t)e * UZ_PAGE_SIZE, UZ_PAGE_SIZE), 0);
	there[e] = false;
}

static void check_pages(void)
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint32_t seq;

	for (unsigned int e = 0; e < UZ_CODEC_MAX; e++) {
		CHECK_EQ(uz_dev_read(rig.dev, rig.st, (uint64_t)e * UZ_PAGE_SIZE, buf, sizeof(buf),
				     0),
			 0);
		CHECK_EQ(self_page_read(buf, e, test_seed(), SELF_EASY, &seq),
			 there[e] ? SELF_OK : SELF_ZERO);
	}
	CHECK_EQ(uz_store_check(rig.store), 0);
}

/* Entry 0 is lz4; 1 to 15 become zstd of that level. */
static void take_all(void)
{
	for (int32_t level = 1; level < UZ_CODEC_MAX; level++) {
		CHECK_EQ(entry(&uz_codec_zstd, level, false), level);
		CHECK_EQ(entry(&uz_codec_zstd, level, false), level);
		use((unsigned int)level);
	}
	use(0);
	CHECK_EQ(entry(&uz_codec_lz4, UZ_LEVEL_DEFAULT, false), 0);
	CHECK_EQ(entry(&uz_codec_lz4, uz_codec_lz4.level_default, false), 0);
}

static void check_info(unsigned int e, const char *name, int32_t level, bool checksum)
{
	struct uz_codec_info info;

	CHECK_EQ(uz_store_codec_info(rig.store, e, &info), 0);
	CHECK(strcmp(info.name, name) == 0 && info.level == level && info.checksum == checksum);
	CHECK_EQ(info.dict_bytes, 0);
}

static void test_retire(void)
{
	CHECK_EQ(entry(&uz_codec_zstd, 3, true), -ENOSPC);
	CHECK_EQ(entry(&uz_codec_deflate, 1, false), -ENOSPC);
	drop(5);
	CHECK_EQ(entry(&uz_codec_zstd, 3, true), 5);
	check_info(5, "zstd", 3, true);
	check_info(3, "zstd", 3, false);
	use(5);
	CHECK_EQ(entry(&uz_codec_deflate, 1, false), -ENOSPC);
	drop(5); /* but the disk is set to it */
	CHECK_EQ(entry(&uz_codec_deflate, 1, false), -ENOSPC);
	CHECK_EQ(uz_dev_set_recompress(rig.dev, 5, 100000, 0, 1), 0);
	CHECK_EQ(uz_dev_set_codec(rig.dev, 0), 0);
	CHECK_EQ(entry(&uz_codec_deflate, 1, false), -ENOSPC);
	CHECK_EQ(uz_dev_set_recompress(rig.dev, -1, 0, 0, 1), 0);
	CHECK_EQ(entry(&uz_codec_deflate, 1, false), 5);
	use(5);
	CHECK_EQ(uz_dev_set_codec(rig.dev, 0), 0);
}

/* Migration to the disk's codec frees all the others. */
static void test_migrate(void)
{
	for (int i = 0; i < 100 && (uz_dev_background(rig.dev, 0, 10000000) ||
				    dev_rig_stats(&rig).migrate_left);
	     i++)
		;
	CHECK_EQ(dev_rig_stats(&rig).migrate_left, 0);
	check_pages();
	for (int32_t level = 1; level < UZ_CODEC_MAX; level++)
		CHECK(entry(&uz_codec_zstd, -level, true) > 0);
	CHECK_EQ(uz_store_codec(rig.store, &uz_codec_lz4,
				&(struct uz_codec_params){ .level = UZ_LEVEL_DEFAULT }, false),
		 0);
	check_pages();
}

int main(void)
{
	struct dev_rig_config c = { .size_bytes = 64 * UZ_PAGE_SIZE, .limit_bytes = 512 << 20 };

	test_start();
	dev_rig_open(&rig, &c);
	take_all();
	check_pages();
	test_retire();
	check_pages();
	dev_rig_adopt(&rig);
	check_pages();
	check_info(5, "deflate", 1, false);
	check_info(7, "zstd", 7, false);
	test_migrate();
	dev_rig_adopt(&rig);
	check_pages();
	dev_rig_close(&rig);
	return 0;
}
