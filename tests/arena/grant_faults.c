/* SPDX-License-Identifier: MIT */
/*
 * A grant of a region full of data that has to be moved, while the n-th commit, decommit or move
 * fails, once or from there on, for each n: it fails or finds another way, nothing is lost or miscounted, and
 * the next grant has what it wants.
 */
#include <errno.h>

#include "grant_model.h"

/* Nothing is left but a region full of data that has to be moved, outside of which there is room. */
static struct model_region *set_out(struct model *m)
{
	struct model_region *g = &m->region[0];

	for (uint32_t i = 0; i < m->nr_runs; i++)
		m->run[i].held = false;
	for (uint32_t i = 0; i < MODEL_REGIONS; i++) {
		while (m->region[i].r && m->region[i].nr_grants)
			model_ungrant(m, &m->region[i], 0);
		if (m->region[i].r)
			CHECK_EQ(uz_region_destroy(m->region[i].r), 0);
		m->region[i].r = NULL;
	}
	while (m->nr_runs)
		model_free(m, m->nr_runs - 1);
	uz_arena_trim(m->a);
	g->c = (struct uz_region_config){ .name = "a", .bytes = 3 * ABLOCK_BYTES, .spread = true };
	CHECK_EQ(model_region(m, 0), 0);
	for (uint32_t i = 0; i < 600; i++)
		CHECK_EQ(model_alloc(m, UZ_RUN_MAX, MODEL_MOVE), 0);
	return g;
}

/* Nothing is lost, and if the grant failed the next one has what it wants. */
static void check_next(struct model *m, struct model_region *g)
{
	model_check(m);
	if (!g->nr_grants)
		CHECK_EQ(model_grant(m, g, 3 * ABLOCK_BYTES), 0);
	model_check(m);
}

/* The n-th call fails, for each n until a grant needs no more; the next grant has what it wants. */
static void each_call(struct model *m, enum fault_call call, uint64_t nr, const char *name)
{
	uint64_t n = 0, failed = 0;
	bool fired;

	do {
		struct model_region *g = set_out(m);

		n++;
		fault_plat_fail(&m->fault, call, n, nr, -ENOMEM);
		m->faults = true;
		failed += model_grant(m, g, 3 * ABLOCK_BYTES) < 0;
		fired = fault_plat_fired(&m->fault, call);
		fault_plat_clear(&m->fault);
		m->faults = false;
		check_next(m, g);
	} while (fired && n < 12); /* what fails for good may be called until the deadline */
	test_count(name, n);
	CHECK(call != FAULT_DECOMMIT || nr == 1 || failed > 0);
}

/* One move fails: the grant tries again and has it. All from there on: it fails, nothing is lost. */
static void each_move(struct model *m)
{
	uint64_t n = 0, before, after;
	int r;

	do {
		for (int all = 0; all < 2; all++) {
			struct model_region *g = set_out(m);

			before = m->moves;
			m->fail_from = before + n;
			m->fail_to = all ? UINT64_MAX : m->fail_from + 1;
			r = model_grant(m, g, 3 * ABLOCK_BYTES);
			after = m->moves;
			CHECK_EQ(r, all && after >= m->fail_from && after > before ? -EBUSY : 0);
			m->fail_from = m->fail_to = 0;
			check_next(m, g);
		}
		n += 1 + test_below(m->rng, test_scale(20, 10, 1));
	} while (m->moves - after && n < 90);
	test_count("failing_moves", n);
}

/* Who ends a grant leaves a half alone, which another thread may be bringing together just now. */
static void free_beside_move(struct model *m)
{
	struct model_region *g = set_out(m);
	struct uz_window w = { .arena = m->a };
	uint32_t from, to, at, k;

	CHECK_EQ(model_grant(m, g, ABLOCK_BYTES), 0);
	m->fail_from = m->moves + 10;
	m->fail_to = UINT64_MAX;
	CHECK_EQ(model_grant(m, g, ABLOCK_BYTES), -EBUSY);
	m->fail_from = m->fail_to = 0;
	CHECK(uz_window_half(m->a, &from, &to));
	for (k = m->nr_runs; k-- > 0;)
		if (uz_ablock_of(m->run[k].first) == from)
			model_free(m, k);
	model_ungrant(m, g, 0);
	for (k = 0; k < m->nr_runs && uz_ablock_of(m->run[k].first) != to;)
		k++;
	CHECK(k < m->nr_runs);
	CHECK_EQ(uz_window_target(&w, m->run[k].first, m->run[k].nr, &at), 0);
	CHECK_EQ(at - m->run[k].first, (from - to) * UZ_ABLOCK_FRAMES);
	uz_run_free(m->a, at, m->run[k].nr);
	model_check(m);
}

/* The first arena block of the region, which is where it was after this. */
static uint32_t region_first(struct model *m, struct model_region *g)
{
	uint32_t first;

	CHECK_EQ(model_grant(m, g, ABLOCK_BYTES), 0);
	first = g->grant[0].first - (uint32_t)(g->grant[0].offset_bytes / ABLOCK_BYTES);
	model_ungrant(m, g, 0);
	return first;
}

/* What the system did not take back is charged once, also when it becomes a place to move to. */
static void charged_targets(struct model *m)
{
	struct model_region *g = set_out(m);
	uint32_t first = region_first(m, g);
	struct uz_arena_stats st;

	for (uint32_t k = m->nr_runs; k-- > 0;)
		if (uz_ablock_of(m->run[k].first) - first >= 3)
			model_free(m, k);
	fault_plat_fail(&m->fault, FAULT_DECOMMIT, 1, FAULT_ALWAYS, -ENOMEM);
	m->faults = true;
	for (int i = 0; i < 40; i++)
		uz_arena_background(m->a, 1000000);
	fault_plat_clear(&m->fault);
	m->faults = false;
	uz_arena_stats(m->a, &st);
	CHECK(st.lazy_bytes > 3 * ABLOCK_BYTES);
	CHECK_EQ(model_grant(m, g, 3 * ABLOCK_BYTES), 0);
	uz_arena_trim(m->a);
	model_check(m);
}

int main(void)
{
	static struct model m;
	struct test_rng rng = test_start();

	model_open(&m, &rng);
	each_call(&m, FAULT_COMMIT, 1, "failing_commits");
	each_call(&m, FAULT_COMMIT, FAULT_ALWAYS, "commits_failing_for_good");
	each_call(&m, FAULT_DECOMMIT, 1, "failing_decommits");
	each_call(&m, FAULT_DECOMMIT, FAULT_ALWAYS, "decommits_failing_for_good");
	each_move(&m);
	free_beside_move(&m);
	charged_targets(&m);
	model_close(&m);
	return 0;
}
