/* SPDX-License-Identifier: MIT */
/* One table of columns: names and meaning are zramctl's where it has the column. */
#include "list.h"

#include "size.h"
#include "table.h"

#include <assert.h>

struct column {
	struct uz_table_column is;
	const char *key; /* of the report */
	enum { TEXT, NUMBER, BYTES, RATIO } type;
};

#define COLUMN(name, key, type, help) \
	{ \
		{ name, help, type == TEXT }, key, type \
	}

static const struct column columns[] = {
	COLUMN("NAME", "name", TEXT, "disk"),
	COLUMN("DISKSIZE", "disksize", BYTES,
	       "disk size: limit on the uncompressed amount of data"),
	COLUMN("DATA", "orig_data_size", BYTES, "uncompressed size of stored data"),
	COLUMN("COMPR", "compr_data_size", BYTES, "compressed size of stored data"),
	COLUMN("ALGORITHM", "codec", TEXT, "the selected compression algorithm"),
	COLUMN("STREAMS", "connections", NUMBER,
	       "connections, each of which compresses beside the others"),
	COLUMN("ZERO-PAGES", "same_pages", NUMBER,
	       "pages of one repeated word, which take no memory"),
	COLUMN("TOTAL", "mem_used_total", BYTES, "frames of the disk's pools and raw pages"),
	COLUMN("MEM-LIMIT", "mem_limit", BYTES, "the disk's own share of the RAM budget"),
	COLUMN("MEM-USED", "mem_used_max", BYTES, "the most that TOTAL has been"),
	COLUMN("MIGRATED", "pages_compacted", NUMBER, "frames freed by compaction"),
	COLUMN("POOL", "pool", TEXT, "page allocator"),
	COLUMN("RAM-TOTAL", "ram_total", BYTES, "all memory that the server's disks cost together"),
	COLUMN("RAM-LIMIT", "ram_limit", BYTES, "RAM budget of the server"),
	COLUMN("RATIO", "", RATIO, "DATA / TOTAL"),
};

#define NR_COLUMNS (sizeof(columns) / sizeof(*columns))

static_assert(NR_COLUMNS <= UZ_TABLE_COLUMNS, "a table has room for all of them");

struct list {
	const struct uz_view *view;
	bool bytes;
};

static void ratio(const struct uz_view *v, unsigned int row, char cell[UZ_TABLE_CELL])
{
	uint64_t data = uz__view_number(v, row, "orig_data_size");
	uint64_t total = uz__view_number(v, row, "mem_used_total");

	if (total)
		snprintf(cell, UZ_TABLE_CELL, "%.2f", (double)data / (double)total);
	else
		snprintf(cell, UZ_TABLE_CELL, "-");
}

static void cell_text(const void *of, size_t row, size_t column, char cell[UZ_TABLE_CELL])
{
	const struct list *l = of;
	const struct column *c = &columns[column];
	unsigned int disk = (unsigned int)row;
	char human[UZ_SIZE_TEXT];

	if (c->type == RATIO)
		ratio(l->view, disk, cell);
	else if (c->type == BYTES && !l->bytes)
		snprintf(cell, UZ_TABLE_CELL, "%s",
			 uz__size_human(uz__view_number(l->view, disk, c->key), human));
	else
		uz__view_text(l->view, disk, c->key, cell, UZ_TABLE_CELL);
}

static const struct uz_table_column *column_at(size_t i)
{
	return &columns[i].is;
}

static const struct uz_table_kind kind = {
	.column = column_at,
	.nr_columns = NR_COLUMNS,
	.usual = "NAME,POOL,ALGORITHM,DISKSIZE,DATA,COMPR,TOTAL,RATIO,STREAMS",
	.cell = cell_text,
};

void uz__list_help(void)
{
	uz__table_help(&kind);
}

int uz__list_print(const struct uz_view *view, const struct uz_command_line *cl, struct uz_error *e)
{
	const struct uz_section *o = &cl->server;
	struct list l = { view, uz__option_is_on(NULL, o, OPT_BYTES) };
	struct uz_table t = { .kind = &kind,
			      .of = &l,
			      .nr_rows = view->nr,
			      .raw = uz__option_is_on(NULL, o, OPT_RAW),
			      .headings = !uz__option_is_on(NULL, o, OPT_NOHEADINGS) };
	int err = 0;

	if (uz__option_is_on(NULL, o, OPT_OUTPUT_ALL))
		uz__table_choose_all(&t);
	else
		err = uz__table_choose(&t, o->value[OPT_OUTPUT], e);
	if (!err)
		uz__table_print(&t);
	return err;
}
