/* SPDX-License-Identifier: MIT */
/*
 * Memory that is not frames: the store's areas and private scratch. Charged
 * to the budget before it is committed, so that the sum never passes the limit.
 */
#include "arena_i.h"
#include "promise_i.h"

/*
 * One step, so that the sum is at no instant above the limit. What is kept aside for urgent runs
 * may be free frames or budget that is left.
 */
bool uz__budget_try(struct uz__arena *a, uint64_t bytes, uint64_t keep_frames)
{
	uint64_t total = uz_load(&a->total_bytes);

	for (;;) {
		uint64_t limit = uz_load(&a->limit_bytes), sum = total + bytes;
		uint64_t spare = sum <= limit ? limit - sum : 0;

		if (sum > limit)
			return false;
		if (spare + (uz_load(&a->nr_free_frames) << UZ_FRAME_SHIFT) <
		    keep_frames << UZ_FRAME_SHIFT)
			return false;
		if (uz_try(&a->total_bytes, &total, sum))
			return true;
	}
}

/* With the lock, under which a region comes: what is promised counts too. */
static bool promised_try(struct uz__arena *a, uint64_t bytes, uint64_t keep_frames)
{
	struct uz_plat *pl = a->pub.plat;
	bool ok;

	uz_lock(pl, &a->lock);
	ok = uz__promise_ok(a, bytes) && uz__budget_try(a, bytes, keep_frames);
	uz_unlock(pl, &a->lock);
	return ok;
}

/* Free frames go back to the system; false: there are none. */
static bool return_free(struct uz__arena *a)
{
	struct uz_plat *pl = a->pub.plat;
	bool some;

	uz_lock(pl, &a->lock);
	some = uz__piece_return(a, ABLOCK_PIECES, RETURN_NOW) != 0;
	uz_unlock(pl, &a->lock);
	return some;
}

static int budget_take(struct uz__arena *a, uint64_t bytes, uint64_t keep_frames)
{
	bool more = true;

	while (!promised_try(a, bytes, keep_frames)) {
		if (!more)
			return -UZ_ENOSPC;
		more = return_free(a);
	}
	return 0;
}

/* The system may have less than the budget, and what it lacks may be free frames of ours. */
static int commit(struct uz__arena *a, void *p, uint64_t bytes)
{
	struct uz_plat *pl = a->pub.plat;
	int r;

	do
		r = pl->ops->commit(pl, p, bytes);
	while ((r == -UZ_ENOSPC || r == -UZ_ENOMEM) && return_free(a));
	return r;
}

static uint64_t page_up(const struct uz__arena *a, uint64_t bytes)
{
	return UZ_ALIGN_UP(bytes, (uint64_t)a->pub.plat->page_bytes);
}

void uz_arena_area(struct uz_arena *pub, enum uz_area_kind kind, struct uz_area *out)
{
	struct uz__arena *a = uz__arena(pub);

	*out = (struct uz_area){
		.base = pub->base + a->super.area[kind].off,
		.bytes = a->super.area[kind].bytes,
	};
}

/* Areas of the store count as resident with its frames; scratch lies apart. */
static void area_add(struct uz__arena *a, const struct uz_area *area, int64_t bytes)
{
	if (area->base >= a->pub.base && area->base < a->pub.base + a->super.total_bytes)
		uz_fetch_add(&a->area_bytes, (uint64_t)bytes);
}

static int commit_range(struct uz__arena *a, struct uz_area *area, uint64_t off, uint64_t len,
			uint64_t keep_frames)
{
	struct uz_plat *pl = a->pub.plat;
	uint64_t first = off & ~((uint64_t)pl->page_bytes - 1);
	uint64_t bytes = page_up(a, off + len) - first;
	int r;

	if (off + len > area->bytes)
		return -UZ_ENOSPC;
	r = budget_take(a, bytes, keep_frames);
	if (r < 0)
		return r;
	uz_arena_pay(&a->pub, bytes);
	r = commit(a, area->base + first, bytes);
	if (r < 0)
		uz_fetch_sub(&a->total_bytes, bytes);
	else
		area_add(a, area, (int64_t)bytes);
	return r;
}

int uz_area_commit(struct uz_arena *pub, struct uz_area *area, uint64_t off, uint64_t len)
{
	struct uz__arena *a = uz__arena(pub);

	return commit_range(a, area, off, len, uz_load(&a->emergency_frames));
}

void uz_area_decommit(struct uz_arena *pub, struct uz_area *area, uint64_t off, uint64_t len)
{
	struct uz__arena *a = uz__arena(pub);
	uint64_t first = off & ~((uint64_t)pub->plat->page_bytes - 1);
	uint64_t bytes = page_up(a, off + len) - first;

	if (pub->plat->ops->decommit(pub->plat, area->base + first, bytes) < 0)
		return;
	uz_fetch_sub(&a->total_bytes, bytes);
	area_add(a, area, -(int64_t)bytes);
}

/*
 * Grows by at least a sixteenth, so that a growing table makes few system calls. An urgent run may
 * need a larger table, so this may use what is kept aside.
 */
int uz_area_grow(struct uz_arena *pub, struct uz_area *area, uint64_t upto)
{
	struct uz__arena *a = uz__arena(pub);
	uint64_t want;
	int r;

	if (upto <= area->committed)
		return 0;
	if (upto > area->bytes)
		return -UZ_ENOSPC;
	want = UZ_MAX(upto, area->committed + area->committed / 16);
	want = UZ_MIN(page_up(a, want), area->bytes);
	r = commit_range(uz__arena(pub), area, area->committed, want - area->committed, 0);
	if (r == 0)
		area->committed = want;
	return r;
}

int uz_scratch_reserve(struct uz_arena *pub, uint64_t bytes, struct uz_area *out)
{
	void *base;
	int r;

	bytes = page_up(uz__arena(pub), bytes);
	r = pub->plat->ops->reserve(pub->plat, UZ_BACKING_SCRATCH, bytes, pub->plat->page_bytes,
				    &base);
	if (r < 0)
		return r;
	*out = (struct uz_area){ .base = base, .bytes = bytes };
	return 0;
}

void uz_scratch_release(struct uz_arena *pub, struct uz_area *area)
{
	if (!area->base)
		return;
	pub->plat->ops->release(pub->plat, area->base, area->bytes);
	uz_fetch_sub(&uz__arena(pub)->total_bytes, area->committed);
	*area = (struct uz_area){ 0 };
}

int uz_scratch_alloc(struct uz_arena *pub, uint64_t bytes, void **out)
{
	struct uz_area area;
	int r = uz_scratch_reserve(pub, bytes, &area);

	if (r < 0)
		return r;
	r = uz_area_commit(pub, &area, 0, area.bytes);
	if (r < 0)
		uz_scratch_release(pub, &area);
	else
		*out = area.base;
	return r;
}

void uz_scratch_free(struct uz_arena *pub, void *p, uint64_t bytes)
{
	struct uz_area area = { .base = p };

	area.bytes = area.committed = page_up(uz__arena(pub), bytes);
	uz_scratch_release(pub, &area);
}

int uz_arena_charge(struct uz_arena *pub, int64_t bytes)
{
	struct uz__arena *a = uz__arena(pub);
	bool ok = true;

	uz_lock(pub->plat, &a->lock);
	if (bytes > 0)
		ok = uz__promise_ok(a, (uint64_t)bytes);
	if (ok)
		uz_fetch_add(&a->total_bytes, (uint64_t)bytes);
	uz_unlock(pub->plat, &a->lock);
	return ok ? 0 : -UZ_ENOSPC;
}
