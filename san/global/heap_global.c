/* SPDX-License-Identifier: MIT */
/*
 * The heap as libraries without instrumentation see it. glibc calls these instead of its
 * own (a program may replace malloc); they do what glibc's do and mark the memory as
 * written, since a library writes without telling, and since the block may be one that
 * the program freed. The program's own calls reach heap.c by --wrap.
 */
#include "shadow.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t n);
extern void __libc_free(void *p);
extern void *__libc_calloc(size_t nr, size_t n);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

static void *written(void *p)
{
	if (p)
		kmsan__set(p, malloc_usable_size(p), 0, 0);
	return p;
}

KMSAN_EXPORT void *malloc(size_t n)
{
	return written(__libc_malloc(n));
}

KMSAN_EXPORT void free(void *p)
{
	__libc_free(p);
}

KMSAN_EXPORT void *calloc(size_t nr, size_t n)
{
	return written(__libc_calloc(nr, n));
}

KMSAN_EXPORT void *realloc(void *p, size_t n)
{
	return written(__libc_realloc(p, n));
}

KMSAN_EXPORT void *memalign(size_t align, size_t n)
{
	return written(__libc_memalign(align, n));
}

KMSAN_EXPORT void *aligned_alloc(size_t align, size_t n)
{
	return written(__libc_memalign(align, n));
}

KMSAN_EXPORT int posix_memalign(void **p, size_t align, size_t n)
{
	void *q;

	if (align % sizeof(void *) || align & (align - 1) || !align)
		return EINVAL;
	q = written(__libc_memalign(align, n));
	if (!q)
		return ENOMEM;
	*p = q;
	return 0;
}

KMSAN_EXPORT void *valloc(size_t n)
{
	return written(__libc_memalign(4096, n));
}

KMSAN_EXPORT void *pvalloc(size_t n)
{
	return written(__libc_memalign(4096, (n + 4095) & ~4095ul));
}
