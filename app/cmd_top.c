/* SPDX-License-Identifier: MIT */
/* uzram top: the table again and again, with what happened in the last second. */
#include "list.h"
#include "size.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

struct rates {
	uint64_t read_bytes, write_bytes, reads, writes;
};

static struct rates totals(const struct uz_view *v)
{
	struct rates r = { 0 };

	for (unsigned int i = 0; i < v->nr; i++) {
		r.read_bytes += uz__view_number(v, i, "read_bytes");
		r.write_bytes += uz__view_number(v, i, "write_bytes");
		r.reads += uz__view_number(v, i, "reads");
		r.writes += uz__view_number(v, i, "writes");
	}
	return r;
}

static void print_rates(const struct rates *now, const struct rates *then)
{
	char rd[UZ_SIZE_TEXT], wr[UZ_SIZE_TEXT];

	printf("\nread %s/s (%llu requests/s)   write %s/s (%llu requests/s)\n",
	       uz__size_human(now->read_bytes - UZ_MIN(then->read_bytes, now->read_bytes), rd),
	       (unsigned long long)(now->reads - UZ_MIN(then->reads, now->reads)),
	       uz__size_human(now->write_bytes - UZ_MIN(then->write_bytes, now->write_bytes), wr),
	       (unsigned long long)(now->writes - UZ_MIN(then->writes, now->writes)));
}

static int show(const struct uz_command_line *cl, struct rates *then, bool first,
		struct uz_error *e)
{
	struct uz_view v;
	struct rates now;
	int err = uz__view_fetch(&v, cl, false, e);

	if (!err) {
		if (isatty(STDOUT_FILENO))
			printf("\033[H\033[2J");
		err = uz__list_print(&v, cl, e);
		now = totals(&v);
		if (!first)
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
	struct rates then = { 0 };
	int err = show(cl, &then, true, e);

	while (!err) {
		nanosleep(&second, NULL);
		err = show(cl, &then, false, e);
	}
	return err;
}
