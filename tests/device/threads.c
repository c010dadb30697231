/* SPDX-License-Identifier: MIT */
/*
 * Everything at once on one disk: writers, readers, discards, compaction, recompression, idle marking,
 * background work, live changes of pool and codec, resizing, statistics, streams that come and go. Pages
 * say what they are. Each writer owns the pages that are his number modulo the number of writers, so it knows
 * what they must hold; readers check that a page is intact, and never older than what they saw
 * acknowledged before they read.
 *
 * uz-test: timeout 240
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev_rig.h"
#include "self_page.h"

#define PAGES 1536u /* those that are checked */
#define SIZE_SMALL ((uint64_t)2048 * UZ_PAGE_SIZE)
#define SIZE_BIG (5ull << 30) /* another root */
#define WRITERS 3u
#define READERS 2u

struct world {
	struct dev_rig rig;
	struct uz_dev *second;
	uint32_t acked
		[PAGES]; /* the last sequence that a write or discard of the page returned with */
	unsigned int codec[4];
	bool stop;
	uint64_t done[16];
	uint64_t end_ns;
};

struct thread {
	struct world *w;
	pthread_t id;
	unsigned int nr, nap_us;
	const char *name;
	void (*step)(struct thread *t);
	struct uz_stream *st;
	struct test_rng rng;
	uint32_t seq;
	uint64_t steps; /* atomic */
};

static uint64_t at(uint32_t page)
{
	return (uint64_t)page << UZ_PAGE_SHIFT;
}

static void check_page(struct thread *t, uint32_t page, const void *buf, uint32_t least)
{
	uint32_t seq = 0;
	enum self_state s = self_page_read(buf, page, test_seed(), SELF_ANY, &seq);

	CHECK_MSG(s != SELF_TORN, "%s: page %u is torn", t->name, page);
	CHECK_MSG(s == SELF_ZERO || seq >= least,
		  "%s: page %u has sequence %u, acknowledged was %u", t->name, page, seq, least);
}

/* What a page of my own holds: exactly the last that I wrote, in place or in part. */
static void check_own(struct thread *t, uint32_t page, bool zero)
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint32_t seq = 0;
	enum self_state s;

	CHECK_EQ(uz_dev_read(t->w->rig.dev, t->st, at(page), buf, sizeof(buf), 0), 0);
	s = self_page_read(buf, page, test_seed(), SELF_ANY, &seq);
	CHECK_MSG(zero ? s == SELF_ZERO : s == SELF_OK && seq == t->seq,
		  "own page %u: state %d, sequence %u, wrote %u", page, s, seq, t->seq);
}

/* The whole page at once, or in two parts that together make the new one. */
static void writer(struct thread *t)
{
	uint32_t page = t->nr + WRITERS * (uint32_t)test_below(&t->rng, PAGES / WRITERS);
	unsigned char buf[UZ_PAGE_SIZE];
	bool zero = test_one_in(&t->rng, 6);
	int r;

	if (zero) {
		r = uz_dev_discard(t->w->rig.dev, t->st, at(page), UZ_PAGE_SIZE);
	} else {
		self_page_make(buf, page, ++t->seq, test_seed(), SELF_ANY);
		r = uz_dev_write(t->w->rig.dev, t->st, at(page), buf, sizeof(buf),
				 test_one_in(&t->rng, 2) ? UZ_IO_SHARED : 0);
	}
	CHECK_EQ(r, 0);
	__atomic_store_n(&t->w->acked[page], zero ? 0 : t->seq, __ATOMIC_SEQ_CST);
	if (test_one_in(&t->rng, 3))
		check_own(t, page, zero);
}

/*
 * Two threads on neighbouring halves of one page past the checked ones: both halves stay. Each half
 * repeats its thread's counter.
 */
