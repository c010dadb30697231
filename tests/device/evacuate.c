/* SPDX-License-Identifier: MIT */
/*
 * After half of a disk is discarded at random, background work alone gives the memory back,
 * although what is left lies scattered over all arena blocks; every page keeps its
 * content while others read and write. For every pool.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dev_rig.h"
#include "pages.h"

#define PAGES 24576u
#define LIMIT (256ull << 20)

static struct test_rng rng;
static uint32_t version[PAGES]; /* 0: discarded */
static bool stop; /* atomic */

/* Half of a page is random, so that what is stored takes a good half of the disk. */
static void make_page(uint32_t page, uint32_t ver, char *buf)
{
	struct test_rng r = test_rng_of((uint64_t)ver << 32 | (page + 1));
	size_t random_bytes = page % 16 ? 1200 + page % 1500 : UZ_PAGE_SIZE;

	memset(buf, (int)page, UZ_PAGE_SIZE);
	test_fill_random(&r, buf, random_bytes);
}

static void write_page(struct dev_rig *rig, uint32_t page, uint32_t ver)
{
	char buf[UZ_PAGE_SIZE];

	make_page(page, ver, buf);
	CHECK_EQ(uz_dev_write(rig->dev, rig->st, (uint64_t)page * UZ_PAGE_SIZE, buf, UZ_PAGE_SIZE,
			      0),
		 0);
	version[page] = ver;
}

static void check_page(struct dev_rig *rig, struct uz_stream *st, uint32_t page)
{
	char want[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];

	memset(want, 0, sizeof(want));
	if (version[page])
		make_page(page, version[page], want);
	CHECK_EQ(uz_dev_read(rig->dev, st, (uint64_t)page * UZ_PAGE_SIZE, got, UZ_PAGE_SIZE, 0), 0);
	CHECK_MEM(got, want, UZ_PAGE_SIZE);
}

static void *read_on(void *arg)
{
	struct dev_rig *rig = arg;
	struct test_rng r = test_rng_of(test_seed() + 1);
	struct uz_stream *st = NULL;

	CHECK_EQ(uz_stream_open(rig->store, &st), 0);
	while (!uz_load_acquire(&stop))
		check_page(rig, st, (uint32_t)test_below(&r, PAGES));
	uz_stream_close(st);
	return NULL;
}

static void discard_half(struct dev_rig *rig)
{
	for (uint32_t page = 0; page < PAGES; page++)
		if (test_one_in(&rng, 2)) {
			CHECK_EQ(uz_dev_discard(rig->dev, rig->st, (uint64_t)page * UZ_PAGE_SIZE,
						UZ_PAGE_SIZE),
				 0);
			version[page] = 0;
		}
}

/* Quiet for 400 ms: an arena block that could not be emptied is tried again after 100 ms. */
static void work_until_quiet(struct dev_rig *rig)
{
	struct uz_plat *pl = &rig->fault.plat;
	uint64_t end = pl->ops->now(pl) + 120000000000u;

	for (int quiet = 0; quiet < 20 && pl->ops->now(pl) < end;) {
		quiet = uz_store_background(rig->store, pl->ops->now(pl), 2000000) ? 0 : quiet + 1;
		if (quiet)
			usleep(20000);
	}
}

static void run(const char *pool)
{
	struct dev_rig_config c = { .size_bytes = (uint64_t)PAGES * UZ_PAGE_SIZE,
				    .limit_bytes = LIMIT,
				    .pool = pool };
	struct uz_dev_stats full, before, after;
	struct dev_rig rig;
	pthread_t reader;

	dev_rig_open(&rig, &c);
	for (uint32_t page = 0; page < PAGES; page++)
		write_page(&rig, page, 1);
	full = dev_rig_stats(&rig);
	discard_half(&rig);
	before = dev_rig_stats(&rig);
	uz_store_release(&stop, false);
	CHECK_EQ(pthread_create(&reader, NULL, read_on, &rig), 0);
	work_until_quiet(&rig);
	uz_store_release(&stop, true);
	pthread_join(reader, NULL);
	work_until_quiet(&rig);
	after = dev_rig_stats(&rig);
	printf("%s: ram_total %llu KiB full, %llu after discard, %llu after background, reserve %llu\n",
	       pool, (unsigned long long)full.ram_total >> 10,
	       (unsigned long long)before.ram_total >> 10,
	       (unsigned long long)after.ram_total >> 10,
	       (unsigned long long)after.ram_reserve >> 10);
	CHECK(after.ram_reserve <= 8 << 20);
	CHECK(after.ram_total * 10 <= full.ram_total * 7);
	CHECK_EQ(uz_store_check(rig.store), 0);
	for (uint32_t page = 0; page < PAGES; page++)
		check_page(&rig, rig.st, page);
	dev_rig_adopt(&rig);
	for (uint32_t page = 0; page < PAGES; page++)
		check_page(&rig, rig.st, page);
	dev_rig_close(&rig);
}

int main(void)
{
	rng = test_start();
	for (unsigned int p = 0; uz_pools[p]; p++)
		run(uz_pools[p]->name);
	return 0;
}
