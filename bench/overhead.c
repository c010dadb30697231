/* SPDX-License-Identifier: MIT */
/*
 * overhead: what a store and a load cost besides the codec, for every pool. The disk's codec is
 * lz4 with a clock around each call, so inside a request of 128 KiB the time from the end of one call
 * to the start of the next is all that the store did for one page: exact, page by page, in the
 * cache state that it has in use. One clock reading is taken off.
 *
 *	overhead data=FILE [size_mib=64] [rounds=5] [pool=NAME]
 *
 * Same-filled pages are left out: the codec never sees them.
 */
#include "disk.h"

struct samples {
	uint64_t *gap, *codec;
	uint64_t nr, max;
};

#define REQUEST (128u << 10)

static struct samples stores, loads;
static struct uz_codec_ops timed;
static uint64_t last_end;

static void sample(struct samples *s, uint64_t start, uint64_t end)
{
	if (last_end && s->nr < s->max) {
		s->gap[s->nr] = start - last_end;
		s->codec[s->nr++] = end - start;
	}
	last_end = end;
}

static int timed_compress(const void *shared, void *state, const void *src, void *dst, uint32_t cap)
{
	uint64_t start = bench_ticks();
	int r = uz_codec_lz4.compress(shared, state, src, dst, cap);

	sample(&stores, start, bench_ticks());
	return r;
}

static int timed_decompress(const void *shared, void *state, const void *src, uint32_t len,
			    void *dst)
{
	uint64_t start = bench_ticks();
	int r = uz_codec_lz4.decompress(shared, state, src, len, dst);

	sample(&loads, start, bench_ticks());
	return r;
}

static void samples_init(struct samples *s, uint64_t max)
{
	s->max = max;
	s->gap = bench_memory(max * sizeof(uint64_t));
	s->codec = bench_memory(max * sizeof(uint64_t));
}

static double ns(uint64_t *v, uint64_t nr, double q)
{
	uint64_t cost = bench_ticks_cost();

	qsort(v, nr, sizeof(*v), bench_compare_u64);
	nr = bench_quantile(v, nr, q);
	return (double)(nr > cost ? nr - cost : 0) / bench_ticks_per_ns();
}

static void emit(const char *what, const char *pool, struct samples *s)
{
	BENCH_CHECK(s->nr > 100, "%s: the codec was hardly called", what);
	bench_emit(what);
	bench_emit_text("pool", pool);
	bench_emit_number("p50_ns", ns(s->gap, s->nr, 0.5));
	bench_emit_number("p99_ns", ns(s->gap, s->nr, 0.99));
	bench_emit_number("codec_p50_ns", ns(s->codec, s->nr, 0.5));
	bench_emit_end();
	s->nr = 0;
}

static uint64_t drop_same_filled(char *pages, uint64_t nr)
{
	uint64_t kept = 0;

	for (uint64_t i = 0; i < nr; i++) {
		const char *page = pages + (i << UZ_PAGE_SHIFT);

		if (!bench_same_filled(page))
			memmove(pages + (kept++ << UZ_PAGE_SHIFT), page, UZ_PAGE_SIZE);
	}
	return kept << UZ_PAGE_SHIFT & ~(uint64_t)(REQUEST - 1);
}

static void write_all(struct bench_disk *d, const char *pages, uint64_t size, uint64_t shift,
		      char *buf)
{
	for (uint64_t off = 0; off < size; off += REQUEST) {
		memcpy(buf, pages + (off + shift) % size, REQUEST);
		last_end = 0;
		BENCH_CHECK(!uz_dev_write(d->dev, d->st[0], off, buf, REQUEST, 0), "write");
	}
}

static void read_all(struct bench_disk *d, char *buf, uint64_t size)
{
	for (uint64_t off = 0; off < size; off += REQUEST) {
		last_end = 0;
		BENCH_CHECK(!uz_dev_read(d->dev, d->st[0], off, buf, REQUEST, 0), "read");
	}
}

static void measure(const char *pool, const char *pages, uint64_t size, char *buf)
{
	struct bench_disk_config c = {
		.backing = UZ_HOST_PRIVATE, .size_bytes = size, .pool = pool, .ops = &timed
	};
	struct bench_disk d;

	bench_disk_open(&d, &c);
	write_all(&d, pages, size, 0, buf);
	stores.nr = 0;
	write_all(&d, pages, size, UZ_ALIGN_UP(size / 3, (uint64_t)REQUEST), buf);
	emit("store", pool, &stores);
	read_all(&d, buf, size);
	emit("load", pool, &loads);
	bench_disk_close(&d);
}

int main(int argc, char **argv)
{
	const char *only;
	uint64_t size;
	char *pages, *buf;

	bench_args(argc, argv);
	only = bench_text("pool", NULL);
	size = bench_number("size_mib", 64) << 20;
	pages = bench_pages(size >> UZ_PAGE_SHIFT);
	size = drop_same_filled(pages, size >> UZ_PAGE_SHIFT);
	buf = bench_memory(REQUEST);
	timed = uz_codec_lz4;
	timed.compress = timed_compress;
	timed.decompress = timed_decompress;
	samples_init(&stores, size >> UZ_PAGE_SHIFT);
	samples_init(&loads, size >> UZ_PAGE_SHIFT);
	for (uint64_t r = bench_number("rounds", 5); r > 0; r--) {
		for (unsigned int i = 0; uz_pools[i]; i++) {
			if (!only || !strcmp(only, uz_pools[i]->name))
				measure(uz_pools[i]->name, pages, size, buf);
		}
	}
	return 0;
}
