/* SPDX-License-Identifier: MIT */
/*
 * What went lazily is taken by force after its time also when the method that is best for that has
 * ceased to work: by the one that always does, and the other is not tried again.
 */
#include "arena_i.h"

#include "mem_plat.h"
#include "test.h"

#define BYTES (32ull << 20)
#define RUNS (BYTES / 2 / UZ_RUN_MAX / UZ_FRAME_SIZE)

/* Of mem_plat; the last was fine when it was probed, and fails now. */
enum { AT_ONCE, LAZY, USELESS, ALIEN };

static void found(struct uz__arena *a, unsigned int method, uint64_t ps)
{
	uz__return_probed(&a->ret, SHAPE_WHOLE, method, 0, true, ps, ps);
}

static void open_arena(struct mem_plat *m, struct uz_arena **out)
{
	struct uz_arena_config c = { .capacity_bytes = BYTES,
				     .limit_bytes = 2 * BYTES,
				     .reserve_bytes = 1 << 20 };
	struct uz__chooser *chooser;

	mem_plat_open(m);
	mem_plat_offer_methods(m);
	CHECK_EQ(uz_arena_open(&m->pl, &c, false, out), 0);
	chooser = &uz__arena(*out)->ret.chooser[SHAPE_WHOLE];
	found(uz__arena(*out), AT_ONCE, 1000);
	found(uz__arena(*out), ALIEN, 10);
	found(uz__arena(*out), LAZY, 1);
	chooser->current = LAZY;
	chooser->probe_at_ns = UINT64_MAX;
}

static uint64_t lazy_bytes(struct uz_arena *a)
{
	struct uz_arena_stats st;

	while (uz_arena_background(a, 1000000))
		;
	uz_arena_stats(a, &st);
	return st.lazy_bytes;
}

int main(void)
{
	static uint32_t run[RUNS];
	struct uz_arena *a;
	struct mem_plat m;

	test_start();
	open_arena(&m, &a);
	for (uint32_t i = 0; i < RUNS; i++)
		CHECK_EQ(uz_run_alloc(a, UZ_RUN_MAX, 0, &run[i]), 0);
	for (uint32_t i = 0; i < RUNS; i++)
		uz_run_free(a, run[i], UZ_RUN_MAX);
	CHECK(lazy_bytes(a) > 0);
	CHECK_EQ(uz__return_pick(&uz__arena(a)->ret, SHAPE_WHOLE, false), ALIEN);
	m.skip_ns += 2 * UZ__LAZY_MAX_NS;
	CHECK_EQ(lazy_bytes(a), 0);
	CHECK_EQ(uz__return_pick(&uz__arena(a)->ret, SHAPE_WHOLE, false), AT_ONCE);
	CHECK_EQ(uz_arena_check(a), 0);
	uz_arena_close(a);
	mem_plat_close(&m);
	return 0;
}
