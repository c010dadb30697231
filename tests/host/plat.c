/* SPDX-License-Identifier: MIT */
/*
 * The platform on each of its backings: committed memory is zero when new and kept when old,
 * decommitted memory is given back and zero again, and what is resident is what was committed.
 */
#include "host_i.h"

#include <pthread.h>

#include "test.h"

#define MIB ((size_t)1 << 20)
#define STORE_BYTES (256 * MIB)

static const char *const backing_names[] = { "private", "memfd", "file" };

static struct uz_host *open_backing(enum uz_host_backing b)
{
	struct uz_host_config c = { .backing = b, .path = test_path("store"), .fd = -1 };
	struct uz_host *h = NULL;

	if (b == UZ_HOST_FILE)
		unlink(c.path);
	CHECK_EQ(uz_host_open(&c, &h), 0);
	return h;
}

static bool is_filled(const char *p, size_t len, char with)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != with)
			return false;
	}
	return true;
}

/* Commits @from..@to of @page, which overlaps what was committed before. */
static void commit_pages(struct uz_plat *pl, char *base, size_t from, size_t to)
{
	CHECK_EQ(pl->ops->commit(pl, base + from * pl->page_bytes, (to - from) * pl->page_bytes),
		 0);
}

static void test_content(struct uz_plat *pl, char *base)
{
	size_t page = pl->page_bytes;

	commit_pages(pl, base, 4, 8);
	CHECK(is_filled(base + 4 * page, 4 * page, 0));
	memset(base + 4 * page, 'a', 4 * page);
	commit_pages(pl, base, 2, 10);
	CHECK(is_filled(base + 2 * page, 2 * page, 0));
	CHECK(is_filled(base + 4 * page, 4 * page, 'a'));
	CHECK(is_filled(base + 8 * page, 2 * page, 0));
	CHECK_EQ(pl->ops->decommit(pl, base + 5 * page, page), 0);
	commit_pages(pl, base, 0, 16);
	CHECK(is_filled(base + 4 * page, page, 'a'));
	CHECK(is_filled(base + 5 * page, page, 0));
	CHECK(is_filled(base + 6 * page, 2 * page, 'a'));
	CHECK_EQ(pl->ops->decommit(pl, base, 16 * page), 0);
}

#define HOLE_PAGES 8
#define SLACK_PAGES 3 /* a file system charges what it needs itself to the file */

static void check_resident(struct uz_host *h, size_t pages)
{
	int64_t got = uz_host_resident(h) / uz_host_plat(h)->page_bytes, want = (int64_t)pages;

	CHECK_MSG(got >= want && got <= want + SLACK_PAGES, "%lld pages resident, want %lld",
		  (long long)got, (long long)want);
}

/* What a store's maker committed is found again, and what is not there, for whatever reason, made. */
static void test_adopt(struct uz_host *h, char *base)
{
	struct uz_plat *pl = uz_host_plat(h);
	size_t page = pl->page_bytes, all = 64 * page;

	CHECK_EQ(pl->ops->commit(pl, base, all), 0);
	memset(base, 'a', all);
	for (size_t hole = 0; hole < 64 - HOLE_PAGES; hole += 7) {
		CHECK_EQ(pl->ops->adopt(pl, base, all), 0);
		CHECK_EQ(pl->ops->adopt(pl, base + 16 * page, 8 * page), 0);
		CHECK_EQ(pl->ops->decommit(pl, base + hole * page, HOLE_PAGES * page), 0);
		check_resident(h, 64 - HOLE_PAGES);
		CHECK_EQ(pl->ops->adopt(pl, base + 32 * page, 32 * page), 0);
		CHECK_EQ(pl->ops->adopt(pl, base, 32 * page), 0);
		check_resident(h, 64);
		CHECK(is_filled(base + hole * page, HOLE_PAGES * page, 0));
		memset(base + hole * page, 'a', HOLE_PAGES * page);
		CHECK(is_filled(base, all, 'a'));
	}
	CHECK_EQ(pl->ops->decommit(pl, base, all), 0);
}

