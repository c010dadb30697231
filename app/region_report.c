/* SPDX-License-Identifier: MIT */
#include "region_report.h"

#define ROW(name, unit, kind, help) \
	{ #name, help, offsetof(struct uz_region_stats, name), UZ_UNIT_##unit, UZ_STAT_##kind },

const struct uz_stat uz__region_stats[] = { UZ_REGION_STATS(ROW){ .name = NULL } };

static void report(struct uz_json_out *o, const struct uz_server_region *r)
{
	struct uz_region_stats st;

	uz_region_stats(r->region, &st);
	uz__json_open(o, NULL, '{');
	uz__json_put_text(o, "name", r->spec.name);
	uz__json_put_text(o, "policy", uz__policy_name(r->spec.policy));
	uz__json_put_bool(o, "spread", r->spec.spread);
	for (const struct uz_stat *row = uz__region_stats; row->name; row++)
		uz__json_put_u64(
			o, row->name,
			*(const uint64_t *)(const void *)((const char *)&st + row->offset));
	uz__json_close(o, '}');
}

void uz__regions_report(struct uz_json_out *o, struct uz_server *s)
{
	uz__json_open(o, "regions", '[');
	for (unsigned int i = 0; i < s->nr_regions; i++)
		report(o, &s->region[i]);
	uz__json_close(o, ']');
}
