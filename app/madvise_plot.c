/* SPDX-License-Identifier: MIT */
/*
 * The figures as SVG: a panel for each backing, number of threads and pressure, a line for each
 * method and piece, marks on one logarithmic axis of ns a page, a bar from the smallest to the
 * largest sample through each mark as far as the axis goes. The axis is logarithmic because methods
 * differ by factors of a hundred, so parts of a line are not added up: the sum stands at its end.
 */
#include "cleanup.h"
#include "madvise.h"
#include "size.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uz/bits.h>

#define WIDTH 960
#define LEFT 170 /* labels end here */
#define RIGHT 790 /* sums start here */
#define TOP 84
#define LINE 15
#define PANEL 40 /* title and space of a panel */

static const struct {
	const char *colour, *what;
} marks[UZ_MADVISE_PHASE_NR] = {
	[UZ_MADVISE_TOUCH] = { "#9a9a9a", "first touch" },
	[UZ_MADVISE_ADVICE] = { "#d55e00", "advice" },
	[UZ_MADVISE_HOG] = { "#7a4fa3", "hog (memory pressure)" },
	[UZ_MADVISE_RETOUCH] = { "#0072b2", "touch after it" },
};

struct plot {
	const struct uz_madvise_report *report;
	FILE *f;
	int decade_min, decade_max; /* of picoseconds */
	int y;
};

static void escaped(FILE *f, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		default:
			putc((unsigned char)*text < 0x20 ? ' ' : *text, f);
		}
}

/* Base 2, by squaring the mantissa: one digit of the result each time. */
static double log2_of(uint64_t value)
{
	int whole = 63 - __builtin_clzll(value);
	double x = (double)value / (double)((uint64_t)1 << whole), result = whole;

	for (double digit = 0.5; digit > 1e-6; digit /= 2) {
		x *= x;
		if (x >= 2) {
			x /= 2;
			result += digit;
		}
	}
	return result;
}

static double log10_of(uint64_t value)
{
	return log2_of(value) * 0.30102999566398120;
}

static double x_of(const struct plot *p, uint64_t ps)
{
	double at = log10_of(UZ_MAX(ps, (uint64_t)1)) - p->decade_min;
	double decades = p->decade_max - p->decade_min;

	return LEFT + UZ_MIN(UZ_MAX(at, 0.0), decades) * (RIGHT - LEFT) / decades;
}

static bool is_shown(const struct uz_madvise_row *row, int phase)
{
	if (row->reason[0] || !row->ps[phase].median)
		return false;
	return row->cell.method != UZ_MADVISE_NONE || phase != UZ_MADVISE_ADVICE;
}

static void find_range(struct plot *p)
{
	uint64_t min = UINT64_MAX, max = 1;

	for (size_t i = 0; i < p->report->nr; i++)
		for (int phase = 0; phase < UZ_MADVISE_PHASE_NR; phase++) {
			const struct uz_madvise_spread *s = &p->report->row[i].ps[phase];

			if (!is_shown(&p->report->row[i], phase))
				continue;
			min = UZ_MIN(min, s->median);
			max = UZ_MAX(max, s->median);
		}
	p->decade_min = min > max ? 0 : (int)log10_of(min);
	p->decade_max = UZ_MAX((int)log10_of(max), p->decade_min) + 1;
}

static bool same_panel(const struct uz_madvise_cell *a, const struct uz_madvise_cell *b)
{
	return a->backing == b->backing && a->threads == b->threads && a->pressure == b->pressure;
}

/* The row that starts a panel is the first with figures of its kind. */
static bool starts_panel(const struct uz_madvise_report *r, size_t row)
{
	if (r->row[row].reason[0])
		return false;
	for (size_t i = 0; i < row; i++)
		if (!r->row[i].reason[0] && same_panel(&r->row[i].cell, &r->row[row].cell))
			return false;
	return true;
}

static int height_of(const struct uz_madvise_report *r)
{
	int height = TOP + PANEL;

	for (size_t i = 0; i < r->nr; i++)
		height += (r->row[i].reason[0] ? 0 : LINE) + (starts_panel(r, i) ? PANEL : 0);
	return height;
}

static void draw_head(const struct plot *p)
{
	const struct uz_madvise_report *r = p->report;
	char exact[UZ_SIZE_TEXT];
	int x = LEFT;

	fprintf(p->f, "<text x=\"10\" y=\"22\" font-size=\"15\">uzram madvise-bench: ns a page of "
		      "touching memory, giving it back, touching it again</text>\n");
	fprintf(p->f, "<text x=\"10\" y=\"42\">Linux ");
	escaped(p->f, r->kernel);
	fprintf(p->f, ", %" PRIu64 " x ", r->cpus);
	escaped(p->f, r->cpu);
	fprintf(p->f, ", THP ");
	escaped(p->f, r->thp);
	fprintf(p->f, ", ");
	escaped(p->f, r->date);
	fprintf(p->f, ", %s a thread, medians of %" PRIu64 "</text>\n",
		uz__size_exact(r->footprint_bytes, exact), r->repeats);
	for (int i = 0; i < UZ_MADVISE_PHASE_NR; i++, x += 150)
		fprintf(p->f,
			"<circle cx=\"%d\" cy=\"60\" r=\"4\" fill=\"%s\"/>"
			"<text x=\"%d\" y=\"64\">%s</text>\n",
			x, marks[i].colour, x + 9, marks[i].what);
}

