/* SPDX-License-Identifier: MIT */
#define LZ4_STATIC_LINKING_ONLY
#include <lz4.h>

#include "side.h"

#define OUT_BYTES LZ4_COMPRESSBOUND(4096)

struct bare {
	struct side side;
	LZ4_stream_t state[BENCH_STREAMS];
	char *out[BENCH_STREAMS];
	uint64_t nr, first, kept;
	char *packed;
	uint64_t *start; /* nr + 1 offsets in packed */
};

static int compress_to(struct bare *b, unsigned int thread, const void *page, char *dst)
{
	return LZ4_compress_fast_extState_fastReset(&b->state[thread], page, dst, UZ_PAGE_SIZE,
						    OUT_BYTES, 1);
}

static int compress(struct bare *b, unsigned int thread, const void *page)
{
	return compress_to(b, thread, page, b->out[thread]);
}

static void bare_write(struct side *s, unsigned int thread, uint64_t off, const void *src,
		       uint64_t len)
{
	struct bare *b = (void *)s;

	(void)off;
	for (uint64_t i = 0; i < len; i += UZ_PAGE_SIZE)
		compress(b, thread, (const char *)src + i);
}

static void bare_read(struct side *s, unsigned int thread, uint64_t off, void *dst, uint64_t len)
{
	struct bare *b = (void *)s;
	uint64_t page = (off >> UZ_PAGE_SHIFT) + b->first;

	(void)thread;
	for (uint64_t i = 0; i < len; i += UZ_PAGE_SIZE, page++) {
		uint64_t k = page < b->nr ? page : page - b->nr;
		int n = (int)(b->start[k + 1] - b->start[k]);

		BENCH_CHECK(LZ4_decompress_safe(b->packed + b->start[k], (char *)dst + i, n,
						UZ_PAGE_SIZE) == UZ_PAGE_SIZE,
			    "bare codec: page %llu", (unsigned long long)k);
	}
}

/* Where the next page's bytes are to stay: one behind the other in memory that is not in the cache. */
static char *kept_place(struct bare *b)
{
	if (b->kept + OUT_BYTES > b->start[b->nr])
		b->kept = 0;
	return b->packed + b->kept;
}

static void kept_write(struct side *s, unsigned int thread, uint64_t off, const void *src,
		       uint64_t len)
{
	struct bare *b = (void *)s;

	(void)off;
	for (uint64_t i = 0; i < len; i += UZ_PAGE_SIZE) {
		int n = compress(b, thread, (const char *)src + i);

		memcpy(kept_place(b), b->out[thread], (size_t)n);
		b->kept += (uint64_t)n;
	}
}

static void placed_write(struct side *s, unsigned int thread, uint64_t off, const void *src,
			 uint64_t len)
{
	struct bare *b = (void *)s;

	(void)off;
	for (uint64_t i = 0; i < len; i += UZ_PAGE_SIZE)
		b->kept += (uint64_t)compress_to(b, thread, (const char *)src + i, kept_place(b));
}

static void bare_reset(struct side *s)
{
	(void)s;
}

static void bare_close(struct side *s)
{
	struct bare *b = (void *)s;

	bench_memory_free(b->packed, b->start[b->nr]);
	for (unsigned int i = 0; i < BENCH_STREAMS; i++)
		free(b->out[i]);
	free(b->start);
	free(b);
}

/* Two passes: sizes first, so that the array holds no more than is needed. */
static void pack(struct bare *b, const char *pages)
{
	for (uint64_t i = 0; i < b->nr; i++)
		b->start[i + 1] =
			b->start[i] + (uint64_t)compress(b, 0, pages + (i << UZ_PAGE_SHIFT));
	b->packed = bench_memory(b->start[b->nr]);
	for (uint64_t i = 0; i < b->nr; i++) {
		int n = compress(b, 0, pages + (i << UZ_PAGE_SHIFT));

		memcpy(b->packed + b->start[i], b->out[0], (size_t)n);
	}
}

struct side *side_bare(const char *pages, uint64_t nr)
{
	struct bare *b = bench_alloc(sizeof(*b));

	b->side = (struct side){ "bare", bare_reset, bare_write, bare_read, bare_close };
	b->nr = nr;
	b->start = bench_alloc((nr + 1) * sizeof(*b->start));
	for (unsigned int i = 0; i < BENCH_STREAMS; i++) {
		LZ4_initStream(&b->state[i], sizeof(b->state[i]));
		b->out[i] = bench_alloc(OUT_BYTES);
	}
	pack(b, pages);
	return &b->side;
}

struct side *side_kept(const char *pages, uint64_t nr)
{
	struct side *s = side_bare(pages, nr);

	s->name = "kept";
	s->write = kept_write;
	s->read = NULL;
	return s;
}

struct side *side_placed(const char *pages, uint64_t nr)
{
	struct side *s = side_kept(pages, nr);

	s->name = "placed";
	s->write = placed_write;
	return s;
}

void side_bare_turn(struct side *s, uint64_t first)
{
	((struct bare *)(void *)s)->first = first;
}

uint64_t side_bare_bytes(struct side *s)
{
	struct bare *b = (void *)s;

	return b->start[b->nr];
}