/* @bits: one a page. Commits or gives back a random range. */
static void random_step(struct test_rng *rng, struct uz_plat *pl, char *base, uint8_t *bits)
{
	size_t unit = test_one_in(rng, 2) ? pl->page_bytes : pl->return_bytes;
	size_t nr = STORE_BYTES / unit, per = unit / pl->page_bytes;
	size_t at = test_below(rng, nr), n = 1 + test_below(rng, UZ_MIN(nr - at, (size_t)32));
	bool give = unit == pl->return_bytes && test_one_in(rng, 3);

	if (give)
		CHECK_EQ(pl->ops->decommit(pl, base + at * unit, n * unit), 0);
	else
		CHECK_EQ(pl->ops->commit(pl, base + at * unit, n * unit), 0);
	memset(bits + at * per, !give, n * per);
}

static void test_resident(struct test_rng *rng, struct uz_host *h, char *base)
{
	struct uz_plat *pl = uz_host_plat(h);
	size_t nr = STORE_BYTES / pl->page_bytes;
	uint8_t *bits = calloc(nr, 1);

	CHECK_EQ(uz_host_resident(h), 0);
	for (test_step = 1; test_step <= test_scale(60, 300, 3000); test_step++) {
		int64_t want = 0, got;

		random_step(rng, pl, base, bits);
		for (size_t i = 0; i < nr; i++)
			want += bits[i] ? pl->page_bytes : 0;
		got = uz_host_resident(h);
		CHECK_MSG(llabs(got - want) * 50 <= want, "resident is %lld, committed %lld",
			  (long long)got, (long long)want);
	}
	test_step = 0;
	CHECK_EQ(pl->ops->decommit(pl, base, STORE_BYTES), 0);
	CHECK_EQ(uz_host_resident(h), 0);
	free(bits);
}

static void test_reserve(struct uz_host *h)
{
	struct uz_plat *pl = uz_host_plat(h);
	void *store, *again, *scratch;

	CHECK_EQ(pl->ops->store_bytes(pl), 0);
	CHECK_EQ(pl->ops->reserve(pl, UZ_BACKING_STORE, STORE_BYTES, 2 * MIB, &store), 0);
	CHECK_EQ((uintptr_t)store % (2 * MIB), 0);
	CHECK_EQ(pl->ops->reserve(pl, UZ_BACKING_STORE, STORE_BYTES, 2 * MIB, &again), -EBUSY);
	CHECK_EQ(pl->ops->reserve(pl, UZ_BACKING_SCRATCH, 64 * MIB, 64 * MIB, &scratch), 0);
	CHECK_EQ((uintptr_t)scratch % (64 * MIB), 0);
	CHECK_EQ(pl->ops->commit(pl, scratch, 3 * MIB), 0);
	CHECK(is_filled(scratch, 3 * MIB, 0));
	memset(scratch, 1, 3 * MIB);
	CHECK_EQ(pl->ops->decommit(pl, scratch, 3 * MIB), 0);
	CHECK_EQ(pl->ops->commit(pl, scratch, MIB), 0);
	CHECK(is_filled(scratch, MIB, 0));
	pl->ops->release(pl, scratch, 64 * MIB);
	CHECK_EQ(pl->ops->reserve(pl, UZ_BACKING_STORE, (size_t)1 << 62, 2 * MIB, &again), -EBUSY);
	pl->ops->release(pl, store, STORE_BYTES);
}

/*
 * Content, what is resident and what is not go along, also where huge pages were asked for in a part; what
 * is left behind reads as zeros when it is committed again.
 */
