/* SPDX-License-Identifier: MIT */
/* A disk goes to a pool that takes only smaller objects: what is too large for it becomes raw frames. */
#include "dev_rig.h"
#include "own_pool.h"

#define PAGES 256u
#define TURN_NS 10000000

int main(void)
{
	struct own_pool own;
	struct dev_rig_config c = { .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				    .limit_bytes = 32 << 20,
				    .registry = &own.registry };
	unsigned char page[UZ_PAGE_SIZE], back[UZ_PAGE_SIZE];
	struct dev_rig rig;
	uint64_t raw;

	test_start();
	own_pool_init(&own, "small");
	own.ops.max_object = 256;
	dev_rig_open(&rig, &c);
	for (uint32_t i = 0; i < PAGES; i++)
		dev_rig_put(&rig, rig.dev, i, i, SELF_EASY);
	raw = dev_rig_stats(&rig).huge_pages;
	CHECK_EQ(uz_dev_set_pool(rig.dev, &own.ops), 0);
	for (int i = 0; i < 1000 && dev_rig_stats(&rig).migrate_left; i++)
		uz_dev_background(rig.dev, dev_rig_in(&rig, 0), TURN_NS);
	CHECK_EQ(dev_rig_stats(&rig).migrate_left, 0);
	CHECK(dev_rig_stats(&rig).huge_pages > raw);
	for (uint32_t i = 0; i < PAGES; i++) {
		self_page_make(page, i, i, test_seed(), SELF_EASY);
		CHECK_EQ(uz_dev_read(rig.dev, rig.st, (uint64_t)i << UZ_PAGE_SHIFT, back,
				     sizeof(back), 0),
			 0);
		CHECK_MEM(back, page, sizeof(page));
	}
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	return 0;
}
