/* SPDX-License-Identifier: MIT */
/*
 * Pieces that went lazily: the system may take them, and until it does they cost as before, so they
 * stay charged. Whoever needs memory commits the ones that went last, which costs little as long as
 * the system let them be; whoever needs budget has the oldest given back; and all are
 * given back after UZ__LAZY_MAX_NS, so that what is said to be resident is true soon.
 * One time stamp an arena block: they go as a whole. With a region nothing goes lazily, since
 * what is promised must not depend on it.
 */
#include "arena_i.h"

static void unlink_block(struct uz__arena *a, struct ablock *ab)
{
	if (ab->lazy_prev != NO_ABLOCK)
		uz__ablock(a, ab->lazy_prev)->lazy_next = ab->lazy_next;
	else
		a->lazy_oldest = ab->lazy_next;
	if (ab->lazy_next != NO_ABLOCK)
		uz__ablock(a, ab->lazy_next)->lazy_prev = ab->lazy_prev;
	else
		a->lazy_newest = ab->lazy_prev;
}

/* Among those of the same time or older; mostly it is the newest. */
static void link_block(struct uz__arena *a, uint32_t i)
{
	struct ablock *ab = uz__ablock(a, i);
	uint32_t before = a->lazy_newest;

	while (before != NO_ABLOCK && uz__ablock(a, before)->lazy_ns > ab->lazy_ns)
		before = uz__ablock(a, before)->lazy_prev;
	ab->lazy_prev = before;
	ab->lazy_next = before == NO_ABLOCK ? a->lazy_oldest : uz__ablock(a, before)->lazy_next;
	if (before != NO_ABLOCK)
		uz__ablock(a, before)->lazy_next = i;
	else
		a->lazy_oldest = i;
	if (ab->lazy_next != NO_ABLOCK)
		uz__ablock(a, ab->lazy_next)->lazy_prev = i;
	else
		a->lazy_newest = i;
}

static void frames_add(struct uz__arena *a, uint32_t mask, bool add)
{
	uint64_t frames = uz__mask_frames(mask);

	uz_store(&a->lazy_frames, add ? a->lazy_frames + frames : a->lazy_frames - frames);
}

void uz__lazy_add(struct uz__arena *a, uint32_t ablock, uint32_t mask, uint64_t now_ns)
{
	struct ablock *ab = uz__ablock(a, ablock);

	if (ab->lazy)
		unlink_block(a, ab);
	else
		ab->lazy_ns = now_ns;
	ab->lazy_ns = UZ_MIN(ab->lazy_ns, now_ns);
	frames_add(a, mask, true);
	ab->lazy |= mask;
	link_block(a, ablock);
}

void uz__lazy_remove(struct uz__arena *a, uint32_t ablock, uint32_t mask)
{
	struct ablock *ab = uz__ablock(a, ablock);

	mask &= ab->lazy;
	if (!mask)
		return;
	frames_add(a, mask, false);
	ab->lazy &= ~mask;
	if (!ab->lazy)
		unlink_block(a, ab);
}

static bool suits(const struct ablock *ab, struct uz__wanted p)
{
	return ab->in_region == p.lent && (ab->kind == p.kind || (ab->kind == EMPTY && p.begin));
}

/* An isolated one is being emptied, and nothing shall be put there. */
uint32_t uz__lazy_find(struct uz__arena *a, struct uz__wanted p)
{
	uint32_t i = a->lazy_newest;

	for (; i != NO_ABLOCK; i = uz__ablock(a, i)->lazy_prev) {
		const struct ablock *ab = uz__ablock(a, i);

		if (suits(ab, p) && !ab->isolated && !ab->busy)
			break;
	}
	return i;
}

uint64_t uz__lazy_force(struct uz__arena *a, uint64_t before_ns)
{
	uint32_t i = a->lazy_oldest, mask;
	unsigned int method;
	uint64_t spent;
	int r;

	if (i == NO_ABLOCK || uz__ablock(a, i)->lazy_ns > before_ns)
		return 0;
	method = uz__return_pick(&a->ret, SHAPE_WHOLE, false);
	mask = uz__ablock(a, i)->lazy;
	uz__lazy_remove(a, i, mask);
	uz__mark_busy(a, i, mask, true);
	r = uz__give(a, i, mask, mask, SHAPE_WHOLE, &method, &spent);
	uz__mark_busy(a, i, mask, false);
	if (r < 0) {
		uz__lazy_add(a, i, mask, a->pub.plat->ops->now(a->pub.plat));
		return 0;
	}
	uz_fetch_sub(&a->total_bytes, uz__mask_bytes(mask));
	uz__ablock(a, i)->gone_by = (uint8_t)(method + 1);
	return uz__mask_bytes(mask);
}

void uz__lazy_force_all(struct uz__arena *a)
{
	while (uz__lazy_force(a, UINT64_MAX))
		;
}
