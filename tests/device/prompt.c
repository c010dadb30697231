/* SPDX-License-Identifier: MIT */
/*
 * Nobody waits long for work on a disk. Statistics wait for no lock that is held for long. Commands take
 * turns, of a slice each, however long a page takes to compress. Neither the background lock nor the
 * store's is held while a request is waited for that does not end, or a page that comes from a slow
 * backing. A command ends when its disk is about to go. Commands take turns at a slow backing too, and
 * grants do not keep pages from leaving for one for ever.
 */
#include <pthread.h>
#include <stdlib.h>

#include "../../core/device/device_i.h"

#include "dev_rig.h"
#include "self_page.h"
#include "test_backing.h"

#define PAGES 1024u
#define SIZE ((uint64_t)PAGES << UZ_PAGE_SHIFT)
#define MS 1000000ull
#define PAGE_NS (2 * MS) /* to compress one */
#define SLICE_PAGES 4u /* in 5 ms, with the one that began in time */
#define TURNS 21

static struct dev_rig rig;
static struct uz_codec_ops slow_codec;
static uint64_t compressed; /* atomic */
static bool done; /* atomic */

static void nap(uint64_t ns)
{
	for (uint64_t end = dev_rig_in(&rig, ns); dev_rig_in(&rig, 0) < end;)
		uz_nap(&rig.fault.plat, end);
}

static int slow_compress(const void *shared, void *state, const void *src, void *dst, uint32_t cap)
{
	nap(PAGE_NS);
	uz_fetch_add(&compressed, 1);
	return uz_codec_lz4.compress(shared, state, src, dst, cap);
}

static unsigned int slow_entry(void)
{
	struct uz_codec_params params = { .level = 2 };
	int entry;

	slow_codec = uz_codec_lz4;
	slow_codec.compress = slow_compress;
	entry = uz_store_codec(rig.store, &slow_codec, &params, false);
	CHECK(entry >= 0);
	return (unsigned int)entry;
}

static void open_disk(void)
{
	struct dev_rig_config c = { .size_bytes = SIZE, .limit_bytes = 64 << 20 };

	dev_rig_open(&rig, &c);
	for (uint32_t i = 0; i < PAGES; i++)
		dev_rig_put(&rig, rig.dev, i, 1, SELF_EASY);
	uz_store(&done, false);
	uz_store(&compressed, 0);
}

static void close_disk(void)
{
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
}

static void *recompress(void *arg)
{
	struct uz_recompress r = { .codec = *(unsigned int *)arg };

	CHECK(uz_dev_recompress(rig.dev, &r) >= 0);
	uz_store(&done, true);
	return NULL;
}

/* Two commands that go on and on, and one that comes now and then. */
static void turns(void)
{
	unsigned int entry;
	uint64_t pages[TURNS], most;
	pthread_t thread[2];

	open_disk();
	entry = slow_entry();
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, recompress, &entry), 0);
	while (!uz_load(&compressed))
		nap(MS);
	for (int i = 0; i < TURNS; i++) {
		pages[i] = uz_load(&compressed);
		uz__claim_background(rig.store);
		pages[i] = uz_load(&compressed) - pages[i];
		uz_unlock(rig.store->plat, &rig.store->background);
		nap(MS);
	}
	CHECK(!uz_load(&done));
	qsort(pages, TURNS, sizeof(*pages), test_compare_u64);
	test_count("pages", pages[TURNS - 1]);
	most = pages[TURNS / 2]; /* some may have waited for a CPU first */
	CHECK_MSG(most <= 2 * SLICE_PAGES, "waited for %llu pages", (unsigned long long)most);
	uz_dev_stop(rig.dev);
	most = uz_load(&compressed);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	most = uz_load(&compressed) - most;
	CHECK_MSG(most <= 2 * SLICE_PAGES, "%llu pages after the stop", (unsigned long long)most);
	close_disk();
}

