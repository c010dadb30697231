/* SPDX-License-Identifier: MIT */
/*
 * A disk larger than its RAM budget, for every pool: what fits is kept, what does not is refused with
 * -ENOSPC page by page, replacing pages by smaller ones works on the full disk in any order, and after a
 * discard there is room again. The total is looked at after every request and is never above the
 * limit. The same for a disk's own mem_limit.
 *
 * uz-test: timeout 240
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev_rig.h"
#include "pages.h"
#include "self_page.h"

#define PAGES 16384u
#define BATCH 64u
#define LIMIT (test_scale(10ull, 14ull, 18ull) << 20)

struct known {
	uint32_t seq; /* 0: zeros */
	enum self_mix mix;
	bool tiny; /* costs next to nothing, so another page may cost more */
};

struct disk {
	struct uz_dev *dev;
	struct uz_stream *st;
	struct known page[PAGES];
	uint32_t seq, order[PAGES];
	uint64_t refused;
};

static struct test_rng rng;
static unsigned char buf[BATCH * UZ_PAGE_SIZE];

static struct uz_dev_stats stats(struct disk *k)
{
	struct uz_dev_stats st;

	uz_dev_stats(k->dev, &st);
	CHECK_MSG(st.ram_total <= st.ram_limit, "ram_total %llu of %llu",
		  (unsigned long long)st.ram_total, (unsigned long long)st.ram_limit);
	CHECK_MSG(!st.mem_limit || st.mem_used_total + st.table_size <= st.mem_limit,
		  "%llu and tables of %llu, mem_limit is %llu",
		  (unsigned long long)st.mem_used_total, (unsigned long long)st.table_size,
		  (unsigned long long)st.mem_limit);
	return st;
}

static void verify(struct disk *k, uint32_t page)
{
	struct known *p = &k->page[page];
	uint32_t seq = 0;
	enum self_state s;

	CHECK_EQ(uz_dev_read(k->dev, k->st, (uint64_t)page << UZ_PAGE_SHIFT, buf, UZ_PAGE_SIZE, 0),
		 0);
	s = self_page_read(buf, page, test_seed(), p->mix, &seq);
	CHECK_MSG(p->seq ? s == SELF_OK && seq == p->seq : s == SELF_ZERO,
		  "page %u: state %d, sequence %u, want %u", page, s, seq, p->seq);
}

static void verify_all(struct disk *k)
{
	for (uint32_t i = 0; i < PAGES; i++)
		verify(k, i);
	CHECK_EQ(uz_store_check(uz_dev_store(k->dev)), 0);
}

/* The page in the buffer is one repeated word from its 12th on. */
static bool is_tiny(void)
{
	return memcmp(buf + 96, buf + 104, UZ_PAGE_SIZE - 104) == 0;
}

static int put(struct disk *k, uint32_t page, enum self_mix mix)
{
	struct uz_dev_stats before = stats(k), after;
	int r;

	self_page_make(buf, page, ++k->seq, test_seed(), mix);
	r = uz_dev_write(k->dev, k->st, (uint64_t)page << UZ_PAGE_SHIFT, buf, UZ_PAGE_SIZE, 0);
	CHECK(r == 0 || r == -ENOSPC);
	if (r == 0)
		k->page[page] = (struct known){ k->seq, mix, is_tiny() };
	after = stats(k);
	CHECK_EQ(after.enospc - before.enospc, r < 0);
	CHECK_EQ(after.failed_writes - before.failed_writes, r < 0);
	CHECK_EQ(after.write_bytes - before.write_bytes, r < 0 ? 0 : UZ_PAGE_SIZE);
	if (r < 0 && test_one_in(&rng, 8))
		verify(k, page);
	k->refused += r < 0;
	return r;
}

