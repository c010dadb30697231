/* SPDX-License-Identifier: MIT */
/* What an arena says of its memory; uz_arena_stats() in arena.h fills it in. Bytes unless a name says otherwise. */
#ifndef UZ_ARENA_STATS_H
#define UZ_ARENA_STATS_H

#include <uz/port.h>

struct uz_arena_stats {
	uint64_t limit_bytes;
	uint64_t ram_total_bytes; /* frames committed + areas + scratch + charged + owed */
	uint64_t used_bytes; /* frames in use */
	uint64_t reserve_bytes; /* frames committed but free */
	uint64_t lazy_bytes; /* frames given back lazily: the system may take them */
	/* granted already, and not back with the system yet: above the limit */
	uint64_t owed_bytes;
	uint64_t meta_bytes; /* store areas and scratch */
	uint64_t commit_stalls; /* times a caller of uz_run_alloc had to commit itself */
	uint64_t commit_failures;
	uint64_t returned_bytes; /* given back to the system since open */
	uint64_t returned_eager_bytes, returned_lazy_bytes; /* of that, in arena blocks */
	uint64_t refault_ns; /* CPU time of populating again what had been given back */
	uint64_t return_switches; /* times that another method turned out to be better */
	const char *return_method; /* by which whole arena blocks go now; static text */
	uint64_t resident_claimed_bytes; /* of the store, what the system should say is resident */
};

#endif
