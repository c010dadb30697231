/* SPDX-License-Identifier: MIT */
/*
 * Regions on a caller's own memory: a descriptor that the platform maps in the place of the region's
 * arena blocks. They are resident all the time and charged to the budget; nothing of them is ever
 * given back to the system, since somebody else may have them mapped. A grant empties its window and
 * then leaves it alone.
 *
 * Data that has to be moved may lie there, and is lost with the process, so the store has to be
 * private memory, which the platform sees to.
 */
#include "region_i.h"

static void *region_addr(const struct uz_region *r)
{
	return uz_frame_addr(&r->a->pub, r->first * UZ_ABLOCK_FRAMES);
}

/* What is resident of the arena blocks, which are free and isolated, goes back. Lock held. */
static int clear_place(struct uz_region *r)
{
	struct uz__arena *a = r->a;
	int rc = 0;

	for (uint32_t i = r->first; i < r->first + r->nr && rc == 0; i++) {
		uint32_t pieces = uz__ablock(a, i)->resident;

		if (!pieces)
			continue;
		rc = uz__mask_decommit(a, i, pieces);
		if (rc == 0)
			uz_fetch_sub(&a->total_bytes, uz__mask_bytes(pieces));
	}
	return rc;
}

static int charge(struct uz_region *r)
{
	struct uz__arena *a = r->a;
	bool ok, more = true;

	do {
		uz_lock(a->pub.plat, &a->lock);
		ok = uz__budget_make(a, r->nr * ABLOCK_BYTES);
		a->transit_bytes += ok ? r->nr * ABLOCK_BYTES : 0;
		uz_unlock(a->pub.plat, &a->lock);
		if (!ok)
			more = r->borrower->drop && r->borrower->drop(r->borrower, ABLOCK_BYTES);
	} while (!ok && more);
	return ok ? 0 : -UZ_ENOSPC;
}

/* Lock held. */
void uz__foreign_lend(struct uz__arena *a, uint32_t i)
{
	struct ablock *ab = uz__ablock(a, i);
	uint64_t missing = uz__mask_frames(~ab->resident);

	ab->resident = UINT32_MAX;
	uz__free_frames_add(a, (int64_t)missing);
	uz_store(&a->foreign_free, a->foreign_free + missing);
}

void uz__foreign_take(struct uz__arena *a, uint32_t i)
{
	struct ablock *ab = uz__ablock(a, i);
	uint64_t frames = uz__mask_frames(ab->resident);

	ab->resident = 0;
	uz__free_frames_add(a, -(int64_t)frames);
	uz_store(&a->foreign_free, a->foreign_free - frames);
}

/* Lock held: the arena blocks become usable, with the caller's memory or as they were. */
static void open_place(struct uz_region *r, bool mapped)
{
	struct uz__arena *a = r->a;

	for (uint32_t i = r->first; i < r->first + r->nr; i++) {
		uz__ablock(a, i)->foreign = mapped;
		if (mapped)
			uz__foreign_lend(a, i);
		uz__ablock_rejoin(a, i);
	}
}

int uz__foreign_map(struct uz_region *r, int fd, uint64_t offset_bytes)
{
	struct uz__arena *a = r->a;
	struct uz_plat *pl = a->pub.plat;
	uint64_t bytes = r->nr * ABLOCK_BYTES;
	bool charged;
	int rc;

	uz_lock(pl, &a->lock);
	rc = clear_place(r);
	uz_unlock(pl, &a->lock);
	if (rc == 0)
		rc = charge(r);
	charged = rc == 0;
	if (charged)
		rc = pl->ops->map_fd(pl, region_addr(r), bytes, fd, offset_bytes);
	uz_lock(pl, &a->lock);
	a->transit_bytes -= charged ? bytes : 0;
	if (charged && rc < 0)
		uz_fetch_sub(&a->total_bytes, bytes);
	open_place(r, rc == 0);
	uz_unlock(pl, &a->lock);
	return rc;
}

int uz__foreign_unmap(struct uz_region *r, uint64_t deadline_ns)
{
	struct uz_contig_failure why;
	struct uz__arena *a = r->a;
	struct uz_plat *pl = a->pub.plat;
	struct uz_grant g;
	int rc = uz_contig_alloc(r, r->nr * ABLOCK_BYTES, deadline_ns, &g, &why);

	if (rc < 0)
		return rc;
	rc = pl->ops->unmap_fd(pl, region_addr(r), r->nr * ABLOCK_BYTES);
	uz_lock(pl, &a->lock);
	for (uint32_t i = r->first; i < r->first + r->nr && rc == 0; i++)
		uz__ablock(a, i)->foreign = false;
	uz_unlock(pl, &a->lock);
	uz_contig_free(r, g.id);
	return rc;
}