/* Writes new pages until @misses of them have been refused in a row; pages that were taken. */
static uint32_t fill(struct disk *k, uint32_t first, uint32_t end, enum self_mix mix,
		     uint32_t misses)
{
	uint32_t taken = 0, missed = 0;

	for (uint32_t i = first; i < end && missed < misses; i++)
		if (!k->page[i].seq) {
			bool ok = put(k, i, mix) == 0;

			taken += ok;
			missed = ok ? 0 : missed + 1;
		}
	CHECK_MSG(missed == misses, "the disk never got full");
	return taken;
}

static void shuffle(struct disk *k)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		uint32_t j = (uint32_t)test_below(&rng, i + 1);

		k->order[i] = k->order[j];
		k->order[j] = i;
	}
}

/* Every page that holds something gets something smaller (or as large): none may be refused. */
static void replace_all(struct disk *k, enum self_mix mix, bool in_order)
{
	uint32_t n = 0;

	shuffle(k);
	for (uint32_t i = 0; i < PAGES; i++) {
		uint32_t page = in_order ? i : k->order[i];

		if (!k->page[page].seq)
			continue;
		CHECK_MSG(put(k, page, mix) == 0 || k->page[page].tiny,
			  "replacement %u (page %u) was refused", n, page);
		n++;
	}
}

/* On a full disk some larger pages find room and some do not: each keeps one or the other. */
static void grow_some(struct disk *k)
{
	shuffle(k);
	for (uint32_t i = 0; i < PAGES / 8; i++)
		if (k->page[k->order[i]].seq)
			put(k, k->order[i], SELF_HARD);
	verify_all(k);
}

/* A request of many pages on a full disk: a prefix of it is written. */
static void check_prefix(struct disk *k)
{
	uint32_t first = PAGES - BATCH, seq = k->seq + 1, got;
	bool ended = false;
	int r;

	for (uint32_t i = 0; i < BATCH; i++)
		self_page_make(buf + (size_t)i * UZ_PAGE_SIZE, first + i, seq, test_seed(),
			       SELF_EASY);
	k->seq = seq;
	r = uz_dev_write(k->dev, k->st, (uint64_t)first << UZ_PAGE_SHIFT, buf, sizeof(buf), 0);
	CHECK(r == 0 || r == -ENOSPC);
	for (uint32_t i = 0; i < BATCH; i++) {
		uint32_t page = first + i;
		bool is_new;

		CHECK_EQ(uz_dev_read(k->dev, k->st, (uint64_t)page << UZ_PAGE_SHIFT, buf,
				     UZ_PAGE_SIZE, 0),
			 0);
		is_new = self_page_read(buf, page, test_seed(), SELF_EASY, &got) == SELF_OK &&
			 got == seq;
		CHECK(is_new || r < 0);
		CHECK(!is_new || !ended);
		ended |= !is_new;
		if (is_new)
			k->page[page] = (struct known){ seq, SELF_EASY, false };
		else
			verify(k, page);
	}
}

static void discard(struct disk *k, uint32_t page, uint32_t nr)
{
	CHECK_EQ(uz_dev_discard(k->dev, k->st, (uint64_t)page << UZ_PAGE_SHIFT,
				(uint64_t)nr << UZ_PAGE_SHIFT),
		 0);
	for (uint32_t i = page; i < page + nr; i++)
		k->page[i].seq = 0;
	stats(k);
}

static uint32_t discard_half(struct disk *k)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < PAGES; i++)
		if (k->page[i].seq && test_one_in(&rng, 2)) {
			discard(k, i, 1);
			nr++;
		}
	return nr;
}

