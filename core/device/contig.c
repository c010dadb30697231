/* SPDX-License-Identifier: MIT */
/*
 * Regions of a store. A grant holds the background lock, so that it is the only one that moves
 * arena blocks or takes several slots; background work lets it go first.
 */
#include "device_i.h"

#define LOCK_NAP_NS 20000ull

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

int uz_store_region_create(struct uz_store *s, const struct uz_region_config *config,
			   struct uz_region **out)
{
	struct uz_region_config c = *config;
	int r = -UZ_ENOTSUP;

	c.borrower = &s->borrower;
	s->borrower.clear = uz__window_clear;
	s->borrower.drop = uz__window_drop;
	uz_lock(s->plat, &s->control);
	if (pools_ok(s))
		r = uz_region_create(s->arena, &c, out);
	if (r == 0)
		uz_store(&s->nr_regions, s->nr_regions + 1);
	uz_unlock(s->plat, &s->control);
	return r;
}

int uz_store_region_destroy(struct uz_store *s, struct uz_region *region)
{
	int r;

	uz_lock(s->plat, &s->control);
	r = uz_region_destroy(region);
	if (r == 0)
		uz_store(&s->nr_regions, s->nr_regions - 1);
	uz_unlock(s->plat, &s->control);
	return r;
}

static bool lock_until(struct uz_store *s, uint64_t deadline_ns)
{
	struct uz_plat *pl = s->plat;
	bool locked;

	uz_fetch_add(&s->claims, 1);
	while (!(locked = uz_trylock(&s->background)) && pl->ops->now(pl) < deadline_ns)
		uz_nap(pl, pl->ops->now(pl) + LOCK_NAP_NS);
	uz_fetch_sub(&s->claims, 1);
	return locked;
}

int uz_store_contig_alloc(struct uz_store *s, struct uz_region *region, uint64_t bytes,
			  uint64_t deadline_ns, struct uz_grant *out, struct uz_contig_failure *why)
{
	int r;

	*why = (struct uz_contig_failure){ .error = -UZ_EBUSY };
	if (!lock_until(s, deadline_ns))
		return -UZ_EBUSY;
	r = uz_contig_alloc(region, bytes, deadline_ns, out, why);
	uz_unlock(s->plat, &s->background);
	return r;
}
