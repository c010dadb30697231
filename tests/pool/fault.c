/* SPDX-License-Identifier: MIT */
/*
 * The n-th commit fails, for every n: what fails changes nothing, and when
 * memory is there again all goes on.
 */
#include "pool_rig.h"

#define LIMIT (64ull << 20)
#define SLOTS 600
#define WRITES 900

struct run {
	uint64_t commits; /* during the writes */
	uint64_t refused;
};

/* The same writes each time; those that fail must leave page and pool as they were. */
static void write_all(struct pool_rig *r, struct run *run, uint64_t seed)
{
	struct test_rng rng = test_rng_of(seed);
	uint64_t before = r->mem.nr_commits;

	for (uint32_t i = 0; i < WRITES; i++) {
		uint32_t page = (uint32_t)test_below(&rng, SLOTS);
		uint32_t size = 1 + (uint32_t)test_below(&rng, r->ops->max_object);
		unsigned int flags = test_one_in(&rng, 2) ? UZ_ALLOC_URGENT : 0;
		struct rig_slot old = r->slot[page];
		struct uz_pool_stats a, b;
		int err;

		r->ops->stats(r->pool, &a);
		err = rig_write(r, page, size, flags, 0);
		if (!err)
			continue;
		CHECK(err == -UZ_ENOMEM || err == -UZ_ENOSPC);
		r->ops->stats(r->pool, &b);
		CHECK(r->slot[page].handle == old.handle && r->slot[page].version == old.version);
		CHECK(a.frames == b.frames && a.objects == b.objects &&
		      a.free_bytes == b.free_bytes);
		run->refused++;
	}
	run->commits = r->mem.nr_commits - before;
}

static struct run one_run(const struct uz_pool_ops *ops, uint64_t fail)
{
	struct run run = { 0 };
	struct pool_rig r;

	test_step = fail;
	rig_open(&r, ops, SLOTS, LIMIT);
	r.mem.fail_commit = fail ? r.mem.nr_commits + fail : 0;
	write_all(&r, &run, 1);
	rig_check(&r);
	rig_verify_all(&r);
	r.mem.fail_commit = 0;
	write_all(&r, &(struct run){ 0 }, 2);
	rig_check(&r);
	rig_verify_all(&r);
	rig_close(&r);
	return run;
}

/* An instance that cannot have its memory is not made, and leaves nothing behind. */
static void create_fails(const struct uz_pool_ops *ops)
{
	struct uz_arena_stats before, after;
	struct uz_pool *p = NULL;
	struct pool_rig r;

	rig_open(&r, ops, 1, LIMIT);
	uz_arena_stats(r.arena, &before);
	r.mem.fail_commit = 1;
	CHECK_EQ(uz_pool_create(&r.tab, ops, 0, 0, &p), -UZ_ENOMEM);
	r.mem.fail_commit = 0;
	uz_arena_stats(r.arena, &after);
	CHECK_EQ(after.ram_total_bytes, before.ram_total_bytes);
	uz_pool_destroy(p);
	rig_close(&r);
}

static void test_pool(const struct uz_pool_ops *ops)
{
	uint64_t commits = one_run(ops, 0).commits, failed = 0, step;

	CHECK(commits > 5);
	step = 1 + commits / test_scale(100, 100, 1000);
	for (uint64_t n = 1; n <= commits; n += step)
		failed += one_run(ops, n).refused > 0;
	CHECK(failed > commits / step / 2);
	create_fails(ops);
	test_count("commits", commits);
}

int main(void)
{
	test_start();
	rig_each_pool(test_pool);
	return 0;
}
