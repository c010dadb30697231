/* SPDX-License-Identifier: MIT */
/*
 * Contiguous grants beside two writers on a nearly full store, for every pool: none fails, every page
 * keeps its content, the store's check recounts what is promised, and an attach finds all pages and no
 * region. What is promised is within the budget after each grant, and a grant whose memory the system
 * does not take back fails and changes nothing. One that meets its deadline fails and leaves every
 * page whole. On a disk with a backing the window is full of clean copies, which are dropped.
 *
 * uz-test: timeout 240
 */
#include <errno.h>
#include <stdio.h>

#include <uz/contig.h>

#include "test_backing.h"
#include "two_writers.h"

#define PAGES WRITERS_PAGES
#define LIMIT (72ull << 20)
#define REGION (32ull << 20)
#define MS 1000000ull
#if defined(__SANITIZE_THREAD__)
#define ALONE 0 /* it finds nothing where there is one thread, and takes ten times as long */
#else
#define ALONE 1
#endif

static struct dev_rig rig;

/* Data is spread over it, so that grants have something to move. */
static int make(const char *name, uint64_t bytes, struct uz_region **region)
{
	struct uz_region_config c = { .name = name, .bytes = bytes, .spread = true };

	return uz_store_region_create(rig.store, &c, region);
}

static void check_promise(const struct uz_contig_failure *why)
{
	CHECK_MSG(why->promised_bytes <= why->limit_bytes, "%d: promised %llu of %llu", why->error,
		  (unsigned long long)why->promised_bytes, (unsigned long long)why->limit_bytes);
}

/* Grants of random sizes; returns how many. */
static void grants(struct uz_region *region, struct test_rng *rng, uint32_t nr)
{
	struct uz_contig_failure why;
	struct uz_grant g[2];
	int r;

	for (uint32_t i = 0; i < nr; i++) {
		uint64_t bytes = 1 + test_below(rng, REGION / 2);

		for (int k = 0; k < 2; k++) {
			r = dev_rig_grant(&rig, region, bytes, 10000 * MS, &g[k], &why);
			CHECK_MSG(r == 0, "grant %u of %llu bytes: %d, promised %llu of %llu", i,
				  (unsigned long long)bytes, r,
				  (unsigned long long)why.promised_bytes,
				  (unsigned long long)why.limit_bytes);
			check_promise(&why);
		}
		uz_store_background(rig.store, dev_rig_in(&rig, 0), MS);
		CHECK_EQ(uz_contig_free(region, g[0].id), 0);
		CHECK_EQ(uz_contig_free(region, g[1].id), 0);
		CHECK_EQ(uz_contig_free(region, g[1].id), -ENOENT);
	}
}

/* The system takes nothing back: the grant fails, and is not half there. */
static void grant_fails(struct uz_region *region)
{
	struct uz_contig_failure why;
	struct uz_region_stats rs;
	struct uz_grant g;
	int r;

	fault_plat_fail(&rig.fault, FAULT_DECOMMIT, 1, FAULT_ALWAYS, -ENOMEM);
	r = dev_rig_grant(&rig, region, REGION, 10000 * MS, &g, &why);
	CHECK_EQ(r, -ENOMEM);
	CHECK_EQ(why.error, r);
	CHECK(fault_plat_fired(&rig.fault, FAULT_DECOMMIT));
	fault_plat_clear(&rig.fault);
	CHECK_EQ(uz_store_check(rig.store), 0);
	uz_region_stats(region, &rs);
	CHECK_EQ(rs.used, 0);
	writers_check(0, PAGES);
}

static void run(const char *pool, struct test_rng *rng)
{
	struct uz_region_stats rs;
	struct uz_contig_failure why;
	struct uz_region *region, *other;
	struct uz_grant g;

	writers_disk(&rig, (struct dev_rig_config){ .limit_bytes = LIMIT, .pool = pool });
	CHECK_EQ(make("", REGION, &region), -EINVAL);
	CHECK_EQ(make("cam0", 2 * LIMIT, &region), -ENOSPC);
	CHECK_EQ(make("cam0", REGION, &region), 0);
	CHECK_EQ(make("cam0", REGION, &other), -EEXIST);
	CHECK_EQ(dev_rig_grant(&rig, region, REGION + 1, MS, &g, &why), -EINVAL);
	writers_open();
	writers_fill(0, PAGES);
	grant_fails(region);
	writers_start();
	grants(region, rng, (uint32_t)test_scale(6, 20, 1000));
	writers_stop();
	CHECK_EQ(uz_store_check(rig.store), 0);
	uz_region_stats(region, &rs);
	CHECK_EQ(rs.used, 0);
	CHECK_EQ(rs.reserved, REGION / UZ_FRAME_SIZE);
	CHECK_EQ(rs.cma_alloc_fail, 2);
	printf("%s: %llu grants, %llu pages moved, %llu stores refused\n", pool,
	       (unsigned long long)rs.cma_alloc_success, (unsigned long long)rs.pgmigrate_success,
	       (unsigned long long)rs.lend_refused);
	CHECK(rs.pgmigrate_success > 0 && rs.lend_refused > 0);
	writers_check(0, PAGES);
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 10000 * MS, &g, &why), 0);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), -EBUSY);
	CHECK_EQ(uz_contig_free(region, g.id), 0);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	dev_rig_adopt(&rig);
	writers_check(0, PAGES);
	dev_rig_close(&rig);
}

