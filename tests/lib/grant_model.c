/* SPDX-License-Identifier: MIT */
#include "grant_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY (64ull << 20)

static struct model *model_of(struct uz_borrower *b)
{
	return (struct model *)b;
}

static void run_fill(struct model *m, const struct model_run *r)
{
	for (uint32_t i = 0; i < r->nr; i++) {
		uint64_t *p = uz_frame_addr(m->a, r->first + i);

		p[0] = r->tag + i;
		p[256] = r->tag ^ i;
		p[511] = ~(r->tag + i);
	}
}

static void run_verify(struct model *m, const struct model_run *r)
{
	for (uint32_t i = 0; i < r->nr; i++) {
		const uint64_t *p = uz_frame_addr(m->a, r->first + i);

		CHECK(p[0] == r->tag + i && p[256] == (r->tag ^ i) && p[511] == ~(r->tag + i));
		CHECK_EQ(m->owned[r->first + i], 1 + r->class);
	}
}

static void own(struct model *m, const struct model_run *r, bool on)
{
	CHECK(r->first >= m->first_frame && r->first + r->nr <= m->end_frame);
	for (uint32_t f = r->first; f < r->first + r->nr; f++) {
		CHECK(!m->owned[f] == on);
		m->owned[f] = on ? (uint8_t)(1 + r->class) : 0;
	}
}

int model_alloc(struct model *m, uint32_t nr, enum model_class class)
{
	static const unsigned int flags[MODEL_CLASSES] = { 0, UZ_ALLOC_PINNED, UZ_ALLOC_DISCARD };
	struct model_run *r = &m->run[m->nr_runs];
	int rc;

	if (m->nr_runs == MODEL_RUNS)
		return -EAGAIN;
	*r = (struct model_run){ .nr = nr, .class = class, .tag = test_random(m->rng) };
	rc = uz_run_alloc(m->a, nr, flags[class], &r->first);
	CHECK(rc == 0 || rc == -ENOSPC || (rc == -ENOMEM && m->faults));
	if (rc < 0)
		return rc;
	own(m, r, true);
	run_fill(m, r);
	m->nr_runs++;
	return 0;
}

void model_free(struct model *m, uint32_t i)
{
	struct model_run r = m->run[i];

	run_verify(m, &r);
	own(m, &r, false);
	uz_run_free(m->a, r.first, r.nr);
	m->run[i] = m->run[--m->nr_runs];
}

static void blame(struct uz_contig_failure *why, const struct model_run *r)
{
	if (why->nr_culprits < UZ_CULPRIT_MAX)
		why->culprit[why->nr_culprits++] =
			(struct uz_culprit){ .frame = r->first, .owner = r->tag };
}

static struct model_run *run_of(struct model *m, uint64_t tag)
{
	for (uint32_t k = 0; k < m->nr_runs; k++)
		if (m->run[k].tag == tag)
			return &m->run[k];
	return NULL;
}

/* As a borrower has to: what can be dropped makes room for targets. */
static int target(struct model *m, struct uz_window *w, const struct model_run *r, uint32_t *to)
{
	int rc;

	do
		rc = w->policy == UZ_CONTIG_CMA ? uz_run_alloc(m->a, r->nr, 0, to)
						: uz_window_target(w, r->first, r->nr, to);
	while (rc < 0 && m->borrower.drop(&m->borrower, ABLOCK_BYTES));
	return rc;
}

/* To where the arena says; the copy fails when it is its turn. */
static int run_move(struct model *m, struct uz_window *w, struct model_run old)
{
	struct model_run *r;
	uint32_t to;

	if (target(m, w, &old, &to) < 0)
		return -ENOMEM;
	m->moves++;
	if (m->moves >= m->fail_from && m->moves < m->fail_to) {
		m->refused++;
		uz_run_free(m->a, to, old.nr);
		return -EBUSY;
	}
	memcpy(uz_frame_addr(m->a, to), uz_frame_addr(m->a, old.first),
	       (size_t)old.nr << UZ_FRAME_SHIFT);
	r = run_of(m, old.tag);
	own(m, r, false);
	r->first = to;
	own(m, r, true);
	uz_run_free(m->a, old.first, old.nr);
	w->moved += old.nr;
	return 0;
}

