/* SPDX-License-Identifier: MIT */
/*
 * Recounts an arena: the equations of arena_i.h, block by block.
 */
#include "arena_i.h"
#include "promise_i.h"

struct count {
	uint64_t used, free, pieces, clean, bearing, lent, foreign, lent_frames, lazy, owed;
};

static int check_ablock(struct uz__arena *a, uint32_t i, struct count *c)
{
	const struct ablock *ab = uz__ablock(a, i);
	uint32_t used = 0;

	for (unsigned int w = 0; w < UZ_ABLOCK_FRAMES / 64; w++)
		used += uz_popcount(ab->used[w]);
	for (unsigned int p = 0; p < ABLOCK_PIECES; p++)
		if (!(ab->resident >> p & 1) && (ab->used[p / 4] >> (p % 4 * 16) & 0xffff))
			return -UZ_EBADMSG;
	if (used != ab->nr_used || ab->busy || (ab->kind == EMPTY) != !used)
		return -UZ_EBADMSG;
	c->used += used;
	c->clean += ab->kind == CLEAN ? used : 0;
	c->bearing += uz__ablock_bearing(ab);
	c->lent += ab->in_region;
	c->foreign += ab->foreign ? uz__ablock_free_frames(ab) : 0;
	if (ab->foreign && (!ab->in_region || (!ab->isolated && ~ab->resident)))
		return -UZ_EBADMSG;
	c->lent_frames += ab->in_region ? used : 0;
	if (ab->in_region && ab->kind == PINNED)
		return -UZ_EBADMSG;
	if (ab->granted && (used || ab->resident || !ab->isolated || !ab->in_region))
		return -UZ_EBADMSG;
	if (ab->lazy & ab->resident || ab->owed & (ab->resident | ab->lazy))
		return -UZ_EBADMSG;
	c->lazy += uz_popcount(ab->lazy);
	c->owed += uz_popcount(ab->owed);
	c->pieces += uz_popcount(ab->resident);
	c->free += uz__ablock_free_frames(ab);
	return 0;
}

static uint64_t count_filed(struct uz__arena *a, unsigned int shelf)
{
	uint64_t n = 0;

	for (unsigned int b = 0; b < NR_BINS; b++)
		for (uint32_t i = a->bin[shelf][b]; i != NO_ABLOCK; i = uz__ablock(a, i)->next) {
			int run = uz__ablock_find(uz__ablock(a, i), UZ_MAX(b, 1u));

			if (uz__ablock(a, i)->bin != b || uz__shelf(uz__ablock(a, i)) != shelf ||
			    (run >= 0) != (b > 0))
				return UINT32_MAX;
			n++;
		}
	return n;
}

/* Each arena block with lazy pieces once, the oldest first. */
static uint64_t count_lazy(struct uz__arena *a)
{
	uint64_t n = 0, last_ns = 0;

	for (uint32_t i = a->lazy_oldest; i != NO_ABLOCK; i = uz__ablock(a, i)->lazy_next) {
		const struct ablock *ab = uz__ablock(a, i);

		if (!ab->lazy || ab->lazy_ns < last_ns || n > ABLOCK_PIECES * a->nr_ablocks)
			return UINT64_MAX;
		last_ns = ab->lazy_ns;
		n += uz_popcount(ab->lazy);
	}
	return n;
}

int uz_arena_check(struct uz_arena *pub)
{
	struct uz__arena *a = uz__arena(pub);
	struct count c = { 0 };
	uint64_t filed = 0;

	for (uint32_t i = 0; i < a->nr_ablocks; i++) {
		if (check_ablock(a, a->first_ablock + i, &c) < 0)
			return -UZ_EBADMSG;
		filed += !uz__ablock(a, a->first_ablock + i)->isolated;
	}
	for (unsigned int k = 0; k < NR_SHELVES; k++)
		filed -= count_filed(a, k);
	if (c.used != a->nr_used_frames || c.free != a->nr_free_frames || filed)
		return -UZ_EBADMSG;
	if (c.used + c.free != c.pieces * PIECE_FRAMES)
		return -UZ_EBADMSG;
	if (c.clean != a->nr_clean_frames || c.bearing != a->nr_bearing || a->transit_bytes ||
	    a->due_bytes)
		return -UZ_EBADMSG;
	for (unsigned int k = 0; k < NR_KINDS; k++)
		c.lent_frames -= a->lent_frames[k];
	if (c.lent != a->nr_lent || c.foreign != a->foreign_free || c.lent_frames ||
	    uz__check_regions(a) < 0)
		return -UZ_EBADMSG;
	if (c.owed * PIECE_BYTES != a->owed_bytes)
		return -UZ_EBADMSG;
	if (c.lazy * PIECE_FRAMES != a->lazy_frames || c.lazy != count_lazy(a))
		return -UZ_EBADMSG;
	if ((c.pieces + c.lazy) * PIECE_BYTES > a->total_bytes)
		return -UZ_EBADMSG;
	return 0;
}
