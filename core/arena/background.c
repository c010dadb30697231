/* SPDX-License-Identifier: MIT */
/*
 * Background work of an arena: the populated reserve is kept between half of its target and
 * the target; what is free above goes back at once, whole arena blocks first, except what decay.c
 * says was needed again and again in the last seconds.
 */
#include "arena_i.h"
#include "promise_i.h"

/* With less than 2 MiB on top, which do not go back, it is below the 4 MiB or 1% that are promised. */
#define RESERVE_MIN (2ull << 20)
#define RESERVE_PART 200

uint64_t uz__reserve_frames(const struct uz__arena *a)
{
	uint64_t bytes = a->reserve_bytes;

	if (!bytes)
		bytes = UZ_MAX(RESERVE_MIN, (a->nr_used_frames << UZ_FRAME_SHIFT) / RESERVE_PART);
	return bytes >> UZ_FRAME_SHIFT;
}

uint64_t uz__keep_frames(const struct uz__arena *a)
{
	return uz__reserve_frames(a) + a->decay.hot_frames;
}

/* Gives back what is above the reserve and not hot; false when nothing can be. */
static bool return_some(struct uz__arena *a, enum return_how how)
{
	uint64_t target = uz__keep_frames(a);
	uint32_t unit = how == RETURN_WHOLE ? a->pub.plat->return_bytes / PIECE_BYTES : 1;
	uint64_t pieces =
		uz__spare_frames(a) > target ? (uz__spare_frames(a) - target) / PIECE_FRAMES : 0;

	pieces -= pieces % unit;
	return uz__piece_return(a, (uint32_t)UZ_MIN(pieces, (uint64_t)ABLOCK_PIECES), how) != 0;
}

/* Ahead of demand for what has to be moved: outside of regions as long as there are addresses. */
static bool fill(struct uz__arena *a, uint32_t chunk)
{
	struct uz__wanted p = { .kind = MOVABLE, .begin = true };

	if (uz__piece_commit(a, p, chunk) == 0)
		return true;
	p.lent = true;
	return uz__piece_commit(a, p, chunk) == 0;
}

/* What went lazily at that time or before is due. */
static uint64_t lazy_end(struct uz__arena *a)
{
	uint64_t now = a->pub.plat->ops->now(a->pub.plat);

	if (a->nr_lent || a->ret.pressed || a->ret.policy == UZ_RETURN_EAGER)
		return UINT64_MAX;
	return now > UZ__LAZY_MAX_NS ? now - UZ__LAZY_MAX_NS : 0;
}

/* One step: true when something was done and more may be needed. */
static bool step(struct uz__arena *a)
{
	const struct uz__wanted evac = { .kind = EMPTY, .begin = true };
	uint64_t target = uz__reserve_frames(a);
	uint32_t chunk = a->pub.plat->commit_bytes / PIECE_BYTES;

	if (uz__owed_pay(a, 1) || uz__lazy_force(a, lazy_end(a)))
		return true;
	if (uz__spare_frames(a) < target / 2)
		return fill(a, chunk);
	if (uz__evac_ready(a, a->nr_evac) < a->nr_evac &&
	    uz__piece_commit(a, evac, ABLOCK_PIECES) == 0)
		return true;
	return return_some(a, RETURN_WHOLE);
}

/* Returning a piece cuts the free runs around it, so this is for when nothing can be moved. */
void uz_arena_trim(struct uz_arena *pub)
{
	struct uz__arena *a = uz__arena(pub);

	uz_lock(pub->plat, &a->lock);
	uz__owed_pay(a, UINT64_MAX);
	while (uz__lazy_force(a, UINT64_MAX) || return_some(a, RETURN_TRIM))
		;
	uz_unlock(pub->plat, &a->lock);
}

/* Lock not held, for calls that take long or call back. */
static void look(struct uz__arena *a, uint64_t now_ns)
{
	struct uz_plat *pl = a->pub.plat;
	bool due, pressed;

	if (!pl->ops->pressed)
		return;
	uz_lock(pl, &a->lock);
	due = uz__return_look_due(&a->ret, now_ns);
	uz_unlock(pl, &a->lock);
	if (!due)
		return;
	pressed = pl->ops->pressed(pl);
	uz_lock(pl, &a->lock);
	uz__return_looked(&a->ret, now_ns, pressed);
	uz_unlock(pl, &a->lock);
}

/* A switch since the last call. */
static void tell(struct uz__arena *a)
{
	struct uz_plat *pl = a->pub.plat;
	const char *from, *to;
	uint32_t percent;
	bool told;

	uz_lock(pl, &a->lock);
	told = a->switches_told == a->ret.switches;
	a->switches_told = a->ret.switches;
	from = told ? NULL : a->ret.method[a->ret.from].name;
	to = told ? NULL : a->ret.method[a->ret.to].name;
	percent = a->ret.ratio_percent;
	uz_unlock(pl, &a->lock);
	if (!told && pl->ops->switched)
		pl->ops->switched(pl, from, to, percent);
}

bool uz_arena_background(struct uz_arena *pub, uint64_t budget_ns)
{
	struct uz__arena *a = uz__arena(pub);
	struct uz_plat *pl = pub->plat;
	uint64_t end = pl->ops->now(pl) + budget_ns;
	bool more;

	uz_lock(pl, &a->background_lock);
	look(a, end - budget_ns);
	uz_lock(pl, &a->lock);
	uz__decay_note(&a->decay, end - budget_ns, a->nr_used_frames);
	do
		more = step(a);
	while (more && pl->ops->now(pl) < end);
	uz_unlock(pl, &a->lock);
	tell(a);
	uz_unlock(pl, &a->background_lock);
	return more;
}

void uz_arena_set_return(struct uz_arena *pub, enum uz_return_policy policy)
{
	struct uz__arena *a = uz__arena(pub);

	uz_lock(pub->plat, &a->lock);
	a->ret.policy = (uint8_t)policy;
	uz_unlock(pub->plat, &a->lock);
	uz_arena_background_wake(pub);
}

enum uz_return_policy uz_arena_return(struct uz_arena *pub)
{
	struct uz__arena *a = uz__arena(pub);
	enum uz_return_policy policy;

	uz_lock(pub->plat, &a->lock);
	policy = (enum uz_return_policy)a->ret.policy;
	uz_unlock(pub->plat, &a->lock);
	return policy;
}

void uz_arena_background_wake(struct uz_arena *pub)
{
	struct uz__arena *a = uz__arena(pub);

	if (uz_load(&a->sleeping) && uz_exchange_release(&a->sleeping, 0u))
		pub->plat->ops->wake(pub->plat, &a->sleeping);
}

/* A wake that comes before the sleep is not lost for longer than the deadline. */
void uz_arena_background_wait(struct uz_arena *pub, uint64_t deadline_ns)
{
	struct uz__arena *a = uz__arena(pub);

	uz_store_release(&a->sleeping, 1u);
	pub->plat->ops->wait(pub->plat, &a->sleeping, 1, deadline_ns);
	uz_store(&a->sleeping, 0);
}
