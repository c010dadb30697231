/* SPDX-License-Identifier: MIT */
/*
 * What a region says of itself. Counters are kept by grants; what is lent, and what there is to move
 * to, is counted when somebody asks.
 */
#include "promise_i.h"
#include "region_i.h"

/* The least value that @rank of the grants do not exceed. */
static uint64_t at_rank(const struct uz_hist *h, uint64_t rank)
{
	uint64_t seen = 0;

	for (unsigned int b = 0; b < UZ_HIST_BUCKETS - 1; b++) {
		seen += h->bucket[b];
		if (seen >= rank)
			return UZ_MIN(uz_hist_top(b), h->max_ns);
	}
	return h->max_ns;
}

static void latency(const struct uz_region *r, struct uz_region_stats *out)
{
	uint64_t n = r->success;

	if (!n)
		return;
	out->grant_p50_ns = at_rank(&r->hist, UZ_DIV_UP(n, 2));
	out->grant_p99_ns = at_rank(&r->hist, n - n / 100);
	out->grant_p999_ns = at_rank(&r->hist, n - n / 1000);
	out->grant_max_ns = r->hist.max_ns;
}

static void lent(struct uz_region *r, struct uz_region_stats *out)
{
	uint64_t chunk = 0;

	for (uint32_t i = r->first; i < r->first + r->nr; i++) {
		const struct ablock *ab = uz__ablock(r->a, i);

		chunk = ab->granted ? 0 : chunk + UZ_ABLOCK_FRAMES;
		out->maxchunk = UZ_MAX(out->maxchunk, chunk);
		out->lent_discard += ab->kind == CLEAN ? ab->nr_used : 0;
		out->lent_move += ab->kind == MOVABLE ? ab->nr_used : 0;
	}
	if (r->borrower->spill)
		out->lent_spill = r->borrower->spill(r->borrower, r->first, r->nr);
}

void uz_region_stats(struct uz_region *r, struct uz_region_stats *out)
{
	struct uz__arena *a = r->a;

	uz_lock(a->pub.plat, &a->lock);
	*out = (struct uz_region_stats){
		.count = (uint64_t)r->nr * UZ_ABLOCK_FRAMES,
		.used = (uint64_t)r->nr_used * UZ_ABLOCK_FRAMES,
		.reserved = uz__promises(r) ? (uint64_t)(r->nr - r->nr_used) * UZ_ABLOCK_FRAMES : 0,
		.cma_alloc_success = r->success,
		.cma_alloc_fail = r->fail,
		.alloc_pages_success = r->pages_success,
		.alloc_pages_fail = r->pages_fail,
		.pgmigrate_success = r->moved,
		.pgmigrate_fail = r->failed,
		.lend_refused = a->lend_refused,
		.evac_avail = (uint64_t)uz__evac_ready(a, UINT32_MAX) * UZ_ABLOCK_FRAMES,
		.evac_min = (uint64_t)a->nr_evac * UZ_ABLOCK_FRAMES,
	};
	memcpy(out->stage_ns, r->stage_ns, sizeof(out->stage_ns));
	memcpy(out->slowest_ns, r->slowest_ns, sizeof(out->slowest_ns));
	latency(r, out);
	lent(r, out);
	uz_unlock(a->pub.plat, &a->lock);
}

void uz_region_bitmap(struct uz_region *r, uint64_t *words, unsigned int nr)
{
	struct uz__arena *a = r->a;

	memset(words, 0, nr * sizeof(*words));
	uz_lock(a->pub.plat, &a->lock);
	for (uint32_t i = 0; i < r->nr && i / 64 < nr; i++)
		words[i / 64] |= (uint64_t)uz__ablock(a, r->first + i)->granted << (i % 64);
	uz_unlock(a->pub.plat, &a->lock);
}
