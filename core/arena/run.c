/* SPDX-License-Identifier: MIT */
/*
 * Runs: the tightest fit over all arena blocks, resident memory first. Only
 * when no resident run fits does the caller commit memory itself, and that is
 * counted as a stall: background work should have done it before.
 */
#include <uz/san.h>

#include "arena_i.h"
#include "promise_i.h"

#define NO_COMMIT (UZ_ALLOC_RESIDENT | UZ_ALLOC_READY)

/* Free ones and those that the budget still allows, with their bookkeeping. */
static uint64_t frames_allowed(struct uz__arena *a)
{
	uint64_t total = uz_load(&a->total_bytes) + uz__ablock_fresh_bytes(a);
	uint64_t limit = uz_load(&a->limit_bytes);
	uint64_t left = limit > total ? limit - total : 0;

	return a->nr_free_frames + a->lazy_frames + left / PIECE_BYTES * PIECE_FRAMES;
}

/* The block of that shelf whose longest free run fits tightest. */
static uint32_t tightest(const struct uz__arena *a, unsigned int shelf, uint32_t nr)
{
	for (uint32_t b = nr; b < NR_BINS; b++)
		if (a->bin[shelf][b] != NO_ABLOCK)
			return a->bin[shelf][b];
	return NO_ABLOCK;
}

/* An empty block changes its kind only when no other of the kind has room. */
static bool take_resident(struct uz__arena *a, struct uz__wanted p, uint32_t nr, uint32_t *first)
{
	uint32_t i = tightest(a, uz__shelf_of(p.kind, p.lent), nr);

	if (i == NO_ABLOCK && p.begin)
		i = tightest(a, uz__shelf_of(EMPTY, p.lent), nr);
	if (i == NO_ABLOCK)
		return false;
	*first = (uint32_t)uz__ablock_find(uz__ablock(a, i), nr);
	uz__ablock_unfile(a, i);
	uz__ablock_take(a, uz__ablock(a, i), p.kind, *first, nr);
	uz__ablock_file(a, i);
	*first += i * UZ_ABLOCK_FRAMES;
	a->nr_used_frames += nr;
	uz__free_frames_add(a, -(int64_t)nr);
	return true;
}

static enum ablock_kind kind_of(unsigned int flags)
{
	if (flags & UZ_ALLOC_PINNED)
		return PINNED;
	return flags & UZ_ALLOC_DISCARD ? CLEAN : MOVABLE;
}

/* What must stay free for more urgent callers. */
static uint64_t frames_kept(struct uz__arena *a, unsigned int flags)
{
	if (flags & (UZ_ALLOC_LAST | UZ_ALLOC_RESIDENT))
		return 0;
	return flags & UZ_ALLOC_URGENT ? uz_load(&a->last_frames) : uz_load(&a->emergency_frames);
}

static int refuse(struct uz__arena *a)
{
	a->lend_refused++;
	return -UZ_ENOSPC;
}

/*
 * Whether regions get the run first. Copies go there, which are dropped in no time, and what a grant
 * would have to move stays outside, unless data is to be spread: then regions hold of each
 * kind as large a part as they are of the budget.
 */
static bool lent_first(const struct uz__arena *a, enum ablock_kind kind)
{
	uint64_t all = uz_load(&a->limit_bytes) / ABLOCK_BYTES, used;

	if (UZ_LIKELY(!a->nr_lent) || kind == PINNED)
		return false;
	if (!a->nr_spread)
		return kind == CLEAN;
	used = kind == CLEAN ? a->nr_clean_frames : a->nr_used_frames - a->nr_clean_frames;
	return a->lent_frames[kind] * all <= used * a->nr_lent;
}

/* On one side of the regions' border: 0 with the run, 1 when there is more memory to look at. */
static int on_side(struct uz__arena *a, struct uz__wanted p, uint32_t nr, unsigned int flags,
		   uint32_t *first)
{
	int r;

	if (take_resident(a, p, nr, first))
		return 0;
	if (flags & NO_COMMIT || (!p.begin && a->cold[uz__shelf_of(p.kind, p.lent)] == NO_ABLOCK))
		return -UZ_ENOSPC;
	a->commit_stalls++;
	r = uz__piece_commit(a, p, a->pub.plat->commit_bytes / PIECE_BYTES);
	return r == 0 ? 1 : r;
}

