/* SPDX-License-Identifier: MIT */
/* What values do on their way: through operators, calls, libc, threads and signals. */
#include "cases.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct big {
	long v[6];
};

static NOINLINE int *unwritten(void)
{
	return HIDE((int *)malloc(64)); /*@make*/
}

static NOINLINE void expect_written(const void *p, size_t n)
{
	if (kmsan_test(p, n) != -1)
		exit(3);
}

static NOINLINE void expect_unwritten(const void *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!kmsan_shadow_bits((const char *)p + i))
			exit(3);
}

static void index_by_it(void)
{
	static char table[256];

	sink = HIDE(&table[0])[*unwritten() & 7]; /*@use*/
}

static void switch_on_it(void)
{
	switch (*unwritten()) { /*@use*/
	case 1:
		branch_taken();
		break;
	case 20:
		sink = 3;
		break;
	default:
		break;
	}
}

static void selected(void)
{
	int *p = unwritten(), v;

	p[1] = 5;
	v = HIDE(p)[0] ? 7 : 7;
	sink = v;
	expect_written(&p[1], 4);
}

static void masked_bits(void)
{
	int *p = unwritten();

	*p = (*p & ~0xff) | 0x12;
	BRANCH((*HIDE(p) & 0xff) == 0x12);
}

static void or_with_ones(void)
{
	unsigned int *p = (unsigned int *)unwritten();

	*p |= 0xffu;
	BRANCH((*HIDE(p) & 0x80) != 0);
}

static void shifted_out(void)
{
	unsigned int *p = (unsigned int *)unwritten(), v;

	((char *)p)[3] = 1;
	v = *HIDE(p) >> 24;
	BRANCH(v == 1);
}

static void shifted_in(void)
{
	unsigned int *p = (unsigned int *)unwritten();

	((char *)p)[3] = 1;
	*p <<= 8;
	expect_written(p, 1);
	expect_unwritten((char *)p + 1, 3);
}

static void xor_itself(void)
{
	int *p = unwritten();

	BRANCH((*p ^ HIDE(p)[1]) == 0); /*@use*/
}

static void high_bit_decides(void)
{
	int *p = unwritten();

	((unsigned char *)p)[3] = 0x80;
	BRANCH(*HIDE(p) < 0);
}

static void unaligned(void)
{
	char *p = (char *)unwritten();
	struct {
		int v;
	} __attribute__((packed)) *q = (void *)(p + 1);

	q->v = 3;
	expect_written(p + 1, 4);
	expect_unwritten(p, 1);
	expect_unwritten(p + 5, 3);
	BRANCH(HIDE(q)->v == 3);
}

static void atomic_add(void)
{
	int *p = unwritten();

	__atomic_store_n(p, 3, __ATOMIC_RELEASE);
	__atomic_fetch_add(p, 1, __ATOMIC_SEQ_CST);
	BRANCH(__atomic_load_n(HIDE(p), __ATOMIC_ACQUIRE) == 4);
}

static NOINLINE struct big make_big(long v)
{
	struct big b = { { v, v, v, v, v, v } };

	return b;
}

static void struct_returned(void)
{
	struct big b = make_big(HIDE(3L));

	BRANCH(b.v[5] == 3);
}

static NOINLINE long take_big(struct big b)
{
	BRANCH(b.v[1] == 3);
	return b.v[0];
}

static void struct_passed(void)
{
	struct big *b = (struct big *)(void *)unwritten();

	b->v[0] = b->v[1] = 3;
	BRANCH(take_big(*HIDE(b)) == 3);
}

static NOINLINE double sum(int n, ...)
{
	va_list ap;
	double s = 0;
	int i;

	va_start(ap, n);
	for (i = 0; i < n; i++)
		s += i & 1 ? va_arg(ap, double) : va_arg(ap, int);
	va_end(ap);
	return s;
}

static void variadic(void)
{
	BRANCH(sum(20, 1, 1., 1, 1., 1, 1., 1, 1., 1, 1., 1, 1., 1, 1., 1, 1., 1, 1., 1, 1.) == 20);
}

static void move_overlapping(void)
{
	char *p = (char *)unwritten();

	memset(p, 1, 8);
	memmove(HIDE(p) + 4, p, HIDE(16));
	expect_written(p, 12);
	expect_unwritten(p + 12, 8);
	memmove(HIDE(p), p + 4, HIDE(16));
	expect_written(p, 8);
	expect_unwritten(p + 8, 8);
}

static void length_of_unwritten(void)
{
	char *s = HIDE((char *)unwritten());

	memset(s, 'x', 2);
	kmsan_disable();
	s[2] = 'y';
	kmsan_poison(s + 2, 1);
	kmsan_enable();
	s[3] = 0;
	sink = (int)strlen(HIDE(s)); /*@use*/
}

static void compare_stops_early(void)
{
	char *a = (char *)unwritten(), *b = (char *)unwritten();

	a[0] = 1;
	b[0] = 2;
	BRANCH(memcmp(HIDE(a), HIDE(b), HIDE(8)) < 0);
}

