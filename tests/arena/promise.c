/* SPDX-License-Identifier: MIT */
/*
 * What is promised stays within the limit when two things happen at once: somebody takes scratch memory
 * while a region is made, or begins the last arena block while another waits for memory that the system
 * then does not have. A limit that is raised comes with the bookkeeping for what may be stored then, so
 * that grants find places when there is no room for bookkeeping any more.
 */
#include <errno.h>
#include <pthread.h>

#include "arena_i.h"

#include "mem_plat.h"
#include "test.h"

#define MIB (1ull << 20)
#define SCRATCH (64ull << 10)

static struct mem_plat m;
static struct uz_arena *a;
static bool stop; /* atomic */
static uint64_t taken, tries; /* atomic */

static void open_arena(uint64_t bytes)
{
	struct uz_arena_config c = { .capacity_bytes = bytes, .limit_bytes = 2 * bytes };

	mem_plat_open(&m);
	CHECK_EQ(uz_arena_open(&m.pl, &c, false, &a), 0);
}

static void close_arena(struct uz_region *region)
{
	CHECK_EQ(uz_region_destroy(region), 0);
	CHECK_EQ(uz_arena_check(a), 0);
	uz_arena_close(a);
	mem_plat_close(&m);
}

static int make(uint64_t bytes, struct uz_region **region)
{
	static struct uz_borrower nobody;
	struct uz_region_config c = { .name = "cam0", .bytes = bytes, .borrower = &nobody };

	return uz_region_create(a, &c, region);
}

static uint64_t promised(struct uz_region *region, uint64_t *limit_bytes)
{
	struct uz_contig_failure why;
	struct uz_grant g;

	CHECK_EQ(uz_contig_alloc(region, 0, 0, &g, &why), -EINVAL);
	*limit_bytes = why.limit_bytes;
	return why.promised_bytes;
}

static void check_promise(struct uz_region *region)
{
	uint64_t limit, is = promised(region, &limit);

	CHECK_MSG(is <= limit, "promised %llu of %llu", (unsigned long long)is,
		  (unsigned long long)limit);
}

static void *take_scratch(void *arg)
{
	uint64_t end;
	void *p;

	(void)arg;
	while (!uz_load(&stop)) {
		if (uz_scratch_alloc(a, SCRATCH, &p) < 0)
			continue;
		for (end = uz_load(&tries) + 2; uz_load(&tries) < end && !uz_load(&stop);)
			uz_relax();
		uz_scratch_free(a, p, SCRATCH);
		uz_fetch_add(&taken, 1);
	}
	return NULL;
}

/* There is room for the region or for the scratch, which is held until it has been looked at both. */
static void test_scratch(void)
{
	const uint64_t bytes = 512 * MIB;
	uint64_t limit, made = 0, nr = test_scale(1500, 3000, 20000);
	struct uz_region *region;
	pthread_t thread;

	open_arena(2 * bytes);
	CHECK_EQ(make(bytes, &region), 0);
	uz_arena_set_limit(a, promised(region, &limit) + SCRATCH / 2);
	CHECK_EQ(uz_region_destroy(region), 0);
	CHECK_EQ(pthread_create(&thread, NULL, take_scratch, NULL), 0);
	while (made < nr) {
		if (make(bytes, &region) == 0) {
			check_promise(region);
			CHECK_EQ(uz_region_destroy(region), 0);
			made++;
		}
		uz_fetch_add(&tries, 1);
	}
	uz_store(&stop, true);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	test_count("scratch", taken);
	CHECK(taken);
	CHECK_EQ(make(bytes, &region), 0);
	close_arena(region);
}

static const struct uz_plat_ops *below;
static bool waiting;

/* The system has no memory for the first who asks, and while he asks another takes some. */
static int commit(struct uz_plat *pl, void *p, size_t len)
{
	uint32_t run;

	if (waiting)
		return below->commit(pl, p, len);
	waiting = true;
	CHECK_EQ(uz_run_alloc(a, UZ_RUN_MAX, 0, &run), 0);
	return -ENOMEM;
}

static void test_last(void)
{
	struct uz_region *region;
	struct uz_plat_ops ops;
	uint32_t run;
	uint64_t limit;

	open_arena(64 * MIB);
	CHECK_EQ(make(4 * MIB, &region), 0);
	CHECK_EQ(uz_run_alloc(a, UZ_RUN_MAX, UZ_ALLOC_DISCARD, &run), 0);
	uz_run_free(a, run, UZ_RUN_MAX);
	uz_arena_set_limit(a, promised(region, &limit) + 2 * MIB);
	below = m.pl.ops;
	ops = *below;
	ops.commit = commit;
	m.pl.ops = &ops;
	CHECK(uz_run_alloc(a, UZ_RUN_MAX, 0, &run) < 0);
	CHECK(waiting);
	check_promise(region);
	close_arena(region);
}

/* All arena blocks that the limit allows can be begun, with nothing left of the limit. */
static void test_raise(void)
{
	struct uz_arena_config c = { .capacity_bytes = 1024 * MIB, .limit_bytes = 16 * MIB };
	const uint64_t limit = 512 * MIB;
	struct uz_region *region;
	uint32_t fresh;

	mem_plat_open(&m);
	CHECK_EQ(uz_arena_open(&m.pl, &c, false, &a), 0);
	CHECK_EQ(make(4 * MIB, &region), 0);
	uz_arena_set_limit(a, limit);
	for (int64_t bytes = 512 * MIB; bytes; bytes /= 2)
		while (uz_arena_charge(a, bytes) == 0)
			;
	while (uz__arena(a)->nr_ablocks < limit >> UZ_ABLOCK_SHIFT)
		CHECK_EQ(uz__ablock_fresh(uz__arena(a), &fresh), 0);
	check_promise(region);
	close_arena(region);
}

int main(void)
{
	test_start();
	test_scratch();
	test_last();
	test_raise();
	return 0;
}
