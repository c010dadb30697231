/* SPDX-License-Identifier: MIT */
/*
 * The program's heap: memory from malloc is unwritten, memory given to free is unwritten
 * and a use of it is reported as use-after-free.
 *
 * It is libc's heap, shared with libraries that are not instrumented and write without
 * telling; heap_global.c marks what they get as written. A reallocation copies, since
 * the metadata of the old block is another thread's business as soon as it is freed.
 */
#include "wrap.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

void kmsan__figures_written(struct mallinfo *m) __attribute__((visibility("hidden")));
void kmsan__figures2_written(struct mallinfo2 *m) __attribute__((visibility("hidden")));
void *__wrap_malloc(size_t n);
void __wrap_free(void *p);
void *__wrap_calloc(size_t nr, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t nr, size_t n);
void *__wrap_memalign(size_t align, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __wrap_posix_memalign(void **p, size_t align, size_t n);
void *__wrap_valloc(size_t n);
void *__wrap_pvalloc(size_t n);

static void *allocated(struct kmsan_caller at, void *p)
{
	if (p && kmsan__options.poison_heap && !kmsan__self.in_runtime)
		kmsan__set(p, malloc_usable_size(p), 0xff, kmsan__origin_heap(at, false));
	return p;
}

static void about_to_free(struct kmsan_caller at, void *p)
{
	size_t n = malloc_usable_size(p);

	if (n / 1024 >= (size_t)kmsan__options.large_kib)
		kmsan__shadow_release((uintptr_t)p, n);
	else if (kmsan__options.poison_free && !kmsan__self.in_runtime)
		kmsan__set(p, n, 0xff, kmsan__origin_heap(at, true));
}

void *__wrap_malloc(size_t n)
{
	return allocated(KMSAN_CALLER, malloc(n));
}

void __wrap_free(void *p)
{
	if (!p)
		return;
	about_to_free(KMSAN_CALLER, p);
	free(p);
}

void *__wrap_calloc(size_t nr, size_t n)
{
	return calloc(nr, n);
}

static void *reallocate(struct kmsan_caller at, void *p, size_t n)
{
	size_t old = malloc_usable_size(p);
	void *q;

	if (!n) {
		about_to_free(at, p);
		free(p);
		return NULL;
	}
	if (n <= old && n >= old / 2) {
		if (kmsan__options.poison_heap && !kmsan__self.in_runtime)
			kmsan__set((char *)p + n, old - n, 0xff, kmsan__origin_heap(at, false));
		return p;
	}
	q = allocated(at, malloc(n));
	if (!q)
		return NULL;
	kmsan__copy(at, q, p, n < old ? n : old);
	memcpy(q, p, n < old ? n : old);
	about_to_free(at, p);
	free(p);
	return q;
}

void *__wrap_realloc(void *p, size_t n)
{
	if (!p)
		return allocated(KMSAN_CALLER, malloc(n));
	return reallocate(KMSAN_CALLER, p, n);
}

void *__wrap_reallocarray(void *p, size_t nr, size_t n)
{
	size_t size;

	if (__builtin_mul_overflow(nr, n, &size)) {
		errno = ENOMEM;
		return NULL;
	}
	return p ? reallocate(KMSAN_CALLER, p, size) : allocated(KMSAN_CALLER, malloc(size));
}

void *__wrap_memalign(size_t align, size_t n)
{
	return allocated(KMSAN_CALLER, memalign(align, n));
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
	return allocated(KMSAN_CALLER, aligned_alloc(align, n));
}

int __wrap_posix_memalign(void **p, size_t align, size_t n)
{
	int err = posix_memalign(p, align, n);

	if (!err) {
		K_OUT(p, sizeof(*p));
		allocated(KMSAN_CALLER, *p);
	}
	return err;
}

void *__wrap_valloc(size_t n)
{
	return allocated(KMSAN_CALLER, valloc(n));
}

void *__wrap_pvalloc(size_t n)
{
	return allocated(KMSAN_CALLER, pvalloc(n));
}

void kmsan__figures_written(struct mallinfo *m)
{
	K_OUT(m, sizeof(*m));
}

void kmsan__figures2_written(struct mallinfo2 *m)
{
	K_OUT(m, sizeof(*m));
}

K_MARK_AND_JUMP(mallinfo, kmsan__figures_written, x8);
K_MARK_AND_JUMP(mallinfo2, kmsan__figures2_written, x8);
