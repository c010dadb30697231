/* SPDX-License-Identifier: MIT */
/*
 * All cells of a plan, measured in rounds: each round takes one sample of every cell, so that a
 * slow moment of the machine costs many cells one sample and no cell its median.
 */
#include "cleanup.h"
#include "madvise.h"
#include "median.h"

#include <errno.h>
#include <string.h>
#include <uz/bits.h>

struct measuring {
	const struct uz_madvise_plan *plan;
	struct uz_madvise_report *report;
	struct uz_madvise_cgroup group;
	uint64_t *ps; /* [cell][phase][round] */
	bool progress;
};

void uz__madvise_report_fini(struct uz_madvise_report *r)
{
	free(r->row);
	r->row = NULL;
	r->nr = 0;
}

uint64_t uz__madvise_disturbed(const struct uz_madvise_report *r, uint64_t *samples)
{
	uint64_t nr = 0;

	*samples = 0;
	for (size_t i = 0; i < r->nr; i++) {
		nr += r->row[i].disturbed;
		*samples += r->row[i].reason[0] ? 0 : r->repeats;
	}
	return nr;
}

static void add(struct uz_madvise_report *r, const struct uz_madvise_plan *plan,
		struct uz_madvise_cell cell)
{
	struct uz_madvise_row row = { .cell = cell, .freed = 1000, .lazy = 1000, .unmapped = 1000 };

	if (cell.pressure && !plan->cgroup)
		snprintf(row.reason, sizeof(row.reason), UZ_MADVISE_NO_CGROUP);
	r->row[r->nr++] = row;
}

/* A cell for each size of piece, or one where the method has none. */
static void add_pieces(struct uz_madvise_report *r, const struct uz_madvise_plan *plan,
		       struct uz_madvise_cell cell)
{
	if (cell.method == UZ_MADVISE_NONE) {
		add(r, plan, cell);
		return;
	}
	for (unsigned int i = 0; i < plan->nr_pieces; i++) {
		cell.piece_bytes = plan->piece_bytes[i];
		add(r, plan, cell);
	}
}

static void add_methods(struct uz_madvise_report *r, const struct uz_madvise_plan *plan,
			struct uz_madvise_cell cell)
{
	for (int m = 0; m < UZ_MADVISE_METHOD_NR; m++) {
		cell.method = (enum uz_madvise_method)m;
		if (plan->method[m] && !(cell.pressure && m == UZ_MADVISE_NONE))
			add_pieces(r, plan, cell);
	}
}

static int list_cells(struct uz_madvise_report *r, const struct uz_madvise_plan *plan)
{
	size_t most = (size_t)2 * UZ_MADVISE_BACKING_NR * plan->nr_threads * UZ_MADVISE_METHOD_NR *
		      plan->nr_pieces;

	r->row = calloc(most, sizeof(*r->row));
	if (!r->row)
		return -ENOMEM;
	for (int pressure = 0; pressure < 2; pressure++)
		for (int b = 0; b < UZ_MADVISE_BACKING_NR; b++)
			for (unsigned int t = 0; plan->backing[b] && t < plan->nr_threads; t++)
				add_methods(r, plan,
					    (struct uz_madvise_cell){
						    .backing = (enum uz_madvise_backing)b,
						    .pressure = pressure,
						    .threads = plan->threads[t] });
	return 0;
}

static void show(const struct measuring *m, unsigned int round, size_t i)
{
	char text[96];

	if (m->progress)
		fprintf(stderr, "\r\033[K%u/%u %zu/%zu %s", round + 1, m->plan->repeats, i + 1,
			m->report->nr, uz__madvise_cell_text(&m->report->row[i].cell, text));
}

static uint64_t *samples_of(const struct measuring *m, size_t cell, int phase)
{
	return m->ps + (cell * UZ_MADVISE_PHASE_NR + (size_t)phase) * m->plan->repeats;
}

