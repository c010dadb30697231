/* SPDX-License-Identifier: MIT */
/*
 * Every call to the system fails once, in every operation, and once for good: the n-th commit,
 * reservation or decommit from the operation's start, for n = 1, 2, ... until none is left to fail. An
 * operation then succeeds or says -ENOMEM or -ENOSPC; what was on the disk is there page by page, the
 * store recounts right, and the same operation succeeds afterwards.
 *
 * uz-test: timeout 240
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev_rig.h"
#include "pages.h"

#define PAGES 512u
#define BYTES ((uint64_t)PAGES * UZ_PAGE_SIZE)
#define SIZE (4 * BYTES)
#define LIMIT (64ull << 20)

struct world {
	struct dev_rig rig;
	struct test_rng *rng;
	unsigned char *flat, *neu, *buf; /* what is there; what an operation wants; scratch */
	const struct uz_pool_ops *const *pool;
	unsigned int codec[2];
	uint64_t off, len; /* of the last write */
	uint64_t fired, grown;
	bool hit; /* a call has failed in this operation */
};

static bool refused(int64_t r)
{
	return r == -ENOMEM || r == -ENOSPC;
}

/* The system works again. */
static void calm(struct world *w)
{
	for (enum fault_call c = 0; c < FAULT_NR; c++)
		w->hit |= fault_plat_fired(&w->rig.fault, c);
	fault_plat_clear(&w->rig.fault);
}

/* Writes done up to some page of the request, nothing of it after. */
static void settle_write(struct world *w, int r)
{
	bool old_seen = false;

	CHECK_EQ(uz_dev_read(w->rig.dev, w->rig.st, 0, w->buf, BYTES, 0), 0);
	for (uint64_t at = 0; at < BYTES; at += UZ_PAGE_SIZE) {
		bool touched = at + UZ_PAGE_SIZE > w->off && at < w->off + w->len;
		bool is_old = memcmp(w->buf + at, w->flat + at, UZ_PAGE_SIZE) == 0;
		bool is_new = memcmp(w->buf + at, w->neu + at, UZ_PAGE_SIZE) == 0;

		CHECK_MSG(is_old || is_new, "page %llu is neither old nor new",
			  (unsigned long long)at / UZ_PAGE_SIZE);
		CHECK(is_new || (r < 0 && touched));
		CHECK(!old_seen || is_old || !touched);
		old_seen |= touched && !is_new;
	}
	memcpy(w->flat, w->buf, BYTES);
}

static void check_all(struct world *w)
{
	for (uint64_t at = 0; at < BYTES; at += 256 << 10) {
		CHECK_EQ(uz_dev_read(w->rig.dev, w->rig.st, at, w->buf, 256 << 10, 0), 0);
		CHECK_MEM(w->buf, w->flat + at, 256 << 10);
	}
	CHECK_EQ(uz_store_check(w->rig.store), 0);
}

static int do_write(struct world *w, uint64_t off, uint64_t len)
{
	w->off = off;
	w->len = len;
	memcpy(w->neu, w->flat, BYTES);
	for (uint64_t at = 0; at < len; at += UZ_PAGE_SIZE)
		page_make(w->rng, (enum page_kind)test_below(w->rng, PAGE_KINDS), w->buf + at);
	memcpy(w->neu + off, w->buf, len);
	return uz_dev_write(w->rig.dev, w->rig.st, off, w->buf, len, 0);
}

static int op_fill(struct world *w)
{
	int r;

	CHECK_EQ(uz_dev_discard(w->rig.dev, w->rig.st, 0, BYTES), 0);
	memset(w->flat, 0, BYTES);
	uz_dev_background(w->rig.dev, 0, 10000000);
	r = do_write(w, 0, BYTES);
	calm(w);
	settle_write(w, r);
	return r;
}

static int op_overwrite(struct world *w)
{
	uint64_t len = (1 + test_below(w->rng, PAGES / 4)) * UZ_PAGE_SIZE;
	int r = do_write(w, test_below(w->rng, BYTES - len), len);

	calm(w);
	settle_write(w, r);
	return r;
}

