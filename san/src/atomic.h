/* SPDX-License-Identifier: MIT */
/* The few atomics that the runtime uses, by what they are for. */
#ifndef KMSAN_ATOMIC_H
#define KMSAN_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#define kmsan__load_acquire(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define kmsan__load(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define kmsan__store(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define kmsan__store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define kmsan__add(p, v) __atomic_fetch_add(p, v, __ATOMIC_RELAXED)
#define kmsan__sub(p, v) __atomic_fetch_sub(p, v, __ATOMIC_RELAXED)
#define kmsan__swap(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)
/* *expected is not needed by the callers: they look again. */
#define kmsan__cas(p, old, new) \
	({ \
		__typeof__(*(p)) expected_ = (old); \
		__atomic_compare_exchange_n(p, &expected_, new, false, __ATOMIC_ACQ_REL, \
					    __ATOMIC_ACQUIRE); \
	})

#endif
