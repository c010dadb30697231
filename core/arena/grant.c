/* SPDX-License-Identifier: MIT */
/*
 * Grants. A window is chosen and isolated in one go (window.c); its cold pieces are charged, so that
 * from then on the window's bytes stay charged whatever it gives back. The borrower empties one arena
 * block after the other; one that is empty goes back at once. What is in it moves to a target, an
 * empty arena block outside, to the same offset: so a move that fails and is tried again costs no
 * room, and as many targets suffice as arena blocks of the window hold data, which is what is
 * promised (uz__promised).
 *
 * While data is on its way it is in two arena blocks, which count as one against the promise: that
 * is what the one more in it is for. So there is one such half at a time. A borrower that runs out
 * of time brings it together on either side; its own places are still there. Where both sides are in use
 * the half stays isolated, with its target, until somebody comes back to it: nothing else is moved
 * before.
 *
 * A failure takes the isolation back; what was moved stays where it is now.
 */
#include "promise_i.h"
#include "region_i.h"

static struct uz__arena *arena_of(const struct uz_window *w)
{
	return uz__arena(w->arena);
}

bool uz__budget_make(struct uz__arena *a, uint64_t bytes)
{
	while (!uz__budget_try(a, bytes, 0))
		if (!uz__piece_return(a, ABLOCK_PIECES, RETURN_NOW))
			return false;
	return true;
}

/* Lock held. */
static uint64_t cold_bytes(struct uz__arena *a, const struct uz_window *w)
{
	uint64_t cold = 0;

	for (uint32_t i = w->first; i < w->first + w->nr; i++) {
		const struct ablock *ab = uz__ablock(a, i);

		cold += uz__mask_bytes(~(ab->resident | ab->lazy));
	}
	return cold;
}

/* What the window does not have yet is charged, so that nobody else can take it. */
static int charge_cold(struct uz__arena *a, const struct uz_window *w)
{
	uint64_t cold;
	int r = 0;

	uz_lock(a->pub.plat, &a->lock);
	cold = cold_bytes(a, w);
	if (uz__budget_make(a, cold))
		a->due_bytes -= cold;
	else
		r = -UZ_ENOMEM;
	uz_unlock(a->pub.plat, &a->lock);
	return r;
}

/*
 * An empty arena block outside of all regions if there is one, the most resident, or if @cold the least;
 * NO_ABLOCK. Lock held.
 */
uint32_t uz__target_find(struct uz__arena *a, bool cold)
{
	uint32_t best = NO_ABLOCK, rank = 0, fresh;

	for (uint32_t i = a->first_ablock; i < a->first_ablock + a->nr_ablocks; i++) {
		const struct ablock *ab = uz__ablock(a, i);
		uint32_t pieces = uz_popcount(cold ? ~ab->resident : ab->resident);
		uint32_t is = 1 + pieces + (ab->in_region ? 0 : 64);

		if (ab->nr_used || ab->isolated || ab->busy || ab->lazy || ab->owed || is <= rank)
			continue;
		best = i;
		rank = is;
	}
	if (rank <= 64 && uz__ablock_fresh(a, &fresh) == 0)
		best = fresh;
	return best;
}

/* Lock held, dropped meanwhile; the arena block is in no list. */
static int target_commit(struct uz__arena *a, uint32_t i)
{
	uint32_t cold = ~uz__ablock(a, i)->resident;

	if (!cold)
		return 0;
	if (!uz__budget_make(a, uz__mask_bytes(cold)) || uz__mask_commit(a, i, cold) < 0)
		return -UZ_ENOMEM;
	return 0;
}

/* For what is in arena block @from. Lock held, may be dropped meanwhile. */
static int target_open(struct uz__arena *a, uint32_t from)
{
	uint32_t i;
	int r;

	uz__lazy_force_all(a); /* charged already, and taken by any thread */
	i = uz__target_find(a, false);
	if (i == NO_ABLOCK)
		return -UZ_ENOMEM;
	uz__ablock_isolate(a, i);
	r = target_commit(a, i);
	if (r == 0) {
		uz__ablock(a, from)->target = i;
		a->half = from;
	} else {
		uz__ablock_rejoin(a, i);
	}
	return r;
}

static uint64_t now_ns(struct uz__arena *a)
{
	return a->pub.plat->ops->now(a->pub.plat);
}

