/* SPDX-License-Identifier: MIT */
/*
 * Seeds, sizes, failures and folders of the C tests. A failure prints all that is
 * needed to repeat it: place, condition, SEED and STEP.
 */
#include "test.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEST_SKIPPED 77

_Thread_local uint64_t test_step;

static uint64_t seed;

static uint64_t clock_seed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return ((uint64_t)now.tv_sec << 20) ^ (uint64_t)now.tv_nsec ^ ((uint64_t)getpid() << 40);
}

static uint64_t environment_seed(const char *text)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *end) {
		fprintf(stderr, "SEED=%s is not a number\n", text);
		exit(2);
	}
	return value;
}

struct test_rng test_start(void)
{
	const char *text = getenv("SEED");

	setvbuf(stdout, NULL, _IOLBF, 0);
	seed = text && *text ? environment_seed(text) : clock_seed();
	printf("SEED=%llu\n", (unsigned long long)seed);
	return test_rng_of(seed);
}

/* splitmix64 of the seed, so that neighbouring seeds start far apart. */
struct test_rng test_rng_of(uint64_t from)
{
	uint64_t z = from + 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	return (struct test_rng){ z ? z : 1 };
}

uint64_t test_seed(void)
{
	return seed;
}

uint64_t test_random(struct test_rng *rng)
{
	uint64_t x = rng->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	rng->state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

uint64_t test_below(struct test_rng *rng, uint64_t bound)
{
	return (uint64_t)(((unsigned __int128)test_random(rng) * bound) >> 64);
}

bool test_one_in(struct test_rng *rng, uint64_t n)
{
	return test_below(rng, n) == 0;
}

void test_fill_random(struct test_rng *rng, void *buf, size_t size_bytes)
{
	unsigned char *to = buf;

	while (size_bytes) {
		uint64_t word = test_random(rng);
		size_t n = size_bytes < sizeof(word) ? size_bytes : sizeof(word);

		memcpy(to, &word, n);
		to += n;
		size_bytes -= n;
	}
}

void test_fill_compressible(struct test_rng *rng, void *buf, size_t size_bytes,
			    unsigned int percent)
{
	enum { CHUNK = 512 };
	unsigned char *to = buf;

	while (size_bytes) {
		size_t n = size_bytes < CHUNK ? size_bytes : CHUNK;
		size_t same = n * percent / 100;

		test_fill_random(rng, to, n - same);
		memset(to + (n - same), (int)(test_random(rng) & 0x3f), same);
		to += n;
		size_bytes -= n;
	}
}

int test_compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint32_t test_page_bytes(uint32_t otherwise)
{
	const char *text = getenv("UZ_TEST_PAGE");

	return text ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

enum test_size test_size(void)
{
	const char *text = getenv("UZ_TEST_SIZE");

	if (!text || !*text || !strcmp(text, "quick"))
		return TEST_QUICK;
	if (!strcmp(text, "check"))
		return TEST_CHECK;
	if (!strcmp(text, "long"))
		return TEST_LONG;
	fprintf(stderr, "UZ_TEST_SIZE=%s: it is quick, check or long\n", text);
	exit(2);
}

uint64_t test_scale(uint64_t quick, uint64_t check, uint64_t longer)
{
	switch (test_size()) {
	case TEST_LONG:
		return longer;
	case TEST_CHECK:
		return check;
	default:
		return quick;
	}
}

void test_count(const char *what, uint64_t n)
{
	printf("COUNT %s=%llu\n", what, (unsigned long long)n);
}

static void make_dir(char *dir, size_t size)
{
	const char *base = getenv("TMPDIR");

	if (base && *base && getenv("UZ_TEST_DIR")) {
		snprintf(dir, size, "%s", base);
		return;
	}
	snprintf(dir, size, "%s/uz-test-XXXXXX", base && *base ? base : P_tmpdir);
	CHECK_MSG(mkdtemp(dir), "no folder %s: %s", dir, strerror(errno));
	printf("DIR=%s\n", dir);
}

const char *test_dir(void)
{
	static char dir[PATH_MAX];

	if (!dir[0])
		make_dir(dir, sizeof(dir));
	return dir;
}

const char *test_path(const char *name)
{
	static _Thread_local char path[PATH_MAX + NAME_MAX + 2];

	snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
	return path;
}

void test_skip(const char *format, ...)
{
	va_list args;

	printf("SKIP: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	exit(TEST_SKIPPED);
}

/* Without exit handlers or leak reports: other threads may still be running. */
void test_fail_at(const char *file, int line, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nfailed at SEED=%llu STEP=%llu\n", (unsigned long long)seed,
		(unsigned long long)test_step);
	_exit(1);
}

void test_check_eq(const char *file, int line, const char *text, int64_t got, int64_t want)
{
	if (got != want)
		test_fail_at(file, line, "CHECK_EQ(%s): got %lld, want %lld", text, (long long)got,
			     (long long)want);
}

void test_check_mem(const char *file, int line, const char *text, const void *got, const void *want,
		    size_t size_bytes)
{
	const unsigned char *a = got, *b = want;

	if (!size_bytes || !memcmp(a, b, size_bytes))
		return;
	for (size_t i = 0; i < size_bytes; i++)
		if (a[i] != b[i])
			test_fail_at(file, line,
				     "CHECK_MEM(%s): byte %zu of %zu is 0x%02x, want 0x%02x", text,
				     i, size_bytes, a[i], b[i]);
}
