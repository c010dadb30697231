/* SPDX-License-Identifier: MIT */
/*
 * Model test of the arena: random calls, and beside it a map of who has which frame and a
 * platform that counts what was committed. After each step the arena recounts itself, its total
 * equals what the platform counted, and the platform never counted more than the limit. Memory goes
 * back by several methods, and what went lazily cannot be touched before it is committed.
 *
 * uz-test: timeout 240
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uz/arena.h>

#include "count_plat.h"
#include "fault_plat.h"
#include "mem_plat.h"
#include "test.h"

#define RUNS_MAX 6000u
#define SCRATCH_MAX 16u
#define OPS 16u

struct run {
	uint32_t first, nr;
	unsigned int class; /* 0 can be moved, 1 pinned, 2 can be dropped */
	uint64_t tag;
};

struct model {
	struct test_rng *rng;
	struct mem_plat mem;
	struct fault_plat fault;
	struct count_plat count;
	struct uz_arena *a;
	struct run run[RUNS_MAX];
	uint32_t nr_runs, nr_class[3], first_frame, end_frame;
	uint8_t *owned; /* a byte a frame: 1 + class of the run that has it */
	struct {
		void *p;
		uint64_t bytes;
	} scratch[SCRATCH_MAX];
	struct uz_area meta;
	uint64_t meta_committed; /* bit a 64 KiB piece of META */
	uint64_t limit,
		high; /* the total may not pass high: the limit, or what it was when lowered */
	int64_t charged;
	uint32_t emergency, isolated, epoch;
	uint64_t done[OPS], enospc, reserves, lazy_seen;
};

static uint64_t total(struct model *m)
{
	struct uz_arena_stats st;

	uz_arena_stats(m->a, &st);
	return st.ram_total_bytes;
}

static void run_fill(struct model *m, const struct run *r)
{
	for (uint32_t i = 0; i < r->nr; i++) {
		uint64_t *p = uz_frame_addr(m->a, r->first + i);

		p[0] = r->tag + i;
		p[511] = ~(r->tag + i);
	}
}

static void run_verify(struct model *m, const struct run *r)
{
	for (uint32_t i = 0; i < r->nr; i++) {
		const uint64_t *p = uz_frame_addr(m->a, r->first + i);

		CHECK(p[0] == r->tag + i && p[511] == ~(r->tag + i));
	}
}

static unsigned int class_of(unsigned int flags)
{
	return flags & UZ_ALLOC_PINNED ? 1 : flags & UZ_ALLOC_DISCARD ? 2 : 0;
}

/* Runs that stay, that can be moved and that can be dropped never share an arena block. */
static void check_apart(struct model *m, uint32_t first, unsigned int class)
{
	const uint8_t *o = &m->owned[first / UZ_ABLOCK_FRAMES * UZ_ABLOCK_FRAMES];

	for (uint32_t i = 0; i < UZ_ABLOCK_FRAMES; i++)
		CHECK(!o[i] || o[i] == 1 + class);
}

static void run_add(struct model *m, uint32_t first, uint32_t nr, unsigned int class)
{
	struct run *r = &m->run[m->nr_runs++];

	*r = (struct run){ first, nr, class, test_random(m->rng) };
	m->nr_class[class]++;
	check_apart(m, first, class);
	CHECK(first >= m->first_frame && first + nr <= m->end_frame);
	CHECK(first / UZ_ABLOCK_FRAMES == (first + nr - 1) / UZ_ABLOCK_FRAMES);
	CHECK(!m->isolated || first / UZ_ABLOCK_FRAMES != m->isolated);
	CHECK(count_plat_is_committed(&m->count, uz_frame_addr(m->a, first),
				      (size_t)nr * UZ_FRAME_SIZE));
	for (uint32_t i = first; i < first + nr; i++) {
		CHECK(!m->owned[i]);
		m->owned[i] = (uint8_t)(1 + class);
	}
	run_fill(m, r);
}

static int try_alloc(struct model *m, uint32_t nr, unsigned int flags)
{
	uint32_t first;
	int r;

	if (m->nr_runs == RUNS_MAX)
		return -EAGAIN;
	r = uz_run_alloc(m->a, nr, flags, &first);
	if (r == 0)
		run_add(m, first, nr, class_of(flags));
	else
		CHECK(r == -ENOSPC || r == -ENOMEM);
	m->enospc += r == -ENOSPC;
	return r;
}

