/* SPDX-License-Identifier: MIT */
/* Regions as JSON objects, from one table that also feeds the command line and Prometheus. */
#ifndef UZ_APP_REGION_REPORT_H
#define UZ_APP_REGION_REPORT_H

#include "report.h"

/*
 * X(name, unit, kind, help) for struct uz_region_stats, STAGE(name, member, unit, kind, help) for
 * a member of its arrays. Names are the kernel's where it has it.
 */
#define UZ_REGION_STATS(X, STAGE) \
	X(count, PAGES, GAUGE, "size of the region") \
	X(used, PAGES, GAUGE, "granted") \
	X(maxchunk, PAGES, GAUGE, "longest stretch that is not granted") \
	X(reserved, PAGES, GAUGE, "promised and not granted") \
	X(lent_discard, PAGES, GAUGE, "in use by copies of what is on a backing, to be dropped") \
	X(lent_move, PAGES, GAUGE, "in use by data that has to be moved for a grant") \
	X(lent_spill, PAGES, GAUGE, "of lent_move: what is being written to a backing now") \
	X(cma_alloc_success, COUNT, COUNTER, "grants given") \
	X(cma_alloc_fail, COUNT, COUNTER, "grants that failed") \
	X(alloc_pages_success, PAGES, COUNTER, "pages of grants given") \
	X(alloc_pages_fail, PAGES, COUNTER, "pages of grants that failed") \
	X(pgmigrate_success, PAGES, COUNTER, "pages moved for grants") \
	X(pgmigrate_fail, PAGES, COUNTER, "moves of pages for grants that did not succeed") \
	X(lend_refused, COUNT, COUNTER, \
	  "pieces of memory not lent to disks, to keep what all regions are promised") \
	X(evac_avail, PAGES, GAUGE, "free and resident outside of all regions, to move to") \
	X(evac_min, PAGES, GAUGE, "of evac_avail: what is kept for that, for all regions") \
	STAGE(stage_wait_ns, stage_ns[UZ_STAGE_WAIT], NS, COUNTER, \
	      "grants waited for background work or another grant") \
	STAGE(stage_search_ns, stage_ns[UZ_STAGE_SEARCH], NS, COUNTER, \
	      "grants looked for a window") \
	STAGE(stage_drop_ns, stage_ns[UZ_STAGE_DROP], NS, COUNTER, \
	      "grants dropped copies of what is on a backing") \
	STAGE(stage_move_ns, stage_ns[UZ_STAGE_MOVE], NS, COUNTER, "grants moved data") \
	STAGE(stage_pin_ns, stage_ns[UZ_STAGE_PIN], NS, COUNTER, "grants waited for pages in use") \
	STAGE(stage_return_ns, stage_ns[UZ_STAGE_RETURN], NS, COUNTER, \
	      "grants gave memory back to the system") \
	X(grant_p50_ns, NS, GAUGE, "time to empty a window, half of the grants were faster") \
	X(grant_p99_ns, NS, GAUGE, "99% of the grants were faster") \
	X(grant_p999_ns, NS, GAUGE, "99.9% of the grants were faster") \
	X(grant_max_ns, NS, GAUGE, "the slowest grant") \
	STAGE(slowest_wait_ns, slowest_ns[UZ_STAGE_WAIT], NS, GAUGE, \
	      "of grant_max_ns: it waited for background work or another grant") \
	STAGE(slowest_search_ns, slowest_ns[UZ_STAGE_SEARCH], NS, GAUGE, \
	      "of grant_max_ns: it looked for a window") \
	STAGE(slowest_drop_ns, slowest_ns[UZ_STAGE_DROP], NS, GAUGE, \
	      "of grant_max_ns: it dropped copies of what is on a backing") \
	STAGE(slowest_move_ns, slowest_ns[UZ_STAGE_MOVE], NS, GAUGE, \
	      "of grant_max_ns: it moved data") \
	STAGE(slowest_pin_ns, slowest_ns[UZ_STAGE_PIN], NS, GAUGE, \
	      "of grant_max_ns: it waited for pages in use") \
	STAGE(slowest_return_ns, slowest_ns[UZ_STAGE_RETURN], NS, GAUGE, \
	      "of grant_max_ns: it gave memory back to the system")

/* A row without a name ends; offsets are in struct uz_region_stats. */
extern const struct uz_stat uz__region_stats[];

/* An array "regions". */
void uz__regions_report(struct uz_json_out *o, struct uz_server *s);

#endif
