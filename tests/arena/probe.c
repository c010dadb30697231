/* SPDX-License-Identifier: MIT */
/*
 * The ways in which memory can go back are tried beside each other outside of regions only: a grant that
 * needs the arena block would wait until that is through. What is free in a region goes back all the
 * same.
 */
#include "arena_i.h"

#include "mem_plat.h"
#include "test.h"

#define MIB (1ull << 20)
#define REGION (16 * MIB)
#define RUN_BYTES (UZ_RUN_MAX * UZ_FRAME_SIZE)
#define RUNS (REGION / RUN_BYTES)

static struct mem_plat m;
static const struct uz_plat_ops *below;
static struct uz_arena *a;
static struct uz_grant place; /* of the region */
static uint64_t inside, others; /* calls for its memory; calls of other methods than the usual */

static bool in_region(const void *p)
{
	const char *base = uz_frame_addr(a, place.first * UZ_ABLOCK_FRAMES);

	return (const char *)p >= base && (const char *)p < base + REGION;
}

static int give_back(struct uz_plat *pl, unsigned int method, const struct uz_range *v,
		     unsigned int nr)
{
	inside += in_region(v[0].p);
	others += method != pl->default_method;
	CHECK_MSG(!in_region(v[0].p) || method == pl->default_method,
		  "method %u is tried on memory of a region", method);
	return below->give_back(pl, method, v, nr);
}

/* There is nothing in the region. */
static int clear(struct uz_borrower *b, struct uz_window *w, struct uz_contig_failure *why)
{
	(void)b, (void)w, (void)why;
	return 0;
}

/* Memory of that kind comes and goes. */
static void use(unsigned int flags)
{
	static uint32_t run[RUNS];

	for (uint32_t i = 0; i < RUNS; i++)
		CHECK_EQ(uz_run_alloc(a, UZ_RUN_MAX, flags, &run[i]), 0);
	for (uint32_t i = 0; i < RUNS; i++)
		uz_run_free(a, run[i], UZ_RUN_MAX);
	while (uz_arena_background(a, MIB))
		;
}

int main(void)
{
	static struct uz_borrower nobody = { .clear = clear };
	struct uz_arena_config c = { .capacity_bytes = 64 * MIB,
				     .limit_bytes = 64 * MIB,
				     .reserve_bytes = MIB };
	struct uz_region_config rc = { .name = "cam0", .bytes = REGION, .borrower = &nobody };
	struct uz_contig_failure why;
	struct uz_region *region;
	struct uz_plat_ops ops;

	test_start();
	mem_plat_open(&m);
	mem_plat_offer_methods(&m);
	below = m.pl.ops;
	ops = *below;
	ops.give_back = give_back;
	m.pl.ops = &ops;
	CHECK_EQ(uz_arena_open(&m.pl, &c, false, &a), 0);
	CHECK_EQ(uz_region_create(a, &rc, &region), 0);
	CHECK_EQ(uz_contig_alloc(region, REGION, UZ_FOREVER, &place, &why), 0);
	CHECK_EQ(uz_contig_free(region, place.id), 0);
	use(UZ_ALLOC_DISCARD);
	CHECK(inside > 0 && !others);
	use(0);
	CHECK(others > 0);
	CHECK_EQ(uz_region_destroy(region), 0);
	CHECK_EQ(uz_arena_check(a), 0);
	uz_arena_close(a);
	mem_plat_close(&m);
	return 0;
}