static void run_drop(struct model *m, uint32_t i)
{
	struct run r = m->run[i];

	run_verify(m, &r);
	for (uint32_t f = r.first; f < r.first + r.nr; f++)
		m->owned[f] = 0;
	uz_run_free(m->a, r.first, r.nr);
	m->nr_class[r.class]--;
	m->run[i] = m->run[--m->nr_runs];
}

static uint32_t random_run(struct model *m)
{
	return 1 + (uint32_t)(test_one_in(m->rng, 2) ? 0 : test_below(m->rng, UZ_RUN_MAX));
}

static void op_alloc(struct model *m)
{
	static const unsigned int flags[] = {
		0, 0, 0, UZ_ALLOC_URGENT, UZ_ALLOC_DISCARD, UZ_ALLOC_PINNED
	};
	uint32_t n = 1 + (uint32_t)test_below(m->rng, 40);

	while (n-- && try_alloc(m, random_run(m), flags[test_below(m->rng, 6)]) == 0)
		;
}

static void op_free(struct model *m)
{
	uint32_t n = (uint32_t)test_below(m->rng, test_one_in(m->rng, 8) ? m->nr_runs + 1 : 40);

	while (n-- && m->nr_runs)
		run_drop(m, (uint32_t)test_below(m->rng, m->nr_runs));
}

/*
 * Full is full for everybody but urgent callers, who get every frame of the reserve. If even the
 * first run is refused, urgent ones may have taken the reserve before.
 */
static void op_full(struct model *m)
{
	uint32_t before, got = 0;
	int r;

	if (m->isolated || m->high > m->limit || !test_one_in(m->rng, 4))
		return;
	for (uint32_t i = m->nr_runs; i-- > 0;)
		if (m->run[i].class)
			run_drop(m, i);
	before = m->nr_runs;
	do
		r = try_alloc(m, 1, 0);
	while (r == 0);
	if (r == -ENOSPC && m->nr_runs > before) {
		while (got < m->emergency && try_alloc(m, 1, UZ_ALLOC_URGENT) == 0)
			got++;
		CHECK(got == m->emergency || m->nr_runs == RUNS_MAX);
		CHECK(m->nr_runs == RUNS_MAX || try_alloc(m, 1, 0) == -ENOSPC);
		m->reserves++;
	}
	while (m->nr_runs > before)
		run_drop(m, m->nr_runs - 1);
}

static void op_scratch(struct model *m)
{
	uint32_t i = (uint32_t)test_below(m->rng, SCRATCH_MAX);
	uint64_t bytes = 1 + test_below(m->rng, 300000);
	int r;

	if (m->scratch[i].p) {
		uz_scratch_free(m->a, m->scratch[i].p, m->scratch[i].bytes);
		m->scratch[i].p = NULL;
		return;
	}
	r = uz_scratch_alloc(m->a, bytes, &m->scratch[i].p);
	if (r < 0) {
		CHECK(r == -ENOSPC || r == -ENOMEM);
		m->scratch[i].p = NULL;
		return;
	}
	CHECK((uintptr_t)m->scratch[i].p % 64 == 0);
	for (uint64_t at = 0; at < bytes; at++)
		CHECK(((char *)m->scratch[i].p)[at] == 0);
	memset(m->scratch[i].p, 0x5a, bytes);
	m->scratch[i].bytes = bytes;
}

/* A 64 KiB piece of the META area comes or goes. */
static void op_area(struct model *m)
{
	uint64_t i = test_below(m->rng, 32), off = i << 16;
	int r;

	if (m->meta_committed >> i & 1) {
		uz_area_decommit(m->a, &m->meta, off, 1 << 16);
		m->meta_committed &= ~(1ull << i);
		return;
	}
	r = uz_area_commit(m->a, &m->meta, off, 1 << 16);
	CHECK(r == 0 || r == -ENOSPC || r == -ENOMEM);
	if (r == 0) {
		CHECK(m->meta.base[off] == 0 && m->meta.base[off + 65535] == 0);
		m->meta.base[off] = m->meta.base[off + 65535] = 1;
		m->meta_committed |= 1ull << i;
	}
}

static void op_background(struct model *m)
{
	uint64_t before = total(m);

	m->mem.skip_ns += test_below(m->rng, 1500) * 1000000;
	if (test_one_in(m->rng, 8))
		uz_arena_set_return(m->a, (enum uz_return_policy)test_below(m->rng, 3));
	if (test_one_in(m->rng, 16))
		uz_arena_trim(m->a);
	if (test_one_in(m->rng, 32))
		m->mem.pressed = !m->mem.pressed;
	for (int i = 0; i < 20 && uz_arena_background(m->a, test_below(m->rng, 1000000)); i++)
		;
	CHECK(total(m) <= UZ_MAX(m->limit, before));
}

