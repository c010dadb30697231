/* SPDX-License-Identifier: MIT */
#include "median.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t uz__median(uint64_t *v, unsigned int nr)
{
	qsort(v, nr, sizeof(*v), by_value);
	return (v[(nr - 1) / 2] + v[nr / 2]) / 2;
}
