/* SPDX-License-Identifier: MIT */
/*
 * A backing that is given and taken away again and again while two threads write back: they write
 * some pages, or are told that there is no backing, or that it is being taken away.
 */
#include <errno.h>
#include <pthread.h>

#include "dev_rig.h"
#include "self_page.h"
#include "test_backing.h"

#define PAGES 8u
#define SIZE ((uint64_t)PAGES * UZ_PAGE_SIZE)

static struct dev_rig rig;
static struct test_backing b;
static bool stop; /* atomic */
static uint64_t written, refused; /* atomic */

static void *write_back(void *arg)
{
	(void)arg;
	while (!uz_load_acquire(&stop)) {
		int64_t n = uz_dev_writeback(rig.dev, UZ_WRITEBACK_ALL, 0);

		CHECK_MSG(n >= 0 || n == -ENOENT || n == -EBUSY, "writeback: %lld", (long long)n);
		uz_fetch_add(&written, n > 0 ? (uint64_t)n : 0);
		uz_fetch_add(&refused, (uint64_t)(n < 0));
	}
	return NULL;
}

int main(void)
{
	struct dev_rig_config c = { .size_bytes = SIZE, .limit_bytes = 64 << 20 };
	unsigned char want[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];
	pthread_t thread[2];

	test_start();
	dev_rig_open(&rig, &c);
	test_backing_open(&b, SIZE + UZ_PAGE_SIZE);
	for (uint32_t i = 0; i < PAGES; i++)
		dev_rig_put(&rig, rig.dev, i, 1, SELF_HARD);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, write_back, NULL), 0);
	for (uint64_t n = test_scale(8000, 16000, 1000000); n; n--) {
		uint64_t before = uz_load(&written);

		CHECK_EQ(uz_dev_set_backing(rig.dev, &b.dev, "m", UZ_BACKING_FORMAT), 0);
		while (n % 64 == 0 && uz_load(&written) == before)
			uz_nap(&rig.fault.plat, dev_rig_in(&rig, 100000));
		CHECK_EQ(uz_dev_drop_backing(rig.dev), 0);
	}
	uz_store_release(&stop, true);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	CHECK(uz_load(&written) && uz_load(&refused));
	for (uint32_t i = 0; i < PAGES; i++) {
		self_page_make(want, i, 1, test_seed(), SELF_HARD);
		CHECK_EQ(uz_dev_read(rig.dev, rig.st, (uint64_t)i * UZ_PAGE_SIZE, got, sizeof(got),
				     0),
			 0);
		CHECK_MEM(got, want, sizeof(want));
	}
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	test_backing_close(&b);
	return 0;
}