static void halves(struct thread *t)
{
	unsigned int half = t->nr & 1;
	uint64_t off = at(PAGES + 3) + half * (UZ_PAGE_SIZE / 2);
	uint64_t buf[UZ_PAGE_SIZE / 16], got[UZ_PAGE_SIZE / 16];

	t->seq++;
	for (unsigned int i = 0; i < UZ_PAGE_SIZE / 16; i++)
		buf[i] = (i * (uint64_t)(t->seq % 3)) << 32 | t->seq;
	CHECK_EQ(uz_dev_write(t->w->rig.dev, t->st, off, buf, sizeof(buf), 0), 0);
	CHECK_EQ(uz_dev_read(t->w->rig.dev, t->st, off, got, sizeof(got), 0), 0);
	CHECK_MEM(got, buf, sizeof(buf));
}

static void reader(struct thread *t)
{
	uint32_t nr = 1 + (uint32_t)test_below(&t->rng, 16);
	uint32_t page = (uint32_t)test_below(&t->rng, PAGES - nr), least[16];
	static _Thread_local unsigned char buf[16 * UZ_PAGE_SIZE];
	uint64_t len;
	bool hole;

	for (uint32_t i = 0; i < nr; i++)
		least[i] = __atomic_load_n(&t->w->acked[page + i], __ATOMIC_SEQ_CST);
	uz_dev_prefetch_slot(t->w->rig.dev, t->st, at(page));
	uz_dev_prefetch(t->w->rig.dev, t->st, at(page));
	CHECK_EQ(uz_dev_read(t->w->rig.dev, t->st, at(page), buf, at(nr), 0), 0);
	for (uint32_t i = 0; i < nr; i++)
		check_page(t, page + i, buf + at(i), least[i]);
	CHECK_EQ(uz_dev_extent(t->w->rig.dev, t->st, at(page), at(nr), &len, &hole), 0);
	CHECK(len && len <= at(nr));
}

static void background(struct thread *t)
{
	uz_dev_background(t->w->rig.dev, test_random(&t->rng) >> 20, 300000);
}

static void compactor(struct thread *t)
{
	CHECK(uz_dev_compact(t->w->rig.dev) >= 0);
}

static void recompressor(struct thread *t)
{
	struct uz_recompress rc = { .codec = t->w->codec[test_below(&t->rng, 4)],
				    .min_bytes = (uint32_t)test_below(&t->rng, UZ_PAGE_SIZE),
				    .max_pages = test_below(&t->rng, 100) };

	CHECK(uz_dev_recompress(t->w->rig.dev, &rc) >= 0);
	uz_dev_idle(t->w->rig.dev, 0);
	CHECK_EQ(uz_dev_set_recompress(t->w->rig.dev,
				       test_one_in(&t->rng, 2) ? -1 : (int)t->w->codec[1], 0, 0,
				       50),
		 0);
}

static void changer(struct thread *t)
{
	unsigned int nr = 0;

	while (uz_pools[nr])
		nr++;
	CHECK_EQ(uz_dev_set_pool(t->w->rig.dev, uz_pools[test_below(&t->rng, nr)]), 0);
	CHECK_EQ(uz_dev_set_codec(t->w->rig.dev, t->w->codec[test_below(&t->rng, 4)]), 0);
}

/* Writes past the small end are refused when the disk is small, and kept until it is. */
static void resizer(struct thread *t)
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint64_t far = test_one_in(&t->rng, 2) ? SIZE_SMALL : SIZE_BIG - UZ_PAGE_SIZE;

	CHECK_EQ(uz_dev_resize(t->w->rig.dev, SIZE_BIG), 0);
	CHECK_EQ(uz_dev_read(t->w->rig.dev, t->st, far, buf, sizeof(buf), 0), 0);
	CHECK(buf[0] == 0 && memcmp(buf, buf + 1, sizeof(buf) - 1) == 0);
	self_page_make(buf, 1, 1, 1, SELF_EASY);
	CHECK_EQ(uz_dev_write(t->w->rig.dev, t->st, far, buf, sizeof(buf), 0), 0);
	CHECK_EQ(uz_dev_resize(t->w->rig.dev, SIZE_SMALL), 0);
	CHECK_EQ(uz_dev_read(t->w->rig.dev, t->st, far, buf, sizeof(buf), 0), -EINVAL);
}

