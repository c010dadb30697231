/* SPDX-License-Identifier: MIT */
/* The figures as a table; cells without figures are gathered below it by their reason. */
#include "madvise.h"
#include "size.h"
#include "table.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define CELL UZ_TABLE_CELL

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
	struct uz_table_column is;
	void (*cell)(const struct uz_madvise_row *row, char cell[CELL]);
} columns[] = {
	{ { "BACKING", "what the memory is", true }, backing },
	{ { "METHOD", "how the system is told that it is not needed", true }, method },
	{ { "PIECE", "bytes a call, or an entry of a batch", false }, piece },
	{ { "THREADS", "each in its own part of one mapping", false }, threads },
	{ { "PRESSURE", "memcg: a hog fills the cgroup after the advice", true }, pressure },
	{ { "TOUCH", "ns a page: the first write", false }, touch },
	{ { "ADVICE", "ns a page: the calls", false }, advice },
	{ { "RETOUCH", "ns a page: a write after the advice, and after the hog", false }, retouch },
	{ { "BOTH", "ADVICE + RETOUCH", false }, both },
	{ { "SPREAD", "largest / smallest sample of BOTH", false }, spread },
	{ { "HOG", "ns a page: what the hog paid, of fresh memory", false }, hog },
	{ { "FREES", "measured: yes, lazily, partly, no", true }, frees },
	{ { "FREED", "percent freed at once: Rss less LazyFree, or blocks of the file", false },
	  freed },
	{ { "LAZY", "percent left as LazyFree", false }, lazy },
	{ { "UNMAPPED", "percent by which Rss fell", false }, unmapped },
	{ { "NOTE", "what to watch out for", true }, note },
};

#define NR_COLUMNS (sizeof(columns) / sizeof(*columns))

static_assert(NR_COLUMNS <= UZ_TABLE_COLUMNS, "a table has room for all of them");

static const struct uz_table_column *column_at(size_t i)
{
	return &columns[i].is;
}

static void cell_of(const void *report, size_t row, size_t column, char cell[CELL])
{
	const struct uz_madvise_report *r = report;

	columns[column].cell(&r->row[row], cell);
}

static bool has_figures(const void *report, size_t row)
{
	const struct uz_madvise_report *r = report;

	return !r->row[row].reason[0];
}

static const struct uz_table_kind kind = {
	.column = column_at,
	.nr_columns = NR_COLUMNS,
	.usual = "BACKING,METHOD,PIECE,THREADS,PRESSURE,TOUCH,ADVICE,RETOUCH,BOTH,SPREAD,HOG,FREES,"
		 "NOTE",
	.cell = cell_of,
	.has = has_figures,
};

void uz__madvise_table_help(void)
{
	uz__table_help(&kind);
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

int uz__madvise_table_check(const char *list, struct uz_error *e)
{
	struct uz_table t = { .kind = &kind };

	return uz__table_choose(&t, list, e);
}

int uz__madvise_table(const struct uz_madvise_report *r, const char *list, struct uz_error *e)
{
	struct uz_table t = { .kind = &kind, .of = r, .nr_rows = r->nr, .headings = true };
	int err = uz__table_choose(&t, list, e);

	if (err)
		return err;
	print_head(r);
	uz__table_print(&t);
	print_disturbed(r);
	for (size_t i = 0; i < r->nr; i++)
		if (r->row[i].reason[0] && is_first(r, i, same_reason))
			print_reason(r, i);
	return 0;
}