static void life_on_a_full_disk(struct disk *k, enum self_mix first)
{
	enum self_mix smaller = first == SELF_HARD ? SELF_EASY : SELF_TINY;
	uint32_t nr, taken;

	fill(k, 0, PAGES - BATCH, first, 20);
	verify_all(k);
	check_prefix(k);
	grow_some(k);
	if (first == SELF_HARD)
		replace_all(k, SELF_HARD, false);
	replace_all(k, smaller, test_one_in(&rng, 2));
	verify_all(k);
	fill(k, 0, PAGES, SELF_HARD, 20);
	replace_all(k, SELF_TINY, false);
	verify_all(k);
	fill(k, 0, PAGES, SELF_HARD, 20);
	nr = discard_half(k);
	taken = fill(k, 0, PAGES, SELF_HARD, 20);
	CHECK_MSG(taken > nr / 8, "%u pages were discarded, room for %u is left", nr, taken);
	verify_all(k);
	discard(k, 0, PAGES);
	verify_all(k);
	CHECK_EQ(stats(k).mem_used_total, 0);
	CHECK_EQ(put(k, 7, SELF_HARD), 0);
}

static void rig_open(struct dev_rig *rig, struct disk *k, const struct uz_pool_ops *pool,
		     uint64_t limit)
{
	struct dev_rig_config c = { .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				    .limit_bytes = limit,
				    .pool = pool->name };

	dev_rig_open(rig, &c);
	memset(k, 0, sizeof(*k));
	k->dev = rig->dev;
	k->st = rig->st;
}

static void budget(struct disk *k, const struct uz_pool_ops *pool, enum self_mix first)
{
	struct dev_rig rig;

	rig_open(&rig, k, pool, LIMIT);
	life_on_a_full_disk(k, first);
	CHECK(k->refused >= 80);
	CHECK_EQ(stats(k).enospc, k->refused + (stats(k).enospc > k->refused));
	dev_rig_close(&rig);
}

static void mem_limit(struct disk *k, const struct uz_pool_ops *pool)
{
	struct dev_rig rig;

	rig_open(&rig, k, pool, 256 << 20);
	uz_dev_set_mem_limit(k->dev, LIMIT);
	life_on_a_full_disk(k, SELF_ANY);
	uz_dev_set_mem_limit(k->dev, 0);
	for (uint32_t i = 0; i < PAGES; i++)
		CHECK_EQ(put(k, i, SELF_HARD), 0);
	verify_all(k);
	dev_rig_close(&rig);
}

/* A thread more on a full store is refused, or costs nobody his replacements. */
static void streams(struct disk *k, const struct uz_pool_ops *pool)
{
	struct uz_stream *st[8] = { 0 };
	struct dev_rig rig;

	rig_open(&rig, k, pool, LIMIT);
	fill(k, 0, PAGES, SELF_HARD, 20);
	for (int i = 0; i < 8; i++) {
		int r = uz_stream_open(rig.store, &st[i]);

		CHECK(r == 0 || r == -ENOSPC);
		stats(k);
	}
	replace_all(k, SELF_HARD, false);
	replace_all(k, SELF_EASY, false);
	for (int i = 0; i < 8; i++)
		uz_stream_close(st[i]);
	verify_all(k);
	dev_rig_close(&rig);
}

/* A page of text: lz4 leaves it at about half, zstd at a third. */
static void text(uint32_t page)
{
	struct test_rng r = test_rng_of(test_seed() + page);

	page_make(&r, PAGE_TEXT, buf);
}

/* Recompression and zeroing of parts give memory back, so they work on a full disk. */
static void shrink_in_place(struct disk *k, const struct uz_pool_ops *pool)
{
	struct uz_recompress rc = { 0 };
	struct uz_dev_stats before;
	struct dev_rig rig;
	uint32_t n = 0;
	uint64_t off;
	unsigned char want[UZ_PAGE_SIZE];

	rig_open(&rig, k, pool, LIMIT);
	rc.codec = dev_rig_codec(&rig, "zstd", 3, false);
	do
		text(n);
	while (uz_dev_write(k->dev, k->st, (uint64_t)n << UZ_PAGE_SHIFT, buf, UZ_PAGE_SIZE, 0) ==
		       0 &&
	       ++n < PAGES);
	CHECK(n < PAGES);
	before = stats(k);
	for (uint32_t i = 0; i < n; i += 3) {
		off = ((uint64_t)i << UZ_PAGE_SHIFT) + 1024;
		CHECK_EQ(uz_dev_zero(k->dev, k->st, off, 3072), 0);
		stats(k);
	}
	CHECK(uz_dev_recompress(k->dev, &rc) > 0);
	CHECK(stats(k).compr_data_size < before.compr_data_size * 9 / 10);
	for (uint32_t i = 0; i < n; i++) {
		off = (uint64_t)i << UZ_PAGE_SHIFT;
		text(i);
		if (i % 3 == 0)
			memset(buf + 1024, 0, 3072);
		CHECK_EQ(uz_dev_read(k->dev, k->st, off, want, UZ_PAGE_SIZE, 0), 0);
		CHECK_MEM(want, buf, UZ_PAGE_SIZE);
	}
	dev_rig_close(&rig);
}

