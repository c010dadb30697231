/* SPDX-License-Identifier: MIT */
/*
 * A request that takes long keeps table frames that are empty from being freed, and pages that a disk
 * lost by a cut, and nothing else: the background work that waits for its end gives way to a grant, which
 * moves those pages too, and all are freed afterwards.
 */
#include <pthread.h>

#include "../../core/device/device_i.h"

#include "dev_rig.h"
#include "self_page.h"

#define TABLES 100u
#define TABLE_BYTES ((uint64_t)SLOTS_PER_TABLE << UZ_PAGE_SHIFT)
#define REGION (4ull << 20)
#define MS 1000000ull
#define CUT_PAGES 4096u

static struct dev_rig rig;
static bool stop; /* atomic */
static uint64_t steps; /* atomic */

static void *work(void *arg)
{
	(void)arg;
	while (!uz_load(&stop)) {
		uz_dev_background(rig.dev, dev_rig_in(&rig, 0), 50 * MS);
		uz_fetch_add(&steps, 1);
	}
	return NULL;
}

/* A page in each table, then none. */
static void make_empty(void)
{
	unsigned char buf[UZ_PAGE_SIZE];

	for (uint32_t i = 0; i < TABLES; i++) {
		self_page_make(buf, i, 1, test_seed(), SELF_EASY);
		CHECK_EQ(uz_dev_write(rig.dev, rig.st, i * TABLE_BYTES, buf, sizeof(buf), 0), 0);
	}
	CHECK_EQ(uz_dev_discard(rig.dev, rig.st, 0, uz_dev_size(rig.dev)), 0);
	CHECK_EQ(rig.dev->nr_tables, TABLES);
}

static void tables(void)
{
	struct dev_rig_config c = { .size_bytes = TABLES * TABLE_BYTES, .limit_bytes = 32 << 20 };
	struct uz_region_config rc = { .name = "cam0", .bytes = REGION };
	struct uz_contig_failure why;
	struct uz_region *region;
	struct uz_grant g;
	pthread_t thread;

	dev_rig_open(&rig, &c);
	CHECK_EQ(uz_store_region_create(rig.store, &rc, &region), 0);
	make_empty();
	uz__enter(rig.st);
	CHECK_EQ(pthread_create(&thread, NULL, work, NULL), 0);
	for (int i = 0; i < 20; i++) {
		uz_nap(&rig.fault.plat, dev_rig_in(&rig, 5 * MS));
		CHECK_EQ(dev_rig_grant(&rig, region, REGION, 2000 * MS, &g, &why), 0);
		CHECK_EQ(uz_contig_free(region, g.id), 0);
	}
	CHECK_EQ(uz_load(&rig.dev->nr_tables), TABLES);
	uz__leave(rig.st);
	for (uint64_t end = dev_rig_in(&rig, 10000 * MS); uz_load(&rig.dev->nr_tables);) {
		CHECK(dev_rig_in(&rig, 0) < end);
		uz_nap(&rig.fault.plat, dev_rig_in(&rig, MS));
	}
	uz_store(&stop, true);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	test_count("steps", steps);
	CHECK_EQ(uz_store_check(rig.store), 0);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	dev_rig_close(&rig);
}

static void *shrink(void *arg)
{
	(void)arg;
	CHECK_EQ(uz_dev_resize(rig.dev, UZ_PAGE_SIZE), 0);
	return NULL;
}

static void cut(enum self_mix mix)
{
	struct dev_rig_config c = { .size_bytes = CUT_PAGES * UZ_PAGE_SIZE,
				    .limit_bytes = 64 << 20 };
	struct uz_region_config rc = { .name = "cam0", .bytes = REGION, .spread = true };
	struct uz_contig_failure why;
	struct uz_region_stats rs;
	struct uz_region *region;
	struct uz_grant g;
	pthread_t thread;

	dev_rig_open(&rig, &c);
	CHECK_EQ(uz_store_region_create(rig.store, &rc, &region), 0);
	for (uint32_t i = 0; i < CUT_PAGES; i++)
		dev_rig_put(&rig, rig.dev, i, 1, mix);
	uz_region_stats(region, &rs);
	CHECK(rs.lent_move > 0);
	uz__enter(rig.st);
	CHECK_EQ(pthread_create(&thread, NULL, shrink, NULL), 0);
	while (uz_dev_size(rig.dev) != UZ_PAGE_SIZE)
		uz_nap(&rig.fault.plat, dev_rig_in(&rig, MS / 10));
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 2000 * MS, &g, &why), 0);
	uz__leave(rig.st);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(uz_contig_free(region, g.id), 0);
	CHECK_EQ(uz_store_check(rig.store), 0);
	CHECK_EQ(dev_rig_stats(&rig).orig_data_size, UZ_PAGE_SIZE);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	dev_rig_close(&rig);
}

int main(void)
{
	test_start();
	tables();
	cut(SELF_EASY);
	cut(SELF_HARD);
	return 0;
}
