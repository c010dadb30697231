/* SPDX-License-Identifier: MIT */
/*
 * Prometheus text from the table of statistics. Names are uzram_STATISTIC; counters end in _total
 * as Prometheus wants it. A file is written beside its place and renamed, so that a collector
 * never reads half of one.
 */
#include "cleanup.h"
#include "report.h"
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

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

static void print_stat(FILE *f, const struct uz_view *v, const struct uz_stat *row)
{
	bool counter = row->kind == UZ_STAT_COUNTER;
	const char *suffix = counter ? "_total" : "";
	char name[UZ_DISK_NAME_MAX];

	head(f, row->name, suffix, row->help, counter ? "counter" : "gauge");
	for (unsigned int i = 0; i < v->nr; i++) {
		uz__view_text(v, i, "name", name, sizeof(name));
		fprintf(f, "uzram_%s%s{", row->name, suffix);
		label(f, "disk", name);
		fprintf(f, "} %" PRIu64 "\n", uz__view_number(v, i, row->name));
	}
}

static void print_info(FILE *f, const struct uz_view *v)
{
	static const char *const keys[] = { "name", "pool", "codec" };
	static const char *const labels[] = { "disk", "pool", "codec" };
	char text[256];

	head(f, "info", "", "what the disk is made of", "gauge");
	for (unsigned int i = 0; i < v->nr; i++) {
		fprintf(f, "uzram_info{");
		for (int n = 0; n < 3; n++) {
			uz__view_text(v, i, keys[n], text, sizeof(text));
			fputs(n ? "," : "", f);
			label(f, labels[n], text);
		}
		fprintf(f, "} 1\n");
	}
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

static int print_all(FILE *f, const struct uz_view *v)
{
	print_info(f, v);
	for (const struct uz_stat *row = uz__stats; row->name; row++)
		print_stat(f, v, row);
	print_latency(f, v);
	return fflush(f) || ferror(f) ? -EIO : 0;
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

static int write_file(const char *path, const struct uz_view *v, struct uz_error *e)
{
	char temp[1024];
	FILE *f = open_beside(path, temp, sizeof(temp));
	int err;

	if (!f)
		return uz__error(e, errno, "--metrics-file %s: %s", path, strerror(errno));
	err = print_all(f, v);
	if (fclose(f) || err || rename(temp, path)) {
		err = uz__error(e, errno ? errno : EIO, "--metrics-file %s: %s", path,
				strerror(errno));
		unlink(temp);
	}
	return err;
}

int uz__cmd_metrics(const struct uz_command_line *cl, struct uz_error *e)
{
	const char *path = cl->server.value[OPT_METRICS_FILE];
	struct uz_view v;
	int err = uz__view_fetch(&v, cl, true, e);

	if (!err && path)
		err = write_file(path, &v, e);
	else if (!err)
		err = print_all(stdout, &v) ? uz__error(e, EIO, "the output cannot be written") : 0;
	uz__view_fini(&v);
	return err;
}