static void draw_axis(const struct plot *p, int rows)
{
	uint64_t ps = 1;

	for (int d = 0; d < p->decade_min; d++)
		ps *= 10;
	for (int d = p->decade_min; d <= p->decade_max; d++, ps *= 10) {
		double x = x_of(p, ps);

		fprintf(p->f,
			"<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#ddd\"/>"
			"<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#777\">%g</text>\n",
			x, p->y, x, p->y + rows * LINE, x, p->y - 3, (double)ps / 1e3);
	}
}

static void draw_mark(const struct plot *p, const struct uz_madvise_row *row, int phase)
{
	const struct uz_madvise_spread *s = &row->ps[phase];

	fprintf(p->f,
		"<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"%s\" "
		"stroke-opacity=\"0.5\" stroke-width=\"2\"/>"
		"<circle cx=\"%.1f\" cy=\"%d\" r=\"3.5\" fill=\"%s\"><title>%s: %.1f (%.1f to %.1f)"
		"</title></circle>\n",
		x_of(p, s->min), p->y - 4, x_of(p, s->max), p->y - 4, marks[phase].colour,
		x_of(p, s->median), p->y - 4, marks[phase].colour, marks[phase].what,
		(double)s->median / 1e3, (double)s->min / 1e3, (double)s->max / 1e3);
}

/* Methods that free nothing are red. */
static void draw_row(struct plot *p, const struct uz_madvise_row *row)
{
	bool idle = row->cell.method == UZ_MADVISE_NONE;
	const char *verdict = idle ? "" : uz__madvise_verdict(row);
	const char *colour = !strcmp(verdict, "no") ? "#c00" : "#222";
	char exact[UZ_SIZE_TEXT];

	p->y += LINE;
	fprintf(p->f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"%s\">%s %s</text>\n",
		LEFT - 8, p->y, colour, uz__madvise_methods[row->cell.method],
		row->cell.piece_bytes ? uz__size_exact(row->cell.piece_bytes, exact) : "");
	for (int phase = 0; phase < UZ_MADVISE_PHASE_NR; phase++)
		if (is_shown(row, phase))
			draw_mark(p, row, phase);
	fprintf(p->f, "<text x=\"%d\" y=\"%d\" fill=\"%s\">%.1f%s%s</text>\n", RIGHT + 12, p->y,
		colour,
		(double)(row->ps[UZ_MADVISE_ADVICE].median + row->ps[UZ_MADVISE_RETOUCH].median) /
			1e3,
		idle ? "" : ", frees: ", verdict);
}

static void draw_panel(struct plot *p, size_t first)
{
	const struct uz_madvise_report *r = p->report;
	const struct uz_madvise_cell *c = &r->row[first].cell;
	int rows = 0;

	for (size_t i = first; i < r->nr; i++)
		rows += !r->row[i].reason[0] && same_panel(&r->row[i].cell, c);
	p->y += PANEL;
	fprintf(p->f,
		"<text x=\"10\" y=\"%d\" font-weight=\"bold\">%s, %u thread%s%s</text>"
		"<text x=\"%d\" y=\"%d\" fill=\"#777\">advice + touch after it</text>\n",
		p->y - 18, uz__madvise_backings[c->backing], c->threads, c->threads == 1 ? "" : "s",
		c->pressure ? ", memory pressure" : "", RIGHT + 12, p->y - 18);
	draw_axis(p, rows);
	for (size_t i = first; i < r->nr; i++)
		if (!r->row[i].reason[0] && same_panel(&r->row[i].cell, c))
			draw_row(p, &r->row[i]);
}

static void draw(struct plot *p)
{
	int height = height_of(p->report);

	fprintf(p->f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"11\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
		WIDTH, height, WIDTH, height);
	draw_head(p);
	p->y = TOP;
	for (size_t i = 0; i < p->report->nr; i++)
		if (starts_panel(p->report, i))
			draw_panel(p, i);
	fprintf(p->f, "</svg>\n");
}

static int cannot_open(const char *path, struct uz_error *e)
{
	return uz__error(e, errno == EINVAL ? EIO : errno, "--plot %s: %s", path, strerror(errno));
}

int uz__madvise_plot_check(const char *path, struct uz_error *e)
{
	struct stat st;
	bool there = stat(path, &st) == 0;
	FILE *f;

	if (there && S_ISFIFO(st.st_mode))
		return 0;
	f = fopen(path, "ae");
	if (!f)
		return cannot_open(path, e);
	fclose(f);
	if (!there)
		unlink(path);
	return 0;
}

int uz__madvise_plot(const struct uz_madvise_report *r, const char *path, struct uz_error *e)
{
	struct plot p = { .report = r, .f = fopen(path, "we") };
	int code;

	if (!p.f)
		return cannot_open(path, e);
	find_range(&p);
	draw(&p);
	code = ferror(p.f) ? EIO : 0;
	if (fclose(p.f))
		code = errno;
	return code ? uz__error(e, code, "--plot %s: %s", path, strerror(code)) : 0;
}