/* On a full disk a second codec gains room by command, before anything else is freed. */
static void recompress_full(struct disk *k, const struct uz_pool_ops *pool)
{
	struct uz_dev_stats before;
	struct uz_recompress rc;
	struct dev_rig rig;
	int64_t done;

	rig_open(&rig, k, pool, LIMIT);
	rc = (struct uz_recompress){ .codec = dev_rig_codec(&rig, "zstd", 3, false) };
	for (uint32_t i = 0, missed = 0; i < PAGES && missed < 20; i++) {
		text(i);
		missed += uz_dev_write(k->dev, k->st, (uint64_t)i << UZ_PAGE_SHIFT, buf,
				       UZ_PAGE_SIZE, 0) < 0;
	}
	before = stats(k);
	done = uz_dev_recompress(k->dev, &rc);
	CHECK_MSG(done > (int64_t)(before.orig_data_size / UZ_PAGE_SIZE / 2), "%lld of %llu pages",
		  (long long)done, (unsigned long long)before.orig_data_size / UZ_PAGE_SIZE);
	CHECK_EQ(stats(k).recompressed, done);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
}

/* One store, two disks: what one gives back the other can take, and neither harms the other. */
static void two_disks(struct disk *a, struct disk *b, const struct uz_pool_ops *pool)
{
	struct uz_dev_config c = { .name = "d1",
				   .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				   .pool = uz_pools[test_below(&rng, 2)] };
	struct dev_rig rig;
	uint32_t nr;

	rig_open(&rig, a, pool, LIMIT);
	c.codec = uz_dev_codec(rig.dev);
	memset(b, 0, sizeof(*b));
	CHECK_EQ(uz_dev_create(rig.store, &c, &b->dev), 0);
	b->st = rig.st;
	nr = fill(a, 0, PAGES, SELF_ANY, 20);
	CHECK(fill(b, 0, PAGES, SELF_HARD, 20) < nr / 8);
	replace_all(a, SELF_TINY, false);
	CHECK(fill(b, 0, PAGES, SELF_HARD, 20) > nr / 32);
	verify_all(a);
	verify_all(b);
	discard(b, 0, PAGES);
	CHECK(fill(a, 0, PAGES, SELF_HARD, 20) > nr / 64);
	replace_all(a, SELF_TINY, false);
	verify_all(a);
	verify_all(b);
	dev_rig_close(&rig);
}

int main(void)
{
	struct disk *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));

	rng = test_start();
	CHECK(a && b);
	for (unsigned int p = 0; uz_pools[p]; p++) {
		printf("%s\n", uz_pools[p]->name);
		for (enum self_mix mix = SELF_ANY; mix <= SELF_HARD; mix++)
			budget(a, uz_pools[p], mix);
		mem_limit(a, uz_pools[p]);
		streams(a, uz_pools[p]);
		two_disks(a, b, uz_pools[p]);
		shrink_in_place(a, uz_pools[p]);
		recompress_full(a, uz_pools[p]);
		test_step++;
	}
	free(a);
	free(b);
	return 0;
}
