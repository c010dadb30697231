/* SPDX-License-Identifier: MIT */
/*
 * The layout of two levels. A chunk of memory (16 MiB; 1 MiB without an OS, where addresses
 * are no cheaper than memory) has a chunk of metadata: its shadow, one byte a byte, and
 * behind it its origins, 32 bits for each aligned 4 bytes, both after a gap. A
 * directory of two levels finds it; nothing depends on where the system maps memory. It
 * holds how far the shadow is from the memory, so that one addition gives a byte's shadow.
 *
 *	47 address bits = 11 (root) + 12 (leaf) + 24 (inside the chunk); aarch64 has 48
 *
 * Without an OS both halves of the address space are followed: 48 bits.
 *
 * Metadata of neighbouring chunks is not contiguous, so an access of n bytes over an edge
 * cannot be given a plain pointer. A load gets a copy. A store gets a bounce buffer: the
 * instrumented code writes there after the getter has returned, and each later access that
 * could see those bytes merges what has changed in it first. To know "could see" without
 * a test in the fast path, the getters take the slow path for every access that begins
 * within KMSAN__MARGIN of an edge (one byte: twice that): one address of 4000, found by
 * an addition and a mask.
 *
 * A pointer that was asked for one byte may be used for more: clang does so for the register
 * save area of va_start, for va_list and for structs by value. So one byte means up to
 * KMSAN__REACH of them.
 */
#ifndef KMSAN_TABLE_H
#define KMSAN_TABLE_H

#if __STDC_HOSTED__
#define KMSAN__CHUNK_SHIFT 24
#define KMSAN__LEAF_SHIFT 12
#else
#define KMSAN__CHUNK_SHIFT 20
#define KMSAN__LEAF_SHIFT 14
#endif
#if defined(__aarch64__) || !__STDC_HOSTED__
#define KMSAN__ADDRESS_BITS 48
#else
#define KMSAN__ADDRESS_BITS 47
#endif
#define KMSAN__CHUNK (1ul << KMSAN__CHUNK_SHIFT)
#define KMSAN__CHUNK_MASK (KMSAN__CHUNK - 1)
#define KMSAN__LEAF_SIZE (1ul << KMSAN__LEAF_SHIFT)
#define KMSAN__ROOT_SIZE (1ul << (KMSAN__ADDRESS_BITS - KMSAN__CHUNK_SHIFT - KMSAN__LEAF_SHIFT))
/* Accesses that begin so near an edge are slow ones. */
#define KMSAN__MARGIN 1024ul
/* The largest access that may cross an edge; larger ones over an edge count as written. An
 * access of 8 bytes that begins before the margin touches none of them. */
#define KMSAN__CROSSING (KMSAN__MARGIN - 8)
/* clang's area for arguments has 800 bytes; what does not fit is written by definition. */
#define KMSAN__REACH 832ul

/* How far a chunk's shadow is from it; 0: there is none. */
struct kmsan__leaf {
	uintptr_t distances[KMSAN__LEAF_SIZE];
};

extern KMSAN_EXPORT struct kmsan__leaf *kmsan__root[KMSAN__ROOT_SIZE];

static inline bool kmsan__is_tracked(uintptr_t a)
{
	return !__STDC_HOSTED__ || !(a >> KMSAN__ADDRESS_BITS);
}

static inline struct kmsan__leaf **kmsan__leaf_place(uintptr_t a)
{
	return &kmsan__root[(a >> (KMSAN__CHUNK_SHIFT + KMSAN__LEAF_SHIFT)) &
			    (KMSAN__ROOT_SIZE - 1)];
}

static inline uintptr_t kmsan__distance(uintptr_t a)
{
	const struct kmsan__leaf *leaf = kmsan__load_acquire(kmsan__leaf_place(a));

	if (kmsan_unlikely(!leaf))
		return 0;
	return kmsan__load_acquire(
		&leaf->distances[(a >> KMSAN__CHUNK_SHIFT) & (KMSAN__LEAF_SIZE - 1)]);
}

static inline struct kmsan__meta kmsan__meta_at(uintptr_t shadow)
{
	return (struct kmsan__meta){ (void *)shadow,
				     (uint32_t *)((shadow & ~3ul) + KMSAN__CHUNK + KMSAN__SHIFT) };
}

/* n is mostly a constant. What one byte reaches does not touch a bounce buffer's range either. */
static inline bool kmsan__is_inside(uintptr_t a, size_t n)
{
	uintptr_t margin = n == 1 ? 2 * KMSAN__MARGIN : KMSAN__MARGIN;

	if (n <= 8)
		return (a + margin) & KMSAN__CHUNK_MASK & ~(2 * margin - 1);
	return n < KMSAN__CHUNK - 2 * KMSAN__MARGIN &&
	       ((a - KMSAN__MARGIN) & KMSAN__CHUNK_MASK) < KMSAN__CHUNK - 2 * KMSAN__MARGIN - n;
}

KMSAN_EXPORT struct kmsan__meta kmsan__load_slow(uintptr_t a, size_t n);
KMSAN_EXPORT struct kmsan__meta kmsan__store_slow(uintptr_t a, size_t n);

static inline struct kmsan__meta kmsan__meta_load(uintptr_t a, size_t n)
{
	uintptr_t distance = kmsan__distance(a);

	if (kmsan_likely(distance && kmsan__is_inside(a, n)))
		return kmsan__meta_at(a + distance);
	return kmsan__load_slow(a, n);
}

static inline struct kmsan__meta kmsan__meta_store(uintptr_t a, size_t n)
{
	uintptr_t distance = kmsan__distance(a);

	if (kmsan_likely(distance && kmsan__is_inside(a, n)))
		return kmsan__meta_at(a + distance);
	return kmsan__store_slow(a, n);
}

static inline bool kmsan__is_near_edge(uintptr_t a, size_t n)
{
	uintptr_t from = (a - KMSAN__MARGIN) & KMSAN__CHUNK_MASK;

	return from + n > KMSAN__CHUNK - 2 * KMSAN__MARGIN;
}

/* Merges what instrumented code stored over edges; before a range is looked at. */
void kmsan__bounce_merge(void);
void kmsan__bounce_release(struct kmsan__bounce *b);

/* Stores over an edge that are still in a bounce buffer are merged before bulk work there. */
static inline void kmsan__settle(uintptr_t a, size_t n)
{
	if (kmsan__is_near_edge(a, n))
		kmsan__bounce_merge();
}

/* What from had before was only hidden. */
static inline void kmsan__alias_end(uintptr_t from, size_t n)
{
	(void)from, (void)n;
}

#endif