static uint32_t half_to(struct uz__arena *a)
{
	return a->half ? uz__ablock(a, a->half)->target : 0;
}

int uz_window_target(struct uz_window *w, uint32_t from, uint32_t nr, uint32_t *to)
{
	struct uz__arena *a = arena_of(w);
	uint32_t i = uz_ablock_of(from), at = from % UZ_ABLOCK_FRAMES, t;
	int r = 0;

	uz_lock(a->pub.plat, &a->lock);
	UZ_ASSERT(!a->half || i == a->half || i == half_to(a));
	if (!a->half)
		r = target_open(a, i);
	if (r == 0) {
		t = i == a->half ? half_to(a) : a->half;
		uz__ablock_take(a, uz__ablock(a, t), MOVABLE, at, nr);
		a->nr_used_frames += nr;
		uz__free_frames_add(a, -(int64_t)nr);
		*to = t * UZ_ABLOCK_FRAMES + at;
	}
	uz_unlock(a->pub.plat, &a->lock);
	return r;
}

/* All is on one side: the target becomes an arena block like others. Lock held. */
static void close_target(struct uz__arena *a)
{
	uint32_t from = a->half, to = half_to(a);

	if (!from || (uz__ablock(a, from)->nr_used && uz__ablock(a, to)->nr_used))
		return;
	uz__ablock_rejoin(a, to);
	uz__ablock(a, from)->target = 0;
	if (a->half_left)
		uz__ablock_rejoin(a, from);
	a->half = 0;
	a->half_left = false;
}

bool uz_window_half(struct uz_arena *pub, uint32_t *from, uint32_t *to)
{
	struct uz__arena *a = uz__arena(pub);

	uz_lock(pub->plat, &a->lock);
	close_target(a);
	*from = a->half;
	*to = half_to(a);
	uz_unlock(pub->plat, &a->lock);
	return *from != 0;
}

static int give_back(struct uz__arena *a, uint32_t i, uint32_t pieces)
{
	if (!uz__ablock(a, i)->foreign)
		return uz__mask_decommit(a, i, pieces);
	uz__foreign_take(a, i);
	return 0;
}

/*
 * Where memory does not come in huge pages it is owed, but for the first piece of the window, which
 * shows that the system takes it. False: it does not.
 */
static bool let_go(struct uz__arena *a, struct uz_window *w, uint32_t i, uint32_t pieces)
{
	bool owe = a->pub.plat->return_bytes < ABLOCK_BYTES && !uz__ablock(a, i)->foreign;
	uint32_t now = !owe ? pieces : w->returned ? 0 : pieces & -pieces;

	if (now && give_back(a, i, now) < 0)
		return false;
	w->returned = true;
	if (pieces & ~now)
		uz__owed_add(a, i, pieces & ~now);
	return true;
}

/* An isolated arena block that is empty is let go of, its bytes stay charged. */
void uz_window_done(struct uz_window *w, uint32_t i)
{
	struct uz__arena *a = arena_of(w);
	struct ablock *ab = uz__ablock(a, i);
	uint64_t start = now_ns(a);
	uint32_t pieces;

	uz_lock(a->pub.plat, &a->lock);
	close_target(a);
	pieces = ab->nr_used ? 0 : ab->resident;
	if (pieces && let_go(a, w, i, pieces))
		a->due_bytes -= uz__mask_bytes(pieces);
	uz_unlock(a->pub.plat, &a->lock);
	w->stage_ns[UZ_STAGE_RETURN] += now_ns(a) - start;
}

uint32_t uz_ablock_used(struct uz_arena *pub, uint32_t i)
{
	struct uz__arena *a = uz__arena(pub);
	uint32_t nr;

	uz_lock(pub->plat, &a->lock);
	nr = uz__ablock(a, i)->nr_used;
	uz_unlock(pub->plat, &a->lock);
	return nr;
}

static uint64_t other_stages(const struct uz_window *w)
{
	return w->stage_ns[UZ_STAGE_DROP] + w->stage_ns[UZ_STAGE_PIN] +
	       w->stage_ns[UZ_STAGE_RETURN];
}