/* No run fits although frames are free: trade a free piece elsewhere for a fresh one. */
static int trade(struct uz__arena *a, struct uz__wanted p)
{
	int r = uz__piece_commit(a, p, 1);

	return r == 0 ? 1 : r;
}

/* Whether the promise leaves anything to commit. */
static bool may_grow(const struct uz__arena *a, struct uz__wanted p)
{
	return p.begin || a->cold[p.kind] != NO_ABLOCK || a->cold[LENT + p.kind] != NO_ABLOCK;
}

/* Whether the promise leaves an arena block that holds nothing yet. */
static bool may_begin(const struct uz__arena *a, enum ablock_kind kind)
{
	return kind == CLEAN || uz__promise_ok(a, ABLOCK_BYTES);
}

/* As on_side, on either side. */
static int on_any_side(struct uz__arena *a, struct uz__wanted p, uint32_t nr, unsigned int flags,
		       uint32_t *first)
{
	struct uz__wanted other = { p.kind, !p.lent, p.begin };
	bool two = a->nr_lent && p.kind != PINNED;
	int r = on_side(a, p, nr, flags, first);

	if (r < 0 && two) {
		int r2;

		other.begin = may_begin(a, p.kind); /* the lock may have been dropped meanwhile */
		r2 = on_side(a, other, nr, flags, first);
		r = r2 < 0 ? r : r2;
	}
	if (r != -UZ_ENOSPC || flags & NO_COMMIT || !may_grow(a, p) ||
	    !uz__piece_return(a, 1, RETURN_NOW))
		return r;
	r = trade(a, p);
	return r < 0 && two ? trade(a, other) : r;
}

static int run_alloc(struct uz__arena *a, uint32_t nr, unsigned int flags, uint32_t *first)
{
	struct uz__wanted p = { .kind = kind_of(flags) };
	uint64_t floor = frames_kept(a, flags);
	int r;

	if (flags & UZ_ALLOC_READY && uz__spare_frames(a) < uz__reserve_frames(a) / 2)
		return -UZ_ENOSPC;
	do {
		if (frames_allowed(a) < nr + floor)
			return -UZ_ENOSPC;
		if (p.kind != CLEAN && uz__promise_frames(a) < nr + floor)
			return refuse(a);
		p.begin = may_begin(a, p.kind);
		p.lent = lent_first(a, p.kind);
		r = on_any_side(a, p, nr, flags, first);
	} while (r > 0);
	return r == -UZ_ENOSPC && !(flags & NO_COMMIT) && !may_grow(a, p) ? refuse(a) : r;
}

int uz_run_alloc(struct uz_arena *pub, uint32_t nr, unsigned int flags, uint32_t *first)
{
	struct uz__arena *a = uz__arena(pub);
	bool low;
	int r;

	UZ_ASSERT(nr >= 1 && nr <= UZ_RUN_MAX);
	uz_lock(pub->plat, &a->lock);
	r = run_alloc(a, nr, flags, first);
	low = uz__spare_frames(a) < uz__reserve_frames(a) / 2;
	uz_unlock(pub->plat, &a->lock);
	if (r == 0)
		uz_san_poison(uz_frame_addr(pub, *first), (size_t)nr << UZ_FRAME_SHIFT);
	if (low)
		uz_arena_background_wake(pub);
	return r;
}

void uz_run_free(struct uz_arena *pub, uint32_t first, uint32_t nr)
{
	struct uz__arena *a = uz__arena(pub);
	uint32_t i = uz_ablock_of(first), at = first % UZ_ABLOCK_FRAMES;

	uz_san_poison_freed(uz_frame_addr(pub, first), (size_t)nr << UZ_FRAME_SHIFT);
	uz_lock(pub->plat, &a->lock);
	UZ_ASSERT_DEBUG(uz__ablock_is(uz__ablock(a, i), at, nr, true));
	uz__ablock_unfile(a, i);
	uz__ablock_put(a, uz__ablock(a, i), at, nr);
	uz__ablock_file(a, i);
	a->nr_used_frames -= nr;
	uz__free_frames_add(a, nr);
	uz_unlock(pub->plat, &a->lock);
}

