/* SPDX-License-Identifier: MIT */
/*
 * A request that waits for the backing in the middle is not waited for by a disk that shrinks. What is
 * left of it beyond the new end is refused: nothing is stored where nobody would read or free it.
 */
#include <errno.h>
#include <pthread.h>

#include "../../core/device/device_i.h"

#include "dev_rig.h"
#include "self_page.h"
#include "test_backing.h"

#define PAGES 2048u
#define SIZE ((uint64_t)PAGES << UZ_PAGE_SHIFT)
#define LATER 1024u /* another table than the first page's */

static struct dev_rig rig;
static struct test_backing b;
static struct uz_backing_ops slow;
static const struct uz_backing_ops *fast;
static pthread_t thread;
static bool shrunk;

static void *shrink(void *arg)
{
	(void)arg;
	CHECK_EQ(uz_dev_resize(rig.dev, UZ_PAGE_SIZE), 0);
	return NULL;
}

/* The disk has shrunk when this returns, but for pages whose slots are locked. */
static int slow_read(struct uz_backing_dev *dev, uint64_t off, void *buf, size_t len)
{
	if (!shrunk) {
		shrunk = true;
		CHECK_EQ(pthread_create(&thread, NULL, shrink, NULL), 0);
		while (uz_dev_size(rig.dev) != UZ_PAGE_SIZE)
			uz_nap(&rig.fault.plat, dev_rig_in(&rig, 1000000));
		for (int i = 0; i < 200; i++)
			uz_nap(&rig.fault.plat, dev_rig_in(&rig, 1000000));
	}
	return fast->read(dev, off, buf, len);
}

static void open_disk(void)
{
	struct dev_rig_config c = { .size_bytes = SIZE, .limit_bytes = 32 << 20 };

	dev_rig_open(&rig, &c);
	test_backing_open(&b, SIZE + UZ_PAGE_SIZE);
	fast = b.dev.ops;
	slow = *fast;
	slow.read = slow_read;
	CHECK_EQ(uz_dev_set_backing(rig.dev, &b.dev, "m", 0), 0);
	dev_rig_put(&rig, rig.dev, 0, 1, SELF_HARD);
	dev_rig_put(&rig, rig.dev, LATER, 1, SELF_HARD);
	CHECK(uz_dev_writeback(rig.dev, UZ_WRITEBACK_ALL, 0) > 0);
	CHECK_EQ(dev_rig_stats(&rig).bd_count, 2);
	b.dev.ops = &slow;
	shrunk = false;
}

static void close_disk(void)
{
	CHECK(shrunk);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(dev_rig_stats(&rig).orig_data_size, UZ_PAGE_SIZE);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	test_backing_close(&b);
}

static int put_some(uint64_t off, size_t len, unsigned int flags)
{
	static unsigned char buf[4 * UZ_PAGE_SIZE];
	struct test_rng rng = test_rng_of(test_seed());

	test_fill_random(&rng, buf, sizeof(buf));
	return uz_dev_write(rig.dev, rig.st, off, buf, len, flags);
}

static void writes(unsigned int flags)
{
	open_disk();
	CHECK_EQ(put_some(512, 3 * UZ_PAGE_SIZE, flags), -EINVAL);
	close_disk();
}

static void zeros(void)
{
	open_disk();
	CHECK_EQ(uz_dev_zero(rig.dev, rig.st, 512, 3 * UZ_PAGE_SIZE), -EINVAL);
	close_disk();
}

/* The page that was waited for is itself beyond the end. */
static void update(void)
{
	open_disk();
	CHECK_EQ(put_some((uint64_t)LATER << UZ_PAGE_SHIFT, 512, 0), -EINVAL);
	close_disk();
}

int main(void)
{
	test_start();
	writes(0);
	writes(UZ_IO_SHARED);
	zeros();
	update();
	return 0;
}
