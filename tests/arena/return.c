/* SPDX-License-Identifier: MIT */
/*
 * The choice of the method by which memory goes back, with a clock that the test turns and costs
 * that it names: the cheapest is found, a lazy one only when what goes is wanted again soon, which takes
 * no trial, a method that becomes slow is left within a second, noise and a slower machine change nothing, and
 * in any world auto costs no more than a tenth above the best fixed method.
 */
#include "return.h"

#include "test.h"

#define MS 1000000ull
#define SECOND (1000 * MS)
#define AWAY (SECOND / 4)
#define FRAMES 512ull
#define NONE UZ__METHODS_MAX

enum { DONTNEED, BATCH, LAZY, USELESS, ALIEN, NR };
static const struct uz_return_method methods[NR] = {
	{ "dontneed", false }, { "batch", false }, { "lazy", true },
	{ "useless", false },  { "alien", false },
};

/* ns a page. What went lazily costs @refault[LAZY] within UZ__LAZY_MAX_NS, then force, then as DONTNEED. */
struct world {
	uint64_t advice[NR], refault[NR];
	uint64_t noise_percent;
};

static const struct world thp = {
	.advice = { 15, 14, 3, 1, 0 },
	.refault = { 207, 207, 13, 13, 0 },
};

struct rig {
	struct uz__return r;
	struct world w;
	struct test_rng *rng;
	uint64_t now_ns, spent_ps; /* of returns that were not probes */
	uint64_t probes, probe_ps;
};

static uint64_t noisy(struct rig *g, uint64_t ps)
{
	uint64_t n = g->w.noise_percent;

	return n ? ps * (100 + test_below(g->rng, n)) / 100 : ps;
}

static void open_rig(struct rig *g, const struct world *w, struct test_rng *rng)
{
	struct uz_plat pl = { .methods = methods, .nr_methods = NR, .default_method = DONTNEED };

	*g = (struct rig){ .w = *w, .rng = rng, .now_ns = SECOND };
	uz__return_init(&g->r, &pl);
}

static void probe(struct rig *g)
{
	uint64_t before = g->probe_ps;

	for (unsigned int m = 0; m < NR; m++) {
		uint64_t advice = noisy(g, g->w.advice[m] * 1000);
		uint64_t refault = noisy(g, g->w.refault[m] * 1000);

		uz__return_probed(&g->r, SHAPE_WHOLE, m, g->now_ns, m < USELESS, advice, refault);
		g->probe_ps += (advice + refault) * FRAMES;
	}
	uz__return_probe_done(&g->r, SHAPE_WHOLE, g->now_ns, (g->probe_ps - before) / 1000);
	g->probes++;
}

/* One arena block goes; the method. */
static unsigned int give(struct rig *g)
{
	unsigned int m;
	uint64_t ns;

	if (uz__return_probe_due(&g->r, SHAPE_WHOLE, g->now_ns))
		probe(g);
	uz__return_decide(&g->r, SHAPE_WHOLE, g->now_ns);
	m = uz__return_pick(&g->r, SHAPE_WHOLE, true);
	CHECK(m < USELESS);
	ns = noisy(g, g->w.advice[m] * 1000) * FRAMES / 1000;
	uz__return_gone(&g->r, SHAPE_WHOLE, m, g->now_ns, FRAMES, ns);
	g->spent_ps += ns * 1000;
	return m;
}

/* One arena block that went by @m @age_ns ago is wanted again. */
static void want(struct rig *g, unsigned int m, uint64_t age_ns)
{
	uint64_t ns, by = m;

	if (m == LAZY && age_ns > UZ__LAZY_MAX_NS) {
		ns = noisy(g, g->w.advice[DONTNEED] * 1000) * FRAMES / 1000;
		g->spent_ps += ns * 1000;
		by = DONTNEED;
	}
	ns = noisy(g, g->w.refault[by] * 1000) * FRAMES / 1000;
	uz__return_came(&g->r, SHAPE_WHOLE, (unsigned int)by, g->now_ns, FRAMES, ns);
	g->spent_ps += ns * 1000;
}

/* @blocks go and are wanted @away_ns later, again and again. */
static void load(struct rig *g, unsigned int blocks, uint64_t away_ns, unsigned int cycles)
{
	unsigned int by[64];

	for (unsigned int i = 0; i < cycles; i++) {
		for (unsigned int n = 0; n < blocks; n++)
			by[n] = give(g);
		g->now_ns += away_ns;
		for (unsigned int n = blocks; n-- > 0;)
			want(g, by[n], away_ns);
		g->now_ns += 850 * MS;
	}
}

static void test_finds_best(struct test_rng *rng)
{
	struct rig g;

	open_rig(&g, &thp, rng);
	CHECK_EQ(uz__return_pick(&g.r, SHAPE_WHOLE, true), DONTNEED);
	load(&g, 16, 30 * SECOND, 3);
	CHECK(!methods[g.r.chooser[SHAPE_WHOLE].current].lazy);
	CHECK_EQ(g.r.switches, 0);
	CHECK(!g.r.chooser[SHAPE_WHOLE].cost[USELESS].legal);
	load(&g, 16, AWAY, 20);
	CHECK_EQ(g.r.chooser[SHAPE_WHOLE].current, LAZY);
	CHECK_EQ(g.r.switches, 1);
	CHECK_EQ(g.r.from, DONTNEED);
	CHECK_EQ(g.r.to, LAZY);
	CHECK(g.r.ratio_percent > 110);
	CHECK_MSG(g.probes <= 2, "%llu probes", (unsigned long long)g.probes);
	CHECK(g.r.lazy_frames && g.r.eager_frames && g.r.refault_ns);
	CHECK(!methods[uz__return_pick(&g.r, SHAPE_WHOLE, false)].lazy);
	CHECK_EQ(uz__return_pick(&g.r, SHAPE_PART, true), DONTNEED);
}

