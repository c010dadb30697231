/* SPDX-License-Identifier: MIT */
/*
 * uzram top: the table again and again, with what happened since the last one. Each disk is compared
 * with itself, so that one that goes, comes or is reset does not spoil the sum.
 */
#include "clock.h"
#include "list.h"
#include "size.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES, READS, WRITE_BYTES, WRITES, NR_RATES };

static const char *const keys[NR_RATES] = { "read_bytes", "reads", "write_bytes", "writes" };

struct seen {
	char name[UZ_DISK_NAME_MAX];
	uint64_t count[NR_RATES];
};

struct look {
	struct seen disk[UZ_DISK_MAX];
	unsigned int nr;
	uint64_t at_ns; /* 0: there was none */
};

static const struct seen *find(const struct look *l, const char *name)
{
	for (unsigned int i = 0; i < l->nr; i++)
		if (!strcmp(l->disk[i].name, name))
			return &l->disk[i];
	return NULL;
}

static void take(struct look *l, const struct uz_view *v)
{
	l->at_ns = uz__now_ns();
	l->nr = v->nr;
	for (unsigned int i = 0; i < v->nr; i++) {
		uz__view_text(v, i, "name", l->disk[i].name, sizeof(l->disk[i].name));
		for (int r = 0; r < NR_RATES; r++)
			l->disk[i].count[r] = uz__view_number(v, i, keys[r]);
	}
}

/* Of a counter that started again what it has now. */
static uint64_t since(const struct look *now, const struct look *then, int rate)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < now->nr; i++) {
		const struct seen *was = find(then, now->disk[i].name);
		uint64_t n = now->disk[i].count[rate], before = was ? was->count[rate] : 0;

		sum += n >= before ? n - before : n;
	}
	return sum;
}

static void print_rates(const struct look *now, const struct look *then)
{
	double seconds = (double)(now->at_ns - then->at_ns) / 1e9;
	char rd[UZ_SIZE_TEXT], wr[UZ_SIZE_TEXT];
	uint64_t a_second[NR_RATES];

	for (int r = 0; r < NR_RATES; r++)
		a_second[r] = (uint64_t)((double)since(now, then, r) / seconds);
	printf("\nread %s/s (%llu requests/s)   write %s/s (%llu requests/s)\n",
	       uz__size_human(a_second[READ_BYTES], rd), (unsigned long long)a_second[READS],
	       uz__size_human(a_second[WRITE_BYTES], wr), (unsigned long long)a_second[WRITES]);
}

/* @then is what was seen last and becomes what is seen now. */
static int show(const struct uz_command_line *cl, struct look *then, struct uz_error *e)
{
	struct look now;
	struct uz_view v;
	int err = uz__view_fetch(&v, cl, false, e);

	if (!err) {
		take(&now, &v);
		if (isatty(STDOUT_FILENO))
			printf("\033[H\033[2J");
		err = uz__list_print(&v, cl, e);
		if (then->at_ns)
			print_rates(&now, then);
		*then = now;
		if (fflush(stdout))
			err = uz__error(e, EIO, "the output cannot be written");
	}
	uz__view_fini(&v);
	return err;
}

/* Ends when the server does, or by a signal. */
int uz__cmd_top(const struct uz_command_line *cl, struct uz_error *e)
{
	struct timespec second = { .tv_sec = 1 };
	struct look then = { .nr = 0 };
	int err = show(cl, &then, e);

	while (!err) {
		nanosleep(&second, NULL);
		err = show(cl, &then, e);
	}
	return err;
}
