/* SPDX-License-Identifier: MIT */
/*
 * A backing that fails: each n-th read and write in turn, and for good. A page whose write fails stays in
 * memory; one whose read fails is EIO, that page only, and is there when the backing works again. Every
 * bit that is damaged on it is EIO, a page of another place or time too, and never other data. Headers
 * that do not belong to the disk are refused.
 *
 * uz-test: timeout 120
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dev_rig.h"
#include "self_page.h"
#include "test_backing.h"

#define PAGES 200u
#define LIMIT (32ull << 20)

struct world {
	struct dev_rig rig;
	struct test_backing b;
	struct test_rng rng;
	uint32_t seq[PAGES], last_seq;
	uint64_t eio, kept;
};

static unsigned char buf[UZ_PAGE_SIZE];

static void put(struct world *w, uint32_t page)
{
	self_page_make(buf, page, ++w->last_seq, test_seed(), SELF_ANY);
	CHECK_EQ(uz_dev_write(w->rig.dev, w->rig.st, (uint64_t)page << UZ_PAGE_SHIFT, buf,
			      sizeof(buf), 0),
		 0);
	w->seq[page] = w->last_seq;
}

/* 0, or -EIO; other content is a failure of the test. */
static int get(struct world *w, uint32_t page)
{
	uint32_t seq = 0;
	int r = uz_dev_read(w->rig.dev, w->rig.st, (uint64_t)page << UZ_PAGE_SHIFT, buf,
			    sizeof(buf), 0);

	if (r == -EIO) {
		w->eio++;
		return r;
	}
	CHECK_EQ(r, 0);
	CHECK(self_page_read(buf, page, test_seed(), SELF_ANY, &seq) == SELF_OK);
	CHECK_EQ(seq, w->seq[page]);
	return 0;
}

static uint32_t get_all(struct world *w)
{
	uint32_t bad = 0;

	for (uint32_t i = 0; i < PAGES; i++)
		bad += get(w, i) < 0;
	CHECK_EQ(uz_store_check(w->rig.store), 0);
	return bad;
}

/* Leaves no copy in memory of what is on the backing. */
static void forget_copies(struct world *w)
{
	dev_rig_adopt(&w->rig);
	CHECK_EQ(uz_dev_set_backing(w->rig.dev, &w->b.dev, "b", UZ_BACKING_KEPT), 0);
	CHECK_EQ(dev_rig_stats(&w->rig).clean_pages, 0);
}

static void open_world(struct world *w, const char *codec, bool checksum)
{
	struct dev_rig_config c = { .size_bytes = PAGES << UZ_PAGE_SHIFT,
				    .limit_bytes = LIMIT,
				    .codec = codec,
				    .checksum = checksum };

	dev_rig_open(&w->rig, &c);
	test_backing_open(&w->b, (PAGES + 1) << UZ_PAGE_SHIFT);
	CHECK_EQ(uz_dev_set_backing(w->rig.dev, &w->b.dev, "b", UZ_BACKING_KEPT), 0);
	for (uint32_t i = 0; i < PAGES; i++)
		put(w, i);
}

static void close_world(struct world *w)
{
	dev_rig_close(&w->rig);
	test_backing_close(&w->b);
}

static uint64_t on_backing(struct world *w)
{
	return dev_rig_stats(&w->rig).bd_count;
}

