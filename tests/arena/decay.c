/* SPDX-License-Identifier: MIT */
/*
 * What free memory an arena keeps, with a clock that the test turns: nothing after a first
 * shrink, almost all when the load comes back every second, less and less from then on, nothing
 * after 10 s; and churn proves nothing.
 */
#include "arena_i.h"

#include "mem_plat.h"
#include "test.h"

#define MS 1000000ull
#define FRAMES 16384u /* 64 MiB in 2 MiB arena blocks */
#define RESERVE ((uint64_t)4 << 20 >> UZ_FRAME_SHIFT)

static uint64_t clock_ns = 1;
static struct uz_plat_ops clocked;

static uint64_t fake_now(struct uz_plat *pl)
{
	(void)pl;
	return clock_ns;
}

struct rig {
	struct mem_plat mem;
	struct uz_arena *a;
	uint32_t run[2 * FRAMES / UZ_RUN_MAX], nr;
	uint64_t committed; /* frames that the foreground had to fault in */
};

static uint64_t reserve(struct rig *r)
{
	struct uz_arena_stats st;

	uz_arena_stats(r->a, &st);
	return st.reserve_bytes >> UZ_FRAME_SHIFT;
}

/* Background work every 50 ms of the test's clock. */
static void pass(struct rig *r, uint64_t ms)
{
	for (; ms; ms -= 50) {
		clock_ns += 50 * MS;
		while (uz_arena_background(r->a, 0))
			;
	}
}

static void grow(struct rig *r, uint32_t frames)
{
	uint64_t before = reserve(r);

	while (frames) {
		CHECK_EQ(uz_run_alloc(r->a, UZ_RUN_MAX, 0, &r->run[r->nr]), 0);
		r->nr++;
		frames -= UZ_RUN_MAX;
	}
	r->committed += before < FRAMES ? FRAMES - before : 0;
}

static void shrink(struct rig *r, uint32_t frames)
{
	while (frames) {
		uz_run_free(r->a, r->run[--r->nr], UZ_RUN_MAX);
		frames -= UZ_RUN_MAX;
	}
}

static void open_rig(struct rig *r)
{
	struct uz_arena_config c = { .capacity_bytes = 256 << 20,
				     .limit_bytes = 256 << 20,
				     .reserve_bytes = RESERVE << UZ_FRAME_SHIFT };

	memset(r, 0, sizeof(*r));
	mem_plat_open(&r->mem);
	clocked = *r->mem.pl.ops;
	clocked.now = fake_now;
	r->mem.pl.ops = &clocked;
	CHECK_EQ(uz_arena_open(&r->mem.pl, &c, false, &r->a), 0);
	pass(r, 200);
}

static void close_rig(struct rig *r)
{
	CHECK_EQ(uz_arena_check(r->a), 0);
	uz_arena_close(r->a);
	mem_plat_close(&r->mem);
}

static void test_first_shrink(void)
{
	struct rig r;

	open_rig(&r);
	grow(&r, FRAMES);
	pass(&r, 3000);
	shrink(&r, FRAMES / 2);
	pass(&r, 100);
	CHECK_MSG(reserve(&r) <= RESERVE, "%llu frames kept", (unsigned long long)reserve(&r));
	shrink(&r, FRAMES / 2);
	close_rig(&r);
}

/* @half_ms up and @half_ms down; what is kept at the end of the last low phase. */
static uint64_t oscillate(struct rig *r, uint64_t half_ms, int cycles)
{
	uint64_t kept = 0;

	for (int i = 0; i < cycles; i++) {
		if (i == 2)
			r->committed = 0;
		grow(r, FRAMES);
		pass(r, half_ms);
		shrink(r, FRAMES);
		pass(r, half_ms);
		kept = reserve(r);
	}
	return kept;
}

static void test_oscillation(void)
{
	uint64_t kept, last;
	struct rig r;

	open_rig(&r);
	grow(&r, FRAMES / 4);
	kept = oscillate(&r, 500, 20);
	CHECK_MSG(kept >= FRAMES / 100 * 98, "%llu kept at 1 s", (unsigned long long)kept);
	CHECK_MSG(r.committed <= 18ull * FRAMES / 50, "%llu faulted",
		  (unsigned long long)r.committed);
	test_count("faulted_of_1_s_load", r.committed);
	for (last = kept; last > RESERVE; last = kept) {
		pass(&r, 1000);
		kept = reserve(&r);
		CHECK(kept < last);
	}
	CHECK_EQ(uz_arena_check(r.a), 0);
	kept = oscillate(&r, 30000, 3);
	CHECK_MSG(kept <= RESERVE, "%llu kept at 60 s", (unsigned long long)kept);
	grow(&r, FRAMES);
	pass(&r, 30000);
	shrink(&r, FRAMES);
	pass(&r, 12000);
	CHECK(reserve(&r) <= RESERVE);
	close_rig(&r);
}

/* The proof fades smoothly from the last low level on: half of it is there after 5 s. */
static void test_fading(void)
{
	uint64_t at_ms[] = { 500, 2500, 5000, 7500, 10100 }, ms = 0;
	uint32_t percent[] = { 100, 90, 50, 11, 0 };
	struct rig r;

	open_rig(&r);
	grow(&r, FRAMES / 4);
	oscillate(&r, 500, 3);
	grow(&r, FRAMES);
	for (int i = 0; i < 5; i++) {
		uint64_t hot;

		pass(&r, at_ms[i] / 50 * 50 - ms);
		ms = at_ms[i] / 50 * 50;
		hot = uz__arena(r.a)->decay.hot_frames * 100 / FRAMES;
		CHECK_MSG(hot + 4 >= percent[i] && hot <= percent[i] + 4u, "%llu%% after %llu ms",
			  (unsigned long long)hot, (unsigned long long)ms);
	}
	close_rig(&r);
}

static void test_churn(void)
{
	struct rig r;

	open_rig(&r);
	grow(&r, FRAMES);
	for (int i = 0; i < 50; i++) {
		shrink(&r, FRAMES / 16);
		pass(&r, 100);
		grow(&r, FRAMES / 16);
		pass(&r, 100);
		CHECK_EQ(uz__arena(r.a)->decay.hot_frames, 0);
	}
	close_rig(&r);
}

int main(void)
{
	test_start();
	test_first_shrink();
	test_oscillation();
	test_fading();
	test_churn();
	return 0;
}
