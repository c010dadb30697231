/* SPDX-License-Identifier: MIT */
/*
 * What grants owe the system. Where giving memory back takes long (a page of a memfd 0.75 us, so
 * 25 ms for 32,000 pages) a grant is handed out as soon as its window is empty, and the window's memory goes
 * back right after: first thing in background work, and before anything else is committed, at
 * least as much each time. So the process never has more than when the grant was handed out; above
 * the limit it has what is owed at most, and only once the grant's holder has made his own memory. He
 * who must not be above it for a moment pays first (uz_arena_pay).
 *
 * What is owed is in no list and cannot be committed or handed out. A grant that ends, or fails
 * after all, has it back as it is. But what the system refused may have gone in part, so it comes back as
 * what went lazily does: it is charged, and committed before it is used.
 */
#include "arena_i.h"

#define NAP_NS 50000ull

/* Isolated, in use by nobody, resident. */
void uz__owed_add(struct uz__arena *a, uint32_t ablock, uint32_t mask)
{
	struct ablock *ab = uz__ablock(a, ablock);

	ab->resident &= ~mask;
	ab->owed |= mask;
	uz__free_frames_add(a, -(int64_t)uz__mask_frames(mask));
	uz_store(&a->owed_bytes, a->owed_bytes + uz__mask_bytes(mask));
}

/* Isolated; the caller sees to it that the bytes are charged as resident ones now. */
uint64_t uz__owed_recall(struct uz__arena *a, uint32_t ablock)
{
	struct ablock *ab = uz__ablock(a, ablock);
	uint32_t mask = ab->owed;

	ab->owed = 0;
	if (mask && ab->refused) {
		uz__lazy_add(a, ablock, mask, a->pub.plat->ops->now(a->pub.plat));
	} else {
		ab->resident |= mask;
		uz__free_frames_add(a, (int64_t)uz__mask_frames(mask));
	}
	ab->refused = false;
	uz_store(&a->owed_bytes, a->owed_bytes - uz__mask_bytes(mask));
	return uz__mask_bytes(mask);
}

/* Of one that is in use again: its grant ended while the system refused them. */
static void recall_filed(struct uz__arena *a, uint32_t i)
{
	uz__ablock_unfile(a, i);
	uz__owed_recall(a, i);
	uz__ablock_file(a, i);
}

/* The next arena block that owes anything which nobody is giving back already. */
static uint32_t find(struct uz__arena *a)
{
	for (uint32_t n = 0; n < a->nr_ablocks; n++) {
		uint32_t i = a->first_ablock + (a->owed_at + n) % a->nr_ablocks;

		if (uz__ablock(a, i)->owed) {
			a->owed_at = i - a->first_ablock;
			return i;
		}
	}
	return NO_ABLOCK;
}

/* The grant may end meanwhile; then the arena block is in use again but for these pieces. */
static uint64_t pay_one(struct uz__arena *a, uint32_t i)
{
	struct ablock *ab = uz__ablock(a, i);
	unsigned int method = a->ret.fallback;
	uint32_t mask = ab->owed;
	uint64_t spent;
	int r;

	ab->owed = 0;
	uz__mark_busy(a, i, mask, true);
	a->owed_busy_bytes += uz__mask_bytes(mask);
	r = uz__give(a, i, 0, mask, SHAPE_WHOLE, &method, &spent); /* none of it is charged */
	a->owed_busy_bytes -= uz__mask_bytes(mask);
	uz__mark_busy(a, i, mask, false);
	if (r < 0) {
		ab->owed |= mask;
		ab->refused = true;
		a->owed_at++; /* the others shall have their turn */
		if (!ab->isolated && uz__budget_try(a, uz__mask_bytes(ab->owed), 0))
			recall_filed(a, i);
		return 0;
	}
	ab->refused = ab->refused && ab->owed;
	uz_store(&a->owed_bytes, a->owed_bytes - uz__mask_bytes(mask));
	a->returned_bytes += uz__mask_bytes(mask);
	return uz__mask_bytes(mask);
}

uint64_t uz__owed_pay(struct uz__arena *a, uint64_t bytes)
{
	uint64_t paid = 0, n;
	uint32_t i;

	while (paid < bytes && a->owed_bytes) {
		i = find(a);
		n = i == NO_ABLOCK ? 0 : pay_one(a, i);
		if (!n)
			break;
		paid += n;
	}
	return paid;
}

/* As much as that; what others are giving back just now counts when it is gone. */
uint64_t uz_arena_pay(struct uz_arena *pub, uint64_t bytes)
{
	struct uz__arena *a = uz__arena(pub);
	struct uz_plat *pl = pub->plat;
	uint64_t paid = 0, busy;

	do {
		if (UZ_LIKELY(!uz_load(&a->owed_bytes)))
			return 0;
		uz_lock(pl, &a->lock);
		paid += uz__owed_pay(a, bytes - paid);
		busy = a->owed_busy_bytes;
		uz_unlock(pl, &a->lock);
		if (busy && paid < bytes)
			uz_nap(pl, pl->ops->now(pl) + NAP_NS);
	} while (busy && paid < bytes);
	return uz_load(&a->owed_bytes);
}