int uz_run_claim(struct uz_arena *pub, uint32_t first, uint32_t nr, unsigned int flags)
{
	struct uz__arena *a = uz__arena(pub);
	uint32_t i = uz_ablock_of(first), at = first % UZ_ABLOCK_FRAMES, fresh;
	struct ablock *ab;
	int r = 0;

	if (i < a->first_ablock || i >= a->end_ablock || !nr || nr > UZ_RUN_MAX ||
	    at + nr > UZ_ABLOCK_FRAMES)
		return -UZ_EINVAL;
	while (i >= a->first_ablock + a->nr_ablocks && r == 0)
		r = uz__ablock_fresh(a, &fresh);
	if (r < 0)
		return r;
	ab = uz__ablock(a, i);
	if (!uz__ablock_is(ab, at, nr, false))
		return -UZ_EINVAL;
	uz__ablock_unfile(a, i);
	uz__ablock_take(a, ab, ab->kind == PINNED ? PINNED : kind_of(flags), at, nr);
	uz__ablock_file(a, i);
	uz_store(&a->nr_used_frames, a->nr_used_frames + nr);
	return 0;
}

/* @call for each stretch of pieces. */
static int each_stretch(struct uz__arena *a, uint32_t i, uint32_t mask,
			int (*call)(struct uz_plat *pl, void *p, size_t len))
{
	int r = 0;

	while (mask && r == 0) {
		uint32_t stretch = uz__mask_stretch(mask);

		r = call(a->pub.plat, uz__piece_addr(a, i, (uint32_t)__builtin_ctz(stretch)),
			 (size_t)uz__mask_bytes(stretch));
		mask &= ~stretch;
	}
	return r;
}

/* A piece with a claimed frame is resident, all others go back: nobody knows what they hold. */
static int settle_ablock(struct uz__arena *a, uint32_t i)
{
	struct ablock *ab = uz__ablock(a, i);
	int r;

	uz__ablock_unfile(a, i);
	ab->resident = UINT32_MAX;
	ab->resident = ~uz__ablock_free_pieces(ab);
	r = each_stretch(a, i, ~ab->resident, a->pub.plat->ops->decommit);
	if (r < 0)
		return r;
	uz__ablock_file(a, i);
	uz__free_frames_add(a, uz__ablock_free_frames(ab));
	uz_fetch_add(&a->total_bytes, uz__mask_bytes(ab->resident));
	return 0;
}

/*
 * What was claimed must be there. When the system holds no more than that, nothing is missing, and
 * no page has to be asked for: asking takes 14 ms a GiB on a memfd.
 */
static int adopt_all(struct uz__arena *a)
{
	struct uz_plat *pl = a->pub.plat;
	struct uz_arena_stats st;
	int r = 0;

	uz_arena_stats(&a->pub, &st);
	if (pl->ops->store_held && pl->ops->store_held(pl) == (int64_t)st.resident_claimed_bytes)
		return 0;
	for (uint32_t k = 0; k < a->nr_ablocks && r == 0; k++)
		r = each_stretch(a, a->first_ablock + k, a->ab[k].resident, pl->ops->adopt);
	return r;
}

int uz_arena_settle(struct uz_arena *pub)
{
	struct uz__arena *a = uz__arena(pub);
	uint32_t end = a->first_ablock + a->nr_ablocks;
	uint64_t rest = (uint64_t)(a->end_ablock - end) * ABLOCK_BYTES;
	int r = 0;

	uz_store(&a->nr_free_frames, 0); /* claimed and freed again since */
	for (uint32_t i = a->first_ablock; i < end && r == 0; i++)
		r = settle_ablock(a, i);
	if (r == 0 && rest)
		r = pub->plat->ops->decommit(pub->plat, uz_frame_addr(pub, end * UZ_ABLOCK_FRAMES),
					     rest);
	if (r == 0)
		r = adopt_all(a);
	return r < 0 ? r : uz__super_raise_epoch(a);
}