/* What is in arena block @i, once; the worst that happened. Runs below are dropped meanwhile. */
static int pass(struct model *m, struct uz_window *w, uint32_t i, struct uz_contig_failure *why)
{
	int worst = 0;

	for (uint32_t k = m->nr_runs; k-- > 0;) {
		struct model_run r = m->run[k];
		int rc;

		if (k >= m->nr_runs || uz_ablock_of(r.first) != i)
			continue;
		CHECK(r.class != MODEL_STAY);
		if (r.class == MODEL_DROP && !r.held) {
			model_free(m, k);
			continue;
		}
		rc = r.held ? -EBUSY : run_move(m, w, r);
		if (rc < 0) {
			blame(why, &r);
			worst = worst == -ENOMEM ? worst : rc;
		}
	}
	return worst;
}

/* Brings together what is in two arena blocks; false: it cannot be. */
static bool join(struct model *m, struct uz_window *w)
{
	struct uz_contig_failure why = { 0 };
	uint32_t from, to;

	for (int n = 0; n < 4 && uz_window_half(m->a, &from, &to); n++)
		pass(m, w, n % 2 ? from : to, &why);
	return !uz_window_half(m->a, &from, &to);
}

/* Whether all that is in arena block @i may move. */
static bool may_carry(const struct model *m, uint32_t i)
{
	for (uint32_t k = 0; k < m->nr_runs; k++)
		if (uz_ablock_of(m->run[k].first) == i &&
		    (m->run[k].held || m->run[k].class != MODEL_MOVE))
			return false;
	return true;
}

/* As a whole, half of the time; a sixth of these is thought better of. */
static bool carry(struct model *m, struct uz_window *w, uint32_t i)
{
	uint32_t to;
	int rc;

	if (!m->carries || w->policy == UZ_CONTIG_CMA || test_one_in(m->rng, 2) || !may_carry(m, i))
		return false;
	rc = uz_window_carry_begin(w, i, &to);
	if (rc < 0) {
		CHECK(rc == -ENOMEM || (rc == -EBUSY && m->faults));
		return false;
	}
	if (test_one_in(m->rng, 6)) {
		uz_window_carry_undo(w, i, to);
		return false;
	}
	rc = uz_window_carry_end(w, i, to);
	CHECK(rc == 0 || rc == -ENOTSUP || m->faults);
	for (uint32_t k = 0; k < m->nr_runs && rc == 0; k++) {
		struct model_run *r = &m->run[k];

		if (uz_ablock_of(r->first) != i)
			continue;
		own(m, r, false);
		r->first += (to - i) * UZ_ABLOCK_FRAMES;
		own(m, r, true);
		w->moved += r->nr;
	}
	m->carried += rc == 0;
	return rc == 0;
}

static int clear(struct uz_borrower *b, struct uz_window *w, struct uz_contig_failure *why)
{
	struct model *m = model_of(b);
	int rc = 0;

	if (w->policy != UZ_CONTIG_CMA && !join(m, w))
		return -EBUSY;
	for (uint32_t i = w->first; i < w->first + w->nr && rc == 0; i++) {
		if (carry(m, w, i))
			continue;
		for (int n = 0; n < 3; n++) {
			why->nr_culprits = 0;
			rc = pass(m, w, i, why);
			if (rc != -EBUSY)
				break;
		}
		if (rc < 0 && w->policy != UZ_CONTIG_CMA)
			join(m, w);
		if (rc == 0)
			uz_window_done(w, i);
	}
	return rc;
}

static uint64_t drop(struct uz_borrower *b, uint64_t bytes)
{
	struct model *m = model_of(b);
	uint64_t done = 0;

	for (uint32_t k = m->nr_runs; k-- > 0 && done < bytes;)
		if (m->run[k].class == MODEL_DROP && !m->run[k].held) {
			done += (uint64_t)m->run[k].nr << UZ_FRAME_SHIFT;
			model_free(m, k);
		}
	return done;
}

static bool anything_held(const struct model *m)
{
	for (uint32_t i = 0; i < m->nr_runs; i++)
		if (m->run[i].held)
			return true;
	return false;
}

static void check_culprits(const struct model *m, const struct uz_contig_failure *why)
{
	for (uint32_t k = 0; k < why->nr_culprits; k++) {
		bool found = false;

		for (uint32_t i = 0; i < m->nr_runs; i++)
			found |= m->run[i].tag == why->culprit[k].owner;
		CHECK(found);
	}
}

