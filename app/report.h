/* SPDX-License-Identifier: MIT */
/* A disk as a JSON object: what it is, and every statistic of UZ_DEV_STATS. */
#ifndef UZ_APP_REPORT_H
#define UZ_APP_REPORT_H

#include "json.h"
#include "server.h"

/* One row of the table of statistics. */
struct uz_stat {
	const char *name, *help;
	size_t offset; /* in struct uz_dev_stats, or another that the table is of */
	enum { UZ_UNIT_BYTES, UZ_UNIT_PAGES, UZ_UNIT_COUNT, UZ_UNIT_NS } unit;
	enum { UZ_STAT_GAUGE, UZ_STAT_COUNTER } kind;
};

/* All of them; a row without a name ends. */
extern const struct uz_stat uz__stats[];

/* "read", "write", "zero", "discard" */
extern const char *const uz__op_names[UZ_OP_NR];

/* Values of struct uz_latency: "count", "p50_ns" ...; NULL ends. */
extern const char *const uz__latency_names[];

/* Members of an object: all of @table from @stats, of the type that its offsets are in. */
void uz__report_stats(struct uz_json_out *o, const struct uz_stat *table, const void *stats);

void uz__report_disk(struct uz_json_out *o, struct uz_server *s, struct uz_disk *d, bool latency);

#endif