static void *look(void *arg)
{
	struct uz_codec_info info;
	struct uz_latency l;

	(void)arg;
	CHECK_EQ(dev_rig_stats(&rig).orig_data_size, SIZE);
	CHECK_EQ(uz_store_codec_info(rig.store, uz_dev_codec(rig.dev), &info), 0);
	uz_dev_latency(rig.dev, UZ_OP_WRITE, &l);
	CHECK(l.count >= PAGES);
	uz_store(&done, true);
	return NULL;
}

static void stats(void)
{
	struct uz_lock *lock[6];
	struct uz_plat *pl = &rig.fault.plat;
	pthread_t thread;
	uint64_t end;

	open_disk();
	lock[0] = &rig.dev->control;
	lock[1] = &rig.store->control;
	lock[2] = &rig.store->background;
	lock[3] = &rig.dev->root_lock;
	lock[4] = &rig.store->wb.lock;
	lock[5] = &rig.store->squeeze.lock;
	for (int i = 0; i < 6; i++)
		uz_lock(pl, lock[i]);
	CHECK_EQ(pthread_create(&thread, NULL, look, NULL), 0);
	for (end = dev_rig_in(&rig, 60000 * MS); !uz_load(&done); nap(MS))
		CHECK(dev_rig_in(&rig, 0) < end);
	for (int i = 0; i < 6; i++)
		uz_unlock(pl, lock[i]);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	close_disk();
}

/* As others do it, who would wait for as long as the lock is held. */
static void take_both(void)
{
	uint64_t start;

	nap(20 * MS);
	start = dev_rig_in(&rig, 0);
	uz__claim_background(rig.store);
	uz_unlock(rig.store->plat, &rig.store->background);
	uz_lock(rig.store->plat, &rig.store->control);
	uz_unlock(rig.store->plat, &rig.store->control);
	CHECK(dev_rig_in(&rig, 0) < start + 60000 * MS);
}

static void *other_pool(void *arg)
{
	CHECK_EQ(uz_dev_set_pool(rig.dev, arg), 0);
	uz_store(&done, true);
	return NULL;
}

static void *destroy(void *arg)
{
	uz_dev_destroy(arg);
	uz_store(&done, true);
	return NULL;
}

static void *grow(void *arg)
{
	(void)arg;
	CHECK_EQ(uz_dev_resize(rig.dev, 16ull << 30), 0);
	uz_store(&done, true);
	return NULL;
}

