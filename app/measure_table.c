/* SPDX-License-Identifier: MIT */
/* The rows as a table, with a word on what each is good for, and as JSON. */
#include "measure.h"

#include "json.h"
#include "size.h"
#include "table.h"

#include <inttypes.h>
#include <string.h>
#include <uz/bits.h>

#define CELL UZ_TABLE_CELL

/* Differences below are noise. */
#define NOISE_PERCENT 3u

struct of {
	const struct uz_measure_report *report;
	const struct uz_measure_row *row;
};

static uint64_t bytes_of(const struct uz_measure_sample *s)
{
	return (uint64_t)s->nr << UZ_PAGE_SHIFT;
}

static void codec_text(const struct uz_measure_row *row, char text[UZ_CODEC_SPEC_TEXT])
{
	uz__codec_spec_print(&row->codec->spec, text);
}

static void pool(const struct of *o, char cell[CELL])
{
	snprintf(cell, CELL, "%s", o->row->pool->name);
}

static void algorithm(const struct of *o, char cell[CELL])
{
	char text[UZ_CODEC_SPEC_TEXT];

	codec_text(o->row, text);
	snprintf(cell, CELL, "%.*s", CELL - 1, text);
}

static void ratio(const struct of *o, char cell[CELL])
{
	snprintf(cell, CELL, "%.2f",
		 (double)bytes_of(&o->report->sample) /
			 (double)UZ_MAX(o->row->cost_bytes, (uint64_t)1));
}

static void cost(const struct of *o, char cell[CELL])
{
	uz__size_human(o->row->cost_bytes, cell);
}

static void compr(const struct of *o, char cell[CELL])
{
	uz__size_human(o->row->compr_bytes, cell);
}

static void same(const struct of *o, char cell[CELL])
{
	snprintf(cell, CELL, "%" PRIu64, o->row->same_pages);
}

static void huge(const struct of *o, char cell[CELL])
{
	snprintf(cell, CELL, "%" PRIu64, o->row->huge_pages);
}

static void mb_s(uint64_t bytes_per_s, char cell[CELL])
{
	snprintf(cell, CELL, "%.0f", (double)bytes_per_s / 1e6);
}

static void us(uint64_t ns, char cell[CELL])
{
	snprintf(cell, CELL, "%.1f", (double)ns / 1e3);
}

static void write_speed(const struct of *o, char cell[CELL])
{
	mb_s(o->row->figure[UZ_MEASURE_WRITE_BPS], cell);
}

static void read_speed(const struct of *o, char cell[CELL])
{
	mb_s(o->row->figure[UZ_MEASURE_READ_BPS], cell);
}

static void write_p99(const struct of *o, char cell[CELL])
{
	us(o->row->figure[UZ_MEASURE_WRITE_P99_NS], cell);
}

static void read_p99(const struct of *o, char cell[CELL])
{
	us(o->row->figure[UZ_MEASURE_READ_P99_NS], cell);
}

/* What matters of a row, the more the better. */
static void merits(const struct uz_measure_row *row, uint64_t merit[3])
{
	merit[0] = UINT64_MAX / UZ_MAX(row->cost_bytes, (uint64_t)1);
	merit[1] = row->figure[UZ_MEASURE_WRITE_BPS];
	merit[2] = row->figure[UZ_MEASURE_READ_BPS];
}

/* @a is worse than @b in nothing, and better by more than noise in something. */
static bool beats(const struct uz_measure_row *a, const struct uz_measure_row *b)
{
	uint64_t x[3], y[3];
	bool better = false;

	merits(a, x);
	merits(b, y);
	for (int i = 0; i < 3; i++) {
		if (x[i] < y[i])
			return false;
		better |= x[i] - y[i] > y[i] / 100 * NOISE_PERCENT;
	}
	return better;
}

static bool is_best(const struct of *o, int i)
{
	uint64_t mine[3], other[3];

	merits(o->row, mine);
	for (size_t k = 0; k < o->report->nr; k++) {
		merits(&o->report->row[k], other);
		if (other[i] > mine[i])
			return false;
	}
	return true;
}

static bool is_beaten(const struct of *o)
{
	for (size_t k = 0; k < o->report->nr; k++)
		if (beats(&o->report->row[k], o->row))
			return true;
	return false;
}

static void note(const struct of *o, char cell[CELL])
{
	static const char *const word[] = { "densest", "fastest write", "fastest read" };
	size_t used = 0;

	cell[0] = 0;
	for (int i = 0; i < 3; i++)
		if (is_best(o, i))
			used += (size_t)snprintf(cell + used, CELL - used, "%s%s", used ? ", " : "",
						 word[i]);
	if (!used && is_beaten(o))
		snprintf(cell, CELL, "beaten in everything");
}

