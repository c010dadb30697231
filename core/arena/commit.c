/* SPDX-License-Identifier: MIT */
/*
 * Memory from the system and back to it, in pieces of 64 KiB. A piece in
 * transit is marked busy, so that the lock is dropped during the system call: a commit
 * costs 2 us a page on a memfd and 0.2 us with huge pages, too long for a lock.
 */
#include "arena_i.h"

struct transit {
	uint32_t ablock, first, nr; /* pieces */
};

static uint32_t piece_mask(struct transit t)
{
	return (t.nr == 32 ? ~0u : (1u << t.nr) - 1) << t.first;
}

/* The first stretch of set bits, at most @max long. */
static struct transit first_stretch(uint32_t ablock, uint32_t bits, uint32_t max)
{
	uint32_t first = (uint32_t)__builtin_ctz(bits);
	uint32_t rest = ~(bits >> first);
	uint32_t nr = rest ? (uint32_t)__builtin_ctz(rest) : 32 - first;

	return (struct transit){ ablock, first, UZ_MIN(UZ_MIN(nr, 32 - first), max) };
}

static void mark(struct uz__arena *a, struct transit t, bool busy)
{
	struct ablock *ab = uz__ablock(a, t.ablock);

	uz__ablock_unfile(a, t.ablock);
	if (busy)
		ab->busy |= piece_mask(t);
	else
		ab->busy &= ~piece_mask(t);
	uz__ablock_file(a, t.ablock);
}

static uint32_t cold_of(const struct uz__arena *a, struct uz__place p)
{
	unsigned int shelf = p.lent ? LENT : 0;
	uint32_t i = a->cold[shelf + p.kind];

	return i == NO_ABLOCK && p.begin ? a->cold[shelf + EMPTY] : i;
}

static int cold_stretch(struct uz__arena *a, struct uz__place p, uint32_t max, struct transit *t)
{
	uint32_t i = cold_of(a, p);
	int r;

	if (i == NO_ABLOCK) {
		r = p.lent || !p.begin ? -UZ_ENOSPC : uz__ablock_fresh(a, &i);
		if (r < 0)
			return r;
	}
	*t = first_stretch(i, uz__ablock_cold_pieces(uz__ablock(a, i)), max);
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

/* @call from the first piece of @mask to the last, without the lock; the pieces are under way then. */
static int pass(struct uz__arena *a, uint32_t ablock, uint32_t mask,
		int (*call)(struct uz_plat *pl, void *p, size_t len))
{
	struct uz_plat *pl = a->pub.plat;
	uint32_t first = (uint32_t)__builtin_ctz(mask), end = 32 - (uint32_t)__builtin_clz(mask);
	uint64_t bytes = uz_popcount(mask) * (uint64_t)PIECE_BYTES;
	int r;

	a->transit_bytes += bytes;
	uz_unlock(pl, &a->lock);
	r = call(pl, uz_frame_addr(&a->pub, ablock * UZ_ABLOCK_FRAMES + first * PIECE_FRAMES),
		 (size_t)(end - first) * PIECE_BYTES);
	uz_lock(pl, &a->lock);
	a->transit_bytes -= bytes;
	return r;
}

int uz__mask_commit(struct uz__arena *a, uint32_t ablock, uint32_t mask)
{
	uint64_t pieces = uz_popcount(mask);
	int r = pass(a, ablock, mask, a->pub.plat->ops->commit);

	if (r < 0) {
		uz_fetch_sub(&a->total_bytes, pieces * PIECE_BYTES);
		a->commit_failures++;
	} else {
		uz__ablock(a, ablock)->resident |= mask;
		uz__free_frames_add(a, (int64_t)pieces * PIECE_FRAMES);
	}
	return r;
}

int uz__mask_decommit(struct uz__arena *a, uint32_t ablock, uint32_t mask)
{
	uint64_t pieces = uz_popcount(mask);
	int r;

	uz__free_frames_add(a, -(int64_t)pieces * PIECE_FRAMES);
	r = pass(a, ablock, mask, a->pub.plat->ops->decommit);
	if (r < 0) {
		uz__free_frames_add(a, (int64_t)pieces * PIECE_FRAMES);
	} else {
		uz__ablock(a, ablock)->resident &= ~mask;
		a->returned_bytes += pieces * PIECE_BYTES;
	}
	return r;
}

/* Commits up to @max_pieces neighbouring pieces; at least one, or an error. */
int uz__piece_commit(struct uz__arena *a, struct uz__place p, uint32_t max_pieces)
{
	struct transit t;
	int r;

	r = cold_stretch(a, p, max_pieces, &t);
	if (r < 0)
		return r;
	t.nr = take_pieces(a, t.nr);
	if (!t.nr)
		return -UZ_ENOSPC;
	mark(a, t, true);
	r = uz__mask_commit(a, t.ablock, piece_mask(t));
	mark(a, t, false);
	return r;
}

/* A stretch of free pieces in a block of that shelf. */
static bool free_stretch(struct uz__arena *a, unsigned int shelf, uint32_t max, struct transit *t)
{
	uint32_t i = a->bin[shelf][UZ_RUN_MAX];

	for (; i != NO_ABLOCK; i = uz__ablock(a, i)->next) {
		uint32_t pieces = uz__ablock_free_pieces(uz__ablock(a, i));

		if (!pieces)
			continue;
		*t = first_stretch(i, pieces, max);
		return true;
	}
	return false;
}

static bool any_stretch(struct uz__arena *a, uint32_t max, bool whole, struct transit *t)
{
	bool found = free_stretch(a, LENT + EMPTY, max, t) || free_stretch(a, EMPTY, max, t);

	for (unsigned int shelf = 0; !whole && !found && shelf < NR_SHELVES; shelf++)
		found = free_stretch(a, shelf, max, t);
	return found;
}

/* Gives up to @max_pieces neighbouring free pieces back, @whole: of an arena block that is free. */
uint64_t uz__piece_return(struct uz__arena *a, uint32_t max_pieces, bool whole)
{
	struct transit t = { 0 };
	uint64_t bytes = 0;

	if (!max_pieces || !any_stretch(a, max_pieces, whole, &t))
		return 0;
	mark(a, t, true);
	if (uz__mask_decommit(a, t.ablock, piece_mask(t)) == 0) {
		bytes = (uint64_t)t.nr * PIECE_BYTES;
		uz_fetch_sub(&a->total_bytes, bytes);
	}
	mark(a, t, false);
	return bytes;
}
