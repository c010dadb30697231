/* SPDX-License-Identifier: MIT */
/*
 * What a region counts, since it was made: names of the kernel's CMA where it has them. Pages are of
 * UZ_FRAME_SIZE, times in ns. A grant is worked at in stages, whose times are summed over all grants,
 * also those that failed.
 */
#ifndef UZ_REGION_STATS_H
#define UZ_REGION_STATS_H

#include <uz/port.h>

struct uz_region;

enum uz_contig_stage {
	UZ_STAGE_WAIT, /* for background work, or another grant, to end */
	UZ_STAGE_SEARCH, /* for a window, with waiting for memory of the region that is on its way */
	UZ_STAGE_DROP, /* copies of what is elsewhere, in the window and for room */
	UZ_STAGE_MOVE, /* data out of the window, with the memory that it moves to */
	UZ_STAGE_PIN, /* of that: waiting for pages that somebody uses, not counted in MOVE */
	UZ_STAGE_RETURN, /* the window's memory to the system */
	UZ_STAGE_NR,
};

struct uz_region_stats {
	uint64_t count, used; /* pages of the region, of these granted */
	uint64_t maxchunk; /* pages of the longest stretch that is not granted */
	uint64_t cma_alloc_success, cma_alloc_fail; /* grants */
	uint64_t alloc_pages_success, alloc_pages_fail;
	uint64_t pgmigrate_success, pgmigrate_fail;
	uint64_t reserved; /* pages promised and not granted */
	uint64_t lent_discard, lent_move; /* pages in use */
	uint64_t lent_spill; /* of lent_move: those that are being written to a backing now */
	uint64_t lend_refused; /* runs refused to keep what is promised, all regions */
	uint64_t evac_avail; /* pages of resident free arena blocks outside of all regions */
	uint64_t evac_min; /* pages of these that are kept, for all regions */
	uint64_t stage_ns[UZ_STAGE_NR];
	/* Time to empty a window, of the grants that succeeded. */
	uint64_t grant_p50_ns, grant_p99_ns, grant_p999_ns, grant_max_ns;
	uint64_t slowest_ns[UZ_STAGE_NR]; /* where grant_max_ns went */
};

/* Any thread, as uz_region_bitmap. */
void uz_region_stats(struct uz_region *r, struct uz_region_stats *out);

/*
 * A bit for each arena block of the region, lowest first: 1 is granted, as in the kernel's file, whose
 * order_per_bit is 9 then. @nr words of the caller's are filled in; bits beyond the region are 0.
 */
void uz_region_bitmap(struct uz_region *r, uint64_t *words, unsigned int nr);

#endif