static const struct column {
	struct uz_table_column is;
	void (*cell)(const struct of *o, char cell[CELL]);
} columns[] = {
	{ { "POOL", "page allocator", true }, pool },
	{ { "ALGORITHM", "compressor and its parameters", true }, algorithm },
	{ { "RATIO", "sample / COST", false }, ratio },
	{ { "COST", "memory that a disk takes for the sample, tables included", false }, cost },
	{ { "COMPR", "what the compressor made of the sample", false }, compr },
	{ { "WRITE", "MB/s, one thread, a page a request", false }, write_speed },
	{ { "READ", "MB/s, the same", false }, read_speed },
	{ { "WRITE-P99", "us: 99 of 100 pages take no longer", false }, write_p99 },
	{ { "READ-P99", "us: 99 of 100 pages take no longer", false }, read_p99 },
	{ { "SAME", "pages of one repeated word; those of zeros not counted", false }, same },
	{ { "HUGE", "pages that do not compress and are kept as they are", false }, huge },
	{ { "NOTE", "best in something; beaten: another row is better in RATIO, WRITE and READ",
	    true },
	  note },
};

#define NR_COLUMNS (sizeof(columns) / sizeof(*columns))

_Static_assert(NR_COLUMNS <= UZ_TABLE_COLUMNS, "a table has room for all of them");

static const struct uz_table_column *column_at(size_t i)
{
	return &columns[i].is;
}

static void cell_of(const void *report, size_t row, size_t column, char cell[CELL])
{
	const struct uz_measure_report *r = report;
	struct of o = { r, &r->row[row] };

	columns[column].cell(&o, cell);
}

static const struct uz_table_kind kind = {
	.column = column_at,
	.nr_columns = NR_COLUMNS,
	.usual = "POOL,ALGORITHM,RATIO,COST,WRITE,READ,WRITE-P99,READ-P99,NOTE",
	.cell = cell_of,
};

void uz__measure_table_help(void)
{
	uz__table_help(&kind);
}

int uz__measure_table_check(const char *list, struct uz_error *e)
{
	struct uz_table t = { .kind = &kind };

	return uz__table_choose(&t, list, e);
}

int uz__measure_table(const struct uz_measure_report *r, const char *list, struct uz_error *e)
{
	struct uz_table t = { .kind = &kind, .of = r, .nr_rows = r->nr, .headings = true };
	char sample[UZ_SIZE_TEXT], of[UZ_SIZE_TEXT];
	int err = uz__table_choose(&t, list, e);

	if (err)
		return err;
	printf("a sample of %s of %s, every byte compared, medians of %u\n\n",
	       uz__size_human(bytes_of(&r->sample), sample), uz__size_human(r->sample.of_bytes, of),
	       r->repeats);
	uz__table_print(&t);
	return 0;
}

static void put_row(struct uz_json_out *o, const struct uz_measure_report *r,
		    const struct uz_measure_row *row)
{
	char text[UZ_CODEC_SPEC_TEXT];

	codec_text(row, text);
	uz__json_open(o, NULL, '{');
	uz__json_put_text(o, "pool", row->pool->name);
	uz__json_put_text(o, "codec", text);
	uz__json_put_u64(o, "dict_bytes", row->codec->dict_bytes);
	uz__json_put_u64(o, "data_bytes", r->sample.of_bytes);
	uz__json_put_u64(o, "sample_bytes", bytes_of(&r->sample));
	uz__json_put_u64(o, "cost_bytes", row->cost_bytes);
	uz__json_put_u64(o, "compr_data_size", row->compr_bytes);
	uz__json_put_u64(o, "same_pages", row->same_pages);
	uz__json_put_u64(o, "huge_pages", row->huge_pages);
	uz__json_put_u64(o, "write_bytes_per_s", row->figure[UZ_MEASURE_WRITE_BPS]);
	uz__json_put_u64(o, "read_bytes_per_s", row->figure[UZ_MEASURE_READ_BPS]);
	uz__json_put_u64(o, "write_p99_ns", row->figure[UZ_MEASURE_WRITE_P99_NS]);
	uz__json_put_u64(o, "read_p99_ns", row->figure[UZ_MEASURE_READ_P99_NS]);
	uz__json_close(o, '}');
}

void uz__measure_json(const struct uz_measure_report *r)
{
	struct uz_json_out o = { .f = stdout };

	uz__json_open(&o, NULL, '[');
	for (size_t i = 0; i < r->nr; i++)
		put_row(&o, r, &r->row[i]);
	uz__json_close(&o, ']');
	putchar('\n');
}
