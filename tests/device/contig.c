/* SPDX-License-Identifier: MIT */
/*
 * Contiguous grants beside two writers on a nearly full store, for every pool: none fails, every page
 * keeps its content, the store's check recounts what is promised, and an attach finds all pages and no
 * region. What is promised is within the budget after each grant, and a grant whose memory the system
 * does not take back fails and changes nothing. On a disk with a backing the window is full of clean
 * copies, which are dropped.
 *
 * uz-test: timeout 240
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <uz/contig.h>

#include "dev_rig.h"
#include "test_backing.h"

#define PAGES 24576u
#define LIMIT (72ull << 20)
#define REGION (32ull << 20)
#define MS 1000000ull

static struct dev_rig rig;
static uint32_t version[PAGES]; /* 0: discarded; each page belongs to one writer */
static bool stop; /* atomic */
static uint64_t refused; /* atomic */

static void make_page(uint32_t page, uint32_t ver, char *buf)
{
	struct test_rng r = test_rng_of((uint64_t)ver << 32 | (page + 1));

	memset(buf, (int)page, UZ_PAGE_SIZE);
	test_fill_random(&r, buf, page % 16 ? 1200 + page % 1500 : UZ_PAGE_SIZE);
}

static void check_page(struct uz_stream *st, uint32_t page)
{
	char want[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];

	memset(want, 0, sizeof(want));
	if (version[page])
		make_page(page, version[page], want);
	CHECK_EQ(uz_dev_read(rig.dev, st, (uint64_t)page << UZ_PAGE_SHIFT, got, UZ_PAGE_SIZE, 0),
		 0);
	CHECK_MEM(got, want, UZ_PAGE_SIZE);
}

/* A store that is full refuses a page, and keeps the old one. */
static void write_page(struct uz_stream *st, uint32_t page)
{
	char buf[UZ_PAGE_SIZE];
	int r;

	make_page(page, version[page] + 1, buf);
	r = uz_dev_write(rig.dev, st, (uint64_t)page << UZ_PAGE_SHIFT, buf, UZ_PAGE_SIZE, 0);
	CHECK(r == 0 || r == -ENOSPC);
	if (r == 0)
		version[page]++;
	else
		uz_fetch_add(&refused, 1);
}

struct worker {
	uint32_t which;
	struct uz_stream *st;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	uint32_t which = w->which;
	struct test_rng r = test_rng_of(test_seed() + 1 + which);
	struct uz_stream *st = w->st;

	while (!uz_load_acquire(&stop)) {
		uint32_t page = (uint32_t)test_below(&r, PAGES / 2) * 2 + which;

		check_page(st, page);
		if (test_one_in(&r, 8)) {
			CHECK_EQ(uz_dev_discard(rig.dev, st, (uint64_t)page << UZ_PAGE_SHIFT,
						UZ_PAGE_SIZE),
				 0);
			version[page] = 0;
		} else {
			write_page(st, page);
		}
	}
	return NULL;
}

static uint64_t in(uint64_t ns)
{
	return rig.fault.plat.ops->now(&rig.fault.plat) + ns;
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
			r = uz_store_contig_alloc(rig.store, region, bytes, in(10000 * MS), &g[k],
						  &why);
			CHECK_MSG(r == 0, "grant %u of %llu bytes: %d, promised %llu of %llu", i,
				  (unsigned long long)bytes, r,
				  (unsigned long long)why.promised_bytes,
				  (unsigned long long)why.limit_bytes);
			CHECK_MSG(why.promised_bytes <= why.limit_bytes, "promised %llu of %llu",
				  (unsigned long long)why.promised_bytes,
				  (unsigned long long)why.limit_bytes);
		}
		uz_store_background(rig.store, in(0), MS);
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
	r = uz_store_contig_alloc(rig.store, region, REGION, in(500 * MS), &g, &why);
	CHECK(r == -ENOMEM || r == -EBUSY); /* -EBUSY: moving alone took longer */
	CHECK_EQ(why.error, r);
	CHECK(fault_plat_fired(&rig.fault, FAULT_DECOMMIT));
	fault_plat_clear(&rig.fault);
	CHECK_EQ(uz_store_check(rig.store), 0);
	uz_region_stats(region, &rs);
	CHECK_EQ(rs.used, 0);
	for (uint32_t page = 0; page < PAGES; page++)
		check_page(rig.st, page);
}

