/* SPDX-License-Identifier: MIT */
/*
 * A region: nr arena blocks from first. Grants do not overlap:
 *
 *   used == arena blocks of all its grants, and of a window on its way
 *   success == sum of the histogram's buckets
 *   reserved of all regions == arena blocks of regions - granted ones - those of windows on their way
 */
#ifndef UZ_REGION_I_H
#define UZ_REGION_I_H

#include <uz/hist.h>

#include "arena_i.h"

struct uz_region {
	struct uz__arena *a;
	char name[UZ_REGION_NAME_MAX];
	struct uz_borrower *borrower;
	enum uz_contig_policy policy;
	bool spread;
	bool foreign; /* on somebody's own memory */
	uint32_t nr_evac; /* arena blocks to move to that are kept resident */
	uint32_t first, nr; /* arena blocks */
	uint32_t nr_used; /* granted */
	uint32_t nr_held; /* calls that name it */
	bool closing; /* nobody may hold it any more */
	uint32_t last_id;
	struct uz_grant grant[UZ_GRANT_MAX]; /* id 0: not in use */
	uint64_t success, fail, pages_success, pages_fail, moved, failed;
	uint64_t waited_ns; /* by the next grant, before it began */
	uint64_t stage_ns[UZ_STAGE_NR];
	uint64_t slowest_ns[UZ_STAGE_NR]; /* of the one that took hist.max_ns */
	struct uz_hist hist;
};

/* Whether what is stored leaves room to empty all of the region at any time. */
static inline bool uz__promises(const struct uz_region *r)
{
	return r->policy != UZ_CONTIG_CMA;
}

/*
 * foreign.c: replaces the region's arena blocks, which are free and isolated, and ends their isolation;
 * empties the region and takes them back. An arena block is part of what is lent, or taken out.
 */
int uz__foreign_map(struct uz_region *r, int fd, uint64_t offset_bytes);
int uz__foreign_unmap(struct uz_region *r, uint64_t deadline_ns);
void uz__foreign_lend(struct uz__arena *a, uint32_t i);
void uz__foreign_take(struct uz__arena *a, uint32_t i);

/*
 * window.c: chooses w->nr arena blocks of the region and isolates them. -ENOMEM: there is no such
 * stretch, or no memory for it; -EBUSY: not now. @from: where a search by UZ_CONTIG_CMA begins.
 */
int uz__window_open(struct uz_region *r, struct uz_window *w, uint32_t from);
uint32_t uz__target_find(struct uz__arena *a, bool cold); /* grant.c */
bool uz__nap(struct uz__arena *a, uint64_t deadline_ns); /* false: it is time */

#endif
