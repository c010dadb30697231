/* SPDX-License-Identifier: MIT */
/* measure: the options made a plan, a sample taken, and the figures shown. */
#include "cleanup.h"
#include "command.h"
#include "measure.h"
#include "size.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <uz/host.h>

#define SAMPLE_MIN (1u << 20)

static int add_pool(struct uz_measure_plan *plan, const char *name, struct uz_error *e)
{
	char why[512] = "";
	const struct uz_pool_ops *pool = uz_host_pool(name, why, sizeof(why));

	if (!pool)
		return uz__error(e, EINVAL, "--pools: %s", why);
	for (unsigned int i = 0; i < plan->nr_pools; i++)
		if (plan->pool[i] == pool)
			return 0;
	if (plan->nr_pools == UZ_MEASURE_LIST_MAX)
		return uz__error(e, EINVAL, "--pools: more than %d", UZ_MEASURE_LIST_MAX);
	plan->pool[plan->nr_pools++] = pool;
	return 0;
}

static int add_codec(struct uz_measure_plan *plan, const char *text, struct uz_error *e)
{
	if (plan->nr_codecs == UZ_MEASURE_LIST_MAX)
		return uz__error(e, EINVAL, "--codecs: more than %d", UZ_MEASURE_LIST_MAX);
	return uz__measure_codec_init(&plan->codec[plan->nr_codecs++], text, "--codecs", e);
}

/* NULL, all of them: what @name_of lists. */
static int each(struct uz_measure_plan *plan, const char *list,
		const char *(*name_of)(unsigned int i),
		int (*add)(struct uz_measure_plan *plan, const char *text, struct uz_error *e),
		struct uz_error *e)
{
	UZ_FREE char *copy = strdup(list ? list : "");
	char *rest = copy;
	const char *part;
	int err = copy ? 0 : uz__error(e, ENOMEM, "out of memory");

	for (unsigned int i = 0; !err && !list && (part = name_of(i)); i++)
		err = add(plan, part, e);
	while (!err && list && (part = strsep(&rest, " ")))
		err = *part ? add(plan, part, e) : 0;
	return err;
}

static int make_plan(struct uz_measure_plan *plan, const struct uz_section *o, struct uz_error *e)
{
	int err = each(plan, o->value[OPT_POOLS], uz_host_pool_name, add_pool, e);

	if (!err)
		err = each(plan, o->value[OPT_CODECS], uz_host_codec_name, add_codec, e);
	if (!err && (!plan->nr_pools || !plan->nr_codecs))
		err = uz__error(e, EINVAL, "--%s: the list is empty",
				plan->nr_pools ? "codecs" : "pools");
	return err ? err
		   : uz__option_count(o, OPT_REPEATS, UZ_MEASURE_REPEATS_MAX, &plan->repeats, e);
}

/* The sample and a store of it are in memory at once. */
static int sample_bytes(const char *text, uint64_t *bytes, struct uz_error *e)
{
	uint64_t ram = uz_host_ram_bytes();

	if (uz__size_parse(text, ram, bytes))
		return uz__error(e, EINVAL, "--sample: '%s' is not a size: " UZ_SIZE_SYNTAX, text);
	if (*bytes < SAMPLE_MIN || *bytes > ram / 4)
		return uz__error(e, EINVAL,
				 "--sample: '%s' is not a size from 1M to a quarter of the RAM",
				 text);
	*bytes -= *bytes % SAMPLE_MIN;
	return 0;
}

static int get_sample(struct uz_measure_sample *s, const struct uz_command_line *cl,
		      struct uz_error *e)
{
	const struct uz_section *o = &cl->server;
	const char *pid = o->value[OPT_PID];
	uint64_t bytes;
	int64_t n = 0;
	int err = sample_bytes(uz__option_value(NULL, o, OPT_SAMPLE), &bytes, e);

	if (!err && pid && uz__number_parse(pid, 1, INT_MAX, &n))
		err = uz__error(e, EINVAL, "--pid: '%s' is not a process id", pid);
	if (!err)
		err = uz__measure_sample_init(s, bytes, e);
	if (err)
		return err;
	return pid ? uz__measure_process(s, (pid_t)n, e)
		   : uz__measure_files(s, cl->arg, cl->nr_args, e);
}

static int check_first(const struct uz_command_line *cl, struct uz_error *e)
{
	const struct uz_section *o = &cl->server;

	if (!cl->nr_args == !o->value[OPT_PID])
		return uz__error(
			e, EINVAL,
			"measure what? Give files, devices or '-', or a process with --pid%s",
			cl->nr_args ? ", not both" : "");
	if (uz__options_exclude(o, OPT_JSON, OPT_OUTPUT, e))
		return -e->code;
	return uz__measure_table_check(o->value[OPT_OUTPUT], e);
}

static int show(const struct uz_measure_report *r, const struct uz_section *o, struct uz_error *e)
{
	if (!uz__option_is_on(NULL, o, OPT_JSON))
		return uz__measure_table(r, o->value[OPT_OUTPUT], e);
	uz__measure_json(r);
	return 0;
}

int uz__cmd_measure(const struct uz_command_line *cl, struct uz_error *e)
{
	struct uz_measure_plan plan = { .nr_pools = 0 };
	struct uz_measure_report report = { .nr = 0 };
	int err = check_first(cl, e);

	if (!err)
		err = make_plan(&plan, &cl->server, e);
	if (!err)
		err = get_sample(&report.sample, cl, e);
	if (!err)
		err = uz__measure_run(&plan, &report, e);
	if (!err)
		err = show(&report, &cl->server, e);
	uz__measure_report_fini(&report);
	for (unsigned int i = 0; i < plan.nr_codecs; i++)
		uz__measure_codec_fini(&plan.codec[i]);
	return err;
}
