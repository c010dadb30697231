/* SPDX-License-Identifier: MIT */
/*
 * Disks that come, are filled, cut, made larger, reset and destroyed, beside two writers of another disk,
 * background work, grants and streams that open and close: no page of the other disk suffers, none of these
 * fails, and the store recounts right.
 */
#include <errno.h>
#include <pthread.h>

#include "self_page.h"
#include "two_writers.h"

#define LIMIT (128ull << 20)
#define REGION (8ull << 20)
#define MS 1000000ull
#define TABLE_PAGES 512u
#define PAGES (8 * TABLE_PAGES)

static struct dev_rig rig;
static bool stop; /* atomic */
static uint64_t steps, made, opened; /* atomic */

static void *background(void *arg)
{
	(void)arg;
	while (!uz_load(&stop)) {
		uint64_t t = uz_fetch_add(&steps, 1);

		uz_store_background(rig.store, dev_rig_in(&rig, t * 100 * MS), 2 * MS);
	}
	return NULL;
}

static void *grants(void *region)
{
	struct uz_contig_failure why;
	struct uz_grant g;

	while (!uz_load(&stop)) {
		CHECK_EQ(dev_rig_grant(&rig, region, REGION / 2, 10000 * MS, &g, &why), 0);
		uz_nap(&rig.fault.plat, dev_rig_in(&rig, MS));
		CHECK_EQ(uz_contig_free(region, g.id), 0);
		uz_fetch_add(&made, 1);
	}
	return NULL;
}

static void *streams(void *arg)
{
	struct uz_stream *st;

	(void)arg;
	while (!uz_load(&stop)) {
		if (uz_stream_open(rig.store, &st) == 0) {
			uz_fetch_add(&opened, 1);
			uz_stream_close(st);
		}
		uz_nap(&rig.fault.plat, dev_rig_in(&rig, MS));
	}
	return NULL;
}

/* Every @step-th page; a store that is full may refuse some. */
static void fill(struct uz_dev *d, uint32_t pages, uint32_t step)
{
	unsigned char buf[UZ_PAGE_SIZE];

	for (uint32_t i = 0; i < pages; i += step) {
		int r;

		self_page_make(buf, i, step, test_seed(), SELF_EASY);
		r = uz_dev_write(d, rig.st, (uint64_t)i << UZ_PAGE_SHIFT, buf, sizeof(buf), 0);
		CHECK(r == 0 || r == -ENOSPC);
	}
}

static void check_zero(struct uz_dev *d, uint32_t first, uint32_t pages)
{
	unsigned char got[UZ_PAGE_SIZE];

	for (uint32_t i = first; i < pages; i += 7) {
		CHECK_EQ(uz_dev_read(d, rig.st, (uint64_t)i << UZ_PAGE_SHIFT, got, sizeof(got), 0),
			 0);
		for (uint32_t k = 0; k < sizeof(got); k += 64)
			CHECK_EQ(got[k], 0);
	}
}

static void life(struct test_rng *rng)
{
	struct uz_dev_config c = { .name = "d1",
				   .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				   .pool = uz_pools[test_below(rng, 2)],
				   .codec = uz_dev_codec(rig.dev) };
	uint32_t left = 1 + (uint32_t)test_below(rng, PAGES);
	struct uz_dev *d;

	CHECK_EQ(uz_dev_create(rig.store, &c, &d), 0);
	fill(d, PAGES, 1 + (uint32_t)test_below(rng, 20));
	CHECK_EQ(uz_dev_resize(d, (uint64_t)left << UZ_PAGE_SHIFT), 0);
	CHECK_EQ(uz_dev_resize(d, c.size_bytes), 0);
	check_zero(d, left, PAGES);
	fill(d, PAGES, 3);
	if (test_one_in(rng, 2)) {
		CHECK_EQ(uz_dev_reset(d), 0);
		check_zero(d, 0, PAGES);
		fill(d, PAGES, 200);
	}
	uz_dev_destroy(d);
	CHECK(!uz_store_disk(rig.store, "d1"));
}

int main(void)
{
	static void *(*const work[])(void *) = { background, grants, streams };
	struct uz_region_config rc = { .name = "cam0", .bytes = REGION, .spread = true };
	uint64_t nr = test_scale(30, 30, 3000);
	struct test_rng rng = test_start();
	struct uz_region *region;
	pthread_t thread[3];

	writers_disk(&rig, (struct dev_rig_config){ .limit_bytes = LIMIT });
	CHECK_EQ(uz_store_region_create(rig.store, &rc, &region), 0);
	writers_open();
	writers_fill(0, WRITERS_PAGES / 2);
	writers_start();
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, work[i], region), 0);
	for (test_step = 0; test_step < nr; test_step++)
		life(&rng);
	uz_store(&stop, true);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	writers_stop();
	test_count("steps", steps);
	test_count("grants", made);
	test_count("streams", opened);
	CHECK(steps && made && opened);
	CHECK_EQ(uz_store_check(rig.store), 0);
	writers_check(0, WRITERS_PAGES);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	dev_rig_close(&rig);
	return 0;
}