/* A reserved grant fails only for what is held, or for a fault, or because it is granted already. */
static void check_result(const struct model *m, const struct model_region *g, uint64_t pages,
			 int rc, const struct uz_contig_failure *why)
{
	CHECK_EQ(why->error, rc);
	if (!pages || pages > g->want.count) {
		CHECK_EQ(rc, -EINVAL);
		return;
	}
	CHECK(rc == 0 || rc == -ENOMEM || rc == -EBUSY);
	check_culprits(m, why);
	if (rc == 0 || g->c.policy != UZ_CONTIG_GUARANTEED || m->faults || anything_held(m))
		return;
	CHECK_MSG(m->fail_to || pages > g->want.maxchunk,
		  "grant of %llu of %llu pages: %d, promised %llu of %llu",
		  (unsigned long long)pages, (unsigned long long)g->want.maxchunk, rc,
		  (unsigned long long)why->promised_bytes, (unsigned long long)why->limit_bytes);
}

int model_grant(struct model *m, struct model_region *g, uint64_t bytes)
{
	struct uz_plat *pl = &m->count.plat;
	struct uz_contig_failure why;
	struct uz_grant *new = &g->grant[g->nr_grants];
	uint64_t pages = UZ_DIV_UP(bytes, ABLOCK_BYTES) * UZ_ABLOCK_FRAMES;
	struct uz_window left = { .arena = m->a }; /* by an earlier grant, in two arena blocks */
	struct uz_region_stats rs;
	int rc;

	join(m, &left);
	uz_region_stats(g->r, &rs);
	g->want.maxchunk = rs.maxchunk;
	rc = uz_contig_alloc(g->r, bytes, pl->ops->now(pl) + 2000000, new, &why);
	check_result(m, g, pages, rc, &why);
	g->want.cma_alloc_success += rc == 0;
	g->want.cma_alloc_fail += rc < 0;
	g->want.alloc_pages_success += rc == 0 ? pages : 0;
	m->failed += rc < 0;
	if (rc == 0) {
		CHECK(new->nr == pages / UZ_ABLOCK_FRAMES &&new->id);
		g->nr_grants++;
		g->want.used += pages;
		m->granted_bytes += pages << UZ_FRAME_SHIFT;
	}
	return rc;
}

void model_ungrant(struct model *m, struct model_region *g, uint32_t i)
{
	struct uz_grant old = g->grant[i];

	CHECK_EQ(uz_contig_free(g->r, old.id), 0);
	CHECK_EQ(uz_contig_free(g->r, old.id), -ENOENT);
	g->grant[i] = g->grant[--g->nr_grants];
	g->want.used -= (uint64_t)old.nr * UZ_ABLOCK_FRAMES;
	m->granted_bytes -= old.nr * ABLOCK_BYTES;
}

static bool bearing(const struct model *m, uint32_t ablock)
{
	const uint8_t *o = &m->owned[ablock * UZ_ABLOCK_FRAMES];

	for (uint32_t i = 0; i < UZ_ABLOCK_FRAMES; i++)
		if (o[i] == 1 + MODEL_MOVE || o[i] == 1 + MODEL_STAY)
			return true;
	return false;
}

/* Kept to move to: the most that a region with a promise wants; 0: there is none. */
static uint64_t evac_blocks(const struct model *m)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < MODEL_REGIONS; i++) {
		const struct model_region *g = &m->region[i];

		if (g->r && g->c.policy != UZ_CONTIG_CMA)
			most = UZ_MAX(UZ_MAX(most, 1ull),
				      UZ_DIV_UP(g->c.evac_min_bytes, ABLOCK_BYTES));
	}
	return most;
}

/*
 * What is promised by the map: arena blocks with data that stays or is moved, and what is reserved. Data
 * on its way from one to another counts once.
 */
static uint64_t promised(const struct model *m, const struct uz_arena_stats *st)
{
	uint64_t blocks = evac_blocks(m);
	uint32_t from, to;

	for (uint32_t f = m->first_frame; f < m->end_frame; f += UZ_ABLOCK_FRAMES)
		blocks += bearing(m, uz_ablock_of(f));
	if (uz_window_half(m->a, &from, &to))
		blocks -= bearing(m, from) && bearing(m, to);
	for (uint32_t i = 0; i < MODEL_REGIONS; i++) {
		const struct model_region *g = &m->region[i];

		if (g->r && g->c.policy != UZ_CONTIG_CMA)
			blocks += (g->want.count - g->want.used) / UZ_ABLOCK_FRAMES;
	}
	return blocks * ABLOCK_BYTES + st->meta_bytes;
}

