/* SPDX-License-Identifier: MIT */
/*
 * A full store: two writers overwrite and discard, every page checked before it is written, beside
 * all background work, which here moves objects and whole runs all the time. For every pool.
 *
 * uz-test: timeout 240
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "dev_rig.h"

#define PAGES 24576u
#define LIMIT (44ull << 20)
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

static uint64_t now(void)
{
	return rig.fault.plat.ops->now(&rig.fault.plat);
}

static void run(const char *pool)
{
	struct dev_rig_config c = { .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				    .limit_bytes = LIMIT,
				    .pool = pool };
	struct worker w[2] = { { .which = 0 }, { .which = 1 } };
	uint64_t end;
	pthread_t t[2];

	memset(version, 0, sizeof(version));
	dev_rig_open(&rig, &c);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(uz_stream_open(rig.store, &w[i].st), 0);
	for (uint32_t page = 0; page < PAGES; page++)
		write_page(rig.st, page);
	uz_store_release(&stop, false);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, work, &w[i]), 0);
	end = now() + test_scale(500, 2000, 60000) * MS;
	while (now() < end) {
		uz_store_background(rig.store, now(), MS);
		uz_dev_compact(rig.dev);
	}
	uz_store_release(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(uz_store_check(rig.store), 0);
	for (uint32_t page = 0; page < PAGES; page++)
		check_page(rig.st, page);
	dev_rig_adopt(&rig);
	for (uint32_t page = 0; page < PAGES; page++)
		check_page(rig.st, page);
	dev_rig_close(&rig);
}

int main(void)
{
	test_start();

	for (unsigned int p = 0; uz_pools[p]; p++)
		run(uz_pools[p]->name);
	CHECK_MSG(refused, "the store was never full");
	test_count("stores_refused", refused);
	return 0;
}