static void each_write(struct world *w)
{
	for (uint64_t n = 1;; n++) {
		uint64_t calls = w->b.writes;
		int64_t r;

		for (uint32_t i = 0; i < PAGES; i++)
			put(w, i);
		CHECK_EQ(on_backing(w), 0);
		/* a run that fails is written again page by page: fail some of these too */
		test_backing_fail(&w->b, 0, n, 1 + test_below(&w->rng, 5));
		r = uz_dev_writeback(w->rig.dev, UZ_WRITEBACK_ALL, 0);
		test_backing_fail(&w->b, 0, 0, 0);
		CHECK_EQ(get_all(w), 0);
		CHECK_EQ(on_backing(w), UZ_MAX(r, 0));
		w->kept += dev_rig_stats(&w->rig).bd_failed_writes;
		if (w->b.writes - calls < n)
			break;
	}
	CHECK(w->kept > 0);
	for (uint32_t i = 0; i < PAGES; i++)
		put(w, i);
	test_backing_fail(&w->b, 0, 1, UINT64_MAX);
	CHECK_EQ(uz_dev_writeback(w->rig.dev, UZ_WRITEBACK_ALL, 0), -EIO);
	test_backing_fail(&w->b, 0, 0, 0);
	CHECK_EQ(on_backing(w), 0);
	CHECK_EQ(get_all(w), 0);
}

static void each_read(struct world *w)
{
	uint64_t before;

	CHECK(uz_dev_writeback(w->rig.dev, UZ_WRITEBACK_ALL, 0) > 0);
	forget_copies(w);
	for (uint32_t page = 0; page < PAGES; page += 7) {
		before = w->eio;
		test_backing_fail(&w->b, 1, 0, 1);
		if (get(w, page) == 0)
			continue; /* a page of one word */
		CHECK_EQ(w->eio, before + 1);
		CHECK_EQ(uz_dev_write(w->rig.dev, w->rig.st, ((uint64_t)page << 12) + 5, "x", 1, 0),
			 0);
		put(w, page);
		CHECK_EQ(get(w, page), 0);
	}
	test_backing_fail(&w->b, 0, 0, 0);
	forget_copies(w);
	test_backing_fail(&w->b, 1, 0, UINT64_MAX);
	before = on_backing(w);
	CHECK_EQ(get_all(w), before);
	CHECK_EQ(dev_rig_stats(&w->rig).bd_failed_reads, before);
	test_backing_fail(&w->b, 0, 0, 0);
	CHECK_EQ(get_all(w), 0);
}

static uint32_t first_stored(struct world *w)
{
	struct uz_dev_stats st;

	for (uint32_t page = 0;; page++) {
		uint64_t before;

		CHECK(page < PAGES);
		st = dev_rig_stats(&w->rig);
		before = st.bd_reads + st.clean_hits;
		get(w, page);
		st = dev_rig_stats(&w->rig);
		if (st.bd_reads + st.clean_hits > before)
			return page;
	}
}

static void damage(struct world *w)
{
	unsigned char saved[UZ_PAGE_SIZE], *at;
	uint64_t wrong = 0;
	uint32_t page;

	for (uint32_t i = 0; i < PAGES; i++)
		put(w, i);
	CHECK(uz_dev_writeback(w->rig.dev, UZ_WRITEBACK_ALL, 0) > 0);
	page = first_stored(w);
	at = w->b.bytes + ((uint64_t)(page + 1) << UZ_PAGE_SHIFT);
	memcpy(saved, at, sizeof(saved));
	for (int i = 0; i < 24; i++) {
		forget_copies(w);
		at[test_below(&w->rng, i < 12 ? 8 : UZ_PAGE_SIZE)] ^=
			(unsigned char)(1 << test_below(&w->rng, 8));
		wrong += get(w, page) < 0;
		memcpy(at, saved, sizeof(saved));
	}
	CHECK(wrong >= 12);
	forget_copies(w);
	memcpy(at, at + 4096, 4096); /* another page's */
	CHECK_EQ(get(w, page), -EIO);
	memcpy(at, saved, sizeof(saved));
	CHECK_EQ(get(w, page), 0);
	do {
		put(w, page);
		CHECK(uz_dev_writeback(w->rig.dev, UZ_WRITEBACK_ALL, 0) >= 0);
		forget_copies(w);
	} while (dev_rig_stats(&w->rig).bd_count == 0 || memcmp(at, saved, sizeof(saved)) == 0);
	memcpy(at, saved, sizeof(saved)); /* an older one */
	get(w, page);
}

