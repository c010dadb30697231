/* SPDX-License-Identifier: MIT */
/*
 * What every C test starts from.
 *
 *	int main(void)
 *	{
 *		struct test_rng rng = test_start();
 *
 *		CHECK(uz_x(...) == 0);
 *		CHECK_EQ(uz_y(...), -ENOSPC);
 *		return 0;
 *	}
 *
 * A test ends with 0 passed, 1 failed, 77 skipped. Lines near its top steer the
 * runner: "uz-test: timeout SECONDS", "uz-test: serial", "uz-test: no-tsan REASON",
 * "uz-test: no-asan REASON".
 */
#ifndef UZ_TEST_H
#define UZ_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* xorshift64*: the same numbers on every machine. */
struct test_rng {
	uint64_t state;
};

enum test_size { TEST_QUICK, TEST_CHECK, TEST_LONG };

/* Takes SEED from the environment or from the clock, and prints it. */
struct test_rng test_start(void);
struct test_rng test_rng_of(uint64_t seed);
uint64_t test_seed(void);
uint64_t test_random(struct test_rng *rng);
/* 0 .. bound - 1; bound > 0 */
uint64_t test_below(struct test_rng *rng, uint64_t bound);
bool test_one_in(struct test_rng *rng, uint64_t n);
void test_fill_random(struct test_rng *rng, void *buf, size_t size_bytes);
/* Bytes of which about percent % compress away, as fio's patterns do. */
void test_fill_compressible(struct test_rng *rng, void *buf, size_t size_bytes,
			    unsigned int percent);

/* Of uint64_t, for qsort. */
int test_compare_u64(const void *a, const void *b);

/* UZ_TEST_SIZE, and the one of three numbers that belongs to it. */
enum test_size test_size(void);
uint64_t test_scale(uint64_t quick, uint64_t check, uint64_t longer);

/* UZ_TEST_PAGE, the page that the system is to seem to have, or @otherwise. */
uint32_t test_page_bytes(uint32_t otherwise);

/* The step that a failing CHECK names: set it in the loop of a model test. */
extern _Thread_local uint64_t test_step;

/* A figure that the runner keeps with the result: what was really exercised. */
void test_count(const char *what, uint64_t n);

/* This test's own folder ($TMPDIR of the runner, or a new one). */
const char *test_dir(void);
/* test_dir()/name, in a buffer of the calling thread that the next call reuses */
const char *test_path(const char *name);

_Noreturn void test_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void test_fail_at(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void test_check_eq(const char *file, int line, const char *text, int64_t got, int64_t want);
void test_check_mem(const char *file, int line, const char *text, const void *got, const void *want,
		    size_t size_bytes);

#define CHECK(cond) \
	do { \
		if (!(cond)) \
			test_fail_at(__FILE__, __LINE__, "CHECK(%s)", #cond); \
	} while (0)

#define CHECK_MSG(cond, ...) \
	do { \
		if (!(cond)) \
			test_fail_at(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

#define CHECK_EQ(got, want) \
	test_check_eq(__FILE__, __LINE__, #got " == " #want, (int64_t)(got), (int64_t)(want))

#define CHECK_MEM(got, want, size_bytes) \
	test_check_mem(__FILE__, __LINE__, #got " as " #want, got, want, size_bytes)

#endif
