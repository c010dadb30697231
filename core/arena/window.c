/* SPDX-License-Identifier: MIT */
/*
 * Which arena blocks of a region a grant gets, and their isolation, in one go.
 *
 * UZ_CONTIG_GUARANTEED takes the cheapest window, as counted a block at a time; UZ_CONTIG_GCMA the same of
 * those that hold nothing that has to be moved. UZ_CONTIG_CMA takes the first that is not granted, at or
 * after where the last try began plus one, as cma_alloc() of mm/cma.c (Linux 6.1) searches its bitmap
 * again after -EBUSY.
 */
#include "promise_i.h"
#include "region_i.h"

#define NAP_NS 50000ull
#define COST_MOVE 8u /* of a page, beside what is dropped */

enum outcome { FOUND, NONE, MOVES, LATER };

bool uz__nap(struct uz__arena *a, uint64_t deadline_ns)
{
	struct uz_plat *pl = a->pub.plat;
	uint64_t now = pl->ops->now(pl);

	if (now >= deadline_ns)
		return false;
	uz_nap(pl, UZ_MIN(now + NAP_NS, deadline_ns));
	return true;
}

static uint64_t block_cost(const struct ablock *ab)
{
	return (uint64_t)ab->nr_used * (ab->kind == CLEAN ? 1 : COST_MOVE);
}

/* Grants end here, or the region: what is only busy comes back. */
static bool edge(const struct uz_region *r, uint32_t i)
{
	return i < r->first || i >= r->first + r->nr || uz__ablock(r->a, i)->isolated;
}

/* Taken from an end of a stretch, the rest stays in one piece; but GCMA has to take what there is. */
static bool at_end(const struct uz_region *r, uint32_t first, uint32_t nr)
{
	return r->policy == UZ_CONTIG_GCMA || edge(r, first - 1) || edge(r, first + nr);
}

/* FOUND: it may be part of a window; else why not. */
static enum outcome usable(const struct uz_region *r, const struct ablock *ab)
{
	if (ab->granted)
		return NONE;
	if (ab->isolated || ab->busy || ab->lazy) /* lazy: on its way when the region was made */
		return LATER;
	return r->policy == UZ_CONTIG_GCMA && uz__ablock_bearing(ab) ? MOVES : FOUND;
}

static enum outcome cheapest(struct uz_region *r, struct uz_window *w)
{
	uint64_t cost = 0, least = UINT64_MAX;
	enum outcome why = NONE;
	uint32_t len = 0;

	for (uint32_t i = r->first; i < r->first + r->nr; i++) {
		const struct ablock *ab = uz__ablock(r->a, i);
		enum outcome o = usable(r, ab);

		why = UZ_MAX(why, o);
		len = o == FOUND ? len + 1 : 0;
		cost = o == FOUND ? cost + block_cost(ab) : 0;
		if (len > w->nr)
			cost -= block_cost(uz__ablock(r->a, i - w->nr));
		if (len >= w->nr && cost < least && at_end(r, i - w->nr + 1, w->nr)) {
			least = cost;
			w->first = i - w->nr + 1;
		}
	}
	return least != UINT64_MAX ? FOUND : why;
}

static enum outcome first_fit(struct uz_region *r, struct uz_window *w, uint32_t from)
{
	uint32_t len = 0;

	for (uint32_t i = from; i < r->first + r->nr; i++) {
		len = usable(r, uz__ablock(r->a, i)) == FOUND ? len + 1 : 0;
		if (len < w->nr)
			continue;
		w->first = i - w->nr + 1;
		return FOUND;
	}
	return NONE;
}

/* Where nothing was reserved it must not take what others were promised. */
static bool affordable(const struct uz_region *r, uint32_t nr)
{
	return uz__promises(r) || uz__promise_ok(r->a, nr * ABLOCK_BYTES);
}

/* Lock held. */
static void isolate(struct uz_region *r, const struct uz_window *w)
{
	struct uz__arena *a = r->a;

	for (uint32_t i = w->first; i < w->first + w->nr; i++)
		uz__ablock_isolate(a, i);
	r->nr_used += w->nr;
	a->nr_reserved -= uz__promises(r) ? w->nr : 0;
	a->due_bytes += w->nr * ABLOCK_BYTES;
}

int uz__window_open(struct uz_region *r, struct uz_window *w, uint32_t from)
{
	struct uz__arena *a = r->a;
	struct uz_plat *pl = a->pub.plat;
	uint64_t start = pl->ops->now(pl);
	enum outcome o;

	do {
		uz_lock(pl, &a->lock);
		uz__lazy_force_all(a); /* as in region.c, for what went meanwhile */
		o = r->policy == UZ_CONTIG_CMA ? first_fit(r, w, from) : cheapest(r, w);
		if (o == FOUND && !affordable(r, w->nr))
			o = NONE;
		if (o == FOUND)
			isolate(r, w);
		uz_unlock(pl, &a->lock);
	} while (o == LATER && uz__nap(a, w->deadline_ns));
	w->stage_ns[UZ_STAGE_SEARCH] += pl->ops->now(pl) - start;
	return o == FOUND ? 0 : o == NONE ? -UZ_ENOMEM : -UZ_EBUSY;
}
