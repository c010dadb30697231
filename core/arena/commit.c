/* SPDX-License-Identifier: MIT */
/*
 * Memory from the system and back to it, in pieces of 64 KiB. A piece in
 * transit is marked busy, so that the lock is dropped during the system call: a commit
 * costs 2 us a page on a memfd and 0.2 us with huge pages, too long for a lock.
 */
#include "arena_i.h"
#include "promise_i.h"

struct transit {
	uint32_t ablock, mask; /* pieces */
};

uint64_t uz__cpu(struct uz_plat *pl)
{
	return pl->ops->cpu ? pl->ops->cpu(pl) : pl->ops->now(pl);
}

char *uz__piece_addr(const struct uz__arena *a, uint32_t ablock, uint32_t piece)
{
	return uz_frame_addr(&a->pub, ablock * UZ_ABLOCK_FRAMES + piece * PIECE_FRAMES);
}

/* The lowest @max bits. */
static uint32_t lowest(uint32_t bits, uint32_t max)
{
	uint32_t mask = 0;

	for (; bits && max; max--, bits &= bits - 1)
		mask |= bits & -bits;
	return mask;
}

/* The first stretch of set bits, at most @max long. */
static uint32_t first_stretch(uint32_t bits, uint32_t max)
{
	return lowest(uz__mask_stretch(bits), max);
}

void uz__mark_busy(struct uz__arena *a, uint32_t ablock, uint32_t mask, bool busy)
{
	struct ablock *ab = uz__ablock(a, ablock);

	uz__ablock_unfile(a, ablock);
	if (busy)
		ab->busy |= mask;
	else
		ab->busy &= ~mask;
	uz__ablock_file(a, ablock);
}

static uint32_t cold_of(const struct uz__arena *a, struct uz__wanted p)
{
	uint32_t i = a->cold[uz__shelf_of(p.kind, p.lent)];

	return i == NO_ABLOCK && p.begin ? a->cold[uz__shelf_of(EMPTY, p.lent)] : i;
}

/* Lazy pieces first, which are charged already, and cost little if the system let them be. */
static bool lazy_stretch(struct uz__arena *a, struct uz__wanted p, uint32_t max, struct transit *t)
{
	t->ablock = uz__lazy_find(a, p);
	if (t->ablock == NO_ABLOCK)
		return false;
	t->mask = first_stretch(uz__ablock(a, t->ablock)->lazy, max);
	return true;
}

static int cold_stretch(struct uz__arena *a, struct uz__wanted p, uint32_t max, struct transit *t)
{
	uint32_t i = cold_of(a, p);
	int r;

	if (i == NO_ABLOCK) {
		r = p.lent || !p.begin ? -UZ_ENOSPC : uz__ablock_fresh(a, &i);
		if (r < 0)
			return r;
	}
	t->ablock = i;
	t->mask = first_stretch(uz__ablock_cold_pieces(uz__ablock(a, i)), max);
	return 0;
}

/* Takes budget for up to @max pieces; how many. */
static uint32_t take_pieces(struct uz__arena *a, uint32_t max)
{
	uint64_t total = uz_load(&a->total_bytes), limit = uz_load(&a->limit_bytes);
	uint64_t left = limit > total ? limit - total : 0;
	uint32_t nr = (uint32_t)UZ_MIN(left / PIECE_BYTES, max);

	while (nr && !uz__budget_try(a, (uint64_t)nr * PIECE_BYTES, 0))
		nr--;
	return nr;
}

void uz__transit_begin(struct uz__arena *a, uint32_t mask)
{
	a->transit_bytes += uz__mask_bytes(mask);
	uz_unlock(a->pub.plat, &a->lock);
}

void uz__transit_end(struct uz__arena *a, uint32_t mask)
{
	uz_lock(a->pub.plat, &a->lock);
	a->transit_bytes -= uz__mask_bytes(mask);
}

