/* SPDX-License-Identifier: MIT */
/*
 * deflate: raw, by libdeflate. It takes its memory (up to several MiB at levels 10 to 12) from
 * an allocator that is one for the whole process. So that this memory is the caller's and
 * counted, the allocator is replaced by one that cuts from the state while state_open runs in
 * this thread, and is malloc and free otherwise. A program that sets libdeflate's allocator
 * itself must do so before it opens a store, and gets malloc instead.
 *
 *   state  struct deflate_state | what libdeflate allocated: compressor, decompressor
 */
#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdlib.h>

#include <uz/host.h>
#include <uz/san.h>

#include "codec_i.h"

#define LEVEL_DEFAULT 6
#define ALIGN 64u

struct deflate_shared {
	int level;
	size_t state_bytes;
};

struct deflate_state {
	struct libdeflate_compressor *c;
	struct libdeflate_decompressor *d;
};

/* Where this thread's allocations go: base NULL counts them in used, and then uses malloc. */
struct region {
	char *base;
	size_t used, size;
};

static _Thread_local struct region *region;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *region_malloc(size_t n)
{
	size_t at;

	if (!region)
		return malloc(n);
	at = region->used;
	region->used += UZ_ALIGN_UP(n, ALIGN);
	if (!region->base)
		return malloc(n);
	return region->used <= region->size ? region->base + at : NULL;
}

static void set_allocator(void)
{
	libdeflate_set_memory_allocator(region_malloc, free);
}

static bool alloc_both(int level, struct region *r, struct deflate_state *st)
{
	pthread_once(&once, set_allocator);
	region = r;
	st->c = libdeflate_alloc_compressor(level);
	st->d = libdeflate_alloc_decompressor();
	region = NULL;
	return st->c && st->d;
}

static size_t deflate_shared_bytes(const struct uz_codec_params *p)
{
	(void)p;
	return sizeof(struct deflate_shared);
}

static int deflate_open(void *shared, const struct uz_codec_params *p)
{
	struct deflate_shared *sh = shared;
	struct deflate_state st = { 0 };
	struct region count = { 0 };
	bool ok;

	sh->level = uz__level(p, LEVEL_DEFAULT);
	ok = alloc_both(sh->level, &count, &st);
	libdeflate_free_compressor(st.c);
	libdeflate_free_decompressor(st.d);
	sh->state_bytes = UZ_ALIGN_UP(sizeof(st), (size_t)ALIGN) + count.used;
	return ok ? 0 : -ENOMEM;
}

static size_t deflate_state_bytes(const void *shared)
{
	return ((const struct deflate_shared *)shared)->state_bytes;
}

static int deflate_state_open(const void *shared, void *state)
{
	const struct deflate_shared *sh = shared;
	size_t head = UZ_ALIGN_UP(sizeof(struct deflate_state), (size_t)ALIGN);
	struct region r = { .base = (char *)state + head, .size = sh->state_bytes - head };

	return alloc_both(sh->level, &r, state) ? 0 : -ENOMEM;
}

static int deflate_compress(const void *shared, void *state, const void *src, void *dst,
			    uint32_t cap)
{
	struct deflate_state *st = state;
	size_t n;

	(void)shared;
	uz_san_check(src, UZ_PAGE_SIZE);
	n = libdeflate_deflate_compress(st->c, src, UZ_PAGE_SIZE, dst, cap);
	uz_san_unpoison(dst, n);
	return n ? (int)n : -ENOSPC;
}

static int deflate_decompress(const void *shared, void *state, const void *src, uint32_t len,
			      void *dst)
{
	struct deflate_state *st = state;
	size_t used, got;

	(void)shared;
	uz_san_check(src, len);
	if (libdeflate_deflate_decompress_ex(st->d, src, len, dst, UZ_PAGE_SIZE, &used, &got) !=
	    LIBDEFLATE_SUCCESS)
		return -EBADMSG;
	uz_san_unpoison(&used, sizeof(used));
	uz_san_unpoison(&got, sizeof(got));
	uz_san_unpoison(dst, got);
	return used == len && got == UZ_PAGE_SIZE ? 0 : -EBADMSG;
}

const struct uz_codec_ops uz_codec_deflate = {
	.abi_version = UZ_CODEC_ABI,
	.struct_size = sizeof(struct uz_codec_ops),
	.name = "deflate",
	.level_min = 1,
	.level_max = 12,
	.level_default = LEVEL_DEFAULT,
	.shared_bytes = deflate_shared_bytes,
	.state_bytes = deflate_state_bytes,
	.open = deflate_open,
	.state_open = deflate_state_open,
	.compress = deflate_compress,
	.decompress = deflate_decompress,
};
