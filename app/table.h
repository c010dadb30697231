/* SPDX-License-Identifier: MIT */
/* Tables of text: columns are chosen by name, and each is as wide as its widest cell. */
#ifndef UZ_APP_TABLE_H
#define UZ_APP_TABLE_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

#define UZ_TABLE_CELL 64
#define UZ_TABLE_COLUMNS 16 /* that a kind of table has */

struct uz_table_column {
	const char *name, *help;
	bool text; /* to the left, others to the right */
};

/* @of is what a table is of: its rows. */
struct uz_table_kind {
	const struct uz_table_column *(*column)(size_t i);
	size_t nr_columns;
	const char *usual; /* the columns when none are asked for, separated by commas */
	void (*cell)(const void *of, size_t row, size_t column, char cell[UZ_TABLE_CELL]);
	bool (*has)(const void *of, size_t row); /* NULL: all rows are shown */
};

struct uz_table {
	const struct uz_table_kind *kind;
	const void *of;
	size_t nr_rows;
	bool raw; /* one blank between columns, no alignment */
	bool headings;
	size_t column[2 * UZ_TABLE_COLUMNS]; /* chosen, also twice */
	unsigned int nr;
};

/* All columns, for help. */
void uz__table_help(const struct uz_table_kind *kind);

/* Columns of @list, NULL: the usual ones. 0, -ENOMEM, or -EINVAL: no such column. */
int uz__table_choose(struct uz_table *t, const char *list, struct uz_error *e);
void uz__table_choose_all(struct uz_table *t);

void uz__table_print(const struct uz_table *t);

#endif
