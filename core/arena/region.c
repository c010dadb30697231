/* SPDX-License-Identifier: MIT */
/*
 * Regions and what is promised. The sum is made anew each time from counters that
 * change with the arena's lock held; without a region nothing is promised and nothing checked.
 */
#include <uz/name.h>

#include "promise_i.h"
#include "region_i.h"

#define UNMAP_NS 1000000000ull

/* What is in two arena blocks on its way from one to the other counts once. */
static uint64_t bearing(const struct uz__arena *a)
{
	const struct ablock *from;

	if (!a->half)
		return a->nr_bearing;
	from = uz__ablock(a, a->half);
	return a->nr_bearing - (from->nr_used && uz__ablock(a, from->target)->nr_used);
}

/* Above the limit only when that was lowered. */
uint64_t uz__promised(const struct uz__arena *a)
{
	uint64_t frames = (a->nr_used_frames + a->nr_free_frames + a->lazy_frames)
			  << UZ_FRAME_SHIFT;
	uint64_t meta = uz_load(&a->total_bytes) - frames - a->transit_bytes;

	return (bearing(a) + a->nr_reserved + a->nr_evac) * ABLOCK_BYTES + meta + a->due_bytes;
}

static bool addresses_ok(const struct uz__arena *a, uint64_t more)
{
	uint64_t granted = 0;

	for (unsigned int i = 0; i < UZ_REGION_MAX; i++)
		granted += a->region[i] ? a->region[i]->nr_used : 0;
	return bearing(a) + a->nr_reserved + granted + a->nr_evac + more <=
	       a->end_ablock - a->first_ablock;
}

static bool fits(const struct uz__arena *a, uint64_t bytes)
{
	return uz__promised(a) + bytes <= uz_load(&a->limit_bytes) &&
	       addresses_ok(a, bytes / ABLOCK_BYTES);
}

bool uz__promise_ok(const struct uz__arena *a, uint64_t bytes)
{
	return UZ_LIKELY(!a->nr_regions) || fits(a, bytes);
}

/* Frames that runs may still take, holes in arena blocks that hold such data included. */
uint64_t uz__promise_frames(const struct uz__arena *a)
{
	uint64_t promised, limit = uz_load(&a->limit_bytes);
	uint64_t used = a->nr_used_frames - a->nr_clean_frames;

	if (UZ_LIKELY(!a->nr_regions))
		return UINT64_MAX;
	promised = uz__promised(a);
	return (uint64_t)a->nr_bearing * UZ_ABLOCK_FRAMES - used +
	       (limit > promised ? (limit - promised) / ABLOCK_BYTES : 0) * UZ_ABLOCK_FRAMES;
}

uint32_t uz__evac_ready(const struct uz__arena *a, uint32_t enough)
{
	uint32_t nr = 0;

	for (uint32_t i = a->bin[EMPTY][UZ_RUN_MAX]; i != NO_ABLOCK && nr < enough;) {
		const struct ablock *ab = uz__ablock(a, i);

		nr += ab->resident == UINT32_MAX && !ab->busy;
		i = ab->next;
	}
	return nr;
}

/* The most that one of the regions wants. */
static uint32_t evac_of_all(const struct uz__arena *a)
{
	uint32_t nr = 0;

	for (unsigned int i = 0; i < UZ_REGION_MAX; i++)
		if (a->region[i] && uz__promises(a->region[i]))
			nr = UZ_MAX(nr, a->region[i]->nr_evac);
	return nr;
}

static int name_copy(struct uz_region *r, const char *name)
{
	unsigned int n = 0;

	while (name && name[n] && n < UZ_REGION_NAME_MAX)
		n++;
	if (!n || n == UZ_REGION_NAME_MAX)
		return -UZ_EINVAL;
	memcpy(r->name, name, n);
	return 0;
}

/* What it costs to have the arena block in the region; UINT32_MAX: it cannot be. */
static uint32_t place_cost(const struct uz_region *r, uint32_t i)
{
	struct uz__arena *a = r->a;
	const struct ablock *ab;

	if (i >= a->first_ablock + a->nr_ablocks)
		return 0;
	ab = uz__ablock(a, i);
	if (r->foreign && (ab->nr_used || ab->isolated || ab->busy || ab->lazy || ab->owed))
		return UINT32_MAX;
	return ab->kind == PINNED || ab->in_region ? UINT32_MAX : ab->nr_used;
}

