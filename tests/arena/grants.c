/* SPDX-License-Identifier: MIT */
/*
 * Model test of regions: runs of each class come and go, some are held, regions of all policies and
 * grants come and go, memory goes back to the system, calls of the platform and moves fail. After each
 * step the content of all runs is what it was, the arena recounts itself, the promise is what the map says
 * and within the limit, and all counters are what was done. A guaranteed grant fails only for what is
 * held, for a planned failure, or because that much is not free of grants.
 *
 * uz-test: timeout 240
 */
#include <errno.h>

#include "grant_model.h"

#define OPS 12u

static enum model_class random_class(struct model *m)
{
	uint64_t what = test_below(m->rng, 12);

	return what < 7 ? MODEL_MOVE : what < 11 ? MODEL_DROP : MODEL_STAY;
}

static uint32_t random_nr(struct model *m)
{
	return test_one_in(m->rng, 2) ? UZ_RUN_MAX : 1 + (uint32_t)test_below(m->rng, UZ_RUN_MAX);
}

static void op_alloc(struct model *m)
{
	enum model_class class = random_class(m);
	uint32_t n = 1 + (uint32_t)test_below(m->rng, class == MODEL_STAY ? 2 : 100);

	while (n-- && model_alloc(m, random_nr(m), class) == 0)
		;
}

static void op_free(struct model *m)
{
	uint32_t n = (uint32_t)test_below(m->rng, test_one_in(m->rng, 10) ? m->nr_runs + 1 : 70);

	while (n-- && m->nr_runs)
		model_free(m, (uint32_t)test_below(m->rng, m->nr_runs));
}

static void op_hold(struct model *m)
{
	if (test_one_in(m->rng, 2)) {
		for (uint32_t i = 0; i < m->nr_runs; i++)
			m->run[i].held = false;
		return;
	}
	for (uint32_t n = (uint32_t)test_below(m->rng, 4); n && m->nr_runs; n--)
		m->run[test_below(m->rng, m->nr_runs)].held = true;
}

static struct model_region *random_region(struct model *m)
{
	struct model_region *g = &m->region[test_below(m->rng, MODEL_REGIONS)];

	return g->r ? g : NULL;
}

static void op_create(struct model *m)
{
	static const char *const names[MODEL_REGIONS] = { "a", "b", "c" };
	uint32_t i = (uint32_t)test_below(m->rng, MODEL_REGIONS);
	struct model_region *g = &m->region[i];

	if (g->r) {
		CHECK_EQ(uz_region_create(m->a, &g->c, &g->r), -EEXIST);
		return;
	}
	g->c = (struct uz_region_config){ .name = names[i],
					  .bytes = 1 + test_below(m->rng, 5 * ABLOCK_BYTES),
					  .evac_min_bytes = test_below(m->rng, 2 * ABLOCK_BYTES),
					  .spread = !test_one_in(m->rng, 4) };
	if (test_one_in(m->rng, 4))
		g->c.policy = test_one_in(m->rng, 2) ? UZ_CONTIG_CMA : UZ_CONTIG_GCMA;
	model_region(m, i);
}

static void op_destroy(struct model *m)
{
	struct model_region *g = random_region(m);
	int rc;

	if (!g || !test_one_in(m->rng, 6))
		return;
	CHECK(uz_region_find(m->a, g->c.name) == g->r);
	rc = uz_region_destroy(g->r);
	CHECK_EQ(rc, g->nr_grants ? -EBUSY : 0);
	if (rc == 0)
		g->r = NULL;
}

static void op_grant(struct model *m)
{
	struct model_region *g = random_region(m);

	if (g)
		model_grant(m, g, test_below(m->rng, g->c.bytes + g->c.bytes / 8 + 2));
}

static void op_ungrant(struct model *m)
{
	struct model_region *g = random_region(m);

	if (g && g->nr_grants)
		model_ungrant(m, g, (uint32_t)test_below(m->rng, g->nr_grants));
}

static void op_return(struct model *m)
{
	if (test_one_in(m->rng, 3))
		uz_arena_trim(m->a);
	for (int i = 0; i < 20 && uz_arena_background(m->a, 1000000); i++)
		;
}

/* Some moves of the next grants fail: one, or all from there on. */
static void op_fail_moves(struct model *m)
{
	struct model_region *g = random_region(m);

	if (!g)
		return;
	m->fail_from = m->moves + 1 + test_below(m->rng, 5);
	m->fail_to = test_one_in(m->rng, 2) ? m->fail_from + 1 : UINT64_MAX;
	model_grant(m, g, 1 + test_below(m->rng, g->c.bytes));
	m->fail_from = m->fail_to = 0;
}

static void op_fail_plat(struct model *m)
{
	static const enum fault_call calls[] = { FAULT_COMMIT, FAULT_DECOMMIT, FAULT_CARRY };

	fault_plat_fail(&m->fault, calls[test_below(m->rng, 3)], 1 + test_below(m->rng, 4),
			1 + test_below(m->rng, 3), -ENOMEM);
	m->faults = m->refused_any = true;
	op_alloc(m);
	op_grant(m);
	op_return(m);
	fault_plat_clear(&m->fault);
	m->faults = false;
}

static void (*const ops[OPS])(struct model *m) = {
	op_alloc, op_alloc, op_free,	op_hold,   op_create,	  op_destroy,
	op_grant, op_grant, op_ungrant, op_return, op_fail_moves, op_fail_plat,
};

static void walk(struct model *m)
{
	uint64_t done[OPS] = { 0 };
	uint64_t steps = test_scale(4000, 20000, 1000000);

	for (test_step = 0; test_step < steps; test_step++) {
		size_t i = test_below(m->rng, OPS);

		ops[i](m);
		done[i]++;
		model_check(m);
	}
	for (unsigned int i = 0; i < OPS; i++)
		CHECK(done[i] > 0);
	test_count("steps", steps);
	test_count("moves", m->moves);
	test_count("failed_moves", m->refused);
	test_count("failed_grants", m->failed);
	test_count("arena_blocks_moved_as_a_whole", m->carried);
	test_count("steps_with_owed_memory", m->owed);
	CHECK(m->moves > 0 && m->refused > 0 && m->failed > 0 && m->carried > 0 && m->owed > 0);
}

int main(void)
{
	static struct model m;
	struct test_rng rng = test_start();

	model_open(&m, &rng);
	m.carries = true;
	walk(&m);
	model_close(&m);
	return 0;
}
