/* SPDX-License-Identifier: MIT */
/* contig stat: regions and grants as tables, as JSON, and as the files that the kernel has for CMA. */
#include "command.h"
#include "region_report.h"
#include "size.h"
#include "view.h"

#include <inttypes.h>

#define WINDOW_ORDER 9 /* a grant's granularity in pages, as a power of 2 */
static_assert((uint64_t)UZ_PAGE_SIZE << WINDOW_ORDER == UZ_WINDOW_BYTES, "a bit is a window");

static void print_array(const struct uz_view *v, const char *key)
{
	const struct uz_json *j = &v->call.json;
	uint32_t list = uz__json_get(j, 0, key);
	const struct uz_json_token *t = &j->token[list];

	if (list)
		printf("\"%s\":%.*s", key, (int)(t->end - t->start), j->text + t->start);
	else
		printf("\"%s\":[]", key);
}

static void print_json(const struct uz_view *v)
{
	printf("{");
	print_array(v, "regions");
	printf(",\n ");
	print_array(v, "grants");
	printf("}\n");
}

static uint64_t sum(const struct uz_view *v, const char *key)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < v->nr; i++)
		n += uz__view_number(v, i, key);
	return n;
}

/* Digits and blanks, of any length. */
static void print_bitmap(const struct uz_view *v, unsigned int i, const char *name)
{
	const struct uz_json *j = &v->call.json;
	uint32_t t = uz__json_get(j, v->item[i], "bitmap");

	if (t)
		printf("cma/%s/bitmap: %.*s\n", name, (int)(j->token[t].end - j->token[t].start),
		       j->text + j->token[t].start);
}

/* mm/cma_debug.c and mm/cma_sysfs.c of Linux 6.1: the files of one region. */
static void print_files(const struct uz_view *v, unsigned int i)
{
	static const char *const debugfs[] = { "count", "used", "maxchunk" };
	static const char *const sysfs[] = { "alloc_pages_success", "alloc_pages_fail" };
	char name[UZ_REGION_NAME_MAX];

	uz__view_text(v, i, "name", name, sizeof(name));
	printf("cma/%s/order_per_bit: %d\n", name, WINDOW_ORDER);
	for (int n = 0; n < 3; n++)
		printf("cma/%s/%s: %" PRIu64 "\n", name, debugfs[n],
		       uz__view_number(v, i, debugfs[n]));
	print_bitmap(v, i, name);
	for (int n = 0; n < 2; n++)
		printf("mm/cma/%s/%s: %" PRIu64 "\n", name, sysfs[n],
		       uz__view_number(v, i, sysfs[n]));
}

/* Lines of /proc/vmstat and /proc/meminfo, over all regions. */
static void print_sysfs(const struct uz_view *v)
{
	uint64_t total = sum(v, "count");
	uint64_t in_use = sum(v, "used") + sum(v, "lent_discard") + sum(v, "lent_move");

	for (unsigned int i = 0; i < v->nr; i++)
		print_files(v, i);
	printf("vmstat/nr_free_cma: %" PRIu64 "\n", total - in_use);
	printf("vmstat/cma_alloc_success: %" PRIu64 "\n", sum(v, "cma_alloc_success"));
	printf("vmstat/cma_alloc_fail: %" PRIu64 "\n", sum(v, "cma_alloc_fail"));
	printf("vmstat/pgmigrate_success: %" PRIu64 "\n", sum(v, "pgmigrate_success"));
	printf("vmstat/pgmigrate_fail: %" PRIu64 "\n", sum(v, "pgmigrate_fail"));
	printf("meminfo/CmaTotal: %" PRIu64 " kB\n", total * (UZ_PAGE_SIZE / 1024));
	printf("meminfo/CmaFree: %" PRIu64 " kB\n", (total - in_use) * (UZ_PAGE_SIZE / 1024));
}