static void print_string(void)
{
	char *s = (char *)unwritten(), text[32];

	s[3] = 0;
	snprintf(text, sizeof(text), "%.*s", 0, s);
	snprintf(text, sizeof(text), "%5d|%-8s|%c|%lu|%5.2f|%p", 1, "ab", 'x', 2ul, 1.5, NULL);
	BRANCH(text[0] == ' ' && strlen(text) > 3);
	expect_written(text, strlen(text) + 1);
}

static void scan(void)
{
	int a, b;
	double d;
	char word[8], c;
	long l;

	if (sscanf(HIDE("1 2.5 word x 7 9"), "%d %lf %7s %c %ld %*d%n", &a, &d, word, &c, &l, &b) !=
	    5)
		exit(3);
	BRANCH(a == 1 && d == 2.5 && word[0] == 'w' && c == 'x' && l == 7 && b == 16);
}

static int by_key(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void sorted(void)
{
	struct {
		int key, rest;
	} v[64], *found, want = { 5, 0 };
	int i;

	for (i = 0; i < 64; i++)
		v[i].key = i * 37 % 64;
	qsort(v, 64, sizeof(v[0]), by_key);
	for (i = 0; i < 64; i++)
		if (v[i].key != i)
			exit(3);
	expect_unwritten(&v[7].rest, 4);
	found = bsearch(&want, v, 64, sizeof(v[0]), by_key);
	BRANCH(found == &v[5]);
}

static void pipes(void)
{
	char out[8] = "1234567", in[16];
	struct pollfd fd;
	int fds[2];

	if (pipe(fds) || write(fds[1], out, 8) != 8)
		exit(3);
	fd.fd = fds[0];
	fd.events = POLLIN;
	if (poll(&fd, 1, 0) != 1 || !(fd.revents & POLLIN))
		exit(3);
	if (read(fds[0], in, 16) != 8)
		exit(3);
	expect_written(in, 8);
	expect_unwritten(in + 8, 8);
}

static void system_fills(void)
{
	struct stat st;
	struct timespec t;
	struct tm tm;
	time_t now = time(NULL);
	char cwd[256], host[64];

	BRANCH(stat("/", &st) == 0 && S_ISDIR(st.st_mode));
	BRANCH(clock_gettime(CLOCK_MONOTONIC, &t) == 0 && t.tv_sec > 0);
	BRANCH(localtime_r(&now, &tm) && tm.tm_year > 100);
	BRANCH(getcwd(cwd, sizeof(cwd)) && cwd[0] == '/');
	BRANCH(gethostname(host, sizeof(host)) == 0 && host[0]);
}

static void numbers_from_text(void)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(HIDE("42x"), &end, 0);
	BRANCH(v == 42 && *end == 'x' && errno == 0);
}

static void copies_of_strings(void)
{
	char *s = strdup(HIDE("abc")), *t = NULL, to[8];
	int n = asprintf(&t, "%s!", s);

	BRANCH(n == 4 && strcmp(t, "abc!") == 0);
	(strcpy)(to, t);
	(strcat)(to, "?");
	BRANCH(to[4] == '?');
	expect_unwritten(to + 6, 2);
	strncpy(to, "x", sizeof(to));
	expect_written(to, 8);
	free(s);
	free(t);
}

static void append_to_unwritten(void)
{
	char *s = (char *)unwritten();

	kmsan_disable();
	memset(s, 0, 4);
	kmsan_poison(s, 4);
	kmsan_enable();
	(strcat)(s, "x"); /*@use*/
}

static void a_line(void)
{
	char buf[64] = "first\nsecond\n", *line = NULL, small[16];
	size_t n = 0;
	FILE *f = fmemopen(buf, strlen(buf), "r");

	BRANCH(getline(&line, &n, f) == 6 && line[5] == '\n');
	BRANCH(fgets(small, sizeof(small), f) && small[0] == 's');
	fclose(f);
	free(line);
}

static void grown(void)
{
	char *p = malloc(8);

	memset(p, 1, 8);
	p = realloc(HIDE(p), 4096);
	expect_written(p, 8);
	expect_unwritten(p + 8, 4000);
	p = realloc(HIDE(p), 16);
	expect_written(p, 8);
	free(p);
}

