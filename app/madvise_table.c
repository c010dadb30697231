/* SPDX-License-Identifier: MIT */
/* The figures as a table; cells without figures are gathered below it by their reason. */
#include "cleanup.h"
#include "madvise.h"
#include "size.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <uz/bits.h>

#define CELL 64

static void text_of_ps(uint64_t ps, char cell[CELL])
{
	snprintf(cell, CELL, ps < 100000 ? "%.1f" : "%.0f", (double)ps / 1e3);
}

static void backing(const struct uz_madvise_row *row, char cell[CELL])
{
	snprintf(cell, CELL, "%s", uz__madvise_backings[row->cell.backing]);
}

static void method(const struct uz_madvise_row *row, char cell[CELL])
{
	snprintf(cell, CELL, "%s", uz__madvise_methods[row->cell.method]);
}

static void piece(const struct uz_madvise_row *row, char cell[CELL])
{
	char exact[UZ_SIZE_TEXT];

	snprintf(cell, CELL, "%s",
		 row->cell.piece_bytes ? uz__size_exact(row->cell.piece_bytes, exact) : "-");
}

static void threads(const struct uz_madvise_row *row, char cell[CELL])
{
	snprintf(cell, CELL, "%u", row->cell.threads);
}

static void pressure(const struct uz_madvise_row *row, char cell[CELL])
{
	snprintf(cell, CELL, "%s", row->cell.pressure ? "memcg" : "none");
}

static void touch(const struct uz_madvise_row *row, char cell[CELL])
{
	text_of_ps(row->ps[UZ_MADVISE_TOUCH].median, cell);
}

static void advice(const struct uz_madvise_row *row, char cell[CELL])
{
	text_of_ps(row->ps[UZ_MADVISE_ADVICE].median, cell);
}

static void hog(const struct uz_madvise_row *row, char cell[CELL])
{
	if (row->cell.pressure)
		text_of_ps(row->ps[UZ_MADVISE_HOG].median, cell);
	else
		snprintf(cell, CELL, "-");
}

static void retouch(const struct uz_madvise_row *row, char cell[CELL])
{
	text_of_ps(row->ps[UZ_MADVISE_RETOUCH].median, cell);
}

static void both(const struct uz_madvise_row *row, char cell[CELL])
{
	text_of_ps(row->ps[UZ_MADVISE_ADVICE].median + row->ps[UZ_MADVISE_RETOUCH].median, cell);
}

/* The widest of the two spreads that BOTH is made of, as max / min. */
static void spread(const struct uz_madvise_row *row, char cell[CELL])
{
	uint64_t min = row->ps[UZ_MADVISE_ADVICE].min + row->ps[UZ_MADVISE_RETOUCH].min;
	uint64_t max = row->ps[UZ_MADVISE_ADVICE].max + row->ps[UZ_MADVISE_RETOUCH].max;

	snprintf(cell, CELL, "%.2f", min ? (double)max / (double)min : 1.0);
}

const char *uz__madvise_verdict(const struct uz_madvise_row *row)
{
	if (row->freed >= 900)
		return "yes";
	if (row->freed + row->lazy >= 900)
		return "lazily";
	return row->freed + row->lazy >= 100 ? "partly" : "no";
}

static void frees(const struct uz_madvise_row *row, char cell[CELL])
{
	snprintf(cell, CELL, "%s",
		 row->cell.method == UZ_MADVISE_NONE ? "-" : uz__madvise_verdict(row));
}

static void percent(uint32_t share, char cell[CELL])
{
	snprintf(cell, CELL, "%u", (share + 5) / 10);
}

static void freed(const struct uz_madvise_row *row, char cell[CELL])
{
	percent(row->freed, cell);
}

static void lazy(const struct uz_madvise_row *row, char cell[CELL])
{
	percent(row->lazy, cell);
}

static void unmapped(const struct uz_madvise_row *row, char cell[CELL])
{
	percent(row->unmapped, cell);
}