static void print_region(const struct uz_view *v, unsigned int i)
{
	static const char *const sizes[] = { "count", "used", "maxchunk", "lent_move",
					     "lent_discard" };
	char text[UZ_SIZE_TEXT], name[UZ_REGION_NAME_MAX], policy[16];

	uz__view_text(v, i, "name", name, sizeof(name));
	uz__view_text(v, i, "policy", policy, sizeof(policy));
	printf("%-10s", name);
	for (int n = 0; n < 5; n++)
		printf(" %9s",
		       uz__size_human(uz__view_number(v, i, sizes[n]) << UZ_PAGE_SHIFT, text));
	printf(" %6" PRIu64 " %6" PRIu64 " %7.1f %7.1f %s\n",
	       uz__view_number(v, i, "cma_alloc_success"), uz__view_number(v, i, "cma_alloc_fail"),
	       (double)uz__view_number(v, i, "grant_p50_ns") / 1e6,
	       (double)uz__view_number(v, i, "grant_max_ns") / 1e6, policy);
}

static void print_grant(const struct uz_view *v, unsigned int i)
{
	char human[UZ_SIZE_TEXT], client[32], region[UZ_REGION_NAME_MAX], waiting[8];

	uz__view_text(v, i, "client", client, sizeof(client));
	uz__view_text(v, i, "region", region, sizeof(region));
	uz__view_text(v, i, "waiting", waiting, sizeof(waiting));
	printf("%5" PRIu64 " %8s %8" PRIu64 " %9.1f %-10s %s%s\n", uz__view_number(v, i, "id"),
	       uz__size_human(uz__view_number(v, i, "bytes"), human), uz__view_number(v, i, "pid"),
	       (double)uz__view_number(v, i, "age_ms") / 1e3, region[0] ? region : "-", client,
	       waiting[0] == 'y' ? " (waiting)" : "");
}

/* Where the time of the slowest grant of each region went. */
static void print_slowest(const struct uz_view *v)
{
	static const char *const keys[] = { "grant_max_ns",	 "slowest_wait_ns",
					    "slowest_search_ns", "slowest_drop_ns",
					    "slowest_move_ns",	 "slowest_pin_ns",
					    "slowest_return_ns" };
	char name[UZ_REGION_NAME_MAX];

	printf("\n%-10s %9s %9s %9s %9s %9s %9s %9s\n", "SLOWEST", "MS", "WAIT", "SEARCH", "DROP",
	       "MOVE", "PIN", "RETURN");
	for (unsigned int i = 0; i < v->nr; i++) {
		uz__view_text(v, i, "name", name, sizeof(name));
		printf("%-10s", name);
		for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
			printf(" %9.3f", (double)uz__view_number(v, i, keys[k]) / 1e6);
		printf("\n");
	}
}

static void print_tables(struct uz_view *v)
{
	if (v->nr)
		printf("%-10s %9s %9s %9s %9s %9s %6s %6s %7s %7s POLICY\n", "REGION", "SIZE",
		       "USED", "MAXCHUNK", "LENT-MOVE", "LENT-DISC", "GRANTS", "FAILED", "P50-MS",
		       "MAX-MS");
	for (unsigned int i = 0; i < v->nr; i++)
		print_region(v, i);
	printf("%s%5s %8s %8s %9s %-10s CLIENT\n", v->nr ? "\n" : "", "GRANT", "SIZE", "PID",
	       "AGE-S", "REGION");
	uz__view_list(v, "grants");
	for (unsigned int i = 0; i < v->nr; i++)
		print_grant(v, i);
	uz__view_list(v, "regions");
	if (sum(v, "cma_alloc_success"))
		print_slowest(v);
}

int uz__contig_stat(const struct uz_command_line *cl, struct uz_error *e)
{
	struct uz_view v;
	int err = uz__options_exclude(&cl->server, OPT_JSON, OPT_SYSFS, e);

	if (err)
		return err;
	err = uz__view_regions(&v, cl, e);
	if (!err && uz__option_is_on(NULL, &cl->server, OPT_JSON))
		print_json(&v);
	else if (!err && uz__option_is_on(NULL, &cl->server, OPT_SYSFS))
		print_sysfs(&v);
	else if (!err)
		print_tables(&v);
	uz__view_fini(&v);
	return err;
}