/* I/O at the region that comes and goes: refused or done, nothing else. */
static void edge(struct thread *t)
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint64_t off = SIZE_SMALL + test_below(&t->rng, 4) * UZ_PAGE_SIZE;
	int r;

	self_page_make(buf, 2, 2, 2, SELF_HARD);
	r = test_one_in(&t->rng, 2)
		    ? uz_dev_discard(t->w->rig.dev, t->st, off, UZ_PAGE_SIZE)
		    : uz_dev_write(t->w->rig.dev, t->st, off + UZ_PAGE_SIZE, buf, sizeof(buf), 0);
	CHECK(r == 0 || r == -EINVAL);
}

static void watcher(struct thread *t)
{
	static _Thread_local unsigned char pages[8 * UZ_PAGE_SIZE];
	struct uz_codec_info info;
	struct uz_latency lat;
	struct uz_dev_stats st;
	struct uz_stream *own;
	uint64_t bad;

	uz_dev_stats(t->w->rig.dev, &st);
	CHECK(st.ram_total <= st.ram_limit);
	CHECK(st.bad_pages == 0 && !uz_dev_last_bad(t->w->rig.dev, &bad));
	uz_dev_latency(t->w->rig.dev, UZ_OP_WRITE, &lat);
	CHECK(lat.p50_ns <= lat.p99_ns && lat.p99_ns <= lat.max_ns);
	CHECK_EQ(uz_store_codec_info(t->w->rig.store, uz_dev_codec(t->w->rig.dev), &info), 0);
	CHECK(uz_dev_pool(t->w->rig.dev)->name);
	CHECK_EQ(uz_stream_open(t->w->rig.store, &own), 0);
	CHECK(uz_dev_sample(t->w->rig.dev, own, pages, 8) <= 8);
	uz_stream_close(own);
}

/* Disks of the same store come and go. */
static void disks(struct thread *t)
{
	struct uz_dev_config c = { .name = "other",
				   .size_bytes = SIZE_SMALL,
				   .pool = uz_pools[1],
				   .codec = t->w->codec[0] };
	unsigned char buf[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];
	struct uz_dev *d;

	CHECK_EQ(uz_dev_create(t->w->rig.store, &c, &d), 0);
	self_page_make(buf, 5, ++t->seq, 5, SELF_EASY);
	CHECK_EQ(uz_dev_write(d, t->st, at(5), buf, sizeof(buf), 0), 0);
	CHECK_EQ(uz_dev_read(d, t->st, at(5), got, sizeof(got), 0), 0);
	CHECK_MEM(got, buf, sizeof(buf));
	uz_dev_destroy(d);
}

/* A second disk that somebody resets now and then: its pages are intact or zero. */
static void scribbler(struct thread *t)
{
	uint32_t page = (uint32_t)test_below(&t->rng, 300), seq;
	unsigned char buf[UZ_PAGE_SIZE];

	self_page_make(buf, page, ++t->seq, test_seed(), SELF_ANY);
	CHECK_EQ(uz_dev_write(t->w->second, t->st, at(page), buf, sizeof(buf), 0), 0);
	page = (uint32_t)test_below(&t->rng, 300);
	CHECK_EQ(uz_dev_read(t->w->second, t->st, at(page), buf, sizeof(buf), 0), 0);
	CHECK(self_page_read(buf, page, test_seed(), SELF_ANY, &seq) != SELF_TORN);
}

static void resetter(struct thread *t)
{
	CHECK_EQ(uz_dev_reset(t->w->second), 0);
	uz_dev_set_mem_limit(t->w->second, test_one_in(&t->rng, 2) ? 0 : 32 << 20);
	uz_arena_set_limit(uz_store_arena(t->w->rig.store),
			   (64ull << 20) - test_below(&t->rng, 8) * UZ_FRAME_SIZE);
}

static void make_second(struct world *w)
{
	struct uz_dev_config c = { .name = "second",
				   .size_bytes = SIZE_SMALL,
				   .pool = uz_pools[0],
				   .codec = w->codec[0] };

	CHECK_EQ(uz_dev_create(w->rig.store, &c, &w->second), 0);
}

