/* SPDX-License-Identifier: MIT */
/*
 * A disk five times as large as its RAM budget takes all that is written to it when it has a
 * backing, for every pool, from several threads, with background work beside them, and gives it all
 * back. The same for a disk's own mem_limit. The total is never above the limit.
 *
 * uz-test: timeout 240
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "dev_rig.h"
#include "self_page.h"
#include "test_backing.h"

#define PAGES 12288u
#define LIMIT (10ull << 20)
#define THREADS 3u

struct worker {
	struct dev_rig *rig;
	pthread_t thread;
	uint32_t number;
	uint64_t seed;
};

static bool stop;

static void put(struct dev_rig *rig, struct uz_stream *st, uint32_t page, uint32_t seq)
{
	unsigned char buf[UZ_PAGE_SIZE];

	self_page_make(buf, page, seq, test_seed(), SELF_ANY);
	CHECK_EQ(uz_dev_write(rig->dev, st, (uint64_t)page << UZ_PAGE_SHIFT, buf, sizeof(buf), 0),
		 0);
}

static void get(struct dev_rig *rig, struct uz_stream *st, uint32_t page, uint32_t want)
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint32_t seq = 0;

	CHECK_EQ(uz_dev_read(rig->dev, st, (uint64_t)page << UZ_PAGE_SHIFT, buf, sizeof(buf), 0),
		 0);
	CHECK(self_page_read(buf, page, test_seed(), SELF_ANY, &seq) == SELF_OK);
	CHECK_EQ(seq, want);
}

/* Each thread has every THREADS-th page: the store's, neighbours of the others'. */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct test_rng rng = test_rng_of(w->seed);
	struct uz_stream *st;

	CHECK_EQ(uz_stream_open(w->rig->store, &st), 0);
	for (uint32_t seq = 1; seq <= 2; seq++)
		for (uint32_t page = w->number; page < PAGES; page += THREADS) {
			put(w->rig, st, page, seq);
			if (page >= 64 * THREADS && test_one_in(&rng, 8)) {
				uint32_t back = THREADS * (uint32_t)test_below(&rng, 64);

				get(w->rig, st, page - back, seq);
			}
		}
	uz_stream_close(st);
	return NULL;
}

static void *background(void *arg)
{
	struct dev_rig *rig = arg;
	struct uz_plat *pl = uz_store_arena(rig->store)->plat;
	struct uz_dev_stats st;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		uz_store_background(rig->store, pl->ops->now(pl), 1000000);
		st = dev_rig_stats(rig);
		CHECK(st.ram_total <= st.ram_limit);
	}
	return NULL;
}

/* For a stream that one can do without no page leaves; for another one does. */
static void streams(struct dev_rig *rig)
{
	struct uz_stream *st[UZ_STREAM_MAX];
	uint64_t before = dev_rig_stats(rig).bd_writes;
	unsigned int nr = 0;
	int r;

	while ((r = uz_stream_open_spare(rig->store, &st[nr])) == 0)
		nr++;
	CHECK_EQ(r, -ENOSPC);
	CHECK_EQ(dev_rig_stats(rig).bd_writes, before);
	r = uz_stream_open(rig->store, &st[nr]);
	CHECK(r == 0 || r == -ENOSPC); /* the others have much of the budget */
	nr += r == 0;
	CHECK(dev_rig_stats(rig).bd_writes > before);
	while (nr)
		uz_stream_close(st[--nr]);
}

static void run(const struct uz_pool_ops *pool, bool mem_limit)
{
	struct dev_rig_config c = { .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				    .limit_bytes = mem_limit ? 8 * LIMIT : LIMIT,
				    .pool = pool->name,
				    .checksum = mem_limit };
	struct worker w[THREADS];
	struct test_backing b;
	struct uz_dev_stats st;
	struct dev_rig rig;
	pthread_t bg;

	dev_rig_open(&rig, &c);
	test_backing_open(&b, (uint64_t)(PAGES + 1) << UZ_PAGE_SHIFT);
	CHECK_EQ(uz_dev_set_backing(rig.dev, &b.dev, "b", 0), 0);
	if (mem_limit)
		uz_dev_set_mem_limit(rig.dev, LIMIT);
	__atomic_store_n(&stop, false, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_create(&bg, NULL, background, &rig), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .rig = &rig, .number = i, .seed = test_seed() + i };
		CHECK_EQ(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(bg, NULL);
	st = dev_rig_stats(&rig);
	CHECK(st.orig_data_size > 2 * LIMIT);
	CHECK(st.bd_count > PAGES / 8);
	CHECK_EQ(st.enospc, 0);
	if (!mem_limit)
		streams(&rig);
	if (mem_limit)
		CHECK(st.mem_used_total + st.table_size + st.clean_size <= LIMIT);
	for (uint32_t page = 0; page < PAGES; page++)
		get(&rig, rig.st, page, 2);
	CHECK_EQ(uz_store_check(rig.store), 0);
	printf("%s: %llu pages on the backing\n", pool->name, (unsigned long long)st.bd_count);
	dev_rig_close(&rig);
	test_backing_close(&b);
}

int main(void)
{
	test_start();
	for (unsigned int p = 0; uz_pools[p]; p++)
		run(uz_pools[p], false);
	run(uz_pools[0], true);
	return 0;
}
