/* SPDX-License-Identifier: MIT */
/* Bytes that leave: structs with padding, vectors, bits, and what each policy does. */
#include "cases.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct reply {
	char type;
	int error;
	short flags;
};

static NOINLINE void fill(struct reply *r)
{
	r->type = 1;
	r->error = 2;
	r->flags = 3;
}

static void padding(void)
{
	static struct kmsan_boundary b = { .name = "reply" };
	struct reply r; /*@make*/

	fill(HIDE(&r));
	if (kmsan_out(&b, &r, sizeof(r))) /*@out*/
		exit(3);
	if (b.nr_leaks != 1)
		exit(3);
}

static void padding_zeroed(void)
{
	static struct kmsan_boundary b = { .name = "reply", .policy = KMSAN_ZERO };
	struct reply r; /*@make*/
	unsigned char *p = (unsigned char *)HIDE(&r);

	fill(HIDE(&r));
	kmsan_out(&b, &r, sizeof(r)); /*@out*/
	if (kmsan_test(&r, sizeof(r)) != -1 || p[1] || p[2] || p[3] || p[10] || p[11] ||
	    r.error != 2)
		exit(3);
}

static void padding_counted(void)
{
	static struct kmsan_boundary b = { .name = "reply", .policy = KMSAN_COUNT };
	struct reply r;

	fill(HIDE(&r));
	kmsan_out(&b, &r, sizeof(r));
	kmsan_out(&b, &r, sizeof(r));
	if (b.nr_leaks != 2 || kmsan_report_count())
		exit(3);
}

static void written_struct(void)
{
	static struct kmsan_boundary b = { .name = "reply" };
	struct reply r;

	memset(HIDE(&r), 0, sizeof(r));
	fill(HIDE(&r));
	if (!kmsan_out(&b, &r, sizeof(r)) || b.nr_leaks)
		exit(3);
}

static void arrived(void)
{
	static struct kmsan_boundary b = { .name = "request" };
	char buf[32];

	kmsan_in(&b, HIDE(buf), sizeof(buf));
	if (kmsan_test(buf, sizeof(buf)) != -1)
		exit(3);
}

static void vector(void)
{
	static struct kmsan_boundary b = { .name = "ring" };
	char one[8], two[8]; /*@make*/
	struct iovec v[2] = { { HIDE(one), 8 }, { HIDE(two), 8 } };

	memset(HIDE(one), 1, 8);
	memset(HIDE(two), 1, 5);
	kmsan_out_iov(&b, v, 2, 12);
	kmsan_out_iov(&b, v, 2, 13);
	kmsan_out_iov(&b, v, 2, 14); /*@out*/
}

struct bits {
	unsigned int a : 3, b : 5;
};

static void known_bits(void)
{
	struct bits *s = HIDE(malloc(sizeof(*s)));

	s->a = 1;
	BRANCH(HIDE(s)->a == 1);
	free(s);
}

static void unknown_bits(void)
{
	struct bits *s = HIDE(malloc(4)); /*@make*/

	s->a = 1;
	kmsan_check(HIDE(s), 1); /*@check*/
	BRANCH(HIDE(s)->b == 1); /*@use*/
	free(s);
}

static void freed_leaves(void)
{
	char *p = HIDE(malloc(64)), *q = HIDE(p);
	int fds[2];

	memset(p, 1, 64);
	if (pipe(fds))
		exit(3);
	free(p); /*@free*/
	if (write(fds[1], HIDE(q) + 32, 8) != 8) /*@out*/
		exit(3);
}

static void message(void)
{
	char text[8]; /*@make*/
	struct iovec v = { HIDE(text), sizeof(text) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	int fds[2];

	memset(HIDE(text), 'x', 7);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		exit(3);
	if (sendmsg(fds[0], &m, 0) != 8) /*@out*/
		exit(3);
	if (recv(fds[1], HIDE(text), 8, 0) != 8 || kmsan_test(text, 8) != -1)
		exit(3);
}

static int nr_called;

static void on_report(const struct kmsan_report *r, void *arg)
{
	nr_called += r->kind == KMSAN_INFOLEAK && r->first_byte == 1 && arg == &nr_called &&
		     !strcmp(r->boundary, "reply");
}

static void callback(void)
{
	static struct kmsan_boundary b = { .name = "reply" };
	struct reply r;

	fill(HIDE(&r));
	kmsan_set_report_fn(on_report, &nr_called);
	kmsan_out(&b, &r, 4);
	if (nr_called != 1)
		exit(3);
	_exit(0);
}

static void aborted(void)
{
	static struct kmsan_boundary b = { .name = "reply", .policy = KMSAN_ABORT };
	struct reply r;
	int status;
	pid_t pid;

	fill(HIDE(&r));
	pid = fork();
	if (!pid) {
		kmsan_set_report_fn(on_report, &nr_called);
		kmsan_out(&b, &r, 1);
		kmsan_out(&b, &r, 4);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
		exit(3);
}

static void vector_zeroed(void)
{
	static struct kmsan_boundary b = { .name = "ring", .policy = KMSAN_ZERO };
	char one[4], two[8]; /*@make*/
	struct iovec v[2] = { { HIDE(one), 4 }, { HIDE(two), 8 } };

	memset(HIDE(one), 1, 4);
	memset(HIDE(two), 1, 6);
	kmsan_out_iov(&b, v, 2, (size_t)-1); /*@out*/
	if (kmsan_test(two, 8) != -1 || HIDE(two)[5] != 1 || two[6] || two[7])
		exit(3);
}

static void vector_arrived(void)
{
	static struct kmsan_boundary b = { .name = "ring" };
	char one[4], two[8];
	struct iovec v[2] = { { HIDE(one), 4 }, { HIDE(two), 8 } };

	kmsan_in_iov(&b, v, 2, 9);
	if (kmsan_test(one, 4) != -1 || kmsan_test(two, 8) != 5)
		exit(3);
}

static const struct test_case cases[] = {
	CASE(padding),	     CASE(padding_zeroed), CASE(padding_counted), CASE(written_struct),
	CASE(arrived),	     CASE(vector),	   CASE(known_bits),	  CASE(unknown_bits),
	CASE(freed_leaves),  CASE(message),	   CASE(callback),	  CASE(aborted),
	CASE(vector_zeroed), CASE(vector_arrived), { NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_case(cases, argc, argv);
}
