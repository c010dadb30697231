/* SPDX-License-Identifier: MIT */
/*
 * Grants of a whole region one after the other, on a store that is nearly full
 * (grant_load_nearly_full), its data on two disks. Beside them a thread reads and writes pages of the
 * disks at random, others hold single pages for 10 us to 10 ms each. Before each grant the data is
 * spread over the region again and the copies that the last one dropped are read back; after each
 * some pages are compared, at the end all.
 */
#ifndef UZ_GRANT_TRACE_H
#define UZ_GRANT_TRACE_H

#include "grant_load.h"

struct grant_trace_config {
	uint64_t bytes; /* grant_load_nearly_full; multiple of 8 MiB */
	uint64_t grants, deadline_ms;
	uint64_t seed;
	uint32_t pinners; /* threads that hold pages */
	uint32_t rest_us; /* after each request */
	bool retry; /* a grant that failed is tried again at once, within the deadline */
	bool private_memory;
	enum uz_contig_policy policy;
};

struct grant_time {
	uint64_t ns, stage_ns[UZ_STAGE_NR];
	uint64_t cpu_ns, ready_ns; /* its thread ran; could have run, while the CPUs ran others */
};

struct grant_trace {
	struct grant_time *time; /* of each grant, with all tries */
	uint64_t grants, enomem, ebusy; /* the latter two: failed tries */
	uint64_t given_up; /* without the memory in the end */
	uint64_t lent_move, lent_discard, count; /* pages, sums over what was before each grant */
	uint64_t carries; /* arena blocks that the platform was asked to move as a whole */
	uint64_t moved, pins, ios, refused; /* pages, pages held, requests, writes refused */
	uint64_t verified; /* pages compared between grants and at the end */
};

/* Ends the program on any damage; failed grants are counted. */
void grant_trace_run(const struct grant_trace_config *c, struct grant_trace *out);
void grant_trace_free(struct grant_trace *t);

#endif
