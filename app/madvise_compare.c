/* SPDX-License-Identifier: MIT */
/*
 * What became worse between two reports.
 *
 * A figure is worse if its median is more than 1.25 times the old one and its smallest sample is
 * above the largest old one: noise widens the samples and so hides a change rather than making
 * one up. First touches are compared in the rows without a method only, where they are the
 * subject. A row is worse too if it freed memory and no longer does, or had figures and has an
 * error now. A row that only one of the reports has is said and is not worse: somebody chose
 * other cells.
 */
#include "madvise.h"
#include "size.h"

#include <inttypes.h>
#include <string.h>

#define LIMIT_PERCENT 125

bool uz__madvise_same_cell(const struct uz_madvise_cell *a, const struct uz_madvise_cell *b)
{
	return a->backing == b->backing && a->method == b->method && a->pressure == b->pressure &&
	       a->threads == b->threads && a->piece_bytes == b->piece_bytes;
}

static const struct uz_madvise_row *find(const struct uz_madvise_report *r,
					 const struct uz_madvise_cell *c)
{
	for (size_t i = 0; i < r->nr; i++)
		if (uz__madvise_same_cell(&r->row[i].cell, c))
			return &r->row[i];
	return NULL;
}

static bool is_worse(const struct uz_madvise_spread *old, const struct uz_madvise_spread *now)
{
	return now->median * 100 > old->median * LIMIT_PERCENT && now->min > old->max;
}

/* Of the rows without a method the first touch, of the others all that comes after it. */
static bool is_subject(const struct uz_madvise_row *row, int phase)
{
	if (row->cell.method == UZ_MADVISE_NONE)
		return phase == UZ_MADVISE_TOUCH;
	return phase != UZ_MADVISE_TOUCH && (row->cell.pressure || phase != UZ_MADVISE_HOG);
}

static bool says_worse_figures(const struct uz_madvise_row *old, const struct uz_madvise_row *now,
			       FILE *f)
{
	bool worse = false;
	char text[96];

	for (int p = 0; p < UZ_MADVISE_PHASE_NR; p++) {
		const struct uz_madvise_spread *a = &old->ps[p], *b = &now->ps[p];

		if (!is_subject(now, p) || !is_worse(a, b))
			continue;
		fprintf(f, "worse: %s: %s %.1f -> %.1f ns a page (x%.2f)\n",
			uz__madvise_cell_text(&now->cell, text), uz__madvise_phases[p],
			(double)a->median / 1e3, (double)b->median / 1e3,
			a->median ? (double)b->median / (double)a->median : 0.0);
		worse = true;
	}
	return worse;
}

static bool says_worse(const struct uz_madvise_row *old, const struct uz_madvise_row *now, FILE *f)
{
	bool worse = says_worse_figures(old, now, f);
	char text[96];

	if (old->freed + old->lazy >= 900 && now->freed + now->lazy < 900) {
		fprintf(f, "worse: %s: it freed %s, now %s\n",
			uz__madvise_cell_text(&now->cell, text), uz__madvise_verdict(old),
			uz__madvise_verdict(now));
		worse = true;
	}
	return worse;
}

static void compare_row(const struct uz_madvise_row *old, const struct uz_madvise_row *now, FILE *f,
			size_t *worse, size_t *same)
{
	char text[96];

	if (!now || !strcmp(now->reason, UZ_MADVISE_NO_CGROUP)) {
		fprintf(f, "missing: %s: not in the new figures\n",
			uz__madvise_cell_text(&old->cell, text));
	} else if (now->reason[0]) {
		fprintf(f, "worse: %s: it was measured, now: %s\n",
			uz__madvise_cell_text(&old->cell, text), now->reason);
		(*worse)++;
	} else {
		bool is = says_worse(old, now, f);

		*worse += is;
		*same += !is;
	}
}

static void say_texts(const char *what, const char *old, const char *now, FILE *f)
{
	if (strcmp(old, now))
		fprintf(f, "note: %s: %s -> %s\n", what, old, now);
}

static void say_sizes(const char *what, uint64_t old, uint64_t now, FILE *f)
{
	char a[UZ_SIZE_TEXT], b[UZ_SIZE_TEXT];

	if (old != now)
		fprintf(f, "note: %s: %s -> %s\n", what, uz__size_exact(old, a),
			uz__size_exact(now, b));
}

/* Samples that others disturbed are the usual reason for a difference that is none. */
static void say_disturbed(const char *which, const struct uz_madvise_report *r, FILE *f)
{
	uint64_t samples, nr = uz__madvise_disturbed(r, &samples);

	if (nr * 20 > samples)
		fprintf(f,
			"note: another process took a CPU in %" PRIu64 " of %" PRIu64
			" %s samples\n",
			nr, samples, which);
}

static void say_differences(const struct uz_madvise_report *old,
			    const struct uz_madvise_report *now, FILE *f)
{
	say_texts("kernel", old->kernel, now->kernel, f);
	say_texts("machine", old->machine, now->machine, f);
	say_texts("CPU", old->cpu, now->cpu, f);
	say_texts("transparent_hugepage/enabled", old->thp, now->thp, f);
	say_texts("transparent_hugepage/defrag", old->thp_defrag, now->thp_defrag, f);
	say_texts("transparent_hugepage/shmem_enabled", old->thp_shmem, now->thp_shmem, f);
	say_sizes("CPUs", old->cpus, now->cpus, f);
	say_sizes("page size", old->page_bytes, now->page_bytes, f);
	say_sizes("swap", old->swap_bytes, now->swap_bytes, f);
	say_sizes("footprint of a thread", old->footprint_bytes, now->footprint_bytes, f);
	say_disturbed("old", old, f);
	say_disturbed("new", now, f);
}

void uz__madvise_compare(const struct uz_madvise_report *old, const struct uz_madvise_report *now,
			 FILE *f, size_t *worse, size_t *same)
{
	char text[96];

	*worse = *same = 0;
	say_differences(old, now, f);
	for (size_t i = 0; i < old->nr; i++)
		if (!old->row[i].reason[0])
			compare_row(&old->row[i], find(now, &old->row[i].cell), f, worse, same);
	for (size_t i = 0; i < now->nr; i++) {
		const struct uz_madvise_row *was = find(old, &now->row[i].cell);

		if (!now->row[i].reason[0] && (!was || was->reason[0]))
			fprintf(f, "new: %s\n", uz__madvise_cell_text(&now->row[i].cell, text));
	}
}