static int empty_window(struct uz_region *r, struct uz_window *w, struct uz_contig_failure *why)
{
	uint64_t others = other_stages(w), start = now_ns(r->a);
	int rc = r->borrower->clear(r->borrower, w, why);

	w->stage_ns[UZ_STAGE_MOVE] += now_ns(r->a) - start - (other_stages(w) - others);
	for (uint32_t i = w->first; i < w->first + w->nr && rc == 0; i++) {
		uz_window_done(w, i);
		if (uz__ablock(r->a, i)->resident)
			rc = uz_ablock_used(w->arena, i) ? -UZ_EBUSY : -UZ_ENOMEM;
	}
	return rc;
}

/*
 * Lock held. Charged is what the window has beyond its resident pieces. Any thread: a half may be
 * moved by another meanwhile, and is left to that one.
 */
static void close_window(struct uz_region *r, struct uz_window *w)
{
	struct uz__arena *a = r->a;

	for (uint32_t i = w->first; i < w->first + w->nr; i++) {
		uz__ablock(a, i)->granted = false;
		a->half_left |= a->half == i;
		if (a->half == i)
			continue;
		if (uz__ablock(a, i)->foreign)
			uz__foreign_lend(a, i);
		uz__ablock_rejoin(a, i);
	}
	r->nr_used -= w->nr;
	a->nr_reserved += uz__promises(r) ? w->nr : 0;
}

/* What is owed is part of the window again, and charged; bytes. Lock held. */
static uint64_t recall(struct uz__arena *a, const struct uz_window *w)
{
	uint64_t bytes = 0;

	for (uint32_t i = w->first; i < w->first + w->nr; i++)
		bytes += uz__owed_recall(a, i);
	return bytes;
}

/* Takes back what was charged, and the isolation. */
static void undo(struct uz_region *r, struct uz_window *w, bool charged)
{
	struct uz__arena *a = r->a;
	uint64_t cold;

	uz_lock(a->pub.plat, &a->lock);
	a->due_bytes += charged ? recall(a, w) : 0;
	cold = charged ? cold_bytes(a, w) : 0;
	if (!r->foreign)
		uz_fetch_sub(&a->total_bytes, cold);
	a->due_bytes -= w->nr * ABLOCK_BYTES - cold;
	close_target(a);
	close_window(r, w);
	uz_unlock(a->pub.plat, &a->lock);
}

static struct uz_grant *find_grant(struct uz_region *r, uint32_t id)
{
	for (unsigned int i = 0; i < UZ_GRANT_MAX; i++)
		if (r->grant[i].id == id)
			return &r->grant[i];
	return NULL;
}

/* Lock held. */
static void record(struct uz_region *r, const struct uz_window *w, struct uz_grant *out)
{
	r->last_id += 1 + (r->last_id == UINT32_MAX);
	*out = (struct uz_grant){ r->last_id, w->first, w->nr, 0 };
	out->offset_bytes = (w->first - r->first) * ABLOCK_BYTES;
	*find_grant(r, 0) = *out;
	for (uint32_t i = w->first; i < w->first + w->nr; i++)
		uz__ablock(r->a, i)->granted = true;
}

static int charge(struct uz_region *r, struct uz_window *w)
{
	bool waits = r->policy != UZ_CONTIG_CMA;
	uint64_t start = now_ns(r->a);
	int rc;

	do /* pieces on their way back are missing for a moment */
		rc = charge_cold(r->a, w);
	while (rc < 0 && (r->borrower->drop(r->borrower, ABLOCK_BYTES) ||
			  (waits && uz__nap(r->a, w->deadline_ns))));
	w->stage_ns[UZ_STAGE_DROP] += now_ns(r->a) - start;
	return rc;
}

static int take_window(struct uz_region *r, struct uz_window *w, struct uz_contig_failure *why)
{
	int rc = charge(r, w);

	if (rc < 0) {
		undo(r, w, false);
		return rc;
	}
	rc = empty_window(r, w, why);
	if (rc < 0)
		undo(r, w, true);
	return rc;
}

/* As the kernel does it, the next window is tried after -EBUSY only, and that is what remains. */
static int give(struct uz_region *r, struct uz_window *w, struct uz_contig_failure *why)
{
	uint32_t from = r->first;
	int rc = 0, opened;

	if (!find_grant(r, 0))
		return -UZ_ENOSPC;
	do {
		opened = uz__window_open(r, w, from);
		if (opened < 0)
			return rc < 0 ? rc : opened;
		from = w->first + 1;
		rc = take_window(r, w, why);
	} while (rc == -UZ_EBUSY && r->policy == UZ_CONTIG_CMA);
	return rc;
}