static void op_isolate(struct model *m)
{
	uint32_t nr_used, used = 0, first = m->first_frame / UZ_ABLOCK_FRAMES;
	uint32_t ab = first + (uint32_t)test_below(m->rng, m->end_frame / UZ_ABLOCK_FRAMES - first);
	int r;

	if (m->isolated) {
		CHECK_EQ(uz_ablock_isolate(m->a, m->isolated, &nr_used), -EBUSY);
		uz_ablock_undo(m->a, m->isolated);
		m->isolated = 0;
		return;
	}
	CHECK_EQ(uz_ablock_isolate(m->a, first - 1, &nr_used), -EINVAL);
	r = uz_ablock_isolate(m->a, ab, &nr_used);
	for (uint32_t i = 0; i < UZ_ABLOCK_FRAMES; i++)
		used += m->owned[ab * UZ_ABLOCK_FRAMES + i] != 0;
	CHECK(r == 0 ? nr_used == used : r == -EINVAL && !used);
	if (r == 0)
		m->isolated = ab;
}

static void op_limit(struct model *m)
{
	m->limit = (4 + test_below(m->rng, 24)) << 20;
	uz_arena_set_limit(m->a, m->limit);
	m->high = UZ_MAX(m->limit, total(m));
}

static void op_emergency(struct model *m)
{
	m->emergency = (uint32_t)test_below(m->rng, 100);
	uz_arena_set_emergency(m->a, m->emergency, 0);
}

static void op_charge(struct model *m)
{
	int64_t bytes = m->charged ? -m->charged : (int64_t)(1 + test_below(m->rng, 4)) << 12;

	if (bytes > 0 && total(m) + (uint64_t)bytes > m->high)
		return;
	uz_arena_charge(m->a, bytes);
	m->charged += bytes;
}

/* The next few commits or decommits fail in the system below. */
static void op_fail(struct model *m)
{
	static const enum fault_call calls[] = { FAULT_COMMIT, FAULT_DECOMMIT, FAULT_RESERVE };

	fault_plat_fail(&m->fault, calls[test_below(m->rng, 3)], 1 + test_below(m->rng, 3), 2,
			-ENOMEM);
	for (int i = 0; i < 3; i++) {
		op_alloc(m);
		op_scratch(m);
		op_background(m);
	}
	fault_plat_clear(&m->fault);
}

static void arena_open(struct model *m, bool attach)
{
	struct uz_arena_config c = { .capacity_bytes = 64 << 20,
				     .limit_bytes = m->limit,
				     .reserve_bytes = test_below(m->rng, 3) << 20 };

	CHECK_EQ(uz_arena_open(&m->count.plat, &c, attach, &m->a), 0);
	if (!attach)
		CHECK_EQ(uz_arena_epoch(m->a), ++m->epoch);
	uz_arena_span(m->a, &m->first_frame, &m->end_frame);
	CHECK_EQ(m->end_frame - m->first_frame, (64 << 20) / UZ_FRAME_SIZE);
	uz_arena_area(m->a, UZ_AREA_META, &m->meta);
	uz_arena_set_emergency(m->a, m->emergency, 0);
}

static void claim_all(struct model *m)
{
	static const unsigned int flags[] = { 0, UZ_ALLOC_PINNED, UZ_ALLOC_DISCARD };

	for (uint32_t i = 0; i < m->nr_runs; i++) {
		struct run r = m->run[i];
		uint32_t at = (uint32_t)test_below(m->rng, r.nr);

		CHECK_EQ(uz_run_claim(m->a, r.first, r.nr, flags[r.class]), 0);
		CHECK_EQ(uz_run_claim(m->a, r.first + at, 1, 0), -EINVAL);
	}
	CHECK_EQ(uz_run_claim(m->a, m->first_frame - 1, 1, 0), -EINVAL);
	CHECK_EQ(uz_run_claim(m->a, m->end_frame, 1, 0), -EINVAL);
	CHECK_EQ(uz_run_claim(m->a, UINT32_MAX, 2, 0), -EINVAL);
	CHECK_EQ(uz_run_claim(m->a, m->first_frame, 0, 0), -EINVAL);
	CHECK_EQ(uz_run_claim(m->a, m->first_frame + UZ_ABLOCK_FRAMES - 1, 2, 0), -EINVAL);
}

