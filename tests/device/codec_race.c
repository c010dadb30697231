/* SPDX-License-Identifier: MIT */
/*
 * Codec entries come and go while pages are written: more codecs than a store has entries, so that entries are
 * taken back all the time. A write that began under an entry still finds it when it ends, and its page can be read.
 *
 * uz-test: timeout 120
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "dev_rig.h"
#include "self_page.h"

#define PAGES 40u
#define WRITERS 3u

static struct dev_rig rig;
static bool stop;
static uint64_t nr_writes, nr_changes, nr_full, nr_recompressed;

static void *writer(void *arg)
{
	struct test_rng rng = test_rng_of(test_seed() + (uintptr_t)arg);
	unsigned char buf[UZ_PAGE_SIZE];
	struct uz_stream *st;
	uint32_t seq = 0, got;

	CHECK_EQ(uz_stream_open(rig.store, &st), 0);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint32_t page = (uint32_t)test_below(&rng, PAGES);

		self_page_make(buf, page, ++seq, test_seed(), SELF_EASY);
		CHECK_EQ(uz_dev_write(rig.dev, st, (uint64_t)page << UZ_PAGE_SHIFT, buf,
				      sizeof(buf), 0),
			 0);
		page = (uint32_t)test_below(&rng, PAGES);
		CHECK_EQ(uz_dev_read(rig.dev, st, (uint64_t)page << UZ_PAGE_SHIFT, buf, sizeof(buf),
				     0),
			 0);
		CHECK(self_page_read(buf, page, test_seed(), SELF_EASY, &got) != SELF_TORN);
		__atomic_add_fetch(&nr_writes, 1, __ATOMIC_RELAXED);
	}
	uz_stream_close(st);
	return NULL;
}

static int any_entry(struct test_rng *rng)
{
	struct uz_codec_params p = { .level = 1 - (int32_t)test_below(rng, 60) };

	p.level += p.level <= 0 ? -1 : 0;
	return uz_store_codec(rig.store, &uz_codec_zstd, &p, test_one_in(rng, 2));
}

static void *changer(void *arg)
{
	struct test_rng rng = test_rng_of(test_seed() + 100);

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		int e = any_entry(&rng);

		CHECK(e >= 0 || e == -ENOSPC);
		if (e >= 0)
			CHECK_EQ(uz_dev_set_codec(rig.dev, (unsigned int)e), 0);
		uz_fetch_add(&nr_changes, e >= 0);
		nr_full += e < 0;
		uz_dev_background(rig.dev, 0, 3000000);
	}
	return NULL;
}

/* An entry that is taken back before the command starts is -EINVAL. */
static void *recompressor(void *arg)
{
	struct test_rng rng = test_rng_of(test_seed() + 200);

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct uz_recompress rc = { .codec = (unsigned int)test_below(&rng, UZ_CODEC_MAX) };
		int64_t r = uz_dev_recompress(rig.dev, &rc);

		CHECK(r >= 0 || r == -EINVAL);
		nr_recompressed += r > 0;
	}
	return NULL;
}

int main(void)
{
	struct dev_rig_config c = { .size_bytes = PAGES * UZ_PAGE_SIZE, .limit_bytes = 256 << 20 };
	struct timespec ts = { .tv_sec = (time_t)test_scale(2, 10, 300) };
	unsigned char buf[UZ_PAGE_SIZE];
	pthread_t id[WRITERS + 2];

	test_start();
	dev_rig_open(&rig, &c);
	for (uintptr_t i = 0; i < WRITERS; i++)
		CHECK_EQ(pthread_create(&id[i], NULL, writer, (void *)i), 0);
	CHECK_EQ(pthread_create(&id[WRITERS], NULL, changer, NULL), 0);
	CHECK_EQ(pthread_create(&id[WRITERS + 1], NULL, recompressor, NULL), 0);
	nanosleep(&ts, NULL);
	while (uz_load(&nr_changes) <= UZ_CODEC_MAX)
		uz_nap(&rig.fault.plat, dev_rig_in(&rig, 10000000));
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < WRITERS + 2; i++)
		CHECK_EQ(pthread_join(id[i], NULL), 0);
	for (uint32_t p = 0; p < PAGES; p++)
		CHECK_EQ(uz_dev_read(rig.dev, rig.st, (uint64_t)p << UZ_PAGE_SHIFT, buf,
				     sizeof(buf), 0),
			 0);
	CHECK_EQ(uz_store_check(rig.store), 0);
	test_count("writes", nr_writes);
	test_count("changes", nr_changes);
	test_count("no_entry_free", nr_full);
	test_count("recompressed", nr_recompressed);
	dev_rig_adopt(&rig);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	return 0;
}
