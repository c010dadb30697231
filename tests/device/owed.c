/* SPDX-License-Identifier: MIT */
/*
 * Where giving memory back takes long, a grant is out before its window's memory is back with the system:
 * what is owed is said, counted, and what the file has beside the budget; it is paid by background
 * work, before anything else is committed, and by who asks for it; a grant that ends has what is left
 * back as it is. On memory that goes back fast nothing is owed.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uz/contig.h>

#include "dev_rig.h"

#define MIB (1ull << 20)
#define LIMIT (64 * MIB)
#define REGION (32 * MIB)
#define DATA (16 * MIB)
#define MS 1000000ull

static struct dev_rig rig;
static struct uz_region *region;
static struct uz_grant grant;

static struct uz_arena_stats stats(void)
{
	struct uz_arena_stats st;

	uz_arena_stats(uz_store_arena(rig.store), &st);
	return st;
}

static uint64_t file_bytes(void)
{
	struct stat st;

	CHECK_EQ(fstat(rig.memfd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* What is said to be there is there, and without what is owed and granted within the budget. */
static struct uz_arena_stats check(void)
{
	struct uz_arena_stats st = stats();

	CHECK_EQ(uz_store_check(rig.store), 0);
	CHECK(st.ram_total_bytes - st.owed_bytes <= st.limit_bytes);
	CHECK_EQ(dev_rig_stats(&rig).ram_owed, st.owed_bytes);
	if (rig.memfd >= 0)
		CHECK_MSG(file_bytes() <= st.resident_claimed_bytes &&
				  file_bytes() + MIB >= st.resident_claimed_bytes,
			  "the file has %llu bytes, %llu are said to be resident",
			  (unsigned long long)file_bytes(),
			  (unsigned long long)st.resident_claimed_bytes);
	return st;
}

/* Most of the data is discarded again, so that the region is populated and little has to be moved. */
static void open_rig(bool private_memory, struct test_rng *rng)
{
	struct uz_region_config c = { .name = "cam0", .bytes = REGION, .spread = true };
	static unsigned char page[UZ_PAGE_SIZE];

	dev_rig_open(&rig, &(struct dev_rig_config){ .size_bytes = DATA,
						     .limit_bytes = LIMIT,
						     .private_memory = private_memory });
	CHECK_EQ(uz_store_region_create(rig.store, &c, &region), 0);
	for (uint64_t at = 0; at < DATA; at += UZ_PAGE_SIZE) {
		test_fill_random(rng, page, sizeof(page));
		CHECK_EQ(uz_dev_write(rig.dev, rig.st, at, page, sizeof(page), 0), 0);
	}
	CHECK_EQ(uz_dev_discard(rig.dev, rig.st, MIB, DATA - MIB), 0);
}

static void take(void)
{
	struct uz_contig_failure why;

	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 10000 * MS, &grant, &why), 0);
}

static void release(void)
{
	CHECK_EQ(uz_contig_free(region, grant.id), 0);
	CHECK_EQ(check().owed_bytes, 0);
}

/* Somebody who makes memory of the size pays for it part by part, and is never above the budget. */
static void pay_in_parts(struct test_rng *rng)
{
	uint64_t made = 0, left, was;

	(void)rng;
	take();
	was = check().owed_bytes;
	CHECK(was > 2 * MIB);
	while (made < REGION) {
		left = uz_arena_pay(uz_store_arena(rig.store), 4 * MIB);
		CHECK(left == 0 || left + 4 * MIB <= was);
		was = left;
		made += 4 * MIB;
		CHECK(file_bytes() + made <= LIMIT);
		check();
	}
	CHECK_EQ(was, 0);
	release();
}

static void background_pays(struct test_rng *rng)
{
	uint64_t before, after;

	(void)rng;
	take();
	before = file_bytes();
	CHECK(check().owed_bytes > 2 * MIB);
	for (int i = 0; i < 1000 && stats().owed_bytes; i++)
		uz_store_background(rig.store, dev_rig_in(&rig, 0), MS);
	after = file_bytes();
	CHECK_EQ(check().owed_bytes, 0);
	CHECK(after + 2 * MIB < before);
	release();
}

/* A grant that ends early keeps its memory from going back, and all of it can be used. */
static void ends_early(struct test_rng *rng)
{
	uint64_t owed, was;

	(void)rng;
	take();
	was = check().reserve_bytes;
	owed = stats().owed_bytes;
	CHECK(owed > 2 * MIB);
	release();
	CHECK_EQ(stats().reserve_bytes, was + owed);
}

/* What is committed first pays as much: the file does not grow while anything is owed. */
static void commits_pay(struct test_rng *rng)
{
	unsigned char page[UZ_PAGE_SIZE];
	uint64_t had, owed;
	struct uz_dev *d;
	struct uz_dev_config dc = { .name = "d1",
				    .size_bytes = DATA,
				    .pool = uz_dev_pool(rig.dev),
				    .codec = uz_dev_codec(rig.dev) };

	CHECK_EQ(uz_dev_create(rig.store, &dc, &d), 0);
	take();
	had = file_bytes();
	owed = check().owed_bytes;
	for (uint64_t at = 0; at < DATA; at += UZ_PAGE_SIZE) {
		test_fill_random(rng, page, sizeof(page));
		CHECK_EQ(uz_dev_write(d, rig.st, at, page, sizeof(page), 0), 0);
		if (stats().owed_bytes)
			CHECK(file_bytes() <= had);
	}
	CHECK(stats().owed_bytes < owed);
	uz_dev_destroy(d);
	release();
}

/*
 * What the system refuses later stays owed and said. It may have some of it, so that it is not in use
 * again as it is, but goes, and can be had then.
 */
static void refused(struct test_rng *rng)
{
	uint64_t owed, had;

	(void)rng;
	take();
	owed = check().owed_bytes;
	had = stats().reserve_bytes;
	fault_plat_fail(&rig.fault, FAULT_DECOMMIT, 1, FAULT_ALWAYS, -EIO);
	CHECK_EQ(uz_arena_pay(uz_store_arena(rig.store), UINT64_MAX), owed);
	CHECK(fault_plat_fired(&rig.fault, FAULT_DECOMMIT));
	fault_plat_clear(&rig.fault);
	CHECK_EQ(check().owed_bytes, owed);
	release();
	CHECK(stats().reserve_bytes < had + owed);
	take();
	release();
}

static void nothing_owed(struct test_rng *rng)
{
	(void)rng;
	take();
	CHECK_EQ(check().owed_bytes, 0);
	release();
}

static void with(bool private_memory, struct test_rng *rng, void (*scene)(struct test_rng *rng))
{
	open_rig(private_memory, rng);
	scene(rng);
	dev_rig_close(&rig);
}

int main(void)
{
	struct test_rng rng = test_start();

	with(false, &rng, pay_in_parts);
	with(false, &rng, background_pays);
	with(false, &rng, ends_early);
	with(false, &rng, commits_pay);
	with(false, &rng, refused);
	with(true, &rng, nothing_owed);
	return 0;
}
