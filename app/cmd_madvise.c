/* SPDX-License-Identifier: MIT */
/* madvise-bench: the options made a plan, and what is done with the figures. */
#include "cleanup.h"
#include "codec_spec.h"
#include "command.h"
#include "madvise.h"
#include "size.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <uz/bits.h>
#include <uz/host.h>

static int out_of_memory(struct uz_error *e)
{
	return uz__error(e, ENOMEM, "out of memory");
}

/* Calls @add for each part of a list "a,b,c". */
static int each(const char *where, const char *list, struct uz_madvise_plan *plan,
		int (*add)(struct uz_madvise_plan *plan, const char *where, const char *part,
			   struct uz_error *e),
		struct uz_error *e)
{
	UZ_FREE char *copy = strdup(list);
	char *rest = copy;
	const char *part;
	int err = copy ? 0 : out_of_memory(e);

	while (!err && (part = strsep(&rest, ",")))
		err = add(plan, where, part, e);
	return err;
}

static int choose(bool *chosen, const char *const *names, const char *where, const char *part,
		  struct uz_error *e)
{
	char all[256] = "";
	size_t used = 0;

	for (int i = 0; names[i]; i++) {
		if (!strcmp(names[i], part)) {
			chosen[i] = true;
			return 0;
		}
		used += (size_t)snprintf(all + used, sizeof(all) - used, " %s", names[i]);
	}
	return uz__error(e, EINVAL, "%s: there is no '%s'; there are:%s", where, part, all);
}

static int add_method(struct uz_madvise_plan *plan, const char *where, const char *part,
		      struct uz_error *e)
{
	return choose(plan->method, uz__madvise_methods, where, part, e);
}

static int add_backing(struct uz_madvise_plan *plan, const char *where, const char *part,
		       struct uz_error *e)
{
	return choose(plan->backing, uz__madvise_backings, where, part, e);
}

static int add_piece(struct uz_madvise_plan *plan, const char *where, const char *part,
		     struct uz_error *e)
{
	uint64_t bytes;

	if (uz__size_parse(part, uz_host_ram_bytes(), &bytes))
		return uz__error(e, EINVAL, "%s: '%s' is not a size: " UZ_SIZE_SYNTAX, where, part);
	if (bytes == 0 || bytes % (uint64_t)sysconf(_SC_PAGESIZE))
		return uz__error(e, EINVAL, "%s: '%s' is not a multiple of the page size, %ld",
				 where, part, sysconf(_SC_PAGESIZE));
	for (unsigned int i = 0; i < plan->nr_pieces; i++)
		if (plan->piece_bytes[i] == bytes)
			return 0;
	if (plan->nr_pieces == UZ_MADVISE_LIST_MAX)
		return uz__error(e, EINVAL, "%s: more than %d sizes", where, UZ_MADVISE_LIST_MAX);
	plan->piece_bytes[plan->nr_pieces++] = bytes;
	return 0;
}

static int add_threads(struct uz_madvise_plan *plan, const char *where, const char *part,
		       struct uz_error *e)
{
	int64_t n;

	if (uz__number_parse(part, 1, UZ_MADVISE_THREADS_MAX, &n))
		return uz__error(e, EINVAL, "%s: '%s' is not a number of threads from 1 to %d",
				 where, part, UZ_MADVISE_THREADS_MAX);
	for (unsigned int i = 0; i < plan->nr_threads; i++)
		if (plan->threads[i] == n)
			return 0;
	if (plan->nr_threads == UZ_MADVISE_LIST_MAX)
		return uz__error(e, EINVAL, "%s: more than %d numbers", where, UZ_MADVISE_LIST_MAX);
	plan->threads[plan->nr_threads++] = (unsigned int)n;
	return 0;
}

static int plan_threads(struct uz_madvise_plan *plan, const char *list, struct uz_error *e)
{
	uint64_t cpus = uz__madvise_cpus();

	if (list)
		return each("--threads", list, plan, add_threads, e);
	plan->threads[plan->nr_threads++] = 1;
	if (cpus > 1)
		plan->threads[plan->nr_threads++] =
			(unsigned int)UZ_MIN(cpus, (uint64_t)UZ_MADVISE_THREADS_MAX);
	return 0;
}

/* Mapping and hog of all threads, of which half the memory has to be enough. */
static int check_footprint(const struct uz_madvise_plan *plan, struct uz_error *e)
{
	uint64_t ram = uz_host_ram_bytes(), most = 1;
	char exact[UZ_SIZE_TEXT];

	for (unsigned int i = 0; i < plan->nr_threads; i++)
		most = UZ_MAX(most, (uint64_t)plan->threads[i]);
	if (plan->footprint_bytes > ram / 4 / most)
		return uz__error(e, EINVAL,
				 "--footprint: %s for each of %" PRIu64
				 " threads, twice, is more than half of the memory",
				 uz__size_exact(plan->footprint_bytes, exact), most);
	for (unsigned int i = 0; i < plan->nr_pieces; i++)
		if (plan->piece_bytes[i] > plan->footprint_bytes)
			return uz__error(e, EINVAL,
					 "--pieces: %s is more than the footprint of a thread",
					 uz__size_exact(plan->piece_bytes[i], exact));
	return 0;
}