/* @call from the first piece of @mask to the last, without the lock; the pieces are under way then. */
static int pass(struct uz__arena *a, uint32_t ablock, uint32_t mask,
		int (*call)(struct uz_plat *pl, void *p, size_t len), uint64_t *spent_ns)
{
	struct uz_plat *pl = a->pub.plat;
	uint32_t first = (uint32_t)__builtin_ctz(mask), end = 32 - (uint32_t)__builtin_clz(mask);
	uint64_t start;
	int r;

	uz__transit_begin(a, mask);
	start = uz__cpu(pl);
	r = call(pl, uz__piece_addr(a, ablock, first), (size_t)(end - first) * PIECE_BYTES);
	*spent_ns = uz__cpu(pl) - start;
	uz__transit_end(a, mask);
	return r;
}

static enum uz__shape shape_of(uint32_t mask)
{
	return mask == UINT32_MAX ? SHAPE_WHOLE : SHAPE_PART;
}

/* Pieces that went lazily are charged still, and stay so if they cannot be had. */
int uz__mask_commit(struct uz__arena *a, uint32_t ablock, uint32_t mask)
{
	struct uz_plat *pl = a->pub.plat;
	struct ablock *ab = uz__ablock(a, ablock);
	uint32_t lazy = ab->lazy & mask;
	uint64_t spent;
	int r;

	uz__lazy_remove(a, ablock, lazy);
	uz__owed_pay(a, uz__mask_bytes(mask));
	r = pass(a, ablock, mask, pl->ops->commit, &spent);
	if (r < 0) {
		uz_fetch_sub(&a->total_bytes, uz__mask_bytes(mask & ~lazy));
		a->commit_failures++;
		if (lazy)
			uz__lazy_add(a, ablock, lazy, pl->ops->now(pl));
	} else {
		ab->resident |= mask;
		uz__free_frames_add(a, (int64_t)uz__mask_frames(mask));
		uz__return_came(&a->ret, shape_of(mask),
				ab->gone_by ? ab->gone_by - 1u : UZ__METHODS_MAX, pl->ops->now(pl),
				uz__mask_frames(mask), spent);
	}
	return r;
}

int uz__mask_decommit(struct uz__arena *a, uint32_t ablock, uint32_t mask)
{
	struct ablock *ab = uz__ablock(a, ablock);
	uint64_t spent;
	int r;

	uz__free_frames_add(a, -(int64_t)uz__mask_frames(mask));
	ab->busy |= mask;
	r = pass(a, ablock, mask, a->pub.plat->ops->decommit, &spent);
	ab->busy &= ~mask;
	if (r < 0) {
		uz__free_frames_add(a, (int64_t)uz__mask_frames(mask));
	} else {
		ab->resident &= ~mask;
		a->returned_bytes += uz__mask_bytes(mask);
	}
	return r;
}

/* Commits up to @max_pieces neighbouring pieces; at least one, or an error. */
int uz__piece_commit(struct uz__arena *a, struct uz__wanted p, uint32_t max_pieces)
{
	struct transit t;
	int r;

	if (!lazy_stretch(a, p, max_pieces, &t)) {
		r = cold_stretch(a, p, max_pieces, &t);
		if (r < 0)
			return r;
		t.mask = lowest(t.mask, take_pieces(a, uz_popcount(t.mask)));
		if (!t.mask)
			return -UZ_ENOSPC;
	}
	uz__mark_busy(a, t.ablock, t.mask, true);
	r = uz__mask_commit(a, t.ablock, t.mask);
	uz__mark_busy(a, t.ablock, t.mask, false);
	return r;
}

/* Free pieces of a block of that shelf. */
static bool free_pieces(struct uz__arena *a, unsigned int shelf, uint32_t max, struct transit *t)
{
	uint32_t i = a->bin[shelf][UZ_RUN_MAX];

	for (; i != NO_ABLOCK; i = uz__ablock(a, i)->next) {
		t->ablock = i;
		t->mask = lowest(uz__ablock_free_pieces(uz__ablock(a, i)), max);
		if (t->mask)
			return true;
	}
	return false;
}