/* While a request does not end. */
static void beside_request(void *(*command)(void *), void *arg)
{
	pthread_t thread;

	uz_store(&done, false);
	uz__enter(rig.st);
	CHECK_EQ(pthread_create(&thread, NULL, command, arg), 0);
	for (int i = 0; i < 3; i++)
		take_both();
	CHECK(!uz_load(&done));
	uz__leave(rig.st);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void work(void)
{
	for (int i = 0; i < 20 || (i < 2000 && dev_rig_stats(&rig).migrate_left); i++)
		uz_dev_background(rig.dev, dev_rig_in(&rig, 0), 50 * MS);
}

static void *pool(unsigned int i)
{
	return (void *)(uintptr_t)uz_pools[i];
}

static void requests(void)
{
	struct uz_dev_config c = { .name = "d1", .size_bytes = SIZE, .pool = uz_pools[0] };
	struct uz_dev *d;

	open_disk();
	c.codec = uz_dev_codec(rig.dev);
	CHECK_EQ(uz_dev_create(rig.store, &c, &d), 0);
	dev_rig_put(&rig, d, 1, 1, SELF_EASY);
	beside_request(destroy, d);
	CHECK_EQ(uz_dev_create(rig.store, &c, &d), 0);
	uz_dev_destroy(d);
	beside_request(grow, NULL);

	beside_request(other_pool, pool(1));
	uz__enter(rig.st);
	work();
	CHECK_EQ(dev_rig_stats(&rig).migrate_left, 0);
	CHECK_EQ(rig.dev->leaving.nr, 1);
	uz__leave(rig.st);
	beside_request(other_pool, pool(0)); /* while the old instance of it still leaves */
	CHECK_EQ(rig.dev->leaving.nr, 0);
	work();
	CHECK_EQ(dev_rig_stats(&rig).migrate_left, 0);
	CHECK_EQ(rig.dev->leaving.nr, 0);
	CHECK(rig.dev->only_pool == rig.dev->pool);
	CHECK_EQ(dev_rig_stats(&rig).orig_data_size, SIZE);
	close_disk();
}

static struct test_backing b;
static struct uz_backing_ops slow;
static const struct uz_backing_ops *fast;
static void (*meanwhile)(void);

static int slow_read(struct uz_backing_dev *dev, uint64_t off, void *buf, size_t len)
{
	void (*call)(void) = meanwhile;

	meanwhile = NULL;
	if (call)
		call();
	return fast->read(dev, off, buf, len);
}

static void open_backed(void)
{
	open_disk();
	test_backing_open(&b, SIZE + UZ_PAGE_SIZE);
	fast = b.dev.ops;
	slow = *fast;
	CHECK_EQ(uz_dev_set_backing(rig.dev, &b.dev, "m", 0), 0);
	b.dev.ops = &slow;
}

static pthread_t cutter;

static void *cut(void *arg)
{
	(void)arg;
	CHECK_EQ(uz_dev_reset(rig.dev), 0);
	uz_store(&done, true);
	return NULL;
}

static void reset_meanwhile(void)
{
	CHECK_EQ(pthread_create(&cutter, NULL, cut, NULL), 0);
	for (int i = 0; i < 3; i++)
		take_both();
	CHECK(!uz_load(&done));
}

/* By the thread that holds the slot, so that it would never end if it waited for that. */
static void migrate_meanwhile(void)
{
	CHECK_EQ(uz_dev_set_codec(rig.dev, dev_rig_codec(&rig, "lz4hc", 3, false)), 0);
	work();
}

static void fetch(void (*call)(void))
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint32_t seq;

	open_backed();
	CHECK_EQ(uz_dev_writeback(rig.dev, UZ_WRITEBACK_ALL, PAGES / 2), PAGES / 2);
	slow.read = slow_read;
	meanwhile = call;
	CHECK_EQ(uz_dev_read(rig.dev, rig.st, 0, buf, sizeof(buf), 0), 0);
	CHECK(!meanwhile);
	CHECK_EQ(self_page_read(buf, 0, test_seed(), SELF_EASY, &seq), SELF_OK);
}

static void fetches(void)
{
	fetch(reset_meanwhile);
	CHECK_EQ(pthread_join(cutter, NULL), 0);
	CHECK_EQ(dev_rig_stats(&rig).orig_data_size, 0);
	close_disk();
	test_backing_close(&b);

	fetch(migrate_meanwhile);
	CHECK_EQ(dev_rig_stats(&rig).bd_count, PAGES / 2);
	work();
	CHECK_EQ(dev_rig_stats(&rig).migrate_left, 0);
	close_disk();
	test_backing_close(&b);
}

static uint64_t batches; /* atomic */
static bool alone; /* atomic: nobody else will come */

/* Ends when somebody else stands in line. */
static int slow_write(struct uz_backing_dev *dev, uint64_t off, const void *buf, size_t len)
{
	const struct uz_line *l = &rig.store->wb.line;

	while (uz_load(&l->turns) == uz_load(&l->turn) && !uz_load(&alone))
		nap(MS);
	uz_fetch_add(&batches, 1);
	return fast->write(dev, off, buf, len);
}

static void *write_back(void *arg)
{
	(void)arg;
	CHECK_EQ(uz_dev_writeback(rig.dev, UZ_WRITEBACK_ALL, 0), PAGES);
	uz_store(&done, true);
	return NULL;
}

/* A batch of pages to a slow backing at a time: who wants to change a setting comes in between. */
static void writes_back(void)
{
	uint64_t most = 0;
	pthread_t thread;
	uint32_t turns;

	open_backed();
	slow.write = slow_write;
	turns = uz_load(&rig.store->wb.line.turns);
	uz_store(&batches, 0);
	uz_store(&alone, false);
	CHECK_EQ(pthread_create(&thread, NULL, write_back, NULL), 0);
	while (uz_load(&rig.store->wb.line.turns) == turns)
		nap(MS);
	for (int i = 0; i < 5; i++) {
		uint64_t before = uz_load(&batches);

		CHECK_EQ(uz_dev_set_writeback(rig.dev, 3600), 0);
		most = UZ_MAX(most, uz_load(&batches) - before);
	}
	CHECK(!uz_load(&done));
	uz_store(&alone, true);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_MSG(most <= 2, "waited for %llu batches", (unsigned long long)most);
	close_disk();
	test_backing_close(&b);
}

