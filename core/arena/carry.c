/* SPDX-License-Identifier: MIT */
/*
 * An arena block of a window moves as a whole, without a byte being copied: the system puts its memory at
 * the target's addresses, and the window's arena block is empty and not resident. No cache is swept out, and no
 * memory is needed meanwhile: the two change places in one step, so there is no half.
 *
 * In three parts, since the borrower has to name the new place in between: begin sets a target aside, gives
 * back what it has, which takes longest and keeps nobody waiting there, and charges what comes;
 * end moves; undo leaves all as it was, but for that.
 */
#include "region_i.h"

static struct uz__arena *arena_of(const struct uz_window *w)
{
	return uz__arena(w->arena);
}

static uint64_t resident_bytes(struct uz__arena *a, uint32_t i)
{
	return uz__mask_bytes(uz__ablock(a, i)->resident);
}

/*
 * @to is isolated. What has to be charged beyond what it gives back is, before that has gone. Lock held,
 * dropped meanwhile.
 */
static int prepare(struct uz__arena *a, uint64_t need, uint32_t to)
{
	uint32_t pieces = uz__ablock(a, to)->resident;
	uint64_t have = uz__mask_bytes(pieces), lack = need - UZ_MIN(need, have);

	if (lack && !uz__budget_make(a, lack))
		return -UZ_ENOMEM;
	a->transit_bytes += lack;
	if (pieces && uz__mask_decommit(a, to, pieces) < 0) {
		uz_fetch_sub(&a->total_bytes, lack);
		a->transit_bytes -= lack;
		return -UZ_EBUSY;
	}
	uz_fetch_sub(&a->total_bytes, lack + have - need);
	a->transit_bytes += need - lack;
	return 0;
}

/* Lock held, may be dropped meanwhile. A cold target leaves what is populated to writers. */
static int begin(struct uz__arena *a, uint32_t from, uint32_t *to)
{
	uint64_t total = uz_load(&a->total_bytes), limit = uz_load(&a->limit_bytes);
	uint64_t need = resident_bytes(a, from);
	uint32_t i = uz__target_find(a, total + need <= limit);
	int r;

	if (i == NO_ABLOCK || uz__ablock(a, i)->foreign)
		return -UZ_ENOMEM;
	uz__ablock_isolate(a, i);
	r = prepare(a, need, i);
	if (r < 0)
		uz__ablock_rejoin(a, i);
	else
		*to = i;
	return r;
}

int uz_window_carry_begin(struct uz_window *w, uint32_t from, uint32_t *to)
{
	struct uz__arena *a = arena_of(w);
	int r = -UZ_ENOTSUP;

	uz_lock(a->pub.plat, &a->lock);
	UZ_ASSERT(!a->half);
	if (a->pub.plat->carry_bytes == ABLOCK_BYTES && !uz__ablock(a, from)->foreign)
		r = begin(a, from, to);
	uz_unlock(a->pub.plat, &a->lock);
	return r;
}

/* Lock held. */
static void undo(struct uz__arena *a, uint32_t from, uint32_t to)
{
	uint64_t bytes = resident_bytes(a, from);

	uz_fetch_sub(&a->total_bytes, bytes);
	a->transit_bytes -= bytes;
	uz__ablock_rejoin(a, to);
}

void uz_window_carry_undo(struct uz_window *w, uint32_t from, uint32_t to)
{
	struct uz__arena *a = arena_of(w);

	uz_lock(a->pub.plat, &a->lock);
	undo(a, from, to);
	uz_unlock(a->pub.plat, &a->lock);
}

/* Lock held; both are isolated, and neither is somebody's own memory. */
static void change_places(struct uz__arena *a, uint32_t from, uint32_t to)
{
	struct ablock *f = uz__ablock(a, from), *t = uz__ablock(a, to);

	a->lent_frames[f->kind] -= f->in_region ? f->nr_used : 0;
	a->lent_frames[f->kind] += t->in_region ? f->nr_used : 0;
	memcpy(t->used, f->used, sizeof(t->used));
	memset(f->used, 0, sizeof(f->used));
	t->nr_used = f->nr_used;
	t->kind = f->kind;
	t->resident = f->resident;
	t->gone_by = f->gone_by;
	f->nr_used = 0;
	f->kind = EMPTY;
	f->resident = 0;
	f->gone_by = 0;
}

int uz_window_carry_end(struct uz_window *w, uint32_t from, uint32_t to)
{
	struct uz__arena *a = arena_of(w);
	struct uz_plat *pl = a->pub.plat;
	uint64_t bytes = resident_bytes(a, from);
	int r = pl->ops->carry(pl, uz_frame_addr(&a->pub, from * UZ_ABLOCK_FRAMES),
			       uz_frame_addr(&a->pub, to * UZ_ABLOCK_FRAMES));

	uz_lock(pl, &a->lock);
	if (r < 0) {
		undo(a, from, to);
	} else {
		change_places(a, from, to);
		a->transit_bytes -= bytes;
		a->due_bytes -= bytes;
		uz__ablock_rejoin(a, to);
	}
	uz_unlock(pl, &a->lock);
	return r;
}