/* Lock held. */
static void count_grant(struct uz_region *r, uint64_t pages, bool made, uint64_t ns)
{
	r->success += made;
	r->fail += !made;
	r->pages_success += made ? pages : 0;
	r->pages_fail += made ? 0 : pages;
	if (made)
		uz_hist_add(&r->hist, ns);
}

/* Lock held. */
static void count(struct uz_region *r, struct uz_window *w, uint64_t pages, bool made, uint64_t ns)
{
	w->stage_ns[UZ_STAGE_WAIT] = r->waited_ns;
	ns += r->waited_ns;
	if (made && ns > r->hist.max_ns)
		memcpy(r->slowest_ns, w->stage_ns, sizeof(r->slowest_ns));
	count_grant(r, pages, made, ns);
	r->moved += w->moved;
	r->failed += w->failed;
	for (unsigned int i = 0; i < UZ_STAGE_NR; i++)
		r->stage_ns[i] += w->stage_ns[i];
	r->waited_ns = 0;
}

/* Arena blocks for @bytes, or all of them. */
static uint32_t blocks_for(const struct uz_region *r, uint64_t bytes)
{
	return (uint32_t)UZ_DIV_UP(UZ_MIN(bytes, r->nr * ABLOCK_BYTES), ABLOCK_BYTES);
}

int uz_contig_alloc(struct uz_region *r, uint64_t bytes, uint64_t deadline_ns, struct uz_grant *out,
		    struct uz_contig_failure *why)
{
	struct uz_window w = { .arena = &r->a->pub,
			       .nr = blocks_for(r, bytes),
			       .deadline_ns = deadline_ns,
			       .policy = r->policy };
	uint64_t start = now_ns(r->a);
	int rc = -UZ_EINVAL;

	*why = (struct uz_contig_failure){ 0 };
	if (bytes && bytes <= r->nr * ABLOCK_BYTES)
		rc = give(r, &w, why);
	uz_lock(r->a->pub.plat, &r->a->lock);
	why->error = rc;
	why->promised_bytes = uz__promised(r->a);
	why->limit_bytes = uz_load(&r->a->limit_bytes);
	count(r, &w, (uint64_t)w.nr * UZ_ABLOCK_FRAMES, rc == 0, now_ns(r->a) - start);
	if (rc == 0)
		record(r, &w, out);
	uz_unlock(r->a->pub.plat, &r->a->lock);
	if (uz_load(&r->a->owed_bytes))
		uz_arena_background_wake(&r->a->pub);
	return rc;
}

void uz_contig_waited(struct uz_region *r, uint64_t ns)
{
	uz_lock(r->a->pub.plat, &r->a->lock);
	r->waited_ns = ns;
	uz_unlock(r->a->pub.plat, &r->a->lock);
}

void uz_contig_missed(struct uz_region *r, uint64_t bytes, uint64_t ns)
{
	uint64_t pages = (uint64_t)blocks_for(r, bytes) * UZ_ABLOCK_FRAMES;

	uz_lock(r->a->pub.plat, &r->a->lock);
	count_grant(r, pages, false, ns);
	r->stage_ns[UZ_STAGE_WAIT] += ns;
	uz_unlock(r->a->pub.plat, &r->a->lock);
}

int uz_contig_free(struct uz_region *r, uint32_t id)
{
	struct uz__arena *a = r->a;
	struct uz_grant *g;
	int rc = -UZ_ENOENT;

	uz_lock(a->pub.plat, &a->lock);
	g = id ? find_grant(r, id) : NULL;
	if (g) {
		struct uz_window w = { .arena = &a->pub, .first = g->first, .nr = g->nr };

		if (!uz__ablock(a, w.first)->foreign)
			uz_fetch_sub(&a->total_bytes, w.nr * ABLOCK_BYTES - recall(a, &w));
		close_window(r, &w);
		*g = (struct uz_grant){ 0 };
		rc = 0;
	}
	uz_unlock(a->pub.plat, &a->lock);
	return rc;
}
