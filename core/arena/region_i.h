/* SPDX-License-Identifier: MIT */
/*
 * A region: nr arena blocks from first. Grants do not overlap:
 *
 *   reserved of all regions == arena blocks of regions - granted ones - those of windows on their way
 */
#ifndef UZ_REGION_I_H
#define UZ_REGION_I_H

#include "arena_i.h"

struct uz_region {
	struct uz__arena *a;
	char name[UZ_REGION_NAME_MAX];
	struct uz_borrower *borrower;
	uint32_t first, nr; /* arena blocks */
	uint32_t nr_used; /* granted */
	uint32_t last_id;
	struct uz_grant grant[UZ_GRANT_MAX]; /* id 0: not in use */
	uint64_t success, fail, pages_success, pages_fail, moved;
};

#endif
