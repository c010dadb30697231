/* SPDX-License-Identifier: MIT */
/*
 * Where metadata lies: a shadow byte for each byte, a set bit is unwritten; and an origin of
 * 32 bits for each aligned 4 bytes. The layout, how both are found, is chosen when the runtime
 * is compiled: two levels of tables (table.h), or arithmetic (linear.h). A layout has
 *
 *	kmsan__meta_load, kmsan__meta_store	the pointers that instrumented code gets
 *	kmsan__segment				a range, in parts whose metadata is contiguous
 *	kmsan__settle				before a range is looked at
 *	kmsan__alias_begin, kmsan__alias_end	two ranges with the same metadata
 */
#ifndef KMSAN_SHADOW_H
#define KMSAN_SHADOW_H

#include "kmsan_i.h"

struct kmsan__meta {
	void *shadow;
	uint32_t *origin;
};

/* A part of a range whose metadata is contiguous. shadow NULL: not there, all written. */
struct kmsan__segment {
	uint8_t *shadow;
	uint32_t *origin; /* of the aligned 4 bytes that the part begins in */
	size_t size_bytes;
};

/* Objects whose lookups are inlined for one layout do not link with the runtime of the other. */
#ifdef KMSAN_LINEAR
#define kmsan__nothing kmsan__nothing_linear
#define kmsan__sink kmsan__sink_linear
#endif

/* What a load of written memory is given, and where stores go when there is no metadata. */
struct kmsan__nothing {
	uint8_t shadow[4096];
	uint32_t origin[1024 + 1];
};
extern KMSAN_EXPORT const struct kmsan__nothing kmsan__nothing;
extern KMSAN_EXPORT struct kmsan__nothing kmsan__sink;

static inline struct kmsan__meta kmsan__meta_nothing(void)
{
	return (struct kmsan__meta){ (void *)(uintptr_t)kmsan__nothing.shadow,
				     (uint32_t *)(uintptr_t)kmsan__nothing.origin };
}

static inline struct kmsan__meta kmsan__meta_sink(void)
{
	return (struct kmsan__meta){ kmsan__sink.shadow, kmsan__sink.origin };
}

/* from has the metadata of to. Changed under the lock; size_bytes last, which readers look at. */
struct kmsan__alias {
	uintptr_t from, to;
	size_t size_bytes; /* 0: free */
};

#define KMSAN__ALIASES 64
extern struct kmsan__alias kmsan__aliases[KMSAN__ALIASES];
extern uint32_t kmsan__nr_aliases; /* high-water mark */

/* Signals are blocked until the unlock. */
void kmsan__shadow_lock(uint64_t *signals);
void kmsan__shadow_unlock(const uint64_t *signals);

/*
 * Instrumented code touches a byte, its shadow and its origin together. A first-level cache
 * that guesses the way from bits 12 to 27 of an address (AMD's) holds one of several
 * addresses that agree there, and an access that alternates costs 4.6 times as much
 * (measured). So each of the three lies this much further than the one before. Without an
 * OS, where chunks are small and their memory is scarce, chance has to do.
 */
#define KMSAN__SHIFT (__STDC_HOSTED__ ? 0x13000ul : 0ul)

#ifdef KMSAN_LINEAR
#include "linear.h"
#else
#include "table.h"
#endif

/* Under the lock, before from becomes an alias; false: it cannot be one. */
bool kmsan__alias_begin(uintptr_t from, uintptr_t to, size_t n);

/* The first part of [a, a + n); create: makes its metadata unless the memory is short. */
struct kmsan__segment kmsan__segment(uintptr_t a, size_t n, bool create);

/* All written; its metadata is given back. */
void kmsan__shadow_release(uintptr_t a, size_t n);
/* from gets the metadata of to: 0 or -errno. n 0: it has its own again. */
int kmsan__shadow_alias(uintptr_t from, uintptr_t to, size_t n);

/* No two ranges share metadata. */
bool kmsan__shadow_is_plain(void);

/* lazy.c: marks a large range as unwritten; false: nothing was done. */
#if __STDC_HOSTED__
bool kmsan__poison_lazily(uintptr_t a, size_t n, uint32_t origin);
#else
static inline bool kmsan__poison_lazily(uintptr_t a, size_t n, uint32_t origin)
{
	(void)a, (void)n, (void)origin;
	return false;
}
#endif

/* meta.c */
void kmsan__set(const void *p, size_t n, uint8_t bits, uint32_t origin);
/* As set, in place, and without a look at stores over edges. */
void kmsan__fill(const void *p, size_t n, uint8_t bits, uint32_t origin);
void kmsan__copy(struct kmsan_caller at, void *dst, const void *src, size_t n);
/* The first byte with unwritten bits at or after from, or n. */
size_t kmsan__find_bad(const void *p, size_t from, size_t n);
size_t kmsan__find_good(const void *p, size_t from, size_t n);

#endif
