/* SPDX-License-Identifier: MIT */
/*
 * What is counted where nobody looks: a codec that cannot be opened leaves nothing charged, its
 * dictionary included; mem_used_max keeps a peak that background work has seen; background work whose time
 * is over on entry still gets to the end, so that an empty table is freed.
 */
#include <errno.h>
#include <string.h>

#include "dev_rig.h"
#include "self_page.h"

#define PAGES 2048u
#define STEPS 100

static unsigned char dict[20000];

static int refuse_open(void *shared, const struct uz_codec_params *p)
{
	(void)shared;
	CHECK_EQ(p->dict_bytes, sizeof(dict));
	return -ENOMEM;
}

static void test_codec(struct dev_rig *rig)
{
	struct uz_codec_params p = { .level = 3, .dict = dict, .dict_bytes = sizeof(dict) };
	struct uz_codec_ops refusing = uz_codec_zstd;
	uint64_t before = dev_rig_stats(rig).ram_total;

	refusing.open = refuse_open;
	for (int i = 0; i < 3; i++)
		CHECK_EQ(uz_store_codec(rig->store, &refusing, &p, false), -ENOMEM);
	CHECK_EQ(dev_rig_stats(rig).ram_total, before);
}

static void write_pages(struct dev_rig *rig)
{
	for (uint32_t i = 0; i < PAGES; i++)
		dev_rig_put(rig, rig->dev, i, 1, SELF_HARD);
}

static void test_background(struct dev_rig *rig)
{
	struct uz_dev_stats st;

	write_pages(rig);
	uz_dev_background(rig->dev, 0, 0);
	CHECK_EQ(uz_dev_discard(rig->dev, rig->st, 0, (uint64_t)PAGES << UZ_PAGE_SHIFT), 0);
	for (int i = 0; i < STEPS; i++)
		uz_dev_background(rig->dev, 0, 0);
	st = dev_rig_stats(rig);
	CHECK_EQ(st.mem_used_total, 0);
	CHECK_MSG(st.mem_used_max > (uint64_t)PAGES * UZ_PAGE_SIZE / 4, "mem_used_max %llu",
		  (unsigned long long)st.mem_used_max);
	CHECK_MSG(st.table_size < 2 * UZ_PAGE_SIZE, "tables of %llu bytes are left",
		  (unsigned long long)st.table_size);
}

int main(void)
{
	struct dev_rig_config c = { .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				    .limit_bytes = 64 << 20 };
	struct dev_rig rig;

	test_start();
	dev_rig_open(&rig, &c);
	test_codec(&rig);
	test_background(&rig);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	return 0;
}
