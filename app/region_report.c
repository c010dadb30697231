/* SPDX-License-Identifier: MIT */
#include "region_report.h"

#include "cleanup.h"

#define ROW(name, unit, kind, help) \
	{ #name, help, offsetof(struct uz_region_stats, name), UZ_UNIT_##unit, UZ_STAT_##kind },

#define STAGE_ROW(name, member, unit, kind, help) \
	{ #name, help, offsetof(struct uz_region_stats, member), UZ_UNIT_##unit, UZ_STAT_##kind },

const struct uz_stat uz__region_stats[] = { UZ_REGION_STATS(ROW, STAGE_ROW){ .name = NULL } };

/* As the kernel's file: words of 32 bits in decimal, lowest first. */
static void print_bitmap(FILE *f, const struct uz_server_region *r)
{
	unsigned int nr;
	UZ_FREE uint64_t *words = uz__region_bitmap(r, &nr);

	if (!words)
		return;
	for (unsigned int i = 0; i < 2 * UZ_DIV_UP(nr, 64); i++)
		fprintf(f, "%s%u", i ? " " : "", (uint32_t)(words[i / 2] >> (i % 2 * 32)));
}

static void put_bitmap(struct uz_json_out *o, const struct uz_server_region *r)
{
	UZ_FREE char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	if (!f)
		return;
	print_bitmap(f, r);
	if (!fclose(f))
		uz__json_put_text(o, "bitmap", text);
}

static void report(struct uz_json_out *o, const struct uz_server_region *r)
{
	struct uz_region_stats st;

	uz_region_stats(r->region, &st);
	uz__json_open(o, NULL, '{');
	uz__json_put_text(o, "name", r->spec.name);
	uz__json_put_text(o, "policy", uz__policy_name(r->spec.policy));
	uz__json_put_bool(o, "spread", r->spec.spread);
	uz__json_put_bool(o, "in_place", r->fd >= 0);
	uz__report_stats(o, uz__region_stats, &st);
	put_bitmap(o, r);
	uz__json_close(o, '}');
}

void uz__regions_report(struct uz_json_out *o, struct uz_server *s)
{
	uz__json_open(o, "regions", '[');
	for (unsigned int i = 0; i < s->nr_regions; i++)
		report(o, &s->region[i]);
	uz__json_close(o, ']');
}