static int op_zero(struct world *w)
{
	int r;

	w->len = 1 + test_below(w->rng, 8 * UZ_PAGE_SIZE);
	w->off = test_below(w->rng, BYTES - w->len);
	memcpy(w->neu, w->flat, BYTES);
	memset(w->neu + w->off, 0, w->len);
	r = uz_dev_zero(w->rig.dev, w->rig.st, w->off, w->len);
	calm(w);
	settle_write(w, r);
	return r;
}

static int op_background(struct world *w)
{
	for (int i = 0; i < 50 && uz_dev_background(w->rig.dev, 0, 20000000); i++)
		;
	return 0;
}

static int op_set_pool(struct world *w)
{
	const struct uz_pool_ops *to, *from = uz_dev_pool(w->rig.dev);
	int r;

	to = w->pool[1] ? w->pool[1] : uz_pools[0];
	r = uz_dev_set_pool(w->rig.dev, to);
	CHECK(uz_dev_pool(w->rig.dev) == (r < 0 ? from : to));
	op_background(w);
	if (r == 0)
		w->pool = w->pool[1] ? w->pool + 1 : uz_pools;
	return r;
}

/* A codec that the store does not have yet, with a dictionary, every time. */
static int op_codec(struct world *w)
{
	char dict[8192];
	struct uz_codec_params p = { .level = 1 + (int32_t)test_below(w->rng, 3),
				     .dict = dict,
				     .dict_bytes = sizeof(dict) };
	int e, r;

	test_fill_random(w->rng, dict, sizeof(dict));
	e = uz_store_codec(w->rig.store, &uz_codec_zstd, &p, true);
	if (e < 0)
		return e;
	r = uz_dev_set_codec(w->rig.dev, (unsigned int)e);
	op_background(w);
	if (r == 0)
		r = uz_dev_set_codec(w->rig.dev, w->codec[test_below(w->rng, 2)]);
	op_background(w);
	return r;
}

static int op_recompress(struct world *w)
{
	struct uz_recompress rc = { .codec = w->codec[1] };
	int64_t r = uz_dev_recompress(w->rig.dev, &rc);

	return (int)UZ_MIN(r, (int64_t)0);
}

static int op_compact(struct world *w)
{
	return (int)UZ_MIN(uz_dev_compact(w->rig.dev), (int64_t)0);
}

/* To a size whose root is another one, and back. */
static int op_resize(struct world *w)
{
	uint64_t big = SIZE + (++w->grown << 31);
	int r = uz_dev_resize(w->rig.dev, big);

	CHECK_EQ(uz_dev_size(w->rig.dev), r < 0 ? SIZE : big);
	if (r == 0)
		CHECK_EQ(uz_dev_resize(w->rig.dev, SIZE), 0);
	return r;
}

static int op_stream(struct world *w)
{
	struct uz_stream *st;
	int r = uz_stream_open(w->rig.store, &st);

	if (r < 0)
		return r;
	calm(w);
	CHECK_EQ(uz_dev_read(w->rig.dev, st, 0, w->buf, 8192, 0), 0);
	CHECK_MEM(w->buf, w->flat, 8192);
	uz_stream_close(st);
	return 0;
}

static int op_second_disk(struct world *w)
{
	struct uz_dev_config c = {
		.name = "d1", .size_bytes = 3ull << 30, .pool = w->pool[0], .codec = w->codec[0]
	};
	struct uz_dev *d;
	int r = uz_dev_create(w->rig.store, &c, &d);

	CHECK((r == 0) == (uz_store_disk(w->rig.store, "d1") != NULL));
	if (r < 0)
		return r;
	page_make(w->rng, PAGE_TEXT, w->buf);
	r = uz_dev_write(d, w->rig.st, 1ull << 31, w->buf, UZ_PAGE_SIZE, 0);
	uz_dev_destroy(d);
	return r;
}