/*
 * The deadline comes while data is being moved, a little later each time, on a slow machine by more: what was
 * moved and what was not is whole, and what is promised stays within the budget.
 */
static void run_late(const char *pool, bool busy)
{
	struct uz_contig_failure why;
	struct uz_region_stats rs;
	struct uz_region *region;
	struct uz_grant g;
	uint64_t late = 0;

	writers_disk(&rig, (struct dev_rig_config){ .limit_bytes = LIMIT, .pool = pool });
	CHECK_EQ(make("cam0", REGION, &region), 0);
	if (busy)
		writers_open();
	writers_fill(0, PAGES);
	if (busy)
		writers_start();
	while (dev_rig_grant(&rig, region, REGION, (late += 1 + late / 16) * MS / 4, &g, &why) <
	       0) {
		CHECK_EQ(why.error, -EBUSY);
		check_promise(&why);
		if (busy)
			continue;
		CHECK_EQ(uz_store_check(rig.store), 0);
		uz_region_stats(region, &rs);
		CHECK_EQ(rs.used, 0);
	}
	check_promise(&why);
	if (busy)
		writers_stop();
	uz_region_stats(region, &rs);
	CHECK_EQ(uz_store_check(rig.store), 0);
	writers_check(0, PAGES);
	printf("%s%s: %llu grants too late, then %llu pages moved, %llu not\n", pool,
	       busy ? ", busy" : "", (unsigned long long)rs.cma_alloc_fail,
	       (unsigned long long)rs.pgmigrate_success, (unsigned long long)rs.pgmigrate_fail);
	CHECK(rs.cma_alloc_fail > 0 && rs.pgmigrate_success > 0);
	CHECK_EQ(uz_contig_free(region, g.id), 0);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	dev_rig_adopt(&rig);
	writers_check(0, PAGES);
	dev_rig_close(&rig);
}

static void grant_all(struct uz_region *region, uint64_t bytes)
{
	struct uz_contig_failure why;
	struct uz_grant g[2];
	struct uz_region_stats rs;
	uint64_t nr = REGION / bytes;

	for (uint64_t i = 0; i < nr; i++)
		CHECK_EQ(dev_rig_grant(&rig, region, bytes, 10000 * MS, &g[i], &why), 0);
	uz_region_stats(region, &rs);
	CHECK_EQ(rs.used, rs.count);
	CHECK_EQ(rs.lent_discard + rs.lent_move, 0);
	CHECK_EQ(uz_store_check(rig.store), 0);
	writers_check(0, PAGES);
	for (uint64_t i = 0; i < nr; i++)
		CHECK_EQ(uz_contig_free(region, g[i].id), 0);
}

static void run_backed(const char *pool)
{
	struct dev_rig_config c = { .limit_bytes = LIMIT, .pool = pool, .checksum = true };
	struct test_backing backing;
	struct uz_region_stats rs;
	struct uz_region *region;

	writers_disk(&rig, c);
	test_backing_open(&backing, (uint64_t)(PAGES + 1) << UZ_PAGE_SHIFT);
	CHECK_EQ(uz_dev_set_backing(rig.dev, &backing.dev, "memory", 0), 0);
	CHECK_EQ(make("cam0", REGION, &region), 0);
	writers_fill_copies(PAGES / 4 * 3); /* they fill what is free */
	uz_region_stats(region, &rs);
	printf("%s, backed: %llu pages of copies and %llu others lent\n", pool,
	       (unsigned long long)rs.lent_discard, (unsigned long long)rs.lent_move);
	CHECK(rs.lent_discard > 0);
	grant_all(region, REGION / 2);
	grant_all(region, REGION);
	uz_region_stats(region, &rs);
	CHECK_EQ(rs.cma_alloc_success, 3);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	dev_rig_close(&rig);
	test_backing_close(&backing);
}

int main(void)
{
	struct test_rng rng = test_start();

	for (unsigned int p = 0; uz_pools[p]; p++)
		run(uz_pools[p]->name, &rng);
	for (unsigned int p = 0; uz_pools[p]; p++)
		run_late(uz_pools[p]->name, true);
	for (unsigned int p = 0; ALONE && uz_pools[p]; p++) {
		run_late(uz_pools[p]->name, false);
		run_backed(uz_pools[p]->name);
	}
	test_count("stores_refused", writers_refused());
	return 0;
}
