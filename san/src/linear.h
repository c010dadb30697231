/* SPDX-License-Identifier: MIT */
/*
 * The linear layout: metadata is found by arithmetic, as userspace MSan does it. Of the 47
 * bits of an address, the top 4 (16 TiB windows) say what it is:
 *
 *	5 (program, heap), 7 (libraries, stacks)	the program's memory
 *	1, 3	its shadow: a - 0x400000000000 - 2 * KMSAN__SHIFT
 *	4, 6	its origins: (shadow & ~3) + 0x300000000000 + KMSAN__SHIFT
 *	0, 2	memory without metadata; the depot
 *
 * Because of the shift the first pages of a window, where nothing is mapped, have no metadata.
 *
 * No table is read and nothing has edges; but it needs those addresses: x86_64 Linux,
 * position-independent programs, no limit of address space, and not more than 28 random
 * bits. Where something is in the way the program does not start. Metadata is shared by
 * aliased ranges, not looked up: an alias is a second mapping of it.
 */
#ifndef KMSAN_LINEAR_H
#define KMSAN_LINEAR_H

#if !defined(__x86_64__) || !__STDC_HOSTED__
#error "the linear layout is for x86_64 Linux: build libkmsan without KMSAN_LAYOUT=linear"
#endif

#define KMSAN__WINDOW_SHIFT 44
#define KMSAN__TO_SHADOW 0x400000000000ul
#define KMSAN__TO_ORIGIN (0x300000000000ul + KMSAN__SHIFT)

/* Where a would be without the shift: shadow and origins follow its windows. */
static inline uintptr_t kmsan__shifted(uintptr_t a)
{
	return a - 2 * KMSAN__SHIFT;
}

static inline bool kmsan__is_mapped(uintptr_t a)
{
	return (kmsan__shifted(a) >> KMSAN__WINDOW_SHIFT | 2) == 7;
}

static inline struct kmsan__meta kmsan__meta_of(uintptr_t a)
{
	uintptr_t shadow = kmsan__shifted(a) - KMSAN__TO_SHADOW;

	return (struct kmsan__meta){ (void *)shadow,
				     (uint32_t *)((shadow & ~3ul) + KMSAN__TO_ORIGIN) };
}

static inline struct kmsan__meta kmsan__meta_load(uintptr_t a, size_t n)
{
	(void)n;
	return kmsan_likely(kmsan__is_mapped(a)) ? kmsan__meta_of(a) : kmsan__meta_nothing();
}

static inline struct kmsan__meta kmsan__meta_store(uintptr_t a, size_t n)
{
	(void)n;
	return kmsan_likely(kmsan__is_mapped(a)) ? kmsan__meta_of(a) : kmsan__meta_sink();
}

static inline void kmsan__settle(uintptr_t a, size_t n)
{
	(void)a, (void)n;
}

/* Its metadata is its own again, all written. */
void kmsan__alias_end(uintptr_t from, size_t n);

static inline void kmsan__bounce_merge(void)
{
}

static inline void kmsan__bounce_release(struct kmsan__bounce *b)
{
	(void)b;
}

#endif