/* Another process adopts: it claims what it knows, drops some of that, and settles. */
static void op_adopt(struct model *m)
{
	if (!test_one_in(m->rng, 2))
		return;
	for (unsigned int i = 0; i < SCRATCH_MAX; i++)
		if (m->scratch[i].p)
			uz_scratch_free(m->a, m->scratch[i].p, m->scratch[i].bytes);
	memset(m->scratch, 0, sizeof(m->scratch));
	uz_arena_close(m->a);
	CHECK_EQ(m->count.committed_bytes, 0);
	m->limit = m->high = UZ_MAX(m->limit, 28ull << 20);
	m->charged = 0;
	m->isolated = 0;
	arena_open(m, true);
	claim_all(m);
	for (uint32_t i = 0; i < 5 && m->nr_runs; i++)
		run_drop(m, (uint32_t)test_below(m->rng, m->nr_runs));
	for (uint64_t i = 0; i < 32; i++)
		if (m->meta_committed >> i & 1)
			CHECK_EQ(uz_area_commit(m->a, &m->meta, i << 16, 1 << 16), 0);
	CHECK_EQ(uz_arena_settle(m->a), 0);
	CHECK_EQ(uz_arena_epoch(m->a), ++m->epoch);
	for (uint32_t i = 0; i < m->nr_runs; i++)
		run_verify(m, &m->run[i]);
}

static void (*const ops[OPS])(struct model *m) = {
	op_alloc,   op_alloc, op_alloc,	     op_alloc,	 op_free,  op_free,	 op_free, op_full,
	op_scratch, op_area,  op_background, op_isolate, op_limit, op_emergency, op_fail, op_adopt,
};

static void check(struct model *m)
{
	struct uz_arena_stats st;
	uint64_t used = 0, committed;

	CHECK_EQ(uz_arena_check(m->a), 0);
	uz_arena_stats(m->a, &st);
	committed = m->count.committed_bytes + (uint64_t)m->charged;
	CHECK(st.ram_total_bytes >= committed && st.ram_total_bytes <= committed + st.lazy_bytes);
	CHECK_MSG(m->count.peak_bytes <= m->high, "%llu committed at once, the limit is %llu",
		  (unsigned long long)m->count.peak_bytes, (unsigned long long)m->high);
	m->lazy_seen += st.lazy_bytes != 0;
	m->high = UZ_MAX(m->limit, st.ram_total_bytes);
	m->count.peak_bytes = m->count.committed_bytes;
	for (uint32_t i = 0; i < m->nr_runs; i++)
		used += m->run[i].nr;
	CHECK_EQ(st.used_bytes, used * UZ_FRAME_SIZE);
	CHECK_EQ(st.used_bytes + st.reserve_bytes + st.lazy_bytes + st.meta_bytes,
		 st.ram_total_bytes);
	CHECK_EQ(st.limit_bytes, m->limit);
}

int main(void)
{
	static struct model m;
	struct test_rng rng = test_start();
	uint64_t steps = test_scale(6000, 30000, 1000000);

	m.rng = &rng;
	m.limit = m.high = 16 << 20;
	mem_plat_open(&m.mem);
	mem_plat_offer_methods(&m.mem);
	if (test_one_in(&rng, 2)) /* as where memory comes in huge pages */
		m.mem.pl.commit_bytes = m.mem.pl.return_bytes = 2 << 20;
	fault_plat_init(&m.fault, &m.mem.pl);
	count_plat_init(&m.count, &m.fault.plat);
	arena_open(&m, false);
	m.owned = calloc(m.end_frame, 1);
	CHECK(m.owned);
	for (test_step = 0; test_step < steps; test_step++) {
		size_t i = test_below(&rng, OPS);

		ops[i](&m);
		m.done[i]++;
		if (test_one_in(&rng, 4))
			op_charge(&m);
		check(&m);
	}
	for (unsigned int i = 0; i < OPS; i++)
		CHECK(m.done[i] > 0);
	CHECK(m.enospc > 0 && m.reserves > 0 && m.lazy_seen > 0);
	test_count("steps", steps);
	test_count("refused_for_the_limit", m.enospc);
	test_count("reserves_used_up", m.reserves);
	test_count("steps_with_lazy_memory", m.lazy_seen);
	test_count("returned_lazily", m.mem.nr_lazy);
	uz_arena_close(m.a);
	mem_plat_close(&m.mem);
	return 0;
}