static bool any_pieces(struct uz__arena *a, uint32_t max, enum return_how how, struct transit *t)
{
	bool empty =
		how == RETURN_NOW || !a->nr_evac || uz__evac_ready(a, a->nr_evac + 1) > a->nr_evac;
	bool found =
		free_pieces(a, LENT + EMPTY, max, t) || (empty && free_pieces(a, EMPTY, max, t));

	for (unsigned int shelf = 0; how != RETURN_WHOLE && !found && shelf < NR_SHELVES; shelf++)
		found = shelf != EMPTY && free_pieces(a, shelf, max, t);
	return found;
}

/*
 * Where memory comes in huge pages, an arena block of which nothing stays is given back whole, with
 * what is cold in it: only then the system also drops the table of its small pages, without which
 * the next huge page cannot be had. That is 4 times the cost.
 */
static uint32_t whole_of(struct uz__arena *a, struct transit t)
{
	const struct ablock *ab = uz__ablock(a, t.ablock);
	bool huge = a->pub.plat->return_bytes >= ABLOCK_BYTES;

	return huge && !ab->nr_used && !ab->busy && !(ab->resident & ~t.mask) && !ab->lazy &&
			       !ab->owed
		       ? UINT32_MAX
		       : t.mask;
}

/*
 * Tries the methods when that is due; false if that lost the pieces. Not in a region: a grant that needs
 * the arena block would wait for the end of it.
 */
static bool choose(struct uz__arena *a, struct transit t)
{
	enum uz__shape shape = shape_of(t.mask);
	struct uz_plat *pl = a->pub.plat;
	int r = 0;

	if (!uz__ablock(a, t.ablock)->in_region &&
	    uz__return_probe_due(&a->ret, shape, pl->ops->now(pl)))
		r = uz__probe(a, t.ablock, t.mask, shape);
	uz__return_decide(&a->ret, shape, pl->ops->now(pl));
	return r == 0;
}

/* The pieces are counted as free; @busy: they, and what may be given back with them. */
static uint64_t return_pieces(struct uz__arena *a, struct transit t, uint32_t busy,
			      enum return_how how)
{
	struct ablock *ab = uz__ablock(a, t.ablock);
	enum uz__shape shape = shape_of(t.mask);
	bool lazy = how == RETURN_WHOLE;
	uint64_t spent, now;
	unsigned int method;
	int r;

	uz__free_frames_add(a, -(int64_t)uz__mask_frames(t.mask));
	if (how != RETURN_NOW && !choose(a, t))
		lazy = false;
	method = uz__return_pick(&a->ret, shape, lazy && !a->nr_lent);
	r = uz__give(a, t.ablock, t.mask, busy, shape, &method, &spent);
	now = a->pub.plat->ops->now(a->pub.plat);
	ab->resident &= ~t.mask;
	if (r < 0) { /* some may have gone: as after a lazy method */
		uz__lazy_add(a, t.ablock, t.mask, now);
		return 0;
	}
	uz__return_gone(&a->ret, shape, method, now, uz__mask_frames(t.mask), spent);
	ab->gone_by = (uint8_t)(method + 1);
	a->returned_bytes += uz__mask_bytes(t.mask);
	if (uz__return_is_lazy(&a->ret, method))
		uz__lazy_add(a, t.ablock, t.mask, now);
	else
		uz_fetch_sub(&a->total_bytes, uz__mask_bytes(t.mask));
	return uz__mask_bytes(t.mask);
}

uint64_t uz__piece_return(struct uz__arena *a, uint32_t max_pieces, enum return_how how)
{
	uint64_t bytes = how == RETURN_NOW ? uz__lazy_force(a, UINT64_MAX) : 0;
	struct transit t = { 0 };
	uint32_t busy;

	if (bytes || !max_pieces || !any_pieces(a, max_pieces, how, &t))
		return bytes;
	busy = whole_of(a, t);
	uz__mark_busy(a, t.ablock, busy, true);
	bytes = return_pieces(a, t, busy, how);
	uz__mark_busy(a, t.ablock, busy, false);
	return bytes;
}
