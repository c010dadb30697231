/* SPDX-License-Identifier: MIT */
/*
 * Memory return on the real system, for each backing: what the probe finds of each method, a
 * load that comes back at once makes private memory go lazily and nothing else, after half a second nothing
 * is lazy any more, and at every step the arena says within 2% what is resident. When MADV_FREE then
 * spins, as it did in one version of Linux, it is left within a second, and is taken up again when it
 * is good again.
 */
#include "arena_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uz/host.h>
#include <uz/return_method.h>

#include "test.h"

#define MIB ((uint64_t)1 << 20)
#define SECOND 1000000000ull
#define RUNS 2048u /* 128 MiB */

static const char *const backing_names[] = { "private", "memfd", "file" };
static const struct uz_plat_ops *below;
static uint64_t ahead_ns, spin_ns, nr_free_calls;

/* The time that this thread works: what else the machine does is no cost of a method. */
static uint64_t worked_ns(void)
{
	struct timespec t;

	CHECK_EQ(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t skipping_now(struct uz_plat *pl)
{
	(void)pl;
	return worked_ns() + ahead_ns;
}

/* MADV_FREE with a spinlock before it. */
static int slow_give_back(struct uz_plat *pl, unsigned int method, const struct uz_range *v,
			  unsigned int nr)
{
	uint64_t end = worked_ns() + spin_ns;

	if (method == UZ_HOST_FREE) {
		nr_free_calls++;
		while (worked_ns() < end)
			;
	}
	return below->give_back(pl, method, v, nr);
}

struct rig {
	struct uz_host *h;
	struct uz_arena *a;
	struct uz_plat_ops ops;
	uint32_t run[RUNS], nr;
};

static void open_rig(struct rig *r, enum uz_host_backing b)
{
	char path[64];
	struct uz_host_config hc = { .backing = b, .path = path, .fd = -1 };
	struct uz_arena_config ac = { .capacity_bytes = 512 * MIB,
				      .limit_bytes = 512 * MIB,
				      .reserve_bytes = 4 * MIB };

	snprintf(path, sizeof(path), "/dev/shm/uz-returns.%d", getpid());
	CHECK_EQ(uz_host_open(&hc, &r->h), 0);
	unlink(hc.path);
	below = uz_host_plat(r->h)->ops;
	r->ops = *below;
	r->ops.now = skipping_now;
	r->ops.give_back = slow_give_back;
	r->ops.pressed = NULL; /* that this machine is short of memory is not the subject */
	uz_host_plat(r->h)->ops = &r->ops;
	CHECK_EQ(uz_arena_open(uz_host_plat(r->h), &ac, false, &r->a), 0);
	r->nr = 0;
}

static void check_resident(struct rig *r)
{
	struct uz_arena_stats st;
	int64_t measured, claimed;

	uz_arena_stats(r->a, &st);
	measured = uz_host_resident(r->h);
	claimed = (int64_t)st.resident_claimed_bytes;
	CHECK_MSG(llabs(measured - claimed) * 50 <= measured, "%lld claimed, %lld resident",
		  (long long)claimed, (long long)measured);
}

static void background(struct rig *r)
{
	while (uz_arena_background(r->a, SECOND))
		;
	check_resident(r);
}

/* Runs written to, of any length: what is free has no shape of its own. */
static void grow(struct rig *r, uint32_t upto)
{
	while (r->nr < upto) {
		CHECK_EQ(uz_run_alloc(r->a, UZ_RUN_MAX, 0, &r->run[r->nr]), 0);
		memset(uz_frame_addr(r->a, r->run[r->nr++]), 1, UZ_RUN_MAX * UZ_FRAME_SIZE);
	}
	check_resident(r);
}

static void shrink(struct rig *r, uint32_t to)
{
	while (r->nr > to)
		uz_run_free(r->a, r->run[--r->nr], UZ_RUN_MAX);
}

static void check_methods(const struct uz__chooser *c, bool file)
{
	bool legal[UZ_HOST_RETURN_NR];

	for (int m = 0; m < UZ_HOST_RETURN_NR; m++) {
		legal[m] = c->cost[m].legal;
		printf("  %-15s %s %llu + %llu ns a page\n", uz_host_return_methods[m].name,
		       legal[m] ? "frees " : "no use",
		       (unsigned long long)c->cost[m].probe.advice_ps / 1000,
		       (unsigned long long)c->cost[m].probe.refault_ps / 1000);
	}
	CHECK_EQ(legal[UZ_HOST_DONTNEED], !file);
	CHECK_EQ(legal[UZ_HOST_FREE], !file);
	CHECK_EQ(legal[UZ_HOST_PUNCH_HOLE], file);
	CHECK_EQ(legal[UZ_HOST_REMOVE], file);
	CHECK(!file || !legal[UZ_HOST_DONTNEED_BATCH]);
}

/* A load that is away for @away_ns, longer and longer: so nothing of it is kept hot. */
static void oscillate(struct rig *r, int cycles, uint64_t away_ns)
{
	for (int i = 0; i < cycles; i++) {
		ahead_ns += 20 * SECOND;
		background(r);
		shrink(r, RUNS / 4);
		background(r);
		ahead_ns += away_ns;
		grow(r, RUNS);
	}
}

static void test_backing(struct rig *r, enum uz_host_backing b)
{
	bool file = b != UZ_HOST_PRIVATE;
	struct uz_arena_stats st;

	printf("%s\n", backing_names[b]);
	open_rig(r, b);
	grow(r, RUNS);
	oscillate(r, 2, 5 * SECOND);
	check_methods(&uz__arena(r->a)->ret.chooser[SHAPE_WHOLE], file);
	uz_arena_stats(r->a, &st);
	CHECK(st.returned_eager_bytes && !st.returned_lazy_bytes && st.refault_ns);
	oscillate(r, 6, SECOND / 4);
	shrink(r, RUNS / 4);
	background(r);
	uz_arena_stats(r->a, &st);
	CHECK_EQ(!st.lazy_bytes, file);
	CHECK_EQ(!st.returned_lazy_bytes, file);
	CHECK_EQ(!strcmp(st.return_method, "free"), !file);
	ahead_ns += 3 * SECOND;
	background(r);
	uz_arena_stats(r->a, &st);
	CHECK_EQ(st.lazy_bytes, 0);
	CHECK(st.ram_total_bytes < 50 * MIB);
	for (uint32_t i = 0; i < r->nr; i += 2)
		uz_run_free(r->a, r->run[i], UZ_RUN_MAX);
	ahead_ns += 20 * SECOND;
	background(r);
	uz_arena_trim(r->a);
	check_resident(r);
	CHECK_EQ(uz_arena_check(r->a), 0);
	uz_arena_close(r->a);
	uz_host_close(r->h);
}

static bool goes_by(struct rig *r, const char *method)
{
	struct uz_arena_stats st;

	uz_arena_stats(r->a, &st);
	return !strcmp(st.return_method, method);
}

static void test_slow_free(struct rig *r)
{
	uint64_t start, calls;

	open_rig(r, UZ_HOST_PRIVATE);
	grow(r, RUNS);
	oscillate(r, 8, SECOND / 4);
	CHECK(goes_by(r, "free"));
	spin_ns = 1000000;
	ahead_ns += 20 * SECOND;
	background(r);
	start = skipping_now(uz_host_plat(r->h));
	shrink(r, RUNS / 4);
	background(r);
	CHECK(!goes_by(r, "free"));
	CHECK(skipping_now(uz_host_plat(r->h)) < start + SECOND);
	ahead_ns += SECOND;
	grow(r, RUNS);
	calls = nr_free_calls;
	oscillate(r, 4, SECOND / 4);
	CHECK_MSG(nr_free_calls <= calls + 6, "%llu calls of what is slow",
		  (unsigned long long)(nr_free_calls - calls));
	spin_ns = 0;
	oscillate(r, 40, SECOND / 4);
	check_methods(&uz__arena(r->a)->ret.chooser[SHAPE_WHOLE], false);
	CHECK(goes_by(r, "free"));
	uz_arena_close(r->a);
	uz_host_close(r->h);
}

int main(void)
{
	static struct rig r;

	test_start();
	for (int b = UZ_HOST_PRIVATE; b <= UZ_HOST_FILE; b++)
		test_backing(&r, (enum uz_host_backing)b);
	test_slow_free(&r);
	return 0;
}
