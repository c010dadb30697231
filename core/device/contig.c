/* SPDX-License-Identifier: MIT */
/*
 * Regions of a store. A grant holds the background lock, so that it is the only one that moves
 * arena blocks or takes several slots; background work lets it go first.
 */
#include "evacuate.h"

#define LOCK_NAP_NS 20000ull
#define CALM_NS 100000000ull /* that background work can be put off for */

static bool movable(const struct uz_pool_ops *ops)
{
	return ops->isolate && ops->undo && ops->residents && ops->move;
}

static bool pools_ok(struct uz_store *s)
{
	for (unsigned int i = 0; i < UZ_DISK_MAX; i++)
		for (unsigned int e = 0; s->disk[i] && e < NR_POOLS; e++)
			if (s->disk[i]->pools[e] && !movable(s->disk[i]->pools[e]->ops))
				return false;
	return true;
}

bool uz__pool_lends(struct uz_store *s, const struct uz_pool_ops *ops)
{
	return !uz_load(&s->nr_regions) || movable(ops);
}

static void map_free(struct uz_store *s)
{
	uz_scratch_free(s->arena, s->map, s->map_bytes);
	s->map = NULL;
	s->map_bytes = 0;
}

/* Made with the region, so that a grant needs no memory for it: a thousandth of the largest one. */
static int map_make(struct uz_store *s, uint64_t region_bytes)
{
	uint64_t bytes = UZ_ALIGN_UP(region_bytes, (uint64_t)UZ_ABLOCK_FRAMES << UZ_FRAME_SHIFT);
	void *p;
	int r;

	bytes = bytes >> UZ_FRAME_SHIFT << 2;
	if (bytes <= s->map_bytes)
		return 0;
	r = uz_scratch_alloc(s->arena, bytes, &p);
	if (r < 0)
		return r;
	if (s->map)
		map_free(s);
	s->map = p;
	s->map_bytes = bytes;
	return 0;
}

static int region_create(struct uz_store *s, const struct uz_region_config *c,
			 struct uz_region **out)
{
	uint32_t first, end;
	int r;

	if (!pools_ok(s))
		return -UZ_ENOTSUP;
	uz_arena_span(s->arena, &first, &end);
	if (!c->bytes || c->bytes > (uint64_t)(end - first) << UZ_FRAME_SHIFT)
		return -UZ_EINVAL;
	r = map_make(s, c->bytes);
	if (r == 0)
		r = uz_region_create(s->arena, c, out);
	if (r == 0)
		uz_store(&s->nr_regions, s->nr_regions + 1);
	if (!s->nr_regions && s->map)
		map_free(s);
	return r;
}

int uz_store_region_create(struct uz_store *s, const struct uz_region_config *config,
			   struct uz_region **out)
{
	struct uz_region_config c = *config;
	int r;

	c.borrower = &s->borrower;
	s->borrower.clear = uz__window_clear;
	s->borrower.drop = uz__window_drop;
	s->borrower.spill = uz__window_spill;
	uz_lock(s->plat, &s->control);
	uz__claim_background(s);
	r = region_create(s, &c, out);
	uz_unlock(s->plat, &s->background);
	uz_unlock(s->plat, &s->control);
	return r;
}

int uz_store_region_destroy(struct uz_store *s, struct uz_region *region)
{
	int r;

	uz_lock(s->plat, &s->control);
	uz__claim_background(s);
	r = uz__half_join(s) ? uz_region_destroy(region) : -UZ_EBUSY;
	if (r == 0)
		uz_store(&s->nr_regions, s->nr_regions - 1);
	if (!s->nr_regions && s->map)
		map_free(s);
	uz_unlock(s->plat, &s->background);
	uz_unlock(s->plat, &s->control);
	return r;
}

static bool lock_until(struct uz_store *s, uint64_t deadline_ns)
{
	struct uz_plat *pl = s->plat;
	bool locked;

	uz_fetch_add(&s->grants, 1);
	while (!(locked = uz_trylock(&s->background)) && pl->ops->now(pl) < deadline_ns)
		uz_nap(pl, pl->ops->now(pl) + LOCK_NAP_NS);
	uz_fetch_sub(&s->grants, 1);
	return locked;
}

/* What an earlier grant left in two arena blocks would be in the way of this one. */
static bool half_joined(struct uz_store *s, uint64_t deadline_ns)
{
	struct uz_plat *pl = s->plat;
	bool joined;

	while (!(joined = uz__half_join(s)) && pl->ops->now(pl) < deadline_ns)
		uz_nap(pl, pl->ops->now(pl) + LOCK_NAP_NS);
	return joined;
}

/* The region is held. */
static int contig_alloc(struct uz_store *s, struct uz_region *region, uint64_t bytes,
			uint64_t deadline_ns, struct uz_grant *out, struct uz_contig_failure *why)
{
	struct uz_plat *pl = s->plat;
	uint64_t start = pl->ops->now(pl), waited;
	bool locked = lock_until(s, deadline_ns), turn = locked && half_joined(s, deadline_ns);
	int r = -UZ_EBUSY;

	*why = (struct uz_contig_failure){ .error = r };
	waited = pl->ops->now(pl) - start;
	if (turn) {
		uz_contig_waited(region, waited);
		uz_store(&s->calm_until_ns, start + waited + CALM_NS);
		r = uz_contig_alloc(region, bytes, deadline_ns, out, why);
		uz_store(&s->calm_until_ns, 0);
	} else {
		uz_contig_missed(region, bytes, waited);
	}
	if (locked)
		uz_unlock(pl, &s->background);
	return r;
}

int uz_store_contig_alloc(struct uz_store *s, struct uz_region *region, uint64_t bytes,
			  uint64_t deadline_ns, struct uz_grant *out, struct uz_contig_failure *why)
{
	int r = -UZ_ENOENT;

	*why = (struct uz_contig_failure){ .error = r };
	if (!uz_region_hold(region))
		return r;
	r = contig_alloc(s, region, bytes, deadline_ns, out, why);
	uz_region_let_go(region);
	return r;
}
