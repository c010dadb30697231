/* SPDX-License-Identifier: MIT */
#include "table.h"

#include "cleanup.h"

#include <errno.h>
#include <string.h>
#include <uz/bits.h>

void uz__table_help(const struct uz_table_kind *kind)
{
	printf("\nColumns:\n");
	for (size_t i = 0; i < kind->nr_columns; i++)
		printf("  %-10s  %s\n", kind->column(i)->name, kind->column(i)->help);
}

static int add_column(struct uz_table *t, const char *name, struct uz_error *e)
{
	char all[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < t->kind->nr_columns; i++) {
		const char *known = t->kind->column(i)->name;

		if (!strcasecmp(known, name) && t->nr < 2 * t->kind->nr_columns) {
			t->column[t->nr++] = i;
			return 0;
		}
		used += (size_t)snprintf(all + used, sizeof(all) - used, " %s", known);
	}
	return uz__error(e, EINVAL, "--output: no column '%s'; there are:%s", name, all);
}

int uz__table_choose(struct uz_table *t, const char *list, struct uz_error *e)
{
	UZ_FREE char *copy = strdup(list ? list : t->kind->usual);
	char *rest = copy;
	const char *name;
	int err = copy ? 0 : uz__error(e, ENOMEM, "out of memory");

	while (!err && (name = strsep(&rest, ",")))
		err = add_column(t, name, e);
	return err;
}

void uz__table_choose_all(struct uz_table *t)
{
	while (t->nr < t->kind->nr_columns) {
		t->column[t->nr] = t->nr;
		t->nr++;
	}
}

static bool has(const struct uz_table *t, size_t row)
{
	return !t->kind->has || t->kind->has(t->of, row);
}

static int width_of(const struct uz_table *t, size_t column)
{
	size_t width = t->headings ? strlen(t->kind->column(column)->name) : 0;
	char cell[UZ_TABLE_CELL];

	for (size_t row = 0; row < t->nr_rows; row++)
		if (has(t, row)) {
			t->kind->cell(t->of, row, column, cell);
			width = UZ_MAX(width, strlen(cell));
		}
	return (int)width;
}

static void print_cell(const struct uz_table *t, unsigned int i, const char *cell, int width)
{
	if (i)
		putchar(' ');
	if (t->raw)
		fputs(cell, stdout);
	else if (t->kind->column(t->column[i])->text)
		printf("%-*s", i + 1 == t->nr ? 0 : width, cell);
	else
		printf("%*s", width, cell);
}

static void print_row(const struct uz_table *t, size_t row, const int *width)
{
	char cell[UZ_TABLE_CELL];

	for (unsigned int i = 0; i < t->nr; i++) {
		t->kind->cell(t->of, row, t->column[i], cell);
		print_cell(t, i, cell, width[i]);
	}
	putchar('\n');
}

void uz__table_print(const struct uz_table *t)
{
	int width[2 * UZ_TABLE_COLUMNS];

	for (unsigned int i = 0; i < t->nr; i++)
		width[i] = width_of(t, t->column[i]);
	for (unsigned int i = 0; t->headings && i < t->nr; i++)
		print_cell(t, i, t->kind->column(t->column[i])->name, width[i]);
	if (t->headings)
		putchar('\n');
	for (size_t row = 0; row < t->nr_rows; row++)
		if (has(t, row))
			print_row(t, row, width);
}