/* What changes is the load alone, now and then: the first probe's figures will do, and nobody flutters. */
static void test_follows_load(struct test_rng *rng)
{
	struct rig g;

	open_rig(&g, &thp, rng);
	load(&g, 16, AWAY, 10);
	CHECK_EQ(g.r.chooser[SHAPE_WHOLE].current, LAZY);
	CHECK_EQ(g.probes, 1);
	for (unsigned int i = 0; i < 100; i++)
		load(&g, 64, i % 2 ? AWAY : 4 * AWAY, 1);
	CHECK_MSG(g.r.switches <= 20, "%llu switches", (unsigned long long)g.r.switches);
}

/* The same world, but the call that was best spins. */
static void test_leaves_slow(struct test_rng *rng)
{
	uint64_t start;
	struct rig g;

	open_rig(&g, &thp, rng);
	load(&g, 16, AWAY, 30);
	CHECK_EQ(g.r.chooser[SHAPE_WHOLE].current, LAZY);
	g.w.advice[LAZY] = 400;
	start = g.now_ns;
	while (g.r.chooser[SHAPE_WHOLE].current == LAZY) {
		give(&g);
		g.now_ns += MS;
		CHECK(g.now_ns < start + SECOND);
	}
	test_count("switched_after_ms", (g.now_ns - start) / MS);
	CHECK_EQ(g.r.from, LAZY);
	g.w.advice[LAZY] = thp.advice[LAZY];
	load(&g, 16, AWAY, 70);
	CHECK_MSG(g.r.chooser[SHAPE_WHOLE].current == LAZY,
		  "a method that is good again is not found");
}

/* All methods become three times as slow: that is no reason. */
static void test_slower_machine(struct test_rng *rng)
{
	struct rig g;

	open_rig(&g, &thp, rng);
	load(&g, 16, AWAY, 30);
	for (unsigned int m = 0; m < NR; m++) {
		g.w.advice[m] *= 3;
		g.w.refault[m] *= 3;
	}
	load(&g, 16, AWAY, 100);
	CHECK_EQ(g.r.switches, 1);
}

static void test_noise(struct test_rng *rng)
{
	static const struct world equal = { .advice = { 270, 260, 220 },
					    .refault = { 1330, 1320, 1300 },
					    .noise_percent = 8 };
	struct rig g;

	open_rig(&g, &equal, rng);
	load(&g, 16, AWAY, 2000);
	CHECK_MSG(g.r.switches <= 1, "%llu switches", (unsigned long long)g.r.switches);
	CHECK_MSG(g.probes <= 30, "%llu probes", (unsigned long long)g.probes);
}

static void test_policy(struct test_rng *rng)
{
	struct rig g;

	open_rig(&g, &thp, rng);
	load(&g, 16, AWAY, 20);
	g.r.policy = UZ_RETURN_EAGER;
	CHECK(!methods[uz__return_pick(&g.r, SHAPE_WHOLE, true)].lazy);
	g.r.policy = UZ_RETURN_LAZY;
	CHECK_EQ(uz__return_pick(&g.r, SHAPE_WHOLE, true), LAZY);
	g.r.pressed = true;
	CHECK(!methods[uz__return_pick(&g.r, SHAPE_WHOLE, true)].lazy);
	g.r.policy = UZ_RETURN_AUTO;
	CHECK(!methods[uz__return_pick(&g.r, SHAPE_WHOLE, true)].lazy);
	g.r.pressed = false;
	CHECK_EQ(uz__return_pick(&g.r, SHAPE_WHOLE, true), LAZY);
	uz__return_refused(&g.r, SHAPE_WHOLE, LAZY);
	CHECK_EQ(uz__return_pick(&g.r, SHAPE_WHOLE, true), DONTNEED);
}

/* What the load costs by one method alone. */
static uint64_t fixed(const struct world *w, unsigned int m, uint64_t away_ns)
{
	bool late = m == LAZY && away_ns > UZ__LAZY_MAX_NS;

	return w->advice[m] + w->refault[late ? DONTNEED : m] + (late ? w->advice[DONTNEED] : 0);
}

static void test_any_world(struct test_rng *rng)
{
	for (test_step = 1; test_step <= test_scale(300, 2000, 20000); test_step++) {
		uint64_t away_ns = 50 * MS << test_below(rng, 10), best = UINT64_MAX, spent;
		struct world w = { .noise_percent = 0 };
		unsigned int cycles = 200;
		struct rig g;

		for (unsigned int m = 0; m < USELESS; m++) {
			w.advice[m] = 64 + test_below(rng, 1ull << test_below(rng, 12));
			w.refault[m] = 64 + test_below(rng, 1ull << test_below(rng, 12));
		}
		for (unsigned int m = 0; m < USELESS; m++)
			best = UZ_MIN(best, fixed(&w, m, away_ns));
		open_rig(&g, &w, rng);
		load(&g, 16, away_ns, 200);
		g.spent_ps = 0;
		load(&g, 16, away_ns, cycles);
		spent = g.spent_ps / (cycles * 16 * FRAMES * 1000);
		CHECK_MSG(spent * 10 <= best * 11 + 10, "%llu ns a page, the best is %llu",
			  (unsigned long long)spent, (unsigned long long)best);
	}
	test_step = 0;
}

int main(void)
{
	struct test_rng rng = test_start();

	test_finds_best(&rng);
	test_follows_load(&rng);
	test_leaves_slow(&rng);
	test_slower_machine(&rng);
	test_noise(&rng);
	test_policy(&rng);
	test_any_world(&rng);
	return 0;
}