static const struct {
	const char *name;
	void (*step)(struct thread *t);
	unsigned int count,
		nap_us; /* locks are not fair: who takes one all the time leaves it too */
} roles[] = {
	{ "writer", writer, WRITERS, 0 },
	{ "reader", reader, READERS, 0 },
	{ "halves", halves, 2, 10 },
	{ "background", background, 1, 1000 },
	{ "compactor", compactor, 1, 1000 },
	{ "recompressor", recompressor, 1, 1000 },
	{ "changer", changer, 1, 2000 },
	{ "resizer", resizer, 1, 500 },
	{ "edge", edge, 1, 50 },
	{ "watcher", watcher, 1, 500 },
	{ "disks", disks, 1, 1000 },
	{ "scribbler", scribbler, 2, 100 },
	{ "resetter", resetter, 1, 1000 },
};
#define NR_ROLES (sizeof(roles) / sizeof(roles[0]))

static void *run(void *arg)
{
	struct thread *t = arg;

	while (!__atomic_load_n(&t->w->stop, __ATOMIC_RELAXED)) {
		t->step(t);
		uz_fetch_add(&t->steps, 1);
		if (t->nap_us)
			usleep(t->nap_us);
	}
	return NULL;
}

static unsigned int start_all(struct world *w, struct thread *t)
{
	unsigned int n = 0;

	for (unsigned int role = 0; role < NR_ROLES; role++)
		for (unsigned int i = 0; i < roles[role].count; i++, n++) {
			t[n] = (struct thread){ .w = w,
						.nr = i,
						.name = roles[role].name,
						.step = roles[role].step,
						.nap_us = roles[role].nap_us,
						.rng = test_rng_of(test_seed() + n) };
			CHECK_EQ(uz_stream_open(w->rig.store, &t[n].st), 0);
		}
	for (unsigned int i = 0; i < n; i++)
		CHECK_EQ(pthread_create(&t[i].id, NULL, run, &t[i]), 0);
	return n;
}

/* For its time, and until each has got something done: locks are not fair, and neither is a busy machine. */
static void wait_for_all(struct thread *t, unsigned int nr)
{
	sleep((unsigned int)test_scale(4, 15, 600));
	for (unsigned int i = 0; i < nr; i++)
		while (!uz_load(&t[i].steps))
			usleep(10000);
}

static void verify(struct world *w, struct uz_stream *st)
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint32_t seq;

	for (uint32_t page = 0; page < PAGES; page++) {
		enum self_state s;

		CHECK_EQ(uz_dev_read(w->rig.dev, st, at(page), buf, sizeof(buf), 0), 0);
		s = self_page_read(buf, page, test_seed(), SELF_ANY, &seq);
		CHECK_MSG(w->acked[page] ? s == SELF_OK && seq == w->acked[page] : s == SELF_ZERO,
			  "page %u at the end", page);
	}
	CHECK_EQ(uz_store_check(w->rig.store), 0);
}

int main(void)
{
	static struct world w;
	struct dev_rig_config c = { .size_bytes = SIZE_SMALL, .limit_bytes = 64 << 20 };
	struct thread t[32];
	unsigned int nr;

	test_start();
	dev_rig_open(&w.rig, &c);
	w.codec[0] = uz_dev_codec(w.rig.dev);
	w.codec[1] = dev_rig_codec(&w.rig, "zstd", 1, true);
	w.codec[2] = dev_rig_codec(&w.rig, "lz4", 8, true);
	w.codec[3] = dev_rig_codec(&w.rig, "zstd", -3, false);
	make_second(&w);
	nr = start_all(&w, t);
	wait_for_all(t, nr);
	__atomic_store_n(&w.stop, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < nr; i++) {
		CHECK_EQ(pthread_join(t[i].id, NULL), 0);
		test_count(t[i].name, t[i].steps);
		uz_stream_close(t[i].st);
	}
	verify(&w, w.rig.st);
	dev_rig_adopt(&w.rig);
	verify(&w, w.rig.st);
	dev_rig_close(&w.rig);
	return 0;
}
