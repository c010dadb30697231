/* SPDX-License-Identifier: MIT */
/*
 * What core/ needs from its compiler and machine, for user space: fixed-width
 * types, the four mem functions, errno numbers, atomics, three strengths of
 * assert. core/ includes no standard header itself, so another target (a
 * kernel module) is another folder with this one file.
 */
#ifndef UZ_PORT_H
#define UZ_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#include <string.h>
#else
#ifndef static_assert
#define static_assert _Static_assert
#endif

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
#endif

/* Freestanding compilers call these even for 8 bytes; by their other name they are inlined. */
#if !__STDC_HOSTED__
#define memcpy(dst, src, n) __builtin_memcpy(dst, src, n)
#define memset(dst, c, n) __builtin_memset(dst, c, n)
#define memcmp(a, b, n) __builtin_memcmp(a, b, n)
#endif

/* Linux numbers; host/ asserts that they equal <errno.h>. */
#define UZ_ENOENT 2
#define UZ_EINTR 4
#define UZ_EIO 5
#define UZ_EAGAIN 11
#define UZ_ENOMEM 12
#define UZ_EBUSY 16
#define UZ_EEXIST 17
#define UZ_EINVAL 22
#define UZ_ENOSPC 28
#define UZ_EBADMSG 74
#define UZ_EOVERFLOW 75
#define UZ_ENOTSUP 95
#define UZ_ESTALE 116

#define UZ_LIKELY(x) __builtin_expect(!!(x), 1)
#define UZ_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define UZ_ALIGNED(n) __attribute__((aligned(n)))
#define UZ_CACHE_LINE 64

#define UZ_MIN(a, b) ((a) < (b) ? (a) : (b))
#define UZ_MAX(a, b) ((a) > (b) ? (a) : (b))
#define UZ_DIV_UP(n, d) (((n) + (d)-1) / (d))
#define UZ_ALIGN_UP(n, a) (((n) + (a)-1) & ~((__typeof__(n))(a)-1))
#define UZ_CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* Always on; in debug builds; only where a recount is affordable. */
#define UZ_ASSERT(c) ((void)(UZ_LIKELY(c) ? 0 : (__builtin_trap(), 0)))
#ifdef UZ_DEBUG
#define UZ_ASSERT_DEBUG(c) UZ_ASSERT(c)
#else
#define UZ_ASSERT_DEBUG(c) ((void)sizeof(c))
#endif

#define uz_load(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define uz_load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define uz_store(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define uz_store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define uz_exchange_acquire(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQUIRE)
#define uz_exchange_release(p, v) __atomic_exchange_n(p, v, __ATOMIC_RELEASE)
#define uz_fetch_add(p, v) __atomic_fetch_add(p, v, __ATOMIC_RELAXED)
#define uz_fetch_sub(p, v) __atomic_fetch_sub(p, v, __ATOMIC_RELAXED)
#define uz_fetch_and_acquire(p, v) __atomic_fetch_and(p, v, __ATOMIC_ACQUIRE)
#define uz_fetch_or_release(p, v) __atomic_fetch_or(p, v, __ATOMIC_RELEASE)
#define uz_fetch_sub_release(p, v) __atomic_fetch_sub(p, v, __ATOMIC_RELEASE)
#define uz_exchange_acq_rel(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)

/* Sequentially consistent, for flags of two sides of which one must see the other's. */
#define uz_load_seq(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define uz_store_seq(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)
#define uz_exchange_seq(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define uz_fetch_add_seq(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)
#define uz_fetch_or_seq(p, v) __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define uz_fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/*
 * Behind a sequentially consistent exchange: keeps later accesses behind its store. A locked
 * instruction of x86 does so itself; with exclusive loads and stores a later load may pass the store.
 */
#if defined(__x86_64__) || defined(__i386__)
#define uz_fence_after_exchange() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#else
#define uz_fence_after_exchange() uz_fence()
#endif

/* Takes *p from *@old to @new_; false leaves *p as it is, and tells in *@old what it is. */
#define uz_try(p, old, new_) \
	__atomic_compare_exchange_n(p, old, new_, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define uz_try_acq_rel(p, old, new_) \
	__atomic_compare_exchange_n(p, old, new_, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)

/* Takes *p from @old to @new_; false leaves *p as it is. */
#define uz_cas_acquire(p, old, new_) \
	__extension__({ \
		__typeof__(*(p)) uz_old_ = (old); \
		__atomic_compare_exchange_n(p, &uz_old_, new_, false, __ATOMIC_ACQUIRE, \
					    __ATOMIC_RELAXED); \
	})

/* A page fault, if any, is a write's; the word keeps its value. */
#define uz_touch(p) ((void)uz_cas_acquire(p, 0, 0))

#define uz_prefetch(p) __builtin_prefetch(p)
#define uz_prefetch_write(p) __builtin_prefetch(p, 1)

static inline void uz_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield" ::: "memory");
#endif
}

#endif
