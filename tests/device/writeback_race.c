/* SPDX-License-Identifier: MIT */
/*
 * Write-back beside a writer that makes the same page an object, one repeated word and nothing, again
 * and again: the page always is what was written last. And two disks that get their first backing at the
 * same time share what is the store's, however they meet.
 */
#include <pthread.h>
#include <string.h>

#include "../../core/device/device_i.h"

#include "dev_rig.h"
#include "self_page.h"
#include "test_backing.h"

#define DISKS 2u
#define SIZE (1ull << 20)

static struct dev_rig rig;
static bool stop; /* atomic */
static int64_t written_back; /* atomic */

static void *write_back(void *arg)
{
	(void)arg;
	while (!uz_load(&stop))
		uz_fetch_add(&written_back,
			     UZ_MAX(uz_dev_writeback(rig.dev, UZ_WRITEBACK_ALL, 0), 0));
	return NULL;
}

static void make(unsigned char *buf, uint32_t i)
{
	if (i % 4 >= 2)
		self_page_make(buf, 0, i, test_seed(), SELF_EASY);
	else
		memset(buf, i % 4 ? (int)(0x80 | i) : 0, UZ_PAGE_SIZE);
}

static void test_kinds(void)
{
	struct dev_rig_config c = { .size_bytes = SIZE, .limit_bytes = 32 << 20 };
	uint64_t nr = test_scale(200000, 200000, 10000000);
	unsigned char want[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];
	struct test_backing b;
	pthread_t thread;

	dev_rig_open(&rig, &c);
	test_backing_open(&b, SIZE + UZ_PAGE_SIZE);
	CHECK_EQ(uz_dev_set_backing(rig.dev, &b.dev, "memory", 0), 0);
	CHECK_EQ(pthread_create(&thread, NULL, write_back, NULL), 0);
	for (uint32_t i = 0; i < nr || uz_load(&written_back) < 2; i++) {
		make(want, i);
		CHECK_EQ(uz_dev_write(rig.dev, rig.st, 0, want, sizeof(want), 0), 0);
		if (i % 16)
			continue;
		CHECK_EQ(uz_dev_read(rig.dev, rig.st, 0, got, sizeof(got), 0), 0);
		CHECK_MEM(got, want, sizeof(got));
	}
	uz_store(&stop, true);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	test_count("written_back", (uint64_t)written_back);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	test_backing_close(&b);
}

static struct test_backing backing[DISKS];
static struct uz_dev *disk[DISKS];
static const struct uz_plat_ops *below;
static uint64_t segments_bytes;
static unsigned int made; /* atomic; times that records of segments got their place */

/* The first waits a while for another to come as far. */
static int reserve(struct uz_plat *pl, enum uz_backing kind, size_t len, size_t align, void **base)
{
	uint64_t end = below->now(pl) + 100000000;

	if (len == segments_bytes && uz_fetch_add(&made, 1) == 0)
		while (uz_load(&made) < DISKS && below->now(pl) < end)
			uz_nap(pl, end);
	return below->reserve(pl, kind, len, align, base);
}

static void *set_backing(void *arg)
{
	unsigned int i = (unsigned int)(uintptr_t)arg;

	CHECK_EQ(uz_dev_set_backing(disk[i], &backing[i].dev, "memory", 0), 0);
	return NULL;
}

static unsigned int streams(void)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < UZ_STREAM_MAX; i++)
		nr += rig.store->stream[i] != NULL;
	return nr;
}

static void both_at_once(void)
{
	struct dev_rig_config c = { .size_bytes = SIZE, .limit_bytes = 32 << 20 };
	struct uz_dev_config dc = { .name = "d1", .size_bytes = SIZE, .pool = uz_pools[0] };
	pthread_t thread[DISKS];
	struct uz_plat_ops ops;
	uint32_t first, end;
	unsigned int before;

	dev_rig_open(&rig, &c);
	uz_arena_span(rig.store->arena, &first, &end);
	segments_bytes = ((end - first) / UZ_RUN_MAX + 1) * sizeof(struct uz__segment);
	segments_bytes = UZ_ALIGN_UP(segments_bytes, (uint64_t)rig.fault.plat.page_bytes);
	below = rig.fault.plat.ops;
	ops = *below;
	ops.reserve = reserve;
	rig.fault.plat.ops = &ops;
	disk[0] = rig.dev;
	dc.codec = uz_dev_codec(rig.dev);
	CHECK_EQ(uz_dev_create(rig.store, &dc, &disk[1]), 0);
	before = streams();
	for (unsigned int i = 0; i < DISKS; i++) {
		test_backing_open(&backing[i], SIZE + UZ_PAGE_SIZE);
		CHECK_EQ(pthread_create(&thread[i], NULL, set_backing, (void *)(uintptr_t)i), 0);
	}
	for (unsigned int i = 0; i < DISKS; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	CHECK_EQ(made, 1);
	CHECK_EQ(streams(), before + 1);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	for (unsigned int i = 0; i < DISKS; i++)
		test_backing_close(&backing[i]);
}

int main(void)
{
	test_start();
	test_kinds();
	both_at_once();
	return 0;
}