static int plan_footprint(struct uz_madvise_plan *plan, const char *text, struct uz_error *e)
{
	if (uz__size_parse(text, uz_host_ram_bytes(), &plan->footprint_bytes))
		return uz__error(e, EINVAL, "--footprint: '%s' is not a size: " UZ_SIZE_SYNTAX,
				 text);
	if (plan->footprint_bytes == 0 || plan->footprint_bytes % UZ_MADVISE_SLICE_ALIGN)
		return uz__error(e, EINVAL, "--footprint: '%s' is not a multiple of 2M", text);
	return check_footprint(plan, e);
}

static int make_plan(struct uz_madvise_plan *plan, const struct uz_section *o, struct uz_error *e)
{
	const char *methods = o->value[OPT_METHODS], *backings = o->value[OPT_BACKINGS];
	const char *pieces = uz__option_value(NULL, o, OPT_PIECES);
	int err = 0;

	memset(plan, 0, sizeof(*plan));
	memset(plan->method, !methods, sizeof(plan->method));
	memset(plan->backing, !backings, sizeof(plan->backing));
	plan->cgroup = o->value[OPT_CGROUP];
	if (methods)
		err = each("--methods", methods, plan, add_method, e);
	if (!err && backings)
		err = each("--backings", backings, plan, add_backing, e);
	if (!err)
		err = each("--pieces", pieces, plan, add_piece, e);
	if (!err)
		err = plan_threads(plan, o->value[OPT_THREADS], e);
	if (!err)
		err = uz__option_count(o, OPT_REPEATS, UZ_MADVISE_REPEATS_MAX, &plan->repeats, e);
	return err ? err : plan_footprint(plan, uz__option_value(NULL, o, OPT_FOOTPRINT), e);
}

static int compare(const struct uz_madvise_report *old, const struct uz_madvise_report *now,
		   const char *path, bool json, struct uz_error *e)
{
	FILE *f = json ? stderr : stdout;
	size_t worse = 0, same = 0;

	fprintf(f, json ? "" : "\n");
	uz__madvise_compare(old, now, f, &worse, &same);
	fprintf(f, "compared with %s: %zu rows worse, %zu not\n", path, worse, same);
	if (worse)
		return uz__error(e, EREMOTEIO, "%zu rows are worse than in %s", worse, path);
	return same ? 0 : uz__error(e, ENODATA, "%s has no row that was measured now", path);
}

static int get_figures(const struct uz_section *o, struct uz_madvise_report *now,
		       struct uz_error *e)
{
	struct uz_madvise_plan plan;
	int err;

	if (o->value[OPT_FROM])
		return uz__madvise_json_read(now, o->value[OPT_FROM], e);
	err = make_plan(&plan, o, e);
	return err ? err : uz__madvise_run(&plan, now, e);
}

static int show(const struct uz_madvise_report *now, const struct uz_section *o, bool json,
		struct uz_error *e)
{
	if (!json)
		return uz__madvise_table(now, o->value[OPT_OUTPUT], e);
	uz__madvise_json_put(now, stdout);
	return fflush(stdout) || ferror(stdout) ? uz__error(e, EIO, "the output cannot be written")
						: 0;
}

static int check_from(const struct uz_section *o, struct uz_error *e)
{
	static const enum uz_option_id measuring[] = { OPT_METHODS, OPT_BACKINGS,  OPT_PIECES,
						       OPT_THREADS, OPT_FOOTPRINT, OPT_REPEATS,
						       OPT_CGROUP };

	for (size_t i = 0; o->value[OPT_FROM] && i < sizeof(measuring) / sizeof(*measuring); i++)
		if (o->value[measuring[i]])
			return uz__error(e, EINVAL,
					 "--%s and --from exclude each other: what is in a file is "
					 "not measured",
					 uz__options[measuring[i]].name);
	return 0;
}

/* Before a minute is spent on new figures; @old: those of --compare. */
static int check_first(const struct uz_section *o, struct uz_madvise_report *old,
		       struct uz_error *e)
{
	const char *path = o->value[OPT_COMPARE];
	int err = path ? uz__madvise_json_read(old, path, e) : 0;

	if (!err)
		err = check_from(o, e);
	if (!err)
		err = uz__options_exclude(o, OPT_JSON, OPT_OUTPUT, e);
	if (!err && o->value[OPT_PLOT])
		err = uz__madvise_plot_check(o->value[OPT_PLOT], e);
	return err ? err : uz__madvise_table_check(o->value[OPT_OUTPUT], e);
}

int uz__cmd_madvise_bench(const struct uz_command_line *cl, struct uz_error *e)
{
	const struct uz_section *o = &cl->server;
	bool json = uz__option_is_on(NULL, o, OPT_JSON);
	struct uz_madvise_report old = { .nr = 0 }, now = { .nr = 0 };
	int err = check_first(o, &old, e);

	if (!err)
		err = get_figures(o, &now, e);
	if (!err)
		err = show(&now, o, json, e);
	if (!err && o->value[OPT_PLOT])
		err = uz__madvise_plot(&now, o->value[OPT_PLOT], e);
	if (!err && o->value[OPT_COMPARE])
		err = compare(&old, &now, o->value[OPT_COMPARE], json, e);
	uz__madvise_report_fini(&now);
	uz__madvise_report_fini(&old);
	return err;
}