/* The store is closed and adopted; an attach that fails changes nothing in it. */
static int op_adopt(struct world *w)
{
	struct uz_store_config sc = { .arena = { .limit_bytes = LIMIT },
				      .attach = true,
				      .registry = uz_host_registry() };
	struct uz_store_error err;
	int r;

	if (w->rig.store) {
		uz_stream_close(w->rig.st);
		uz_store_close(w->rig.store);
	}
	w->rig.store = NULL;
	r = uz_store_open(&w->rig.fault.plat, &sc, &w->rig.store, &err);
	calm(w);
	if (r < 0) {
		CHECK(refused(r));
		CHECK_EQ(uz_store_open(&w->rig.fault.plat, &sc, &w->rig.store, &err), 0);
	}
	CHECK_EQ(uz_stream_open(w->rig.store, &w->rig.st), 0);
	w->rig.dev = uz_store_disk(w->rig.store, "d0");
	CHECK(w->rig.dev && uz_dev_size(w->rig.dev) == SIZE);
	op_background(w);
	return r;
}

struct op {
	const char *name;
	int (*run)(struct world *w);
	bool leaves_nothing; /* done twice, the store costs the same */
};

static const struct op script[] = {
	{ "fill", op_fill, false },
	{ "overwrite", op_overwrite, false },
	{ "zero", op_zero, false },
	{ "adopt", op_adopt, false },
	{ "set_pool", op_set_pool, false },
	{ "overwrite", op_overwrite, false },
	{ "codec", op_codec, false },
	{ "recompress", op_recompress, false },
	{ "set_pool", op_set_pool, false },
	{ "compact", op_compact, false },
	{ "resize", op_resize, false },
	{ "stream", op_stream, true },
	{ "second_disk", op_second_disk, true },
	{ "fill", op_fill, false },
	{ "background", op_background, false },
	{ "adopt", op_adopt, false },
};

static uint64_t cost(struct world *w)
{
	struct uz_arena_stats st;

	uz_arena_stats(uz_store_arena(w->rig.store), &st);
	return st.meta_bytes;
}

static void each_call(struct world *w, const struct op *op, enum fault_call call, uint64_t count)
{
	int error = test_one_in(w->rng, 2) ? -ENOMEM : -ENOSPC, r;
	uint64_t n = 1, step = 1, before;

	CHECK_EQ(op->run(w), 0);
	before = cost(w);
	for (;; n += step) {
		fault_plat_fail(&w->rig.fault, call, n, count, error);
		w->hit = false;
		r = op->run(w);
		calm(w);
		CHECK_MSG(r == 0 || refused(r), "%s, call %d, n %llu: %d", op->name, call,
			  (unsigned long long)n, r);
		check_all(w);
		if (!w->hit)
			break;
		w->fired++;
		if (n >= test_scale(8, 40, 1000))
			step = 1 + n / test_scale(2, 8, 8);
	}
	CHECK_EQ(op->run(w), 0);
	check_all(w);
	if (op->leaves_nothing &&
	    call != FAULT_DECOMMIT) /* what could not be given back stays counted */
		CHECK_EQ(cost(w), before);
}

static void run(struct world *w)
{
	struct dev_rig_config c = {
		.size_bytes = SIZE, .limit_bytes = LIMIT, .pool = w->pool[0]->name, .checksum = true
	};

	dev_rig_open(&w->rig, &c);
	w->codec[0] = uz_dev_codec(w->rig.dev);
	w->codec[1] = dev_rig_codec(&w->rig, "zstd", 3, true);
	memset(w->flat, 0, BYTES);
	for (size_t i = 0; i < sizeof(script) / sizeof(script[0]); i++, test_step++) {
		each_call(w, &script[i], FAULT_COMMIT, 1);
		each_call(w, &script[i], FAULT_COMMIT, FAULT_ALWAYS);
		each_call(w, &script[i], FAULT_RESERVE, 1);
		each_call(w, &script[i], FAULT_DECOMMIT, FAULT_ALWAYS);
	}
	dev_rig_close(&w->rig);
}

int main(void)
{
	struct test_rng rng = test_start();
	struct world w = {
		.rng = &rng, .flat = malloc(BYTES), .neu = malloc(BYTES), .buf = malloc(BYTES)
	};

	CHECK(w.flat && w.neu && w.buf);
	for (uint64_t round = 0; round < test_scale(1, 2, 50); round++)
		for (const struct uz_pool_ops *const *p = uz_pools; *p; p++) {
			w.pool = p;
			printf("%s\n", (*p)->name);
			run(&w);
		}
	CHECK(w.fired > 100);
	test_count("failed_calls", w.fired);
	free(w.flat);
	free(w.neu);
	free(w.buf);
	return 0;
}
