/* SPDX-License-Identifier: MIT */
/*
 * A model of an arena with regions: a map of who has which frame, the content of all runs, and the
 * borrower of the regions, which moves and drops them, all or until a planned failure. One thread.
 */
#ifndef UZ_GRANT_MODEL_H
#define UZ_GRANT_MODEL_H

#include <uz/region.h>

#include "count_plat.h"
#include "fault_plat.h"
#include "mem_plat.h"
#include "test.h"

#define MODEL_LIMIT (48ull << 20)
#define MODEL_RUNS 8000u
#define MODEL_REGIONS 3u
#define ABLOCK_BYTES (1ull << UZ_ABLOCK_SHIFT)

enum model_class { MODEL_MOVE, MODEL_STAY, MODEL_DROP, MODEL_CLASSES };

struct model_run {
	uint32_t first, nr;
	enum model_class class;
	bool held;
	uint64_t tag;
};

struct model_region {
	struct uz_region *r; /* NULL: there is none */
	struct uz_region_config c;
	struct uz_grant grant[UZ_GRANT_MAX];
	uint32_t nr_grants;
	struct uz_region_stats want; /* what has been counted here */
};

struct model {
	struct uz_borrower borrower; /* first */
	struct test_rng *rng;
	struct mem_plat mem;
	struct fault_plat fault;
	struct count_plat count;
	struct uz_arena *a;
	struct model_run run[MODEL_RUNS];
	uint32_t nr_runs, first_frame, end_frame;
	uint8_t *owned; /* a byte a frame: 1 + class */
	struct model_region region[MODEL_REGIONS];
	uint64_t granted_bytes, moves, carried, owed;
	uint64_t fail_from, fail_to; /* moves with these numbers fail */
	bool faults; /* of the platform are on */
	bool refused_any; /* the platform failed, and something has been owed ever since */
	bool carries; /* arena blocks move as a whole too */
	uint32_t refused, failed; /* moves by fault, grants */
};

void model_open(struct model *m, struct test_rng *rng);
void model_close(struct model *m);

/* A new run, filled: 0, -ENOSPC, or what a planned fault gives. */
int model_alloc(struct model *m, uint32_t nr, enum model_class class);
void model_free(struct model *m, uint32_t i);

/* Region @i with the configuration in it; 0 or what is legal to fail with. */
int model_region(struct model *m, uint32_t i);
/* A grant whose result is checked: it may fail only for a reason that the model has. */
int model_grant(struct model *m, struct model_region *g, uint64_t bytes);
void model_ungrant(struct model *m, struct model_region *g, uint32_t i);

/* Contents, the arena's own count, the promise, the counters. */
void model_check(struct model *m);

#endif