static void note(const struct uz_madvise_row *row, char cell[CELL])
{
	bool costs = row->cell.method != UZ_MADVISE_NONE && row->freed + row->lazy < 100;

	snprintf(cell, CELL, "%s",
		 !costs			? ""
		 : row->unmapped >= 500 ? "costs without freeing, though RSS falls"
					: "costs without freeing");
}

static const struct column {
	const char *name;
	bool text;
	void (*cell)(const struct uz_madvise_row *row, char cell[CELL]);
	const char *help;
} columns[] = {
	{ "BACKING", true, backing, "what the memory is" },
	{ "METHOD", true, method, "how the system is told that it is not needed" },
	{ "PIECE", false, piece, "bytes a call, or an entry of a batch" },
	{ "THREADS", false, threads, "each in its own part of one mapping" },
	{ "PRESSURE", true, pressure, "memcg: a hog fills the cgroup after the advice" },
	{ "TOUCH", false, touch, "ns a page: the first write" },
	{ "ADVICE", false, advice, "ns a page: the calls" },
	{ "RETOUCH", false, retouch, "ns a page: a write after the advice, and after the hog" },
	{ "BOTH", false, both, "ADVICE + RETOUCH" },
	{ "SPREAD", false, spread, "largest / smallest sample of BOTH" },
	{ "HOG", false, hog, "ns a page: what the hog paid, of fresh memory" },
	{ "FREES", true, frees, "measured: yes, lazily, partly, no" },
	{ "FREED", false, freed,
	  "percent freed at once: Rss less LazyFree, or blocks of the file" },
	{ "LAZY", false, lazy, "percent left as LazyFree" },
	{ "UNMAPPED", false, unmapped, "percent by which Rss fell" },
	{ "NOTE", true, note, "what to watch out for" },
};

#define NR_COLUMNS (sizeof(columns) / sizeof(*columns))

static const char default_columns[] =
	"BACKING,METHOD,PIECE,THREADS,PRESSURE,TOUCH,ADVICE,RETOUCH,BOTH,SPREAD,HOG,FREES,NOTE";

struct table {
	const struct uz_madvise_report *report;
	const struct column *column[NR_COLUMNS * 2];
	unsigned int nr;
};

void uz__madvise_table_help(void)
{
	printf("\nColumns:\n");
	for (size_t i = 0; i < NR_COLUMNS; i++)
		printf("  %-10s  %s\n", columns[i].name, columns[i].help);
}

static int add_column(struct table *t, const char *name, struct uz_error *e)
{
	char all[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < NR_COLUMNS; i++) {
		if (!strcasecmp(columns[i].name, name) && t->nr < NR_COLUMNS * 2) {
			t->column[t->nr++] = &columns[i];
			return 0;
		}
		used += (size_t)snprintf(all + used, sizeof(all) - used, " %s", columns[i].name);
	}
	return uz__error(e, EINVAL, "--output: no column '%s'; there are:%s", name, all);
}

static bool has_text(const struct uz_madvise_row *row)
{
	return !row->reason[0];
}

static int width_of(const struct table *t, const struct column *c)
{
	size_t width = strlen(c->name);
	char cell[CELL];

	for (size_t i = 0; i < t->report->nr; i++)
		if (has_text(&t->report->row[i])) {
			c->cell(&t->report->row[i], cell);
			width = UZ_MAX(width, strlen(cell));
		}
	return (int)width;
}

static void print_cell(const struct table *t, unsigned int i, const char *cell, int width)
{
	if (i)
		putchar(' ');
	if (t->column[i]->text)
		printf("%-*s", i + 1 == t->nr ? 0 : width, cell);
	else
		printf("%*s", width, cell);
}

static void print_rows(const struct table *t)
{
	int width[NR_COLUMNS * 2];
	char cell[CELL];

	for (unsigned int i = 0; i < t->nr; i++) {
		width[i] = width_of(t, t->column[i]);
		print_cell(t, i, t->column[i]->name, width[i]);
	}
	putchar('\n');
	for (size_t row = 0; row < t->report->nr; row++) {
		if (!has_text(&t->report->row[row]))
			continue;
		for (unsigned int i = 0; i < t->nr; i++) {
			t->column[i]->cell(&t->report->row[row], cell);
			print_cell(t, i, cell, width[i]);
		}
		putchar('\n');
	}
}

