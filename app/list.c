/* SPDX-License-Identifier: MIT */
/* One table of columns: names and meaning are zramctl's where it has the column. */
#include "list.h"

#include "cleanup.h"
#include "size.h"

#include <errno.h>
#include <string.h>

#define CELL 64

struct column {
	const char *name, *key; /* of the report */
	enum { TEXT, NUMBER, BYTES, RATIO } type;
	const char *help;
};

static const struct column columns[] = {
	{ "NAME", "name", TEXT, "disk" },
	{ "DISKSIZE", "disksize", BYTES, "disk size: limit on the uncompressed amount of data" },
	{ "DATA", "orig_data_size", BYTES, "uncompressed size of stored data" },
	{ "COMPR", "compr_data_size", BYTES, "compressed size of stored data" },
	{ "ALGORITHM", "codec", TEXT, "the selected compression algorithm" },
	{ "STREAMS", "connections", NUMBER,
	  "connections, each of which compresses beside the others" },
	{ "ZERO-PAGES", "same_pages", NUMBER, "pages of one repeated word, which take no memory" },
	{ "TOTAL", "mem_used_total", BYTES, "frames of the disk's pools and raw pages" },
	{ "MEM-LIMIT", "mem_limit", BYTES, "the disk's own share of the RAM budget" },
	{ "MEM-USED", "mem_used_max", BYTES, "the most that TOTAL has been" },
	{ "MIGRATED", "pages_compacted", NUMBER, "frames freed by compaction" },
	{ "POOL", "pool", TEXT, "page allocator" },
	{ "RAM-TOTAL", "ram_total", BYTES, "all memory that the server's disks cost together" },
	{ "RAM-LIMIT", "ram_limit", BYTES, "RAM budget of the server" },
	{ "RATIO", "", RATIO, "DATA / TOTAL" },
};

#define NR_COLUMNS (sizeof(columns) / sizeof(*columns))

static const char default_columns[] = "NAME,POOL,ALGORITHM,DISKSIZE,DATA,COMPR,TOTAL,RATIO,STREAMS";

struct table {
	const struct uz_view *view;
	const struct column *column[NR_COLUMNS * 2];
	unsigned int nr;
	bool bytes, raw, headings;
};

void uz__list_help(void)
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

static int choose(struct table *t, const struct uz_command_line *cl, struct uz_error *e)
{
	const char *list = cl->server.value[OPT_OUTPUT];
	UZ_FREE char *copy = strdup(list ? list : default_columns);
	char *rest = copy, *name;
	int err = 0;

	if (uz__option_is_on(NULL, &cl->server, OPT_OUTPUT_ALL)) {
		for (size_t i = 0; i < NR_COLUMNS; i++)
			t->column[t->nr++] = &columns[i];
		return 0;
	}
	while (!err && (name = strsep(&rest, ",")))
		err = add_column(t, name, e);
	return err;
}

static void ratio(const struct table *t, unsigned int row, char cell[CELL])
{
	uint64_t data = uz__view_number(t->view, row, "orig_data_size");
	uint64_t total = uz__view_number(t->view, row, "mem_used_total");

	if (total)
		snprintf(cell, CELL, "%.2f", (double)data / (double)total);
	else
		snprintf(cell, CELL, "-");
}

static void cell_text(const struct table *t, const struct column *c, unsigned int row,
		      char cell[CELL])
{
	char human[UZ_SIZE_TEXT];

	if (c->type == RATIO)
		ratio(t, row, cell);
	else if (c->type == BYTES && !t->bytes)
		snprintf(cell, CELL, "%s",
			 uz__size_human(uz__view_number(t->view, row, c->key), human));
	else
		uz__view_text(t->view, row, c->key, cell, CELL);
}

static int width_of(const struct table *t, const struct column *c)
{
	size_t width = t->headings ? strlen(c->name) : 0;
	char cell[CELL];

	for (unsigned int row = 0; row < t->view->nr; row++) {
		cell_text(t, c, row, cell);
		width = UZ_MAX(width, strlen(cell));
	}
	return (int)width;
}

static void print_cell(const struct table *t, unsigned int i, const char *cell, int width)
{
	const struct column *c = t->column[i];

	if (i)
		putchar(' ');
	if (t->raw)
		fputs(cell, stdout);
	else if (c->type != TEXT)
		printf("%*s", width, cell);
	else
		printf("%-*s", i + 1 == t->nr ? 0 : width, cell);
}

static void print_rows(const struct table *t)
{
	int width[NR_COLUMNS * 2];
	char cell[CELL];

	for (unsigned int i = 0; i < t->nr; i++)
		width[i] = width_of(t, t->column[i]);
	for (unsigned int i = 0; t->headings && i < t->nr; i++)
		print_cell(t, i, t->column[i]->name, width[i]);
	if (t->headings)
		putchar('\n');
	for (unsigned int row = 0; row < t->view->nr; row++) {
		for (unsigned int i = 0; i < t->nr; i++) {
			cell_text(t, t->column[i], row, cell);
			print_cell(t, i, cell, width[i]);
		}
		putchar('\n');
	}
}

int uz__list_print(const struct uz_view *view, const struct uz_command_line *cl, struct uz_error *e)
{
	const struct uz_section *o = &cl->server;
	struct table t = { .view = view,
			   .bytes = uz__option_is_on(NULL, o, OPT_BYTES),
			   .raw = uz__option_is_on(NULL, o, OPT_RAW),
			   .headings = !uz__option_is_on(NULL, o, OPT_NOHEADINGS) };
	int err = choose(&t, cl, e);

	if (!err)
		print_rows(&t);
	return err;
}
