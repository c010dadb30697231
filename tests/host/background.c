/* SPDX-License-Identifier: MIT */
/*
 * The background thread gives memory back without being asked, disks come and go under it, and
 * it stops at once from its sleep.
 */
#include "host_i.h"

#include <time.h>

#include "pages.h"

#define DISK_BYTES ((uint64_t)16 << 20)

static struct uz_store *open_store(struct uz_host *h)
{
	struct uz_store_config c = {
		.arena = { .capacity_bytes = 256u << 20, .limit_bytes = 256u << 20 },
		.registry = uz_host_registry(),
	};
	struct uz_store_error err = { "" };
	struct uz_store *s = NULL;
	int rc = uz_store_open(uz_host_plat(h), &c, &s, &err);

	CHECK_MSG(rc == 0, "uz_store_open: %d %s", rc, err.what);
	return s;
}

static struct uz_dev *create(struct uz_store *s, const char *name)
{
	struct uz_codec_params p = { .level = UZ_LEVEL_DEFAULT };
	struct uz_dev_config c = {
		.name = name,
		.size_bytes = DISK_BYTES,
		.pool = uz_pools[0],
		.codec = (unsigned int)uz_store_codec(s, &uz_codec_lz4, &p, false),
	};
	struct uz_dev *d = NULL;

	CHECK_EQ(uz_dev_create(s, &c, &d), 0);
	return d;
}

static void fill(struct test_rng *rng, struct uz_dev *d, struct uz_stream *st)
{
	char page[UZ_PAGE_SIZE];

	for (uint64_t off = 0; off < DISK_BYTES; off += UZ_PAGE_SIZE) {
		page_make(rng, PAGE_TEXT, page);
		CHECK_EQ(uz_dev_write(d, st, off, page, UZ_PAGE_SIZE, 0), 0);
	}
}

static uint64_t used(struct uz_dev *d)
{
	struct uz_dev_stats st;

	uz_dev_stats(d, &st);
	return st.mem_used_total;
}

static uint64_t ms_since(struct uz_plat *pl, uint64_t start)
{
	return (pl->ops->now(pl) - start) / 1000000;
}

/* Pages are discarded at random, so blocks are left half empty; compaction must come by itself. */
static void test_compacts(struct test_rng *rng, struct uz_store *s)
{
	struct uz_plat *pl = uz_store_arena(s)->plat;
	struct uz_dev *d = create(s, "one");
	struct uz_stream *st = NULL;
	struct uz_background *b = NULL;
	uint64_t before, start;

	CHECK_EQ(uz_stream_open(s, &st), 0);
	fill(rng, d, st);
	for (uint64_t off = 0; off < DISK_BYTES; off += UZ_PAGE_SIZE) {
		if (test_one_in(rng, 2))
			CHECK_EQ(uz_dev_discard(d, st, off, UZ_PAGE_SIZE), 0);
	}
	before = used(d);
	CHECK_EQ(uz_background_start(s, &b), 0);
	start = pl->ops->now(pl);
	while (used(d) * 10 > before * 9 && ms_since(pl, start) < 60000)
		usleep(1000);
	printf("%llu bytes before, %llu after %llu ms\n", (unsigned long long)before,
	       (unsigned long long)used(d), (unsigned long long)ms_since(pl, start));
	CHECK(used(d) * 10 <= before * 9);
	uz_stream_close(st);
	uz_dev_destroy(d);
	uz_background_stop(b);
}

static void test_disks_come_and_go(struct uz_store *s)
{
	struct uz_background *b = NULL;
	struct uz_dev *a, *c;

	CHECK_EQ(uz_background_start(s, &b), 0);
	for (uint64_t i = 0; i < test_scale(50, 500, 5000); i++) {
		a = create(s, "a");
		c = create(s, "c");
		if (i % 8 == 0)
			usleep(1000);
		uz_dev_destroy(a);
		uz_dev_destroy(c);
	}
	uz_background_stop(b);
}

static void test_stops_at_once(struct uz_store *s)
{
	struct uz_plat *pl = uz_store_arena(s)->plat;
	struct uz_background *b = NULL;
	uint64_t start, least_ms = UINT64_MAX;

	for (int i = 0; i < 10; i++) {
		CHECK_EQ(uz_background_start(s, &b), 0);
		usleep(10000);
		start = pl->ops->now(pl);
		uz_background_stop(b);
		least_ms = UZ_MIN(least_ms, ms_since(pl, start));
	}
	CHECK_MSG(least_ms < 30, "of ten stops the fastest took %llu ms",
		  (unsigned long long)least_ms);
	uz_background_stop(NULL);
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Recompression takes its share of a CPU, also when it rests often, and none when it is turned off. */
static void test_share(struct test_rng *rng, struct uz_store *s)
{
	struct uz_codec_params p = { .level = 19 };
	struct uz_dev *d = create(s, "one");
	struct uz_background *b = NULL;
	struct uz_stream *st = NULL;
	struct uz_dev_stats stats;
	uint64_t off_ns;
	int entry;

	CHECK_EQ(uz_stream_open(s, &st), 0);
	fill(rng, d, st);
	entry = uz_store_codec(s, &uz_codec_zstd, &p, false);
	CHECK(entry >= 0);
	CHECK_EQ(uz_dev_set_recompress(d, entry, 0, 0, 20), 0);
	CHECK_EQ(uz_background_start(s, &b), 0);
	do {
		usleep(1000);
		uz_dev_stats(d, &stats);
	} while (!stats.recompressed);
	CHECK_EQ(uz_dev_set_recompress(d, -1, 0, 0, 0), 0);
	off_ns = cpu_ns();
	usleep(500000);
	off_ns = cpu_ns() - off_ns;
	printf("%llu us of CPU in 500 ms after it was turned off\n",
	       (unsigned long long)off_ns / 1000);
	CHECK(off_ns < 50000000);
	uz_background_stop(b);
	uz_stream_close(st);
	uz_dev_destroy(d);
}

int main(void)
{
	struct uz_host_config hc = { .backing = UZ_HOST_PRIVATE, .fd = -1 };
	struct test_rng rng = test_start();
	struct uz_host *h = NULL;
	struct uz_store *s;

	CHECK_EQ(uz_host_open(&hc, &h), 0);
	s = open_store(h);
	test_compacts(&rng, s);
	test_share(&rng, s);
	test_disks_come_and_go(s);
	test_stops_at_once(s);
	CHECK_EQ(uz_store_check(s), 0);
	uz_store_close(s);
	uz_host_close(h);
	return 0;
}
