/* SPDX-License-Identifier: MIT */
/* All rows in turn, round after round, so that a slow moment of the machine is shared; medians. */
#include "measure.h"

#include "cleanup.h"
#include "median.h"

#include <errno.h>
#include <stdlib.h>

static int list_rows(struct uz_measure_report *r, const struct uz_measure_plan *plan)
{
	r->row = calloc((size_t)plan->nr_codecs * plan->nr_pools, sizeof(*r->row));
	if (!r->row)
		return -ENOMEM;
	for (unsigned int c = 0; c < plan->nr_codecs; c++)
		for (unsigned int p = 0; p < plan->nr_pools; p++)
			r->row[r->nr++] = (struct uz_measure_row){ .pool = plan->pool[p],
								   .codec = &plan->codec[c] };
	return 0;
}

static void show(const struct uz_measure_report *r, unsigned int round, size_t i)
{
	fprintf(stderr, "\r\033[K%u/%u %zu/%zu %s %s", round + 1, r->repeats, i + 1, r->nr,
		r->row[i].codec->spec.name, r->row[i].pool->name);
}

/* The figures of row @i in round @round, of those of all. */
static uint64_t *of_round(const struct uz_measure_report *r, uint64_t *all, size_t i,
			  unsigned int round)
{
	return &all[(i * r->repeats + round) * UZ_MEASURE_FIGURE_NR];
}

static int run_rounds(struct uz_measure_report *r, uint64_t *all, struct uz_error *e)
{
	bool progress = isatty(STDERR_FILENO);
	int err = 0;

	for (unsigned int round = 0; !err && round < r->repeats; round++)
		for (size_t i = 0; !err && i < r->nr; i++) {
			if (progress)
				show(r, round, i);
			err = uz__measure_once(&r->sample, &r->row[i], of_round(r, all, i, round),
					       e);
		}
	if (progress)
		fputs("\r\033[K", stderr);
	return err;
}

static uint64_t median(const struct uz_measure_report *r, uint64_t *all, size_t i, int figure)
{
	uint64_t value[UZ_MEASURE_REPEATS_MAX] = { 0 };

	for (unsigned int round = 0; round < r->repeats; round++)
		value[round] = of_round(r, all, i, round)[figure];
	return uz__median(value, r->repeats);
}

static void settle(struct uz_measure_report *r, uint64_t *all)
{
	for (size_t i = 0; i < r->nr; i++)
		for (int figure = 0; figure < UZ_MEASURE_FIGURE_NR; figure++)
			r->row[i].figure[figure] = median(r, all, i, figure);
}

static int train(struct uz_measure_plan *plan, const struct uz_measure_sample *s,
		 struct uz_error *e)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < plan->nr_codecs; i++)
		err = uz__measure_codec_train(&plan->codec[i], s, e);
	return err;
}

int uz__measure_run(struct uz_measure_plan *plan, struct uz_measure_report *r, struct uz_error *e)
{
	UZ_FREE uint64_t *all = NULL;
	int err = train(plan, &r->sample, e);

	if (err)
		return err;
	r->repeats = plan->repeats;
	if (!list_rows(r, plan))
		all = calloc(r->nr * plan->repeats * UZ_MEASURE_FIGURE_NR, sizeof(*all));
	if (!all)
		return uz__error(e, ENOMEM, "out of memory");
	err = run_rounds(r, all, e);
	if (!err)
		settle(r, all);
	return err;
}

void uz__measure_report_fini(struct uz_measure_report *r)
{
	uz__measure_sample_fini(&r->sample);
	free(r->row);
}
