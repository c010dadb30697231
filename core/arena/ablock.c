/* SPDX-License-Identifier: MIT */
/*
 * One arena block: 512 frames as bitmaps. Searches walk the gaps of the used
 * bitmap with count-trailing-zeros: a full block costs eight loads, a block with g
 * gaps about 2g steps. Blocks are filed by their longest free run, so that the
 * first bin that is not empty gives the tightest fit.
 */
#include "arena_i.h"
#include "promise_i.h"

#define WORDS (UZ_ABLOCK_FRAMES / 64)

struct ablock *uz__ablock(const struct uz__arena *a, uint32_t i)
{
	return &a->ab[i - a->first_ablock];
}

static uint64_t missing_bytes(const struct uz__arena *a, uint32_t nr)
{
	uint64_t need = (uint64_t)nr * sizeof(struct ablock);
	uint64_t page = a->pub.plat->page_bytes;

	return need > a->ablock_area.committed ? UZ_ALIGN_UP(need, page) - a->ablock_area.committed
					       : 0;
}

uint64_t uz__ablock_fresh_bytes(const struct uz__arena *a)
{
	return missing_bytes(a, a->nr_ablocks + 1);
}

/* Not uz_area_grow: that may take the arena's lock to find budget, which is held here. */
int uz__ablock_prepare(struct uz__arena *a, uint32_t nr)
{
	struct uz_plat *pl = a->pub.plat;
	struct uz_area *area = &a->ablock_area;
	uint64_t bytes = missing_bytes(a, nr);
	int r;

	if (!bytes)
		return 0;
	if (!uz__promise_ok(a, bytes) || !uz__budget_try(a, bytes, 0))
		return -UZ_ENOSPC;
	r = pl->ops->commit(pl, area->base + area->committed, bytes);
	if (r < 0)
		uz_fetch_sub(&a->total_bytes, bytes);
	else
		area->committed += bytes;
	return r;
}

/* The next arena block that was never used; its bookkeeping is committed here. */
int uz__ablock_fresh(struct uz__arena *a, uint32_t *i)
{
	uint32_t n = a->nr_ablocks;
	int r;

	if (a->first_ablock + n >= a->end_ablock)
		return -UZ_ENOSPC;
	r = uz__ablock_prepare(a, n + 1);
	if (r < 0)
		return r;
	a->nr_ablocks++;
	*i = a->first_ablock + n;
	uz__ablock(a, *i)->kind = EMPTY;
	uz__ablock_file(a, *i);
	return 0;
}

/* Frames that must not be handed out: used, or in a piece that is not resident or busy. */
static uint64_t taken_word(const struct ablock *ab, unsigned int w)
{
	uint32_t usable = (ab->resident & ~ab->busy) >> (w * 4) & 15;
	uint64_t taken = ab->used[w];

	for (unsigned int p = 0; p < 4; p++)
		if (!(usable >> p & 1))
			taken |= 0xffffull << (p * 16);
	return taken;
}

/* First frame at or after @from whose taken bit is @want; UZ_ABLOCK_FRAMES if none. */
static uint32_t next_bit(const uint64_t *taken, uint32_t from, bool want)
{
	for (uint32_t w = from / 64; w < WORDS; w++) {
		uint64_t x = want ? taken[w] : ~taken[w];

		if (w == from / 64)
			x &= ~0ull << (from % 64);
		if (x)
			return w * 64 + (uint32_t)__builtin_ctzll(x);
	}
	return UZ_ABLOCK_FRAMES;
}

struct gap {
	uint32_t first, nr;
};

/* The smallest gap of at least @nr frames, or the longest one when there is none. */
static struct gap best_gap(const struct ablock *ab, uint32_t nr)
{
	uint64_t taken[WORDS];
	struct gap best = { 0, 0 };

	for (unsigned int w = 0; w < WORDS; w++)
		taken[w] = taken_word(ab, w);
	for (uint32_t i = next_bit(taken, 0, false); i < UZ_ABLOCK_FRAMES;) {
		uint32_t end = next_bit(taken, i, true);
		struct gap g = { i, end - i };

		if (best.nr < nr ? g.nr > best.nr : g.nr >= nr && g.nr < best.nr)
			best = g;
		if (best.nr == nr)
			break;
		i = next_bit(taken, end, false);
	}
	return best;
}

int uz__ablock_find(const struct ablock *ab, uint32_t nr)
{
	struct gap g = best_gap(ab, nr);

	return g.nr >= nr ? (int)g.first : -1;
}

static uint64_t run_mask(uint32_t bit, uint32_t nr)
{
	return (nr == 64 ? ~0ull : (1ull << nr) - 1) << bit;
}

static void set(struct ablock *ab, uint32_t first, uint32_t nr, bool used)
{
	for (uint32_t done = 0; done < nr;) {
		uint32_t bit = (first + done) % 64, n = UZ_MIN(nr - done, 64 - bit);
		uint64_t mask = run_mask(bit, n);

		if (used)
			ab->used[(first + done) / 64] |= mask;
		else
			ab->used[(first + done) / 64] &= ~mask;
		done += n;
	}
	ab->nr_used = (uint16_t)(used ? ab->nr_used + nr : ab->nr_used - nr);
}

bool uz__ablock_bearing(const struct ablock *ab)
{
	return ab->kind == MOVABLE || ab->kind == PINNED;
}

