/* SPDX-License-Identifier: MIT */
/*
 * uz-test: timeout 120
 *
 * What a pool costs: (frames + descriptors + instance) / object bytes after fill, after
 * overwriting three times as many pages at random, and after discarding half of them; before and
 * after compaction, unasked ("soft") and asked for ("hard"). Bounds a little above what
 * was measured, so that a change for the worse is seen.
 *
 * The sizes are like those of lz4 on pages of programs; UZ_SIZES=FILE takes
 * uint16_t sizes from a file instead, prints, and asserts nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pool_rig.h"

#define LIMIT (1ull << 30)

struct bound {
	const char *name;
	double fill, churn, discard; /* churn and discard: after unasked compaction */
};

/* At 40,000 objects of 1.7 KiB. */
static const struct bound bounds[] = {
	{ "zsmalloc", 1.05, 1.03, 1.03 },
	{ "zblock", 1.06, 1.07, 1.08 },
	{ "z3fold", 1.10, 1.10, 1.20 },
	{ "zbud", 1.25, 1.25, 1.28 },
};

static uint16_t *sizes;
static size_t nr_sizes;

static void load_sizes(const char *path)
{
	FILE *f = fopen(path, "rb");

	CHECK_MSG(f, "cannot open UZ_SIZES=%s", path);
	sizes = calloc(1 << 20, sizeof(*sizes));
	nr_sizes = fread(sizes, sizeof(*sizes), 1 << 20, f);
	CHECK_MSG(nr_sizes > 0, "UZ_SIZES=%s is empty", path);
	fclose(f);
}

/* Two humps: text and tables around 1 KiB, code around 2.4 KiB. */
static void make_sizes(struct test_rng *rng)
{
	nr_sizes = test_scale(40000, 100000, 400000);
	sizes = calloc(nr_sizes, sizeof(*sizes));
	for (size_t i = 0; i < nr_sizes; i++) {
		uint64_t sum = 0;

		for (int k = 0; k < 4; k++)
			sum += test_below(rng, test_one_in(rng, 2) ? 500 : 1200);
		sizes[i] = (uint16_t)(30 + sum % 3770);
	}
}

static double density(struct pool_rig *r)
{
	uint64_t bytes = r->pool->nr_frames * UZ_FRAME_SIZE + r->ops->instance_bytes();

	bytes += r->tab.nr * (sizeof(struct uz_desc) + sizeof(struct uz_block));
	return (double)bytes / (double)rig_bytes(r);
}

static void write_page(struct pool_rig *r, struct test_rng *rng, uint32_t page)
{
	uint32_t size = sizes[test_below(rng, nr_sizes)];

	CHECK_EQ(rig_write(r, page, UZ_MIN(size, r->ops->max_object), 0, 0), 0);
}

/* As a device does that is left alone: pass after pass. */
static uint64_t compact(struct pool_rig *r, bool hard)
{
	uint64_t before = r->moves;

	for (int pass = 0; pass < 8; pass++)
		while (uz_pool_compact(r->pool, 64, hard, &r->mover))
			;
	return r->moves - before;
}

static void churn(struct pool_rig *r, struct test_rng *rng)
{
	for (uint64_t i = 0; i < 3ull * r->nr_slots; i++)
		write_page(r, rng, (uint32_t)test_below(rng, r->nr_slots));
}

static void check_bound(const struct uz_pool_ops *ops, double fill, double after, double discard)
{
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		const struct bound *b = &bounds[i];

		if (strcmp(b->name, ops->name))
			continue;
		CHECK_MSG(fill <= b->fill, "%s after fill: %.4f > %.4f", b->name, fill, b->fill);
		CHECK_MSG(after <= b->churn, "%s after churn: %.4f", b->name, after);
		CHECK_MSG(discard <= b->discard, "%s after discard: %.4f", b->name, discard);
	}
	CHECK(fill > 1 && after > 1 && discard > 1);
}

static void test_pool(const struct uz_pool_ops *ops)
{
	struct test_rng rng = test_rng_of(7);
	double fill, after, discard;
	struct pool_rig r;
	uint64_t moved;

	rig_open(&r, ops, (uint32_t)nr_sizes, LIMIT);
	for (uint32_t i = 0; i < nr_sizes; i++)
		CHECK_EQ(rig_write(&r, i, UZ_MIN(sizes[i], ops->max_object), 0, 0), 0);
	fill = density(&r);
	printf("  fill    %.4f (%llu MiB of objects, %llu blocks)\n", fill,
	       (unsigned long long)rig_bytes(&r) >> 20, (unsigned long long)r.tab.nr);
	churn(&r, &rng);
	printf("  churn   %.4f", density(&r));
	moved = compact(&r, false);
	after = density(&r);
	printf(", soft %.4f (%llu moved)\n", after, (unsigned long long)moved);
	for (uint32_t i = 0; i < r.nr_slots; i++)
		if (test_one_in(&rng, 2))
			rig_discard(&r, i);
	printf("  discard %.4f", density(&r));
	moved = compact(&r, false);
	discard = density(&r);
	printf(", soft %.4f (%llu moved)", discard, (unsigned long long)moved);
	moved = compact(&r, true);
	printf(", hard %.4f (%llu moved)\n", density(&r), (unsigned long long)moved);
	rig_check(&r);
	rig_close(&r);
	if (!getenv("UZ_SIZES"))
		check_bound(ops, fill, after, discard);
}

int main(void)
{
	struct test_rng rng = test_start();

	if (getenv("UZ_SIZES"))
		load_sizes(getenv("UZ_SIZES"));
	else
		make_sizes(&rng);
	rig_each_pool(test_pool);
	free(sizes);
	return 0;
}
