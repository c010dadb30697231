/* SPDX-License-Identifier: MIT */
/*
 * contig: regions of a store, whose frames its disks use until a grant takes them. As in
 * <uz/region.h>; any thread, beside I/O. uz_contig_free ends a grant.
 */
#ifndef UZ_CONTIG_H
#define UZ_CONTIG_H

#include <uz/device.h>
#include <uz/region.h>

/*
 * As uz_region_create, without a borrower in @c. -ENOTSUP too when a pool of the store cannot move its
 * blocks; while there is a region, such a pool is refused to disks.
 */
int uz_store_region_create(struct uz_store *s, const struct uz_region_config *c,
			   struct uz_region **out);
/* As uz_region_destroy: -EBUSY too while a uz_store_contig_alloc of another thread waits for its turn. */
int uz_store_region_destroy(struct uz_store *s, struct uz_region *region);

/*
 * As uz_contig_alloc; the wait for other background work is within @deadline_ns (absolute). -ENOENT:
 * the region is being destroyed.
 */
int uz_store_contig_alloc(struct uz_store *s, struct uz_region *region, uint64_t bytes,
			  uint64_t deadline_ns, struct uz_grant *out,
			  struct uz_contig_failure *why);

#endif
