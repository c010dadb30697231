/* SPDX-License-Identifier: MIT */
/*
 * Commands that free many pages (reset, a cut, the end of a disk) give way to grants at any page, and
 * to commands of other disks: while a grant waits they free nothing, and both the background lock and
 * the store's are there for others. A reset ends though clients go on discarding, and when the store stops.
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
	for (uint32_t i = 0; i < PAGES; i++)
		dev_rig_put(&rig, d, i, 1, SELF_EASY);
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

static bool done; /* atomic */

static void *reset_then_tell(void *arg)
{
	reset(arg);
	uz_store(&done, true);
	return NULL;
}

static void open_rig(uint64_t size_bytes)
{
	struct dev_rig_config c = { .size_bytes = size_bytes, .limit_bytes = 64 << 20 };

	dev_rig_open(&rig, &c);
	fill(rig.dev);
	uz_store(&done, false);
}

/* So large that a lap over all its tables takes longer than a discard: every one asks for another. */
static void reset_beside_discards(void)
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint64_t end, nr = 0;
	pthread_t thread;

	open_rig(1ull << 40);
	self_page_make(buf, 0, 1, test_seed(), SELF_EASY);
	CHECK_EQ(pthread_create(&thread, NULL, reset_then_tell, rig.dev), 0);
	for (end = dev_rig_in(&rig, 10000 * MS); !uz_load(&done); nr++) {
		CHECK_MSG(dev_rig_in(&rig, 0) < end, "no end after %llu discards",
			  (unsigned long long)nr);
		CHECK_EQ(uz_dev_write(rig.dev, rig.st, 0, buf, sizeof(buf), 0), 0);
		CHECK_EQ(uz_dev_discard(rig.dev, rig.st, 0, sizeof(buf)), 0);
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(rig.dev->closing.lap, 1);
	CHECK_EQ(dev_rig_stats(&rig).orig_data_size, 0);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
}

/* A request that does not end keeps the tables; a store that stops does not wait for it. */
static void reset_while_stopping(void)
{
	pthread_t thread;
	uint64_t end;

	open_rig((uint64_t)PAGES << UZ_PAGE_SHIFT);
	uz__enter(rig.st);
	CHECK_EQ(pthread_create(&thread, NULL, reset_then_tell, rig.dev), 0);
	for (end = dev_rig_in(&rig, 100 * MS); dev_rig_in(&rig, 0) < end;)
		nap();
	CHECK(!uz_load(&done));
	uz_store_stop(rig.store);
	for (end = dev_rig_in(&rig, 10000 * MS); !uz_load(&done); nap())
		CHECK(dev_rig_in(&rig, 0) < end);
	uz__leave(rig.st);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(dev_rig_stats(&rig).orig_data_size, 0);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
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
	reset_beside_discards();
	reset_while_stopping();
	return 0;
}
