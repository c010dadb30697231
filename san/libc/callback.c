/* SPDX-License-Identifier: MIT */
/*
 * Functions that call the program back. libc's qsort moves elements without their bits, so
 * sorting is done here: a heapsort, in place, n log n for any input, elements exchanged
 * together with their metadata. The comparison's result is the program's own branch.
 */
#include "wrap.h"

#include <stdlib.h>

struct sort {
	char *base;
	size_t size_bytes;
	int (*compare)(const void *a, const void *b, void *arg);
	void *arg;
	struct kmsan_caller at;
};

void __wrap_qsort(void *base, size_t nr, size_t n, int (*fn)(const void *, const void *));
void __wrap_qsort_r(void *base, size_t nr, size_t n, int (*fn)(const void *, const void *, void *),
		    void *arg);
void *__wrap_bsearch(const void *key, const void *base, size_t nr, size_t n,
		     int (*fn)(const void *, const void *));

void *__wrap_lfind(const void *key, const void *base, size_t *nr, size_t n,
		   int (*fn)(const void *, const void *));
void *__wrap_lsearch(const void *key, void *base, size_t *nr, size_t n,
		     int (*fn)(const void *, const void *));

#define STEP 256

static void exchange(const struct sort *s, size_t i, size_t j)
{
	char *a = s->base + i * s->size_bytes, *b = s->base + j * s->size_bytes;
	char spare[STEP];
	size_t n, left;

	for (left = s->size_bytes; left > 0; left -= n, a += n, b += n) {
		n = left < STEP ? left : STEP;
		kmsan__copy(s->at, spare, a, n);
		memcpy(spare, a, n);
		kmsan__copy(s->at, a, b, n);
		memcpy(a, b, n);
		kmsan__copy(s->at, b, spare, n);
		memcpy(b, spare, n);
	}
	kmsan__set(spare, sizeof(spare), 0, 0);
}

static bool is_less(const struct sort *s, size_t i, size_t j)
{
	return s->compare(s->base + i * s->size_bytes, s->base + j * s->size_bytes, s->arg) < 0;
}

static void sift(const struct sort *s, size_t i, size_t nr)
{
	size_t child;

	while ((child = 2 * i + 1) < nr) {
		if (child + 1 < nr && is_less(s, child, child + 1))
			child++;
		if (!is_less(s, i, child))
			return;
		exchange(s, i, child);
		i = child;
	}
}

static void sort(const struct sort *s, size_t nr)
{
	size_t i;

	for (i = nr / 2; i > 0; i--)
		sift(s, i - 1, nr);
	for (i = nr; i > 1; i--) {
		exchange(s, 0, i - 1);
		sift(s, 0, i - 1);
	}
}

struct two_arguments {
	int (*compare)(const void *a, const void *b);
};

static int drop_third(const void *a, const void *b, void *arg)
{
	return ((const struct two_arguments *)arg)->compare(a, b);
}

void __wrap_qsort(void *base, size_t nr, size_t n, int (*fn)(const void *, const void *))
{
	struct two_arguments two = { fn };
	struct sort s = { base, n, drop_third, &two, KMSAN_CALLER };

	sort(&s, nr);
}

void __wrap_qsort_r(void *base, size_t nr, size_t n, int (*fn)(const void *, const void *, void *),
		    void *arg)
{
	struct sort s = { base, n, fn, arg, KMSAN_CALLER };

	sort(&s, nr);
}

void *__wrap_bsearch(const void *key, const void *base, size_t nr, size_t n,
		     int (*fn)(const void *, const void *))
{
	const char *low = base;

	while (nr > 0) {
		const char *middle = low + nr / 2 * n;
		int order = fn(key, middle);

		if (!order)
			return (void *)(uintptr_t)middle;
		if (order > 0) {
			low = middle + n;
			nr -= nr / 2 + 1;
		} else {
			nr /= 2;
		}
	}
	return NULL;
}

void *__wrap_lfind(const void *key, const void *base, size_t *nr, size_t n,
		   int (*fn)(const void *, const void *))
{
	const char *p = base;
	size_t i;

	for (i = 0; i < *nr; i++, p += n)
		if (!fn(key, p))
			return (void *)(uintptr_t)p;
	return NULL;
}

void *__wrap_lsearch(const void *key, void *base, size_t *nr, size_t n,
		     int (*fn)(const void *, const void *))
{
	void *p = __wrap_lfind(key, base, nr, n, fn);

	if (p)
		return p;
	p = (char *)base + *nr * n;
	kmsan__copy(KMSAN_CALLER, p, key, n);
	++*nr;
	return memcpy(p, key, n);
}
