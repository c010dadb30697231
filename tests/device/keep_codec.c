/* SPDX-License-Identifier: MIT */
/*
 * What was recompressed on purpose stays so after the store has been adopted; a change of codec that had not
 * reached every page goes on.
 */
#include <stdio.h>

#include "dev_rig.h"
#include "pages.h"

#define PAGES 1000u

static struct dev_rig rig;

static uint64_t stored(void)
{
	return dev_rig_stats(&rig).compr_data_size;
}

static void background(void)
{
	for (int i = 0; i < 200; i++)
		uz_dev_background(rig.dev, 0, 10000000);
	CHECK_EQ(dev_rig_stats(&rig).migrate_left, 0);
	CHECK_EQ(uz_store_check(rig.store), 0);
}

int main(void)
{
	struct test_rng rng = test_start();
	struct dev_rig_config c = { .size_bytes = PAGES * UZ_PAGE_SIZE, .limit_bytes = 64 << 20 };
	unsigned char buf[UZ_PAGE_SIZE];
	struct uz_recompress rc;
	uint64_t lz4, zstd;

	dev_rig_open(&rig, &c);
	for (uint32_t i = 0; i < PAGES; i++) {
		page_make(&rng, PAGE_TEXT, buf);
		CHECK_EQ(uz_dev_write(rig.dev, rig.st, (uint64_t)i * UZ_PAGE_SIZE, buf, sizeof(buf),
				      0),
			 0);
	}
	background();
	lz4 = stored();
	rc = (struct uz_recompress){ .codec = dev_rig_codec(&rig, "zstd", 3, false) };
	CHECK(uz_dev_recompress(rig.dev, &rc) > 0);
	zstd = stored();
	CHECK(zstd < lz4 * 3 / 4);
	dev_rig_adopt(&rig);
	background();
	CHECK_EQ(stored(), zstd);
	CHECK_EQ(uz_dev_set_codec(rig.dev, uz_dev_codec(rig.dev)), 0);
	dev_rig_adopt(&rig);
	background();
	CHECK_EQ(stored(), lz4);
	dev_rig_close(&rig);
	return 0;
}
