/* SPDX-License-Identifier: MIT */
/*
 * Commands that free many pages (reset, a cut, the end of a disk) give way to grants at any page, and
 * to commands of other disks: while a grant waits they free nothing, and both the background lock and
 * the store's are there for others.
 */
#include <pthread.h>

#include "../../core/device/device_i.h"

#include "dev_rig.h"
#include "self_page.h"

#define PAGES 8192u
#define MS 1000000ull

static struct dev_rig rig;

static void *reset(void *arg)
{
	CHECK_EQ(uz_dev_reset(arg), 0);
	return NULL;
}

static void *cut(void *arg)
{
	CHECK_EQ(uz_dev_resize(arg, UZ_PAGE_SIZE), 0);
	return NULL;
}

static void *destroy(void *arg)
{
	uz_dev_destroy(arg);
	return NULL;
}

static void fill(struct uz_dev *d)
{
	unsigned char buf[UZ_PAGE_SIZE];

	for (uint32_t i = 0; i < PAGES; i++) {
		self_page_make(buf, i, 1, test_seed(), SELF_EASY);
		CHECK_EQ(uz_dev_write(d, rig.st, (uint64_t)i << UZ_PAGE_SHIFT, buf, sizeof(buf), 0),
			 0);
	}
}

static void nap(void)
{
	uz_nap(&rig.fault.plat, dev_rig_in(&rig, MS));
}

/* As a grant does it. */
static void take_turn(void)
{
	uint64_t end = dev_rig_in(&rig, 50 * MS);

	while (!uz_trylock(&rig.store->background)) {
		CHECK(dev_rig_in(&rig, 0) < end);
		uz_nap(&rig.fault.plat, dev_rig_in(&rig, MS / 50));
	}
	uz_unlock(rig.store->plat, &rig.store->background);
}

static void run(void *(*command)(void *), uint32_t left)
{
	struct uz_dev_config c = { .name = "d1",
				   .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				   .pool = uz_pools[0],
				   .codec = uz_dev_codec(rig.dev) };
	struct uz__counters count;
	struct uz_stream *st;
	pthread_t thread;
	struct uz_dev *d;

	CHECK_EQ(uz_dev_create(rig.store, &c, &d), 0);
	fill(d);
	uz_fetch_add(&rig.store->grants, 1);
	CHECK_EQ(pthread_create(&thread, NULL, command, d), 0);
	for (uint64_t end = dev_rig_in(&rig, 100 * MS); dev_rig_in(&rig, 0) < end;)
		nap();
	CHECK_EQ(uz_stream_open(rig.store, &st), 0);
	uz_stream_close(st);
	take_turn();
	CHECK(uz_store_disk(rig.store, c.name) == d);
	uz__count_sum(d, &count);
	CHECK_EQ(count.pages, PAGES);
	uz_fetch_sub(&rig.store->grants, 1);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	d = uz_store_disk(rig.store, c.name);
	CHECK_EQ(d != NULL, left != 0);
	CHECK_EQ(uz_store_check(rig.store), 0);
	if (!d)
		return;
	uz__count_sum(d, &count);
	CHECK_EQ(count.pages, left - 1);
	uz_dev_destroy(d);
}

int main(void)
{
	struct dev_rig_config c = { .size_bytes = 1 << 20, .limit_bytes = 64 << 20 };

	test_start();
	dev_rig_open(&rig, &c);
	run(reset, 1);
	run(cut, 2);
	run(destroy, 0);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	return 0;
}
