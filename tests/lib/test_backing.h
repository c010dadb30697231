/* SPDX-License-Identifier: MIT */
/*
 * A backing in memory that keeps its content when the store is closed and adopted, and whose n-th
 * read or write fails on demand.
 */
#ifndef UZ_TEST_BACKING_H
#define UZ_TEST_BACKING_H

#include <uz/backing.h>

#include "test.h"

#define TEST_BACKING_HOLE 0xdd

struct test_backing {
	struct uz_backing_dev dev; /* first */
	unsigned char *bytes;
	uint64_t reads, writes; /* atomic; calls so far */
	uint64_t discarded; /* atomic; bytes, which are TEST_BACKING_HOLE from then on */
	uint64_t fail_read, fail_write; /* calls with this number and the next @fail_nr - 1 fail */
	uint64_t fail_nr;
};

void test_backing_open(struct test_backing *b, uint64_t size_bytes);
void test_backing_close(struct test_backing *b);

/* The @nth read or write from now (1 is the next; 0: none) and @nr - 1 after it fail. */
void test_backing_fail(struct test_backing *b, uint64_t nth_read, uint64_t nth_write, uint64_t nr);

#endif