/* The cheapest stretch, fresh arena blocks included; NO_ABLOCK if there is none. */
static uint32_t find_place(const struct uz_region *r)
{
	const struct uz__arena *a = r->a;
	uint32_t nr = r->nr;
	uint64_t end =
		UZ_MIN((uint64_t)a->first_ablock + a->nr_ablocks + nr, (uint64_t)a->end_ablock);
	uint32_t best = NO_ABLOCK, len = 0;
	uint64_t cost = 0, least = UINT64_MAX;

	for (uint32_t i = a->first_ablock; i < end; i++) {
		uint32_t c = place_cost(r, i);

		len = c == UINT32_MAX ? 0 : len + 1;
		cost = c == UINT32_MAX ? 0 : cost + c;
		if (len > nr)
			cost -= place_cost(r, i - nr);
		if (len >= nr && cost < least) {
			least = cost;
			best = i - nr + 1;
		}
	}
	return best;
}

void uz__ablock_lend(struct uz__arena *a, uint32_t i, bool lent)
{
	struct ablock *ab = uz__ablock(a, i);

	uz__ablock_unfile(a, i);
	if (lent)
		a->lent_frames[ab->kind] += ab->nr_used;
	else
		a->lent_frames[ab->kind] -= ab->nr_used;
	a->nr_lent += lent ? 1 : -1u;
	ab->in_region = lent;
	uz__ablock_file(a, i);
}

static int mark_place(struct uz__arena *a, struct uz_region *r)
{
	uint32_t fresh;
	int rc = 0;

	while (rc == 0 && a->first_ablock + a->nr_ablocks < r->first + r->nr)
		rc = uz__ablock_fresh(a, &fresh);
	for (uint32_t i = r->first; i < r->first + r->nr && rc == 0; i++)
		uz__ablock_lend(a, i, true);
	for (uint32_t i = r->first; i < r->first + r->nr && rc == 0 && r->foreign; i++)
		uz__ablock_isolate(a, i); /* until the caller's memory is there */
	return rc;
}

int uz__regions_prepare(struct uz__arena *a, uint32_t nr)
{
	uint64_t most = uz_load(&a->limit_bytes) / ABLOCK_BYTES + a->nr_lent + nr + 1;

	return uz__ablock_prepare(a,
				  (uint32_t)UZ_MIN(most, a->end_ablock - a->first_ablock + 0ull));
}

/* Lock held. */
static int join(struct uz__arena *a, struct uz_region *r)
{
	unsigned int at = UZ_REGION_MAX;
	uint64_t more;
	int rc;

	for (unsigned int i = UZ_REGION_MAX; i-- > 0;) {
		if (!a->region[i])
			at = i;
		else if (uz_name_equal(a->region[i]->name, r->name))
			return -UZ_EEXIST;
	}
	rc = uz__regions_prepare(a, r->nr);
	if (rc < 0)
		return rc;
	r->first = find_place(r);
	if (at == UZ_REGION_MAX || r->first == NO_ABLOCK)
		return -UZ_ENOSPC;
	more = r->nr + (r->nr_evac > a->nr_evac ? r->nr_evac - a->nr_evac : 0);
	if (uz__promises(r) && !fits(a, more * ABLOCK_BYTES))
		return -UZ_ENOSPC;
	rc = mark_place(a, r);
	if (rc < 0)
		return rc;
	a->region[at] = r;
	a->nr_spread += r->spread;
	a->nr_evac = evac_of_all(a);
	if (uz__promises(r)) {
		a->nr_reserved += r->nr;
		a->nr_regions++;
	}
	return 0;
}

static void leave(struct uz_region *r)
{
	struct uz__arena *a = r->a;

	uz_lock(a->pub.plat, &a->lock);
	for (uint32_t i = r->first; i < r->first + r->nr; i++)
		uz__ablock_lend(a, i, false);
	for (unsigned int i = 0; i < UZ_REGION_MAX; i++)
		if (a->region[i] == r)
			a->region[i] = NULL;
	a->nr_spread -= r->spread;
	a->nr_evac = evac_of_all(a);
	if (uz__promises(r)) {
		a->nr_reserved -= r->nr;
		a->nr_regions--;
	}
	uz_unlock(a->pub.plat, &a->lock);
}