const char *uz__madvise_cell_text(const struct uz_madvise_cell *c, char text[96])
{
	char exact[UZ_SIZE_TEXT];

	snprintf(text, 96, "%s %s %s, %u thread%s%s", uz__madvise_backings[c->backing],
		 uz__madvise_methods[c->method],
		 c->piece_bytes ? uz__size_exact(c->piece_bytes, exact) : "-", c->threads,
		 c->threads == 1 ? "" : "s", c->pressure ? ", memory pressure" : "");
	return text;
}

static bool same_reason(const struct uz_madvise_row *a, const struct uz_madvise_row *b)
{
	return a->cell.pressure == b->cell.pressure && !strcmp(a->reason, b->reason);
}

static bool same_way(const struct uz_madvise_row *a, const struct uz_madvise_row *b)
{
	return same_reason(a, b) && a->cell.backing == b->cell.backing &&
	       a->cell.method == b->cell.method;
}

/* True if no row before @i is the same to @same. */
static bool is_first(const struct uz_madvise_report *r, size_t i,
		     bool (*same)(const struct uz_madvise_row *, const struct uz_madvise_row *))
{
	for (size_t before = 0; before < i; before++)
		if (same(&r->row[before], &r->row[i]))
			return false;
	return true;
}

static void print_reason(const struct uz_madvise_report *r, size_t first)
{
	const struct uz_madvise_row *row = &r->row[first];
	const char *comma = "";
	size_t nr = 0;

	for (size_t i = first; i < r->nr; i++)
		nr += same_reason(&r->row[i], row);
	printf("not measured: %zu cells%s: %s (", nr,
	       row->cell.pressure ? " under memory pressure" : "", row->reason);
	for (size_t i = first; i < r->nr; i++) {
		if (!same_reason(&r->row[i], row) || !is_first(r, i, same_way))
			continue;
		printf("%s%s %s", comma, uz__madvise_backings[r->row[i].cell.backing],
		       uz__madvise_methods[r->row[i].cell.method]);
		comma = ", ";
	}
	printf(")\n");
}

static void print_disturbed(const struct uz_madvise_report *r)
{
	uint64_t samples, nr = uz__madvise_disturbed(r, &samples);

	if (nr)
		printf("disturbed: another process took a CPU in %" PRIu64 " of %" PRIu64
		       " samples: figures of an idle machine are better\n",
		       nr, samples);
}

static void print_head(const struct uz_madvise_report *r)
{
	char exact[UZ_SIZE_TEXT], swap[UZ_SIZE_TEXT];

	printf("Linux %s %s, %" PRIu64 " x %s, THP %s, defrag %s, shmem %s, swap %s\n", r->kernel,
	       r->machine, r->cpus, r->cpu, r->thp, r->thp_defrag, r->thp_shmem,
	       uz__size_human(r->swap_bytes, swap));
	printf("%s, %s a thread, medians of %" PRIu64 ", ns a page of %" PRIu64 " bytes\n\n",
	       r->date, uz__size_exact(r->footprint_bytes, exact), r->repeats, r->page_bytes);
}

static int choose(struct table *t, const char *list, struct uz_error *e)
{
	UZ_FREE char *copy = strdup(list ? list : default_columns);
	char *rest = copy;
	const char *name;
	int err = copy ? 0 : uz__error(e, ENOMEM, "out of memory");

	while (!err && (name = strsep(&rest, ",")))
		err = add_column(t, name, e);
	return err;
}

int uz__madvise_table_check(const char *list, struct uz_error *e)
{
	struct table t = { .nr = 0 };

	return choose(&t, list, e);
}

int uz__madvise_table(const struct uz_madvise_report *r, const char *list, struct uz_error *e)
{
	struct table t = { .report = r };
	int err = choose(&t, list, e);

	if (err)
		return err;
	print_head(r);
	print_rows(&t);
	print_disturbed(r);
	for (size_t i = 0; i < r->nr; i++)
		if (r->row[i].reason[0] && is_first(r, i, same_reason))
			print_reason(r, i);
	return 0;
}
