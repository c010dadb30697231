/* SPDX-License-Identifier: MIT */
/* list and stat: the same report as a table, as lines, as JSON, as the kernel's sysfs prints it. */
#include "list.h"
#include "report.h"
#include "size.h"

#include <inttypes.h>
#include <string.h>

static void print_json(const struct uz_view *v)
{
	const struct uz_json *j = &v->call.json;

	printf("[");
	for (unsigned int i = 0; i < v->nr; i++) {
		const struct uz_json_token *t = &j->token[v->item[i]];

		printf("%s\n%.*s", i ? "," : "", (int)(t->end - t->start), j->text + t->start);
	}
	printf("%s]\n", v->nr ? "\n" : "");
}

/* drivers/block/zram/zram_drv.c of Linux 6.1: mm_stat_show, io_stat_show, bd_stat_show */
static void print_sysfs(const struct uz_view *v, unsigned int i)
{
#define N(key) uz__view_number(v, i, key)
	printf("%8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64
	       " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n",
	       N("orig_data_size"), N("compr_data_size"), N("mem_used_total"), N("mem_limit"),
	       N("mem_used_max"), N("same_pages"), N("pages_compacted"), N("huge_pages"),
	       N("huge_pages_since"));
	printf("%8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", N("failed_reads"),
	       N("failed_writes"), N("invalid_io"), N("notify_free"));
	printf("%8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", N("bd_count"), N("bd_reads"),
	       N("bd_writes"));
#undef N
}

static void print_number(const char *name, uint64_t value, bool human)
{
	char text[UZ_SIZE_TEXT];

	if (human && value >= 1024)
		printf("%-22s %" PRIu64 " (%s)\n", name, value, uz__size_human(value, text));
	else
		printf("%-22s %" PRIu64 "\n", name, value);
}

static void print_latency(const struct uz_view *v, unsigned int i)
{
	char key[40];

	for (int op = 0; op < UZ_OP_NR; op++)
		for (int n = 0; uz__latency_names[n]; n++) {
			snprintf(key, sizeof(key), "%s_%s", uz__op_names[op], uz__latency_names[n]);
			print_number(key, uz__view_number(v, i, key), false);
		}
}

static void print_lines(const struct uz_view *v, unsigned int i, bool bytes, bool latency)
{
	static const char *const texts[] = { "name",	    "pool",	  "codec",
					     "level",	    "dict_bytes", "checksum",
					     "recompress",  "backing",	  "read_only",
					     "connections", "return",	  "return_method" };
	char text[2048];

	for (size_t n = 0; n < sizeof(texts) / sizeof(*texts); n++) {
		uz__view_text(v, i, texts[n], text, sizeof(text));
		if (text[0])
			printf("%-22s %s\n", texts[n], text);
	}
	for (const struct uz_stat *row = uz__stats; row->name; row++)
		print_number(row->name, uz__view_number(v, i, row->name),
			     row->unit == UZ_UNIT_BYTES && !bytes);
	print_number("resident", uz__view_number(v, i, "resident"), !bytes);
	if (latency)
		print_latency(v, i);
}

int uz__cmd_stat(const struct uz_command_line *cl, struct uz_error *e)
{
	bool latency = uz__option_is_on(NULL, &cl->server, OPT_LATENCY);
	bool bytes = uz__option_is_on(NULL, &cl->server, OPT_BYTES);
	bool sysfs = uz__option_is_on(NULL, &cl->server, OPT_SYSFS);
	struct uz_view v;
	int err = uz__options_exclude(&cl->server, OPT_JSON, OPT_SYSFS, e);

	if (!err)
		err = uz__options_exclude(&cl->server, OPT_SYSFS, OPT_LATENCY, e);
	if (err)
		return err;
	err = uz__view_fetch(&v, cl, latency, e);
	if (!err && uz__option_is_on(NULL, &cl->server, OPT_JSON)) {
		print_json(&v);
		uz__view_fini(&v);
		return 0;
	}
	for (unsigned int i = 0; !err && i < v.nr; i++) {
		if (sysfs) {
			print_sysfs(&v, i);
			continue;
		}
		if (i)
			printf("\n");
		print_lines(&v, i, bytes, latency);
	}
	uz__view_fini(&v);
	return err;
}

/* What is about the table would be without effect. */
static int check_list(const struct uz_section *o, struct uz_error *e)
{
	static const enum uz_option_id table[] = { OPT_OUTPUT, OPT_OUTPUT_ALL, OPT_NOHEADINGS,
						   OPT_RAW };
	int err = uz__options_exclude(o, OPT_OUTPUT, OPT_OUTPUT_ALL, e);

	for (size_t i = 0; !err && i < sizeof(table) / sizeof(*table); i++)
		err = uz__options_exclude(o, OPT_JSON, table[i], e);
	return err;
}

int uz__cmd_list(const struct uz_command_line *cl, struct uz_error *e)
{
	struct uz_view v;
	int err = check_list(&cl->server, e);

	if (err)
		return err;
	err = uz__view_fetch(&v, cl, false, e);
	if (!err && uz__option_is_on(NULL, &cl->server, OPT_JSON))
		print_json(&v);
	else if (!err)
		err = uz__list_print(&v, cl, e);
	uz__view_fini(&v);
	return err;
}