static void run(const char *pool, struct test_rng *rng)
{
	struct dev_rig_config c = { .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				    .limit_bytes = LIMIT,
				    .pool = pool };
	struct worker w[2] = { { .which = 0 }, { .which = 1 } };
	struct uz_region_stats rs;
	struct uz_contig_failure why;
	struct uz_region *region, *other;
	struct uz_grant g;
	pthread_t t[2];

	memset(version, 0, sizeof(version));
	dev_rig_open(&rig, &c);
	CHECK_EQ(uz_store_region_create(rig.store, "", REGION, &region), -EINVAL);
	CHECK_EQ(uz_store_region_create(rig.store, "cam0", 2 * LIMIT, &region), -ENOSPC);
	CHECK_EQ(uz_store_region_create(rig.store, "cam0", REGION, &region), 0);
	CHECK_EQ(uz_store_region_create(rig.store, "cam0", REGION, &other), -EEXIST);
	CHECK_EQ(uz_store_contig_alloc(rig.store, region, REGION + 1, in(MS), &g, &why), -EINVAL);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(uz_stream_open(rig.store, &w[i].st), 0);
	for (uint32_t page = 0; page < PAGES; page++)
		write_page(rig.st, page);
	grant_fails(region);
	uz_store_release(&stop, false);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, work, &w[i]), 0);
	grants(region, rng, (uint32_t)test_scale(6, 20, 1000));
	uz_store_release(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(uz_store_check(rig.store), 0);
	uz_region_stats(region, &rs);
	CHECK_EQ(rs.used, 0);
	CHECK_EQ(rs.reserved, REGION / UZ_FRAME_SIZE);
	CHECK_EQ(rs.cma_alloc_fail, 2);
	printf("%s: %llu grants, %llu pages moved, %llu stores refused\n", pool,
	       (unsigned long long)rs.cma_alloc_success, (unsigned long long)rs.pgmigrate_success,
	       (unsigned long long)rs.lend_refused);
	CHECK(rs.pgmigrate_success > 0 && rs.lend_refused > 0);
	for (uint32_t page = 0; page < PAGES; page++)
		check_page(rig.st, page);
	CHECK_EQ(uz_store_contig_alloc(rig.store, region, REGION, in(10000 * MS), &g, &why), 0);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), -EBUSY);
	CHECK_EQ(uz_contig_free(region, g.id), 0);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	dev_rig_adopt(&rig);
	for (uint32_t page = 0; page < PAGES; page++)
		check_page(rig.st, page);
	dev_rig_close(&rig);
}

/* The last quarter of pages stays in memory, copies of the others fill what is free. */
static void fill_with_copies(void)
{
	for (uint32_t page = 0; page < PAGES / 4 * 3; page++)
		write_page(rig.st, page);
	CHECK(uz_dev_writeback(rig.dev, UZ_WRITEBACK_ALL, 0) > 0);
	for (uint32_t page = 0; page < PAGES / 4 * 3; page++)
		check_page(rig.st, page);
	for (uint32_t page = PAGES / 4 * 3; page < PAGES; page++)
		write_page(rig.st, page);
}

static void grant_all(struct uz_region *region, uint64_t bytes)
{
	struct uz_contig_failure why;
	struct uz_grant g[2];
	struct uz_region_stats rs;
	uint64_t nr = REGION / bytes;

	for (uint64_t i = 0; i < nr; i++)
		CHECK_EQ(uz_store_contig_alloc(rig.store, region, bytes, in(10000 * MS), &g[i],
					       &why),
			 0);
	uz_region_stats(region, &rs);
	CHECK_EQ(rs.used, rs.count);
	CHECK_EQ(rs.lent_discard + rs.lent_move, 0);
	CHECK_EQ(uz_store_check(rig.store), 0);
	for (uint32_t page = 0; page < PAGES; page++)
		check_page(rig.st, page);
	for (uint64_t i = 0; i < nr; i++)
		CHECK_EQ(uz_contig_free(region, g[i].id), 0);
}

static void run_backed(const char *pool)
{
	struct dev_rig_config c = { .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				    .limit_bytes = LIMIT,
				    .pool = pool,
				    .checksum = true };
	struct test_backing backing;
	struct uz_region_stats rs;
	struct uz_region *region;

	memset(version, 0, sizeof(version));
	dev_rig_open(&rig, &c);
	test_backing_open(&backing, (uint64_t)(PAGES + 1) << UZ_PAGE_SHIFT);
	CHECK_EQ(uz_dev_set_backing(rig.dev, &backing.dev, "memory", 0), 0);
	CHECK_EQ(uz_store_region_create(rig.store, "cam0", REGION, &region), 0);
	fill_with_copies();
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
		run_backed(uz_pools[p]->name);
	test_count("stores_refused", refused);
	return 0;
}