static void mapped_again(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q;

	kmsan_poison(p, 8192);
	munmap(p, 8192);
	q = mmap(p, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect_written(q, 8192);
	BRANCH(HIDE(q)[5] == 0);
	kmsan_poison(p, 8192);
	munmap(p + 4096, 4096);
	munmap(p, 100);
	q = mmap(p, 100, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect_written(q, 4096);
	kmsan_poison(p + 4096, 4096);
	q = mremap(q, 4096, 8192, 0);
	if (q != MAP_FAILED)
		expect_written(q + 4096, 4096);
}

static void *deep(void *arg)
{
	char junk[4096];

	HIDE(junk);
	return arg;
}

static void *shallow(void *arg)
{
	return *(void **)arg;
}

static void threads(void)
{
	void *value = &value, *back;
	pthread_t t;
	int i;

	for (i = 0; i < 8; i++) {
		if (pthread_create(&t, NULL, i & 1 ? shallow : deep, &value) ||
		    pthread_join(t, &back))
			exit(3);
		BRANCH(back == &value);
	}
}

static NOINLINE void passed_at(char *top, size_t below)
{
	char *here = __builtin_frame_address(0);
	char *pad = HIDE((char *)__builtin_alloca((size_t)(here - top) + below));

	sink = (int)(uintptr_t)pad;
	variadic();
	struct_passed();
}

/* Metadata lies in chunks of 16 MiB: saved registers and structs on both sides of an edge. */
static void *around_edge(void *edge)
{
	size_t i;

	for (i = 0; i < 1200; i += 16)
		passed_at((char *)edge + 1024, i);
	return edge;
}

static void passed_over_edge(void)
{
	size_t mib = 1 << 20, chunk = 16 * mib;
	char *p = mmap(NULL, 3 * chunk, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *edge = (char *)(((uintptr_t)p + 2 * chunk) & ~(chunk - 1)), *stack = edge - 2 * mib;
	pthread_attr_t attr;
	pthread_t t;
	void *back;

	memset(stack, 1, 4 * mib);
	kmsan_poison(stack, 4 * mib);
	if (pthread_attr_init(&attr) || pthread_attr_setstack(&attr, stack, 4 * mib) ||
	    pthread_create(&t, &attr, around_edge, edge) || pthread_join(t, &back))
		exit(3);
}

static void *pass_on(void *arg)
{
	BRANCH(**(int **)arg); /*@use*/
	return NULL;
}

static void to_a_thread(void)
{
	int *p = unwritten();
	pthread_t t;

	if (pthread_create(&t, NULL, pass_on, &p) || pthread_join(t, NULL))
		exit(3);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	int junk[8];

	(void)context;
	HIDE(junk);
	BRANCH(info->si_signo == sig);
}

/* What is left on the stack is not what the next function's variables are. */
static NOINLINE void leave_on_stack(void)
{
	char junk[2048];

	HIDE(junk);
}

static void signals(void)
{
	struct sigaction act, old;
	sigset_t set;

	memset(&act, 0, sizeof(act));
	act.sa_sigaction = on_signal;
	act.sa_flags = SA_SIGINFO;
	sigemptyset(&set);
	BRANCH(sigaction(SIGUSR1, &act, NULL) == 0 && raise(SIGUSR1) == 0);
	BRANCH(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_sigaction == on_signal);
	BRANCH(sigprocmask(SIG_BLOCK, &set, &set) == 0);
	leave_on_stack();
	BRANCH(signal(SIGUSR1, SIG_IGN) == (void (*)(int))(void *)on_signal);
}

static void children(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(3);
	BRANCH(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
}

static void sockets(void)
{
	struct sockaddr_in a, b;
	socklen_t n = sizeof(b);
	char text[32];
	int fd = socket(AF_INET, SOCK_STREAM, 0), v;

	memset(&a, 0, sizeof(a));
	a.sin_family = AF_INET;
	BRANCH(inet_pton(AF_INET, "127.0.0.1", &a.sin_addr) == 1);
	BRANCH(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	BRANCH(getsockname(fd, (struct sockaddr *)&b, &n) == 0 && b.sin_port);
	BRANCH(inet_ntop(AF_INET, &b.sin_addr, text, sizeof(text)) && text[0] == '1');
	n = sizeof(v);
	BRANCH(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &n) == 0 && v == SOCK_STREAM);
}

static void bind_padding(void)
{
	struct sockaddr_in a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	HIDE(&a)->sin_family = AF_INET;
	HIDE(&a)->sin_port = 0;
	HIDE(&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sink = bind(fd, (struct sockaddr *)&a, sizeof(a)); /*@use*/
}

static const struct test_case cases[] = {
	CASE(index_by_it),
	CASE(switch_on_it),
	CASE(selected),
	CASE(masked_bits),
	CASE(or_with_ones),
	CASE(shifted_out),
	CASE(shifted_in),
	CASE(xor_itself),
	CASE(high_bit_decides),
	CASE(unaligned),
	CASE(atomic_add),
	CASE(struct_returned),
	CASE(struct_passed),
	CASE(variadic),
	CASE(move_overlapping),
	CASE(length_of_unwritten),
	CASE(compare_stops_early),
	CASE(print_string),
	CASE(scan),
	CASE(sorted),
	CASE(pipes),
	CASE(system_fills),
	CASE(numbers_from_text),
	CASE(copies_of_strings),
	CASE(append_to_unwritten),
	CASE(a_line),
	CASE(grown),
	CASE(mapped_again),
	CASE(threads),
	CASE(passed_over_edge),
	CASE(to_a_thread),
	CASE(signals),
	CASE(children),
	CASE(sockets),
	CASE(bind_padding),
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_case(cases, argc, argv);
}
