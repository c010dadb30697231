/* SPDX-License-Identifier: MIT */
/*
 * A disk that grows: nothing can be written to the new part before the record that an adoption reads has
 * it. The record is held up half-way, once with room in the disk's root and once with a larger root.
 */
#include <errno.h>
#include <pthread.h>

#include "../../core/device/device_i.h"

#include "dev_rig.h"
#include "self_page.h"

#define OLD (1ull << 20)

static struct dev_rig rig;

static void *grow(void *arg)
{
	CHECK_EQ(uz_dev_resize(rig.dev, *(uint64_t *)arg), 0);
	return NULL;
}

static int write_last(uint64_t size_bytes)
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint64_t off = size_bytes - sizeof(buf);

	self_page_make(buf, (uint32_t)(off >> UZ_PAGE_SHIFT), 1, test_seed(), SELF_EASY);
	return uz_dev_write(rig.dev, rig.st, off, buf, sizeof(buf), 0);
}

static void check_last(uint64_t size_bytes)
{
	unsigned char want[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];
	uint64_t off = size_bytes - sizeof(got);

	self_page_make(want, (uint32_t)(off >> UZ_PAGE_SHIFT), 1, test_seed(), SELF_EASY);
	CHECK_EQ(uz_dev_size(rig.dev), size_bytes);
	CHECK_EQ(uz_dev_read(rig.dev, rig.st, off, got, sizeof(got), 0), 0);
	CHECK_MEM(got, want, sizeof(got));
}

static void run(uint64_t size_bytes)
{
	struct dev_rig_config c = { .size_bytes = OLD, .limit_bytes = 32 << 20 };
	pthread_t thread;

	dev_rig_open(&rig, &c);
	CHECK_EQ(write_last(OLD), 0); /* makes the table */
	uz_lock(rig.store->plat, &rig.dev->save_lock);
	CHECK_EQ(pthread_create(&thread, NULL, grow, &size_bytes), 0);
	while (uz_load(&rig.dev->save_lock.word) != 2)
		uz_nap(&rig.fault.plat, dev_rig_in(&rig, 100000));
	CHECK_EQ(uz_dev_size(rig.dev), OLD);
	CHECK_EQ(write_last(size_bytes), -EINVAL);
	CHECK_EQ(write_last(OLD), 0);
	uz_unlock(rig.store->plat, &rig.dev->save_lock);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(write_last(size_bytes), 0);
	dev_rig_adopt(&rig);
	check_last(size_bytes);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
}

int main(void)
{
	test_start();
	run(4 * OLD);
	run(4096 * OLD);
	return 0;
}
