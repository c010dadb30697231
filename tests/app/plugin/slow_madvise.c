/* SPDX-License-Identifier: MIT */
/*
 * A kernel that got slower at one kind of advice: preloaded, it lets each madvise() with the
 * advice of UZ_SLOW_ADVICE take UZ_SLOW_US more, one caller at a time, as behind a spinlock.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char locked;

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void spin(uint64_t us)
{
	uint64_t end;

	while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE))
		continue;
	for (end = now_us() + us; now_us() < end;)
		continue;
	__atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
}

__attribute__((visibility("default"))) int madvise(void *p, size_t bytes, int advice)
{
	const char *slow = getenv("UZ_SLOW_ADVICE"), *us = getenv("UZ_SLOW_US");

	if (slow && us && atoi(slow) == advice)
		spin(strtoull(us, NULL, 10));
	return (int)syscall(SYS_madvise, p, bytes, advice);
}
