/* SPDX-License-Identifier: MIT */
/*
 * What the measuring programs share: arguments as key=value, clocks, the pages to work on, and
 * one line of JSON for each thing measured. bench/run starts them and makes rows of their lines.
 */
#ifndef UZ_BENCH_H
#define UZ_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include <uz/codec.h>

#define BENCH_REQUEST (1u << 20) /* bytes of a large request */

_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define BENCH_CHECK(cond, ...) \
	do { \
		if (!(cond)) \
			bench_die(__VA_ARGS__); \
	} while (0)

/* The value of key=value, or @missing (for a number: NULL means that it must be given). */
void bench_args(int argc, char **argv);
const char *bench_text(const char *key, const char *missing);
uint64_t bench_number(const char *key, uint64_t missing);

static inline uint64_t bench_clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint64_t bench_now_ns(void)
{
	return bench_clock_ns(CLOCK_MONOTONIC);
}

/* A counter for very short times; no instruction is moved across it where the machine can. */
static inline uint64_t bench_ticks(void)
{
#if defined(__x86_64__)
	unsigned int aux;
	uint64_t t = __rdtscp(&aux);

	_mm_lfence();
	return t;
#else
	return bench_now_ns();
#endif
}

/* Ticks of a nanosecond, and what two readings one after the other differ by. Measured once. */
double bench_ticks_per_ns(void);
uint64_t bench_ticks_cost(void);

/* Wall time and time of this thread's CPU, added up over pieces of work. */
struct bench_time {
	uint64_t wall_ns, cpu_ns;
	uint64_t wall_start, cpu_start;
};

static inline void bench_start(struct bench_time *t)
{
	t->cpu_start = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	t->wall_start = bench_now_ns();
}

static inline void bench_stop(struct bench_time *t)
{
	t->wall_ns += bench_now_ns() - t->wall_start;
	t->cpu_ns += bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - t->cpu_start;
}

/* The same numbers every time. */
static inline uint64_t bench_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

/*
 * The pages of file data=, repeated up to @nr pages. In a repetition one word of each page is
 * changed, so that no page is there twice (same-filled pages stay as they are).
 */
char *bench_pages(uint64_t nr);
uint64_t bench_data_pages(void); /* pages of the file itself */

/* Anonymous memory, huge pages where allowed, touched. */
void *bench_memory(uint64_t bytes);
void bench_memory_free(void *p, uint64_t bytes);

/* Zeroed and aligned to a cache line; the program ends when there is none. For free(). */
void *bench_alloc(size_t bytes) __attribute__((returns_nonnull));

/* Takes that much memory from the system, touches it, gives it back. */
void bench_warm(uint64_t bytes);

bool bench_same_filled(const void *page);

/* {"case": name, key: value, ...}: a chain of these, ended by bench_emit_end. */
void bench_emit(const char *name);
void bench_emit_text(const char *key, const char *value);
void bench_emit_number(const char *key, double value);
void bench_emit_end(void);

/* One run of @who: bytes, wall and CPU time. */
void bench_emit_run(const char *name, const char *who, uint64_t bytes, const struct bench_time *t);

int bench_compare_u64(const void *a, const void *b);

/* Of a sorted array. */
static inline uint64_t bench_quantile(const uint64_t *sorted, uint64_t nr, double q)
{
	uint64_t i = (uint64_t)(q * (double)nr);

	return sorted[i < nr ? i : nr - 1];
}

#endif
