/* SPDX-License-Identifier: MIT */
/*
 * Prometheus text from the tables of statistics. Names are uzram_STATISTIC, of regions
 * uzram_region_STATISTIC; counters end in _total as Prometheus wants it. A file is written beside its
 * place and renamed, so that a collector never reads half of one.
 */
#include "cleanup.h"
#include "region_report.h"
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

struct metrics {
	struct uz_view disks, regions;
};

static const struct {
	const char *key, *quantile;
} quantiles[] = {
	{ "p50_ns", "0.5" }, { "p99_ns", "0.99" }, { "p999_ns", "0.999" }, { "max_ns", "1" }
};

static void head(FILE *f, const char *name, const char *suffix, const char *help, const char *type)
{
	fprintf(f, "# HELP uzram_%s%s %s\n# TYPE uzram_%s%s %s\n", name, suffix, help, name, suffix,
		type);
}

/* Label values; disk names need no escapes, plugin paths may. */
static void label(FILE *f, const char *name, const char *value)
{
	fprintf(f, "%s=\"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			putc('\\', f);
		putc(*value, f);
	}
	putc('"', f);
}

static const char *const units[] = {
	[UZ_UNIT_BYTES] = "bytes",
	[UZ_UNIT_PAGES] = "pages of 4096 bytes",
	[UZ_UNIT_COUNT] = "number",
	[UZ_UNIT_NS] = "nanoseconds",
};

/* @what: "disk" or "region"; statistics of disks have no prefix. */
static void print_stat(FILE *f, const struct uz_view *v, const char *what, const char *prefix,
		       const struct uz_stat *row)
{
	bool counter = row->kind == UZ_STAT_COUNTER;
	const char *suffix = counter ? "_total" : "";
	char object[UZ_REGION_NAME_MAX], name[80], help[160];

	snprintf(name, sizeof(name), "%s%s", prefix, row->name);
	snprintf(help, sizeof(help), "%s (%s)", row->help, units[row->unit]);
	head(f, name, suffix, help, counter ? "counter" : "gauge");
	for (unsigned int i = 0; i < v->nr; i++) {
		uz__view_text(v, i, "name", object, sizeof(object));
		fprintf(f, "uzram_%s%s{", name, suffix);
		label(f, what, object);
		fprintf(f, "} %" PRIu64 "\n", uz__view_number(v, i, row->name));
	}
}

/* What is not a number, as labels of a metric that is always 1: key and label, the object first. */
static void print_info(FILE *f, const struct uz_view *v, const char *name, const char *help,
		       const char *const (*keys)[2], int nr)
{
	char text[256];

	head(f, name, "", help, "gauge");
	for (unsigned int i = 0; i < v->nr; i++) {
		fprintf(f, "uzram_%s{", name);
		for (int n = 0; n < nr; n++) {
			uz__view_text(v, i, keys[n][0], text, sizeof(text));
			fputs(n ? "," : "", f);
			label(f, keys[n][1], text);
		}
		fprintf(f, "} 1\n");
	}
}

static void print_infos(FILE *f, const struct uz_view *v)
{
	static const char *const made_of[][2] = { { "name", "disk" },
						  { "pool", "pool" },
						  { "codec", "codec" } };
	static const char *const goes_by[][2] = { { "name", "disk" },
						  { "return", "policy" },
						  { "return_method", "method" } };

	print_info(f, v, "info", "what the disk is made of", made_of, 3);
	print_info(f, v, "return_info", "how free memory goes back to the system", goes_by, 3);
}

static void print_regions(FILE *f, const struct uz_view *v)
{
	static const char *const made_by[][2] = { { "name", "region" }, { "policy", "policy" } };

	if (!v->nr)
		return;
	print_info(f, v, "region_info", "how the region's grants are made", made_by, 2);
	for (const struct uz_stat *row = uz__region_stats; row->name; row++)
		print_stat(f, v, "region", "region_", row);
}

static void print_op(FILE *f, const struct uz_view *v, unsigned int i, const char *op)
{
	char name[UZ_DISK_NAME_MAX], key[40];

	uz__view_text(v, i, "name", name, sizeof(name));
	for (size_t q = 0; q < sizeof(quantiles) / sizeof(*quantiles); q++) {
		snprintf(key, sizeof(key), "%s_%s", op, quantiles[q].key);
		fprintf(f, "uzram_latency_seconds{disk=\"%s\",op=\"%s\",quantile=\"%s\"} %.9f\n",
			name, op, quantiles[q].quantile, (double)uz__view_number(v, i, key) / 1e9);
	}
	snprintf(key, sizeof(key), "%s_count", op);
	fprintf(f, "uzram_latency_seconds_count{disk=\"%s\",op=\"%s\"} %" PRIu64 "\n", name, op,
		uz__view_number(v, i, key));
}

static void print_latency(FILE *f, const struct uz_view *v)
{
	head(f, "latency_seconds", "", "time of a request, quantile 1 is the longest", "summary");
	for (unsigned int i = 0; i < v->nr; i++)
		for (int op = 0; op < UZ_OP_NR; op++)
			print_op(f, v, i, uz__op_names[op]);
}

/* What the report has beside the table of statistics. */
static const struct uz_stat others[] = {
	{ "resident", "Memory of the store that the system has charged, of all disks", 0,
	  UZ_UNIT_BYTES, UZ_STAT_GAUGE },
	{ "connections", "Connections that have the disk open", 0, UZ_UNIT_COUNT, UZ_STAT_GAUGE },
	{ .name = NULL },
};

static int print_all(FILE *f, const struct metrics *m)
{
	print_infos(f, &m->disks);
	for (const struct uz_stat *row = others; row->name; row++)
		print_stat(f, &m->disks, "disk", "", row);
	for (const struct uz_stat *row = uz__stats; row->name; row++)
		print_stat(f, &m->disks, "disk", "", row);
	print_latency(f, &m->disks);
	print_regions(f, &m->regions);
	if (fflush(f))
		return -errno;
	return ferror(f) ? -EIO : 0;
}

static FILE *open_beside(const char *path, char *temp, size_t bytes)
{
	FILE *f;
	int fd;

	if (snprintf(temp, bytes, "%s.XXXXXX", path) >= (int)bytes) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return NULL;
	fchmod(fd, 0644);
	f = fdopen(fd, "w");
	if (!f)
		close(fd);
	return f;
}

static int write_file(const char *path, const struct metrics *m, struct uz_error *e)
{
	char temp[1024];
	FILE *f = open_beside(path, temp, sizeof(temp));
	int err;

	if (!f)
		return uz__error(e, errno, "--metrics-file %s: %s", path, strerror(errno));
	err = print_all(f, m);
	if (fclose(f) && !err)
		err = -errno;
	if (!err && rename(temp, path))
		err = -errno;
	if (!err)
		return 0;
	unlink(temp);
	return uz__error(e, -err, "--metrics-file %s: %s", path, strerror(-err));
}

int uz__cmd_metrics(const struct uz_command_line *cl, struct uz_error *e)
{
	const char *path = cl->server.value[OPT_METRICS_FILE];
	struct metrics m = { .regions.call.wire.fd = -1 };
	int err = uz__view_fetch(&m.disks, cl, true, e);

	if (!err)
		err = uz__view_regions(&m.regions, cl, e);
	if (!err && path)
		err = write_file(path, &m, e);
	else if (!err)
		print_all(stdout, &m);
	uz__view_fini(&m.regions);
	uz__view_fini(&m.disks);
	return err;
}