static void test_carry(void)
{
	struct uz_host *h = open_backing(UZ_HOST_PRIVATE);
	struct uz_plat *pl = uz_host_plat(h);
	size_t len = pl->carry_bytes, page = pl->page_bytes;
	void *base;
	char *p;

	CHECK_EQ(len, 2 << 20);
	CHECK_EQ(pl->ops->reserve(pl, UZ_BACKING_STORE, 4 * len, len, &base), 0);
	p = base;
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pl->ops->commit(pl, p + i * len, i ? len : len / 2), 0);
	memset(p, 'a', len / 2);
	CHECK_EQ(pl->ops->decommit(pl, p + len, len), 0);
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(pl->ops->carry(pl, p, p + len), 0);
		CHECK(is_filled(p + len, len / 2, 'a'));
		CHECK(pl->ops->held(pl, p, len) == 0);
		CHECK_EQ(pl->ops->held(pl, p + len, len), (int64_t)(len / 2));
		CHECK_EQ(pl->ops->commit(pl, p, len), 0);
		CHECK(is_filled(p, len, 0));
		CHECK_EQ(pl->ops->decommit(pl, p, len / 2), 0); /* two mappings now */
		CHECK_EQ(pl->ops->carry(pl, p, p + 2 * len), 0);
		CHECK_EQ(pl->ops->held(pl, p + 2 * len, len), (int64_t)(len / 2));
		CHECK_EQ(pl->ops->decommit(pl, p + 2 * len, len), 0);
		CHECK_EQ(pl->ops->carry(pl, p + len, p), 0);
		CHECK(is_filled(p, len / 2, 'a'));
	}
	CHECK_EQ(pl->ops->commit(pl, p + len, page), 0);
	CHECK(is_filled(p + len, page, 0));
	CHECK_EQ(pl->ops->commit(pl, p, len), 0);
	CHECK(is_filled(p, len / 2, 'a') && is_filled(p + len / 2, len / 2, 0));
	pl->ops->release(pl, base, 4 * len);
	uz_host_close(h);
}

static void test_backing(struct test_rng *rng, enum uz_host_backing b)
{
	struct uz_host *h = open_backing(b);
	struct uz_plat *pl = uz_host_plat(h);
	void *base;

	printf("%s: commit_bytes %u, return_bytes %u\n", backing_names[b], pl->commit_bytes,
	       pl->return_bytes);
	test_reserve(h);
	CHECK_EQ(pl->ops->reserve(pl, UZ_BACKING_STORE, STORE_BYTES, 2 * MIB, &base), 0);
	test_content(pl, base);
	test_adopt(h, base);
	test_resident(rng, h, base);
	pl->ops->release(pl, base, STORE_BYTES);
	CHECK_EQ(pl->ops->reserve(pl, UZ_BACKING_SCRATCH, SIZE_MAX - 4095, 4096, &base), -ENOMEM);
	uz_host_close(h);
}

static struct uz_plat *waiter_plat;
static uint32_t waited_on;

static void *waiter(void *arg)
{
	(void)arg;
	while (uz_load_acquire(&waited_on) == 0)
		waiter_plat->ops->wait(waiter_plat, &waited_on, 0, UZ_FOREVER);
	return NULL;
}

static void test_wait(void)
{
	struct uz_host *h = open_backing(UZ_HOST_PRIVATE);
	struct uz_plat *pl = waiter_plat = uz_host_plat(h);
	uint64_t t0 = pl->ops->now(pl), t1;
	uint32_t word = 7;
	pthread_t th[3];

	pl->ops->wait(pl, &word, 8, UZ_FOREVER);
	while (pl->ops->now(pl) < t0 + 20000000)
		pl->ops->wait(pl, &word, 7, t0 + 20000000);
	t1 = pl->ops->now(pl);
	CHECK(t1 >= t0 + 20000000);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&th[i], NULL, waiter, NULL), 0);
	usleep(20000);
	uz_store_release(&waited_on, 1u);
	pl->ops->wake(pl, &waited_on);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(th[i], NULL), 0);
	uz_host_close(h);
}

int main(void)
{
	struct test_rng rng = test_start();

	for (int b = UZ_HOST_PRIVATE; b <= UZ_HOST_FILE; b++)
		test_backing(&rng, (enum uz_host_backing)b);
	test_carry();
	test_wait();
	return 0;
}