/* Takes the store again with @flags on what is on the backing now. */
static int again(struct world *w, unsigned int flags)
{
	dev_rig_adopt(&w->rig);
	return uz_dev_set_backing(w->rig.dev, &w->b.dev, "b", flags);
}

static void headers(struct world *w)
{
	unsigned char saved[UZ_PAGE_SIZE];
	struct test_backing small, other;

	test_backing_open(&small, PAGES << UZ_PAGE_SHIFT);
	test_backing_open(&other, (PAGES + 1) << UZ_PAGE_SHIFT);
	memcpy(saved, w->b.bytes, sizeof(saved));
	for (size_t i = 0; i < 72; i += 5) {
		w->b.bytes[i] ^= 4;
		CHECK_EQ(again(w, UZ_BACKING_KEPT), -UZ_EBADMSG);
		CHECK_EQ(again(w, UZ_BACKING_KEPT | UZ_BACKING_FORMAT), -UZ_EBADMSG);
		memcpy(w->b.bytes, saved, sizeof(saved));
	}
	dev_rig_adopt(&w->rig);
	CHECK_EQ(uz_dev_set_backing(w->rig.dev, &small.dev, "s", 0), -UZ_EOVERFLOW);
	CHECK_EQ(uz_dev_set_backing(w->rig.dev, &other.dev, "o", UZ_BACKING_FORMAT), -UZ_EBADMSG);
	CHECK_EQ(uz_dev_reset(w->rig.dev), 0); /* nothing is on it any more */
	w->b.bytes[70] ^= 4;
	CHECK_EQ(uz_dev_set_backing(w->rig.dev, &w->b.dev, "b", 0), -UZ_EEXIST);
	memset(w->b.bytes, 0, UZ_PAGE_SIZE);
	w->b.bytes[70000] = 1;
	CHECK_EQ(uz_dev_set_backing(w->rig.dev, &w->b.dev, "b", 0), -UZ_EEXIST);
	CHECK_EQ(uz_dev_set_backing(w->rig.dev, &w->b.dev, "b", UZ_BACKING_FORMAT), 0);
	test_backing_close(&small);
	test_backing_close(&other);
}

static void limit(struct world *w)
{
	for (uint32_t i = 0; i < PAGES; i++)
		put(w, i);
	uz_dev_set_writeback_limit(w->rig.dev, true, 10);
	CHECK_EQ(uz_dev_writeback(w->rig.dev, UZ_WRITEBACK_ALL, 0), 10);
	CHECK_EQ(uz_dev_writeback(w->rig.dev, UZ_WRITEBACK_ALL, 0), -UZ_EAGAIN);
	CHECK_EQ(dev_rig_stats(&w->rig).writeback_limit, 0);
	uz_dev_set_writeback_limit(w->rig.dev, false, 0);
	CHECK(uz_dev_writeback(w->rig.dev, UZ_WRITEBACK_HUGE, 0) > 0);
	CHECK_EQ(dev_rig_stats(&w->rig).huge_pages, 0);
	CHECK_EQ(get_all(w), 0);
}

/* Whoever takes it away and is killed before he has marked it can give it again. */
static void taken_away(struct world *w)
{
	forget_copies(w);
	CHECK(uz_dev_writeback(w->rig.dev, UZ_WRITEBACK_ALL, 0) > 0);
	CHECK_EQ(uz_dev_drop_backing(w->rig.dev), 0);
	CHECK_EQ(again(w, UZ_BACKING_KEPT), 0);
	CHECK_EQ(on_backing(w), 0);
	CHECK_EQ(get_all(w), 0);
}

int main(void)
{
	static struct world w;

	w.rng = test_start();
	for (int i = 0; i < 2; i++) {
		open_world(&w, i ? "zstd" : "lz4", i);
		each_write(&w);
		each_read(&w);
		damage(&w);
		headers(&w);
		limit(&w);
		taken_away(&w);
		close_world(&w);
	}
	test_count("eio", w.eio);
	test_count("kept_in_memory", w.kept);
	return 0;
}