static int sample(struct measuring *m, const struct uz_madvise_cell *c, struct uz_madvise_sample *s)
{
	uint64_t slice_bytes = m->plan->footprint_bytes;
	int err = 0;

	memset(s, 0, sizeof(*s));
	if (c->pressure)
		err = uz__madvise_cgroup_limit(&m->group, uz__madvise_limit(c, slice_bytes));
	if (!err)
		err = uz__madvise_sample(c, slice_bytes, &m->group, s);
	if (err == -EINTR)
		return err;
	if (err)
		snprintf(s->reason, sizeof(s->reason), "%s", strerror(-err));
	return 0;
}

static int take(struct measuring *m, unsigned int round, size_t i)
{
	struct uz_madvise_row *row = &m->report->row[i];
	struct uz_madvise_sample s;
	int err = sample(m, &row->cell, &s);

	if (err)
		return err;
	memcpy(row->reason, s.reason, sizeof(row->reason));
	row->disturbed += s.disturbed && row->cell.threads <= m->report->cpus;
	row->freed = UZ_MIN(row->freed, s.freed);
	row->lazy = UZ_MIN(row->lazy, s.lazy);
	row->unmapped = UZ_MIN(row->unmapped, s.unmapped);
	for (int p = 0; p < UZ_MADVISE_PHASE_NR; p++)
		samples_of(m, i, p)[round] = s.ps[p];
	return 0;
}

/* A cell with a reason is not tried again. */
static int run_rounds(struct measuring *m)
{
	int err = 0;

	for (unsigned int round = 0; !err && round < m->plan->repeats; round++)
		for (size_t i = 0; !err && i < m->report->nr; i++) {
			if (m->report->row[i].reason[0])
				continue;
			show(m, round, i);
			err = take(m, round, i);
		}
	if (m->progress)
		fputs("\r\033[K", stderr);
	return err;
}

static struct uz_madvise_spread spread_of(uint64_t *v, unsigned int nr)
{
	uint64_t median = uz__median(v, nr);

	return (struct uz_madvise_spread){ median, v[0], v[nr - 1] };
}

static void settle(struct measuring *m)
{
	for (size_t i = 0; i < m->report->nr; i++) {
		struct uz_madvise_row *row = &m->report->row[i];

		if (row->reason[0])
			row->disturbed = row->freed = row->lazy = row->unmapped = 0;
		for (int p = 0; !row->reason[0] && p < UZ_MADVISE_PHASE_NR; p++)
			row->ps[p] = spread_of(samples_of(m, i, p), m->plan->repeats);
	}
}

static int measure(struct measuring *m, struct uz_error *e)
{
	UZ_FREE uint64_t *ps =
		calloc(m->report->nr * UZ_MADVISE_PHASE_NR * m->plan->repeats, sizeof(*ps));
	int err;

	if (!ps)
		return uz__error(e, ENOMEM, "out of memory");
	m->ps = ps;
	err = run_rounds(m);
	if (err)
		return uz__error(e, -err, "interrupted");
	settle(m);
	return 0;
}

int uz__madvise_run(const struct uz_madvise_plan *plan, struct uz_madvise_report *r,
		    struct uz_error *e)
{
	struct measuring m = { .plan = plan, .report = r, .progress = isatty(2) };
	int err = list_cells(r, plan), removed;

	if (err)
		return uz__error(e, -err, "out of memory");
	uz__madvise_system(r);
	r->footprint_bytes = plan->footprint_bytes;
	r->repeats = plan->repeats;
	uz__madvise_catch_signals();
	if (plan->cgroup)
		err = uz__madvise_cgroup_make(&m.group, plan->cgroup, e);
	if (!err)
		err = measure(&m, e);
	removed = uz__madvise_cgroup_remove(&m.group);
	if (!err && removed)
		err = uz__error(e, -removed, "%s cannot be removed: %s", m.group.path,
				strerror(-removed));
	return err;
}
