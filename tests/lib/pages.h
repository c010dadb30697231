/* SPDX-License-Identifier: MIT */
/* Pages of the kinds that memory and disks are full of. */
#ifndef UZ_TEST_PAGES_H
#define UZ_TEST_PAGES_H

#include <uz/codec.h>

#include "test.h"

enum page_kind {
	PAGE_ZERO,
	PAGE_FILL, /* one repeated word */
	PAGE_TEXT,
	PAGE_CODE, /* from this program's own file */
	PAGE_POINTERS, /* eight-byte values that share their upper half, and zeros */
	PAGE_COUNTERS,
	PAGE_HALF, /* half random, half zero */
	PAGE_RANDOM,
	PAGE_KINDS,
};

void page_make(struct test_rng *rng, enum page_kind kind, void *page);

/* @nr pages of every kind in turn, to be freed. */
void *pages_make(struct test_rng *rng, uint32_t nr);

#endif
