/* SPDX-License-Identifier: MIT */
/*
 * Functions that call the program back. libc's qsort moves elements without their bits, so
 * sorting is done here: a heapsort, in place, n log n for any input, elements exchanged
 * together with their metadata. What a comparison returns decides here, where nothing is
 * instrumented, so its bits are looked at: the compiler leaves them in the context.
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

/* To be called before a comparison, and after it. */
static void result_expected(void)
{
	kmsan__level()->state.retval[0] = 0;
}

static void result_used(struct kmsan_caller at)
{
	const struct kmsan__state *state = &kmsan__level()->state;

	if ((uint32_t)state->retval[0])
		kmsan__warn_value(at, state->retval_origin);
}

static bool is_less(const struct sort *s, size_t i, size_t j)
{
	int order;

	result_expected();
	order = s->compare(s->base + i * s->size_bytes, s->base + j * s->size_bytes, s->arg);
	result_used(s->at);
	return order < 0;
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

	K_ENTER;
	while (nr > 0) {
		const char *middle = low + nr / 2 * n;
		int order;

		result_expected();
		order = fn(key, middle);
		result_used(at);
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

static char *find_linear(struct kmsan_caller at, const void *key, char *p, size_t nr, size_t n,
			 int (*fn)(const void *, const void *))
{
	for (; nr > 0; nr--, p += n) {
		int order;

		result_expected();
		order = fn(key, p);
		result_used(at);
		if (!order)
			return p;
	}
	return NULL;
}

void *__wrap_lfind(const void *key, const void *base, size_t *nr, size_t n,
		   int (*fn)(const void *, const void *))
{
	return find_linear(KMSAN_CALLER, key, (char *)(uintptr_t)base, *nr, n, fn);
}

void *__wrap_lsearch(const void *key, void *base, size_t *nr, size_t n,
		     int (*fn)(const void *, const void *))
{
	char *p = find_linear(KMSAN_CALLER, key, base, *nr, n, fn);

	if (p)
		return p;
	p = (char *)base + *nr * n;
	kmsan__copy(KMSAN_CALLER, p, key, n);
	++*nr;
	return memcpy(p, key, n);
}
