/* SPDX-License-Identifier: MIT */
/*
 * A disk with a second codec takes more when its budget is reached: for every pool, what a disk refuses
 * after N pages is written to one that recompresses, with no background work to help. What was there is
 * kept, and the disk can be adopted. The same where the disk's own mem_limit is what refuses, and with
 * two writers beside background work, which itself does not recompress for room.
 *
 * uz-test: timeout 120
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dev_rig.h"
#include "pages.h"
#include "two_writers.h"

#define LIMIT (8ull << 20)
#define PAGES 16384u
#define SIZE ((uint64_t)PAGES * UZ_PAGE_SIZE)
#define HOUR 3600u

static struct dev_rig rig;
static uint64_t seed;

/* lz4 brings it to about a half, zstd to less. */
static void make(uint32_t page, unsigned char *buf)
{
	struct test_rng rng = test_rng_of(seed + page);

	page_make(&rng, PAGE_TEXT, buf);
	memcpy(buf, &page, sizeof(page));
}

static void check_page(uint32_t page, bool there)
{
	unsigned char want[UZ_PAGE_SIZE] = { 0 }, got[UZ_PAGE_SIZE];

	if (there)
		make(page, want);
	CHECK_EQ(uz_dev_read(rig.dev, rig.st, (uint64_t)page * UZ_PAGE_SIZE, got, sizeof(got), 0),
		 0);
	CHECK_MEM(got, want, sizeof(want));
}

static int put(uint32_t page)
{
	unsigned char buf[UZ_PAGE_SIZE];

	make(page, buf);
	return uz_dev_write(rig.dev, rig.st, (uint64_t)page * UZ_PAGE_SIZE, buf, sizeof(buf), 0);
}

/* Pages that the disk takes before it refuses one. */
static uint32_t fill(void)
{
	uint32_t n = 0;
	int r;

	while ((r = put(n)) == 0)
		CHECK(++n < PAGES);
	CHECK_EQ(r, -ENOSPC);
	CHECK_EQ(dev_rig_stats(&rig).enospc, 1);
	return n;
}

static void check_all(uint32_t n)
{
	for (uint32_t i = 0; i <= n; i++)
		check_page(i, i < n);
	CHECK_EQ(uz_store_check(rig.store), 0);
}

static void open_disk(const char *pool, uint64_t mem_limit, bool second)
{
	struct dev_rig_config c = { .size_bytes = SIZE,
				    .limit_bytes = mem_limit ? 2 * LIMIT : LIMIT,
				    .pool = pool };

	dev_rig_open(&rig, &c);
	uz_dev_set_mem_limit(rig.dev, mem_limit);
	if (second)
		CHECK_EQ(uz_dev_set_recompress(rig.dev, (int)dev_rig_codec(&rig, "zstd", 3, false),
					       HOUR, 0, 1),
			 0);
}

static uint32_t plain(const char *pool, uint64_t mem_limit)
{
	uint32_t n;

	open_disk(pool, mem_limit, false);
	n = fill();
	CHECK_EQ(dev_rig_stats(&rig).recompressed, 0);
	check_all(n);
	dev_rig_close(&rig);
	return n;
}

/*
 * zsmalloc has 150 classes, and a block of one is free only when enough pages of that class got smaller:
 * on a disk as small as this one the time may be up before.
 */
static void compare(const char *pool, uint64_t mem_limit)
{
	uint32_t without = plain(pool, mem_limit), with;
	int r;

	open_disk(pool, mem_limit, true);
	with = fill();
	printf("%s%s: %u pages, with a second codec %u, recompressed %llu\n", pool,
	       mem_limit ? " mem_limit" : "", without, with,
	       (unsigned long long)dev_rig_stats(&rig).recompressed);
	CHECK(dev_rig_stats(&rig).recompressed);
	CHECK(with * 100ull > without * (strcmp(pool, "zsmalloc") ? 120ull : 105ull));
	check_all(with);
	r = put(with + 1); /* what one write may take for it is limited, so another may find more */
	CHECK(r == 0 || r == -ENOSPC);
	check_page(with + 1, r == 0);
	dev_rig_adopt(&rig);
	check_all(with);
	dev_rig_close(&rig);
}

static void open_zstd(void)
{
	struct dev_rig_config c = { .size_bytes = SIZE, .limit_bytes = LIMIT };

	dev_rig_open(&rig, &c);
	CHECK_EQ(uz_dev_set_codec(rig.dev, dev_rig_codec(&rig, "zstd", 1, false)), 0);
}

/* Pages that fill a disk which has a second codec, without help by it. */
static uint32_t zstd_pages(void)
{
	struct uz_stream *st;
	uint32_t n;

	open_zstd();
	dev_rig_codec(&rig, "zstd", 9, false);
	CHECK_EQ(uz_stream_open(rig.store, &st), 0);
	n = fill();
	uz_stream_close(st);
	dev_rig_close(&rig);
	return n;
}

/*
 * Background work that finds no room leaves recompression to writes: it holds the lock that commands and
 * grants wait for. No page is idle here, so one that is recompressed made room for another to grow.
 */
static void background(void)
{
	uint32_t n = zstd_pages() / 50 * 49;

	open_zstd();
	CHECK_EQ(uz_dev_set_recompress(rig.dev, (int)dev_rig_codec(&rig, "zstd", 9, false), HOUR, 0,
				       1),
		 0);
	for (uint32_t i = 0; i < n; i++)
		CHECK_EQ(put(i), 0);
	CHECK_EQ(dev_rig_stats(&rig).recompressed, 0);
	CHECK_EQ(uz_dev_set_codec(rig.dev, dev_rig_codec(&rig, "lz4", UZ_LEVEL_DEFAULT, false)), 0);
	for (int i = 0; i < 8; i++)
		uz_store_background(rig.store, 0, 5000000);
	CHECK(dev_rig_stats(&rig).migrate_left && dev_rig_stats(&rig).migrate_left < n);
	CHECK_EQ(dev_rig_stats(&rig).recompressed, 0);
	check_all(n);
	dev_rig_close(&rig);
}

/* Beside background work, which recompresses too, and a codec that comes and goes. */
static void race(const char *pool)
{
	struct dev_rig_config c = { .limit_bytes = 40ull << 20, .pool = pool };
	uint64_t refused = writers_refused();
	int zstd;

	writers_disk(&rig, c);
	zstd = (int)dev_rig_codec(&rig, "zstd", 1, false);
	CHECK_EQ(uz_dev_set_recompress(rig.dev, zstd, HOUR, 0, 1), 0);
	writers_open();
	writers_fill(0, WRITERS_PAGES);
	writers_start();
	for (uint64_t i = 0; i < test_scale(50, 60, 5000); i++) {
		CHECK_EQ(uz_dev_set_recompress(rig.dev, i % 8 ? zstd : -1, HOUR, 0, 1), 0);
		uz_store_background(rig.store, 0, 2000000);
	}
	writers_stop();
	CHECK_MSG(writers_refused() > refused, "the store was never full");
	CHECK_EQ(uz_store_check(rig.store), 0);
	writers_check(0, WRITERS_PAGES);
	dev_rig_close(&rig);
}

int main(void)
{
	test_start();
	seed = test_seed();

	for (unsigned int p = 0; uz_pools[p]; p++)
		compare(uz_pools[p]->name, 0);
	compare(uz_pools[0]->name, LIMIT);
	background();
	race("zslot");
	race("zsmalloc");
	return 0;
}
