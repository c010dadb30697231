/* SPDX-License-Identifier: MIT */
/*
 * san: what a checker of uninitialised memory (san/kmsan.h) cannot see by itself. Empty
 * unless the build defines UZ_KMSAN, so that no #if stands in a function.
 *
 * Poisoned bytes count as never written: an allocator poisons what it hands out and what
 * it takes back. Code that is not instrumented (a system library) writes without telling:
 * its callers check what it reads and unpoison what it wrote.
 */
#ifndef UZ_SAN_H
#define UZ_SAN_H

#include <uz/port.h>

#ifdef UZ_KMSAN

#define UZ_SAN true

void kmsan_poison(const void *p, size_t size_bytes);
void kmsan_poison_freed(const void *p, size_t size_bytes);
void kmsan_unpoison(const void *p, size_t size_bytes);
bool kmsan_check(const void *p, size_t size_bytes);

#define uz_san_poison(p, bytes) kmsan_poison(p, bytes)
#define uz_san_poison_freed(p, bytes) kmsan_poison_freed(p, bytes)
#define uz_san_unpoison(p, bytes) kmsan_unpoison(p, bytes)
#define uz_san_check(p, bytes) ((void)kmsan_check(p, bytes))

#else

#define UZ_SAN false

static inline void uz_san_poison(const void *p, size_t bytes)
{
	(void)p, (void)bytes;
}

static inline void uz_san_poison_freed(const void *p, size_t bytes)
{
	(void)p, (void)bytes;
}

static inline void uz_san_unpoison(const void *p, size_t bytes)
{
	(void)p, (void)bytes;
}

static inline void uz_san_check(const void *p, size_t bytes)
{
	(void)p, (void)bytes;
}

#endif

#endif