int uz_region_create(struct uz_arena *pub, const struct uz_region_config *c, struct uz_region **out)
{
	struct uz__arena *a = uz__arena(pub);
	uint64_t all = (uint64_t)(a->end_ablock - a->first_ablock) * ABLOCK_BYTES;
	struct uz_region *r;
	void *mem;
	int rc;

	if (c->foreign && !pub->plat->ops->map_fd)
		return -UZ_ENOTSUP;
	if (c->policy > UZ_CONTIG_CMA || !c->bytes || c->bytes > all || c->evac_min_bytes > all)
		return -UZ_EINVAL;
	rc = uz_scratch_alloc(pub, sizeof(*r), &mem);
	if (rc < 0)
		return rc;
	r = mem;
	r->a = a;
	r->borrower = c->borrower;
	r->policy = c->policy;
	r->spread = c->spread;
	r->foreign = c->foreign;
	r->nr_evac = (uint32_t)UZ_MAX(UZ_DIV_UP(c->evac_min_bytes, ABLOCK_BYTES), 1ull);
	r->nr = (uint32_t)UZ_DIV_UP(c->bytes, ABLOCK_BYTES);
	rc = name_copy(r, c->name);
	if (rc == 0) {
		uz_lock(pub->plat, &a->lock);
		uz__lazy_force_all(a); /* what is granted must be there at once */
		rc = join(a, r);
		uz_unlock(pub->plat, &a->lock);
	}
	if (rc == 0 && r->foreign) {
		rc = uz__foreign_map(r, c->fd, c->fd_offset_bytes);
		if (rc < 0)
			leave(r);
	}
	if (rc < 0)
		uz_scratch_free(pub, r, sizeof(*r));
	else
		*out = r;
	return rc;
}

bool uz_region_hold(struct uz_region *r)
{
	struct uz__arena *a = r->a;
	bool held;

	uz_lock(a->pub.plat, &a->lock);
	held = !r->closing;
	r->nr_held += held;
	uz_unlock(a->pub.plat, &a->lock);
	return held;
}

void uz_region_let_go(struct uz_region *r)
{
	struct uz__arena *a = r->a;

	uz_lock(a->pub.plat, &a->lock);
	r->nr_held--;
	uz_unlock(a->pub.plat, &a->lock);
}

/* -EBUSY: grants are out, or somebody is about to ask for one. */
static int set_closing(struct uz_region *r, bool on)
{
	struct uz__arena *a = r->a;
	int rc;

	uz_lock(a->pub.plat, &a->lock);
	rc = on && (r->nr_used || r->nr_held) ? -UZ_EBUSY : 0;
	if (rc == 0)
		r->closing = on;
	uz_unlock(a->pub.plat, &a->lock);
	return rc;
}

int uz_region_destroy(struct uz_region *r)
{
	struct uz__arena *a = r->a;
	struct uz_plat *pl = a->pub.plat;
	int rc = set_closing(r, true);

	if (rc < 0)
		return rc;
	if (r->foreign)
		rc = uz__foreign_unmap(r, pl->ops->now(pl) + UNMAP_NS);
	if (rc < 0) {
		set_closing(r, false);
		return rc;
	}
	leave(r);
	uz_scratch_free(&a->pub, r, sizeof(*r));
	return 0;
}

struct uz_region *uz_region_find(struct uz_arena *pub, const char *name)
{
	struct uz__arena *a = uz__arena(pub);
	struct uz_region *r = NULL;

	uz_lock(pub->plat, &a->lock);
	for (unsigned int i = 0; i < UZ_REGION_MAX; i++)
		if (a->region[i] && uz_name_equal(a->region[i]->name, name))
			r = a->region[i];
	uz_unlock(pub->plat, &a->lock);
	return r;
}

static bool region_ok(const struct uz_region *r)
{
	uint64_t nr = 0, grants = 0;

	for (unsigned int i = 0; i < UZ_GRANT_MAX; i++)
		nr += r->grant[i].nr;
	for (unsigned int b = 0; b < UZ_HIST_BUCKETS; b++)
		grants += r->hist.bucket[b];
	return nr == r->nr_used && grants == r->success;
}

int uz__check_regions(const struct uz__arena *a)
{
	uint64_t reserved = 0, nr = 0;

	for (unsigned int i = 0; i < UZ_REGION_MAX; i++)
		if (a->region[i] && !region_ok(a->region[i]))
			return -UZ_EBADMSG;
	for (unsigned int i = 0; i < UZ_REGION_MAX; i++)
		if (a->region[i] && uz__promises(a->region[i])) {
			nr++;
			reserved += a->region[i]->nr - a->region[i]->nr_used;
		}
	return nr == a->nr_regions && reserved == a->nr_reserved && a->nr_evac == evac_of_all(a)
		       ? 0
		       : -UZ_EBADMSG;
}
