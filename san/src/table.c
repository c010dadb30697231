/* SPDX-License-Identifier: MIT */
/*
 * The directory of metadata, and the accesses that begin near a chunk's edge.
 *
 * Chunks and leaves are published with one compare-and-swap and never freed; the pages
 * behind them are given back when the program's memory is.
 *
 * Bounce buffers: one a level of context, from a pool. now is where instrumented code
 * writes; before is what now was when it was last merged, so that merging a buffer a
 * second time, from any thread, changes nothing. A buffer that was given for a store is
 * armed until instrumented code of its level asks for a pointer here again: then the store
 * is done, and after a last merge nobody looks at it. (A memcpy in between proves nothing:
 * the store may be that memcpy.) Merges and armed buffers are protected by a lock that is held with
 * signals blocked; only stores over an edge, and what comes after them, take it.
 *
 * Whether a buffer has changed is seen without the lock: what a thread stored, it has stored
 * before the program lets another one know.
 *
 * An alias (two mappings of the same bytes) is found in the slow path too: the chunks of
 * an aliased range are taken out of the directory, into a list of their own.
 */
#include "shadow.h"

#define CHUNK_SIZE (2 * (KMSAN__CHUNK + KMSAN__SHIFT))
#define NR_BOUNCES 256
#define NR_HIDDEN 1024

struct kmsan__bounce {
	uintptr_t a;
	uint32_t size_bytes;
	uint32_t taken;
	uint32_t armed; /* 0: nothing to merge */
	/* Compared by words of 8 bytes. */
	uint8_t now[KMSAN__MARGIN] __attribute__((aligned(8))), before[KMSAN__MARGIN];
	uint32_t now_origin[KMSAN__MARGIN / 4 + 2], before_origin[KMSAN__MARGIN / 4 + 2];
};

/* A chunk with an aliased page: not in the directory, so that each access is a slow one. */
struct hidden {
	uintptr_t index; /* a >> KMSAN__CHUNK_SHIFT */
	uintptr_t distance;
};

struct kmsan__leaf *kmsan__root[KMSAN__ROOT_SIZE];

static struct kmsan__bounce bounces[NR_BOUNCES];
static uint32_t nr_bounces; /* high-water mark */
static struct hidden hidden[NR_HIDDEN];
static uint32_t nr_hidden;

static uintptr_t hidden_distance(uintptr_t a)
{
	uint32_t i, nr = kmsan__load_acquire(&nr_hidden);

	for (i = 0; i < nr; i++)
		if (hidden[i].index == a >> KMSAN__CHUNK_SHIFT)
			return hidden[i].distance;
	return 0;
}

static struct kmsan__leaf *leaf_make(struct kmsan__leaf **where)
{
	struct kmsan__leaf *leaf = kmsan__load_acquire(where);

	if (leaf)
		return leaf;
	leaf = kmsan__sys_reserve(sizeof(*leaf));
	if (leaf && !kmsan__cas(where, NULL, leaf)) {
		kmsan__sys_give_back(leaf, sizeof(*leaf));
		leaf = kmsan__load_acquire(where);
	}
	return leaf;
}

static uintptr_t *distance_place(struct kmsan__leaf *leaf, uintptr_t a)
{
	return &leaf->distances[(a >> KMSAN__CHUNK_SHIFT) & (KMSAN__LEAF_SIZE - 1)];
}

/* The distance of a's chunk, which has metadata then; 0: there is no memory for it. */
static uintptr_t chunk_make(uintptr_t a)
{
	struct kmsan__leaf *leaf;
	uintptr_t *where, distance = hidden_distance(a);
	uint8_t *chunk;

	if (distance || !kmsan__is_tracked(a))
		return distance;
	leaf = leaf_make(kmsan__leaf_place(a));
	if (!leaf)
		return 0;
	where = distance_place(leaf, a);
	distance = kmsan__load_acquire(where);
	if (distance)
		return distance;
	chunk = kmsan__sys_reserve(CHUNK_SIZE);
	if (!chunk)
		return 0;
	distance = (uintptr_t)chunk + KMSAN__SHIFT - (a & ~KMSAN__CHUNK_MASK);
	if (!kmsan__cas(where, 0, distance)) {
		kmsan__sys_give_back(chunk, CHUNK_SIZE);
		distance = kmsan__load_acquire(where);
	}
	return distance;
}

/* The address that a's metadata is kept under; *n is cut at the end of an alias. */
static uintptr_t canonical(uintptr_t a, size_t *n)
{
	uint32_t i, nr = kmsan__load_acquire(&kmsan__nr_aliases);

	for (i = 0; i < nr; i++) {
		const struct kmsan__alias *l = &kmsan__aliases[i];
		size_t size = kmsan__load_acquire(&l->size_bytes);

		if (a - l->from < size) {
			if (*n > l->from + size - a)
				*n = l->from + size - a;
			return a - l->from + l->to;
		}
		if (size && l->from > a && l->from - a < *n)
			*n = l->from - a;
	}
	return a;
}