static void *in_turn(void *arg)
{
	uint32_t *order = arg;

	CHECK_EQ(uz_dev_set_writeback(rig.dev, 3600), 0);
	*order = uz_load(&rig.store->wb.line.turn);
	return NULL;
}

/* Who has just had the lock comes after all who wait for it. */
static void line(void)
{
	struct uz_line *l;
	uint32_t order[2], first;
	pthread_t thread[2];

	open_backed();
	l = &rig.store->wb.line;
	first = uz_load(&l->turns);
	uz_lock(rig.store->plat, &rig.store->wb.lock);
	for (uint32_t i = 0; i < 2; i++) {
		CHECK_EQ(pthread_create(&thread[i], NULL, in_turn, &order[i]), 0);
		for (uint64_t end = dev_rig_in(&rig, 60000 * MS);
		     uz_load(&l->turns) == first + i;) {
			CHECK(dev_rig_in(&rig, 0) < end);
			nap(MS);
		}
	}
	uz_unlock(rig.store->plat, &rig.store->wb.lock);
	uz__wb_lock(rig.store);
	CHECK_EQ(uz_load(&l->turn), first + 3);
	uz_unlock(rig.store->plat, &rig.store->wb.lock);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	CHECK(order[0] - first >= 1 && order[1] - first >= 2);
	close_disk();
	test_backing_close(&b);
}

/* Grants one after the other put off what leaves by age, but not for ever. */
static void leaves_at_last(void)
{
	uint64_t end;

	open_backed();
	CHECK(uz_dev_idle(rig.dev, 0) > 0);
	work();
	CHECK_EQ(uz_dev_set_writeback(rig.dev, 1), 0);
	uz_store(&rig.store->calm_until_ns, UINT64_MAX);
	work();
	CHECK_EQ(dev_rig_stats(&rig).bd_writes, 0);
	for (end = dev_rig_in(&rig, 120000 * MS); !dev_rig_stats(&rig).bd_writes; nap(50 * MS)) {
		CHECK(dev_rig_in(&rig, 0) < end);
		work();
	}
	uz_store(&rig.store->calm_until_ns, 0);
	close_disk();
	test_backing_close(&b);
}

/* A disk that is at its limit moves to a codec that needs more: pages leave for that, a batch at a time. */
static void makes_room(void)
{
	struct dev_rig_config c = { .size_bytes = SIZE, .limit_bytes = 64 << 20, .codec = "zstd" };

	dev_rig_open(&rig, &c);
	for (uint32_t i = 0; i < PAGES; i++)
		dev_rig_put(&rig, rig.dev, i, 1, SELF_EASY);
	test_backing_open(&b, SIZE + UZ_PAGE_SIZE);
	CHECK_EQ(uz_dev_set_backing(rig.dev, &b.dev, "m", 0), 0);
	work();
	uz_dev_set_mem_limit(rig.dev, dev_rig_stats(&rig).mem_used_total);
	CHECK_EQ(uz_dev_set_codec(rig.dev, dev_rig_codec(&rig, "lz4", UZ_LEVEL_DEFAULT, false)), 0);
	for (int i = 0; i < 20; i++)
		work();
	test_count("left", dev_rig_stats(&rig).migrate_left);
	CHECK_EQ(dev_rig_stats(&rig).migrate_left, 0);
	test_count("on_backing", dev_rig_stats(&rig).bd_count);
	CHECK(dev_rig_stats(&rig).bd_count > 0);
	close_disk();
	test_backing_close(&b);
}

int main(void)
{
	test_start();
	turns();
	stats();
	requests();
	fetches();
	writes_back();
	line();
	leaves_at_last();
	makes_room();
	return 0;
}