static void check_region(struct model *m, struct model_region *g, const struct uz_arena_stats *st)
{
	struct uz_contig_failure why;
	struct uz_region_stats rs;
	struct uz_grant none;

	CHECK_EQ(uz_contig_alloc(g->r, 0, 0, &none, &why), -EINVAL);
	g->want.cma_alloc_fail++;
	uz_region_stats(g->r, &rs);
	CHECK(rs.count == g->want.count && rs.used == g->want.used);
	CHECK_EQ(rs.cma_alloc_success, g->want.cma_alloc_success);
	CHECK_EQ(rs.cma_alloc_fail, g->want.cma_alloc_fail);
	CHECK_EQ(rs.alloc_pages_success, g->want.alloc_pages_success);
	CHECK(rs.lent_discard + rs.lent_move + rs.used <= rs.count && rs.maxchunk <= rs.count);
	CHECK_EQ(why.promised_bytes, promised(m, st));
	CHECK_EQ(why.limit_bytes, MODEL_LIMIT);
	CHECK_MSG(!evac_blocks(m) || why.promised_bytes <= MODEL_LIMIT, "promised %llu",
		  (unsigned long long)why.promised_bytes);
}

void model_check(struct model *m)
{
	struct uz_arena_stats st;
	uint64_t used = 0, sum, gone;

	CHECK_EQ(uz_arena_check(m->a), 0);
	uz_arena_stats(m->a, &st);
	sum = m->count.committed_bytes + m->granted_bytes;
	m->refused_any &= st.owed_bytes != 0;
	gone = st.lazy_bytes + (m->refused_any ? st.owed_bytes : 0); /* of these, at most */
	CHECK_MSG(st.ram_total_bytes >= sum && st.ram_total_bytes <= sum + gone,
		  "total %llu, the platform has %llu and %llu are granted, %llu are lazy",
		  (unsigned long long)st.ram_total_bytes,
		  (unsigned long long)m->count.committed_bytes,
		  (unsigned long long)m->granted_bytes, (unsigned long long)st.lazy_bytes);
	m->owed += st.owed_bytes != 0;
	CHECK(st.owed_bytes <= m->granted_bytes);
	CHECK(m->count.peak_bytes <= MODEL_LIMIT &&
	      st.ram_total_bytes - st.owed_bytes <= MODEL_LIMIT);
	for (uint32_t i = 0; i < m->nr_runs; i++) {
		run_verify(m, &m->run[i]);
		used += m->run[i].nr;
	}
	CHECK_EQ(st.used_bytes, used * UZ_FRAME_SIZE);
	for (uint32_t i = 0; i < MODEL_REGIONS; i++)
		if (m->region[i].r)
			check_region(m, &m->region[i], &st);
}

void model_open(struct model *m, struct test_rng *rng)
{
	struct uz_arena_config c = { .capacity_bytes = CAPACITY,
				     .limit_bytes = MODEL_LIMIT,
				     .reserve_bytes = 1 << 20 };

	*m = (struct model){ .borrower = { .clear = clear, .drop = drop }, .rng = rng };
	mem_plat_open(&m->mem);
	fault_plat_init(&m->fault, &m->mem.pl);
	count_plat_init(&m->count, &m->fault.plat);
	CHECK_EQ(uz_arena_open(&m->count.plat, &c, false, &m->a), 0);
	uz_arena_span(m->a, &m->first_frame, &m->end_frame);
	m->owned = calloc(m->end_frame, 1);
	CHECK(m->owned);
}

void model_close(struct model *m)
{
	uz_arena_close(m->a);
	mem_plat_close(&m->mem);
	free(m->owned);
}

int model_region(struct model *m, uint32_t i)
{
	struct model_region *g = &m->region[i];
	int rc;

	g->c.borrower = &m->borrower;
	rc = uz_region_create(m->a, &g->c, &g->r);
	CHECK(rc == 0 || rc == -ENOSPC || (rc == -ENOMEM && m->faults));
	g->nr_grants = 0;
	g->want = (struct uz_region_stats){ .count = UZ_DIV_UP(g->c.bytes, ABLOCK_BYTES) *
						     UZ_ABLOCK_FRAMES };
	if (rc < 0)
		g->r = NULL;
	return rc;
}