struct kmsan__segment kmsan__segment(uintptr_t a, size_t n, bool create)
{
	struct kmsan__segment s = { NULL, NULL, n };
	struct kmsan__meta m;
	uintptr_t distance;

	if (kmsan_unlikely(kmsan__load(&kmsan__nr_aliases)))
		a = canonical(a, &s.size_bytes);
	if (s.size_bytes > KMSAN__CHUNK - (a & KMSAN__CHUNK_MASK))
		s.size_bytes = KMSAN__CHUNK - (a & KMSAN__CHUNK_MASK);
	if (!kmsan__is_tracked(a))
		return s;
	distance = kmsan__distance(a);
	if (!distance && kmsan__load(&nr_hidden))
		distance = hidden_distance(a);
	if (!distance && create)
		distance = chunk_make(a);
	if (distance) {
		m = kmsan__meta_at(a + distance);
		s.shadow = m.shadow;
		s.origin = m.origin;
	}
	return s;
}

static void merge_byte(uintptr_t a, uint8_t bits)
{
	struct kmsan__segment s = kmsan__segment(a, 1, true);

	if (s.shadow)
		*s.shadow = bits;
}

static void merge_origin(uintptr_t a, uint32_t origin)
{
	struct kmsan__segment s = kmsan__segment(a, 1, true);

	if (s.shadow)
		*s.origin = origin;
}

static uint32_t bounce_slots(const struct kmsan__bounce *b)
{
	return (uint32_t)((b->a & 3) + b->size_bytes + 3) / 4;
}

static size_t whole_words(size_t n)
{
	return (n + 7) & ~7ul;
}

static bool is_same(const void *a, const void *b, size_t size)
{
	const uint64_t *x = a, *y = b;
	size_t i;

	for (i = 0; i < whole_words(size) / 8; i++)
		if (kmsan__load(&x[i]) != kmsan__load(&y[i]))
			return false;
	return true;
}

static bool is_changed(const struct kmsan__bounce *b)
{
	return !is_same(b->now, b->before, kmsan__load(&b->size_bytes)) ||
	       !is_same(b->now_origin, b->before_origin, 4 * bounce_slots(b));
}

static void merge_one(struct kmsan__bounce *b)
{
	uint32_t i;

	if (!kmsan__load(&b->armed) || !is_changed(b))
		return;
	for (i = 0; i < b->size_bytes; i++) {
		if (b->now[i] != b->before[i])
			merge_byte(b->a + i, b->now[i]);
		b->before[i] = b->now[i];
	}
	for (i = 0; i < bounce_slots(b); i++) {
		if (b->now_origin[i] != b->before_origin[i])
			merge_origin((b->a & ~3ul) + 4 * i, b->now_origin[i]);
		b->before_origin[i] = b->now_origin[i];
	}
}

static void merge_all(void)
{
	uint32_t i, nr = kmsan__load(&nr_bounces);

	for (i = 0; i < nr; i++)
		merge_one(&bounces[i]);
}

static bool any_changed(void)
{
	uint32_t i, nr = kmsan__load(&nr_bounces);

	for (i = 0; i < nr; i++)
		if (kmsan__load_acquire(&bounces[i].armed) && is_changed(&bounces[i]))
			return true;
	return false;
}

static void disarm(struct kmsan__bounce *b)
{
	merge_one(b);
	kmsan__store_release(&b->armed, 0);
}

void kmsan__bounce_merge(void)
{
	uint64_t signals;

	if (!any_changed())
		return;
	kmsan__shadow_lock(&signals);
	merge_all();
	kmsan__shadow_unlock(&signals);
}

/* Of instrumented code that asks for the next pointer: what it got the last one for is done. */
static void merge_done(void)
{
	struct kmsan__bounce *own = kmsan__level()->bounce;
	uint64_t signals;

	if (!own || !own->armed) {
		kmsan__bounce_merge();
		return;
	}
	kmsan__shadow_lock(&signals);
	merge_all();
	disarm(own);
	kmsan__shadow_unlock(&signals);
}

static struct kmsan__bounce *bounce_take(void)
{
	uint32_t i;

	for (i = 0; i < NR_BOUNCES; i++) {
		if (bounces[i].taken)
			continue;
		bounces[i].taken = 1;
		if (i >= kmsan__load(&nr_bounces))
			kmsan__store(&nr_bounces, i + 1);
		return &bounces[i];
	}
	return NULL;
}

void kmsan__bounce_release(struct kmsan__bounce *b)
{
	uint64_t signals;

	if (!b)
		return;
	kmsan__shadow_lock(&signals);
	disarm(b);
	b->taken = 0;
	kmsan__shadow_unlock(&signals);
}