void uz__ablock_take(struct uz__arena *a, struct ablock *ab, enum ablock_kind kind, uint32_t first,
		     uint32_t nr)
{
	a->nr_bearing -= uz__ablock_bearing(ab);
	set(ab, first, nr, true);
	ab->kind = (uint8_t)kind;
	a->nr_bearing += uz__ablock_bearing(ab);
	a->nr_clean_frames += ab->kind == CLEAN ? nr : 0;
	a->lent_frames[kind] += ab->in_region ? nr : 0;
	uz_store(&a->foreign_free, a->foreign_free - (ab->foreign ? nr : 0));
}

void uz__ablock_put(struct uz__arena *a, struct ablock *ab, uint32_t first, uint32_t nr)
{
	a->nr_bearing -= uz__ablock_bearing(ab);
	a->nr_clean_frames -= ab->kind == CLEAN ? nr : 0;
	a->lent_frames[ab->kind] -= ab->in_region ? nr : 0;
	uz_store(&a->foreign_free, a->foreign_free + (ab->foreign ? nr : 0));
	set(ab, first, nr, false);
	if (!ab->nr_used)
		ab->kind = EMPTY;
	a->nr_bearing += uz__ablock_bearing(ab);
}

bool uz__ablock_is(const struct ablock *ab, uint32_t first, uint32_t nr, bool used)
{
	for (uint32_t i = first; i < first + nr; i++)
		if ((ab->used[i / 64] >> (i % 64) & 1) != used)
			return false;
	return true;
}

/* Pieces that are resident and hold nothing, and may go back. */
uint32_t uz__ablock_free_pieces(const struct ablock *ab)
{
	uint32_t pieces = 0;

	if (ab->foreign)
		return 0;
	for (unsigned int p = 0; p < ABLOCK_PIECES; p++)
		if (!(ab->used[p / 4] >> (p % 4 * 16) & 0xffff))
			pieces |= 1u << p;
	return pieces & ab->resident & ~ab->busy;
}

uint32_t uz__ablock_cold_pieces(const struct ablock *ab)
{
	return ~(ab->resident | ab->busy | ab->lazy | ab->owed);
}

uint32_t uz__ablock_free_frames(const struct ablock *ab)
{
	return uz_popcount(ab->resident & ~ab->busy) * PIECE_FRAMES - ab->nr_used;
}

static void bin_insert(struct uz__arena *a, uint32_t i)
{
	struct ablock *ab = uz__ablock(a, i);
	uint32_t nr = best_gap(ab, PIECE_FRAMES).nr;

	ab->bin = (uint8_t)UZ_MIN(nr, UZ_RUN_MAX);
	ab->prev = NO_ABLOCK;
	ab->next = a->bin[uz__shelf(ab)][ab->bin];
	if (ab->next != NO_ABLOCK)
		uz__ablock(a, ab->next)->prev = i;
	a->bin[uz__shelf(ab)][ab->bin] = i;
}

static void bin_remove(struct uz__arena *a, uint32_t i)
{
	struct ablock *ab = uz__ablock(a, i);

	if (ab->prev != NO_ABLOCK)
		uz__ablock(a, ab->prev)->next = ab->next;
	else
		a->bin[uz__shelf(ab)][ab->bin] = ab->next;
	if (ab->next != NO_ABLOCK)
		uz__ablock(a, ab->next)->prev = ab->prev;
}

static void cold_insert(struct uz__arena *a, uint32_t i)
{
	struct ablock *ab = uz__ablock(a, i);

	ab->on_cold = uz__ablock_cold_pieces(ab) != 0;
	if (!ab->on_cold)
		return;
	ab->cold_prev = NO_ABLOCK;
	ab->cold_next = a->cold[uz__shelf(ab)];
	if (ab->cold_next != NO_ABLOCK)
		uz__ablock(a, ab->cold_next)->cold_prev = i;
	a->cold[uz__shelf(ab)] = i;
}

static void cold_remove(struct uz__arena *a, uint32_t i)
{
	struct ablock *ab = uz__ablock(a, i);

	if (!ab->on_cold)
		return;
	if (ab->cold_prev != NO_ABLOCK)
		uz__ablock(a, ab->cold_prev)->cold_next = ab->cold_next;
	else
		a->cold[uz__shelf(ab)] = ab->cold_next;
	if (ab->cold_next != NO_ABLOCK)
		uz__ablock(a, ab->cold_next)->cold_prev = ab->cold_prev;
	ab->on_cold = false;
}

/* An isolated block is in no list, so nothing new is put there. */
void uz__ablock_file(struct uz__arena *a, uint32_t i)
{
	if (uz__ablock(a, i)->isolated)
		return;
	bin_insert(a, i);
	cold_insert(a, i);
}

void uz__ablock_unfile(struct uz__arena *a, uint32_t i)
{
	if (uz__ablock(a, i)->isolated)
		return;
	bin_remove(a, i);
	cold_remove(a, i);
}

void uz__ablock_isolate(struct uz__arena *a, uint32_t i)
{
	uz__ablock_unfile(a, i);
	uz__ablock(a, i)->isolated = true;
}

void uz__ablock_rejoin(struct uz__arena *a, uint32_t i)
{
	uz__ablock(a, i)->isolated = false;
	uz__ablock_file(a, i);
}
