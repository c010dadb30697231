/* SPDX-License-Identifier: MIT */
/*
 * Pieces of one arena block given back by a method, and the methods tried beside each other. They
 * are tried on memory that is on its way back anyway: it is charged already, lies where all other
 * does, and nobody waits for it. Each method gives it back and it is committed again, three times;
 * the median counts. What the system still holds after an eager method says whether it frees
 * at all. Costs at most 2 MiB for 50 ms of the background thread.
 */
#include "arena_i.h"

#define ROUNDS 3u
#define PROBE_NS 50000000ull
#define LEFT_PART 8 /* of what was given back may still be held */
#define HOPELESS 4 /* a call as long as so many of another with its way back is not tried again */

struct trial {
	uint64_t advice_ns[ROUNDS], refault_ns[ROUNDS];
	bool legal;
};

/* The stretches of @mask as ranges; how many. */
static unsigned int ranges(const struct uz__arena *a, uint32_t ablock, uint32_t mask,
			   struct uz_range *v)
{
	unsigned int nr = 0;

	while (mask) {
		uint32_t stretch = uz__mask_stretch(mask);
		uint32_t first = (uint32_t)__builtin_ctz(stretch);

		v[nr++] = (struct uz_range){ uz__piece_addr(a, ablock, first),
					     (size_t)uz__mask_bytes(stretch) };
		mask &= ~stretch;
	}
	return nr;
}

static int give(struct uz__arena *a, uint32_t ablock, uint32_t mask, unsigned int method,
		uint64_t *spent_ns)
{
	struct uz_range v[ABLOCK_PIECES / 2];
	struct uz_plat *pl = a->pub.plat;
	unsigned int nr = ranges(a, ablock, mask, v);
	uint64_t start = uz__cpu(pl);
	int r = 0;

	if (a->ret.nr_methods)
		r = pl->ops->give_back(pl, method, v, nr);
	else
		for (unsigned int i = 0; i < nr && r == 0; i++)
			r = pl->ops->decommit(pl, v[i].p, v[i].len);
	*spent_ns = uz__cpu(pl) - start;
	return r;
}

int uz__give(struct uz__arena *a, uint32_t ablock, uint32_t mask, uint32_t busy,
	     enum uz__shape shape, unsigned int *method, uint64_t *spent_ns)
{
	int r;

	for (;;) {
		uz__transit_begin(a, mask);
		r = give(a, ablock, busy, *method, spent_ns);
		uz__transit_end(a, mask);
		if (r == 0 || *method == a->ret.fallback)
			return r;
		uz__return_refused(&a->ret, shape, *method);
		*method = a->ret.fallback;
	}
}

static int commit(struct uz__arena *a, uint32_t ablock, uint32_t mask, uint64_t *spent_ns)
{
	struct uz_range v[ABLOCK_PIECES / 2];
	struct uz_plat *pl = a->pub.plat;
	unsigned int nr = ranges(a, ablock, mask, v);
	uint64_t start = uz__cpu(pl);
	int r = 0;

	for (unsigned int i = 0; i < nr && r == 0; i++)
		r = pl->ops->commit(pl, v[i].p, v[i].len);
	*spent_ns = uz__cpu(pl) - start;
	return r;
}

static bool frees(struct uz__arena *a, uint32_t ablock, uint32_t mask)
{
	struct uz_range v[ABLOCK_PIECES / 2];
	struct uz_plat *pl = a->pub.plat;
	unsigned int nr = ranges(a, ablock, mask, v);
	uint64_t held = 0;

	for (unsigned int i = 0; i < nr; i++) {
		int64_t n = pl->ops->held(pl, v[i].p, v[i].len);

		held += n < 0 ? v[i].len : (uint64_t)n;
	}
	return held * LEFT_PART <= uz__mask_bytes(mask);
}

static uint64_t median(const uint64_t *v)
{
	uint64_t low = UZ_MIN(v[0], v[1]), high = UZ_MAX(v[0], v[1]);

	return UZ_MAX(low, UZ_MIN(high, v[2]));
}

/* One round of one method; what comes first in a round finds what the one before it left. */
static int try_once(struct uz__arena *a, uint32_t ablock, uint32_t mask, unsigned int method,
		    struct trial *t, unsigned int round)
{
	int r = give(a, ablock, mask, method, &t->advice_ns[round]);

	t->legal =
		r == 0 && (round || uz__return_is_lazy(&a->ret, method) || frees(a, ablock, mask));
	return commit(a, ablock, mask, &t->refault_ns[round]);
}

/* Rounds that are not to come are like this one. */
static void repeat(struct trial *t, unsigned int round)
{
	for (unsigned int i = round + 1; i < ROUNDS; i++) {
		t->advice_ns[i] = t->advice_ns[round];
		t->refault_ns[i] = t->refault_ns[round];
	}
}

/* The shortest way out and back in the first round. */
static uint64_t shortest(const struct trial *t, unsigned int nr)
{
	uint64_t best = UINT64_MAX;

	for (unsigned int m = 0; m < nr; m++)
		if (t[m].legal)
			best = UZ_MIN(best, t[m].advice_ns[0] + t[m].refault_ns[0]);
	return best;
}

static int try_all(struct uz__arena *a, uint32_t ablock, uint32_t mask, struct trial *t)
{
	struct uz_plat *pl = a->pub.plat;
	uint64_t end = pl->ops->now(pl) + PROBE_NS, best = UINT64_MAX;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int m = 0; m < a->ret.nr_methods; m++) {
			int r;

			if (round && (!t[m].legal || t[m].advice_ns[0] / HOPELESS > best ||
				      pl->ops->now(pl) >= end))
				continue;
			r = try_once(a, ablock, mask, m, &t[m], round);
			if (r < 0)
				return r;
			repeat(&t[m], round);
		}
		best = shortest(t, a->ret.nr_methods);
	}
	return 0;
}

int uz__probe(struct uz__arena *a, uint32_t ablock, uint32_t mask, enum uz__shape shape)
{
	struct trial t[UZ__METHODS_MAX];
	uint64_t frames = uz__mask_frames(mask), now, start, cost;
	int r;

	uz__transit_begin(a, mask);
	start = uz__cpu(a->pub.plat);
	r = try_all(a, ablock, mask, t);
	cost = uz__cpu(a->pub.plat) - start;
	uz__transit_end(a, mask);
	now = a->pub.plat->ops->now(a->pub.plat);
	for (unsigned int m = 0; m < a->ret.nr_methods && r == 0; m++)
		uz__return_probed(&a->ret, shape, m, now, t[m].legal,
				  median(t[m].advice_ns) * 1000 / frames,
				  median(t[m].refault_ns) * 1000 / frames);
	uz__return_probe_done(&a->ret, shape, now, cost);
	return r;
}