static void read_shadow(uintptr_t a, size_t n, uint8_t *to)
{
	while (n > 0) {
		struct kmsan__segment s = kmsan__segment(a, n, false);

		if (s.shadow)
			kmsan__memcpy(to, s.shadow, s.size_bytes);
		else
			kmsan__memset(to, 0, s.size_bytes);
		a += s.size_bytes;
		to += s.size_bytes;
		n -= s.size_bytes;
	}
}

/* From aligned 4 bytes on; edges are aligned too. */
static void read_origins(uintptr_t a, size_t nr, uint32_t *to)
{
	while (nr > 0) {
		struct kmsan__segment s = kmsan__segment(a, 4 * nr, false);

		if (s.shadow)
			kmsan__memcpy(to, s.origin, s.size_bytes);
		else
			kmsan__memset(to, 0, s.size_bytes);
		a += s.size_bytes;
		to += s.size_bytes / 4;
		nr -= s.size_bytes / 4;
	}
}

/* What the level's buffer holds from here on; it is not armed. */
static struct kmsan__meta bounce_fill(struct kmsan__bounce *b, uintptr_t a, size_t n)
{
	b->a = a;
	b->size_bytes = (uint32_t)n;
	read_shadow(a, n, b->now);
	read_origins(a & ~3ul, bounce_slots(b), b->now_origin);
	return (struct kmsan__meta){ b->now, b->now_origin };
}

static struct kmsan__bounce *bounce_get(struct kmsan__level *level)
{
	uint64_t signals;

	if (kmsan_likely(level->bounce))
		return level->bounce;
	kmsan__shadow_lock(&signals);
	level->bounce = bounce_take();
	kmsan__shadow_unlock(&signals);
	return level->bounce;
}

/* A copy, which is never written to. */
static struct kmsan__meta bounce_load(uintptr_t a, size_t n)
{
	struct kmsan__bounce *b = bounce_get(kmsan__level());

	return b ? bounce_fill(b, a, n) : kmsan__meta_nothing();
}

static struct kmsan__meta bounce_store(uintptr_t a, size_t n)
{
	struct kmsan__bounce *b = bounce_get(kmsan__level());
	struct kmsan__meta m;
	uint64_t signals;

	if (!b)
		return kmsan__meta_sink();
	kmsan__shadow_lock(&signals);
	merge_all();
	m = bounce_fill(b, a, n);
	kmsan__memcpy(b->before, b->now, whole_words(n));
	kmsan__memcpy(b->before_origin, b->now_origin, whole_words(4 * bounce_slots(b)));
	kmsan__store_release(&b->armed, 1);
	kmsan__shadow_unlock(&signals);
	return m;
}

static size_t reach(size_t n)
{
	return n == 1 ? KMSAN__REACH : n;
}

static bool is_written(uintptr_t a, size_t n)
{
	return kmsan__find_bad((const void *)a, 0, n) == n;
}

struct kmsan__meta kmsan__load_slow(uintptr_t a, size_t n)
{
	struct kmsan__segment s;

	n = reach(n);
	merge_done();
	s = kmsan__segment(a, n, false);
	if (s.size_bytes < n && n <= KMSAN__CROSSING && !is_written(a, n))
		return bounce_load(a, n);
	if (s.size_bytes < n || !s.shadow)
		return kmsan__meta_nothing();
	return (struct kmsan__meta){ s.shadow, s.origin };
}

struct kmsan__meta kmsan__store_slow(uintptr_t a, size_t n)
{
	struct kmsan__segment s;

	n = reach(n);
	merge_done();
	s = kmsan__segment(a, n, true);
	if (s.size_bytes < n && n <= KMSAN__CROSSING)
		return bounce_store(a, n);
	if (s.size_bytes < n) {
		kmsan__fill((const void *)a, n, 0, 0);
		s.shadow = NULL;
	}
	if (!s.shadow)
		return kmsan__meta_sink();
	return (struct kmsan__meta){ s.shadow, s.origin };
}

static bool chunk_hide(uintptr_t a)
{
	uintptr_t distance = chunk_make(a);

	if (hidden_distance(a))
		return true;
	if (!distance || nr_hidden == NR_HIDDEN)
		return false;
	hidden[nr_hidden] = (struct hidden){ a >> KMSAN__CHUNK_SHIFT, distance };
	kmsan__store_release(&nr_hidden, nr_hidden + 1);
	kmsan__store_release(distance_place(*kmsan__leaf_place(a), a), 0);
	return true;
}

bool kmsan__alias_begin(uintptr_t from, uintptr_t to, size_t n)
{
	uintptr_t a;

	(void)to;
	for (a = from & ~KMSAN__CHUNK_MASK; a < from + n; a += KMSAN__CHUNK)
		if (!chunk_hide(a))
			return false;
	return true;
}
