/* SPDX-License-Identifier: MIT */
/* Operators, vectors, atomics, arguments of all kinds, origins, contexts. */
#include "cases.h"

#include <alloca.h>
#include <emmintrin.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#define MUST(x) \
	do { \
		if (!(x)) \
			exit(3); \
	} while (0)

typedef int lanes __attribute__((vector_size(16)));

static NOINLINE int *unwritten(void)
{
	int *p = HIDE((int *)malloc(64));

	memset(p, 7, 64);
	kmsan_poison(p, 64); /*@make*/
	return HIDE(p);
}

static NOINLINE void store_one(int *to, const int *from)
{
	*to = *from; /*@one*/
}

static NOINLINE void store_two(int *to, const int *from)
{
	*to = *from; /*@two*/
}

static void chained_stores(void)
{
	int *p = unwritten();

	p[1] = p[2] = 0;
	store_one(HIDE(p) + 1, p);
	store_two(HIDE(p) + 2, p + 1);
	BRANCH(HIDE(p)[2]); /*@use*/
}

static void chained_memcpy(void)
{
	int *p = unwritten(), *q = HIDE((int *)calloc(16, 4));

	memcpy(HIDE(q), p, HIDE(8)); /*@copy*/
	BRANCH(HIDE(q)[1]); /*@use*/
}

static void chained_memmove(void)
{
	int *p = unwritten();

	p[0] = p[1] = 0;
	memmove(HIDE(p), p + 1, HIDE(8)); /*@copy*/
	BRANCH(HIDE(p)[0] == 0 && HIDE(p)[1]); /*@use*/
}

static void selected_value(void)
{
	int *p = unwritten(), *q = HIDE((int *)calloc(1, 8));

	BRANCH(*(HIDE(1) ? p : q)); /*@use*/
}

static void multiplied(void)
{
	unsigned int *p = (unsigned int *)unwritten();

	BRANCH(((*HIDE(p) * 16) & 15) == 0);
	BRANCH(((*HIDE(p) * 16) & 16) == 0); /*@use*/
}

static void divided(void)
{
	int *p = unwritten();

	sink = 100 / *p; /*@use*/
}

static void equal_but_for_a_known_byte(void)
{
	unsigned int *p = (unsigned int *)unwritten();

	((unsigned char *)p)[0] = 5;
	BRANCH(*HIDE(p) == 0x11111111);
	BRANCH(*HIDE(p) == 0x11111105); /*@use*/
}

static void shifted_by_it(void)
{
	int *p = unwritten();

	BRANCH((HIDE(1u) << (*p & 31)) == 4); /*@use*/
}

static void swapped_bytes(void)
{
	unsigned int *p = (unsigned int *)unwritten();

	((unsigned char *)p)[0] = 1;
	BRANCH(__builtin_bswap32(*HIDE(p)) >> 24 == 1);
	BRANCH((__builtin_bswap32(*HIDE(p)) & 0xff) == 1); /*@use*/
}

static void counted_bits(void)
{
	unsigned int *p = (unsigned int *)unwritten();

	BRANCH(__builtin_popcount(*p) == 3); /*@use*/
}

static void sign_extended(void)
{
	signed char *p = (signed char *)unwritten();

	*p = (signed char)((*p & 0x80) | 1); /*@store*/
	BRANCH(((int)*HIDE(p) & 0x7f) == 1);
	BRANCH(((int)*HIDE(p) & 0x4000) != 0); /*@use*/
}

static void floating(void)
{
	double *p = (double *)unwritten();

	BRANCH(HIDE(p)[0] + 1 > 2); /*@use*/
}

static void wide_integer(void)
{
	unsigned __int128 *p = (unsigned __int128 *)unwritten();

	((long *)p)[0] = 7;
	BRANCH((long)(*HIDE(p) + 1) == 8);
	BRANCH((long)(*HIDE(p) >> 64) == 8); /*@use*/
}

static void union_of_sizes(void)
{
	union {
		char c;
		int i;
	} *u = (void *)unwritten();

	u->c = 1;
	BRANCH(HIDE(u)->c == 1);
	BRANCH(HIDE(u)->i == 1); /*@use*/
}

static void dereferenced(void)
{
	int **p = (int **)unwritten();

	*p = HIDE((int *)&sink);
	kmsan_poison(p, sizeof(*p)); /*@poison*/
	sink = **HIDE(p); /*@use*/
}

static void one_lane(void)
{
	lanes *v = (lanes *)(void *)unwritten(), one = { 1, 1, 1, 1 };

	((int *)v)[0] = ((int *)v)[2] = 5;
	BRANCH((*HIDE(v) + one)[0] == 6 && (*HIDE(v) + one)[2] == 6);
	BRANCH((*HIDE(v) + one)[1] == 6); /*@use*/
}

static void shuffled_lanes(void)
{
	lanes *v = (lanes *)(void *)unwritten();

	((int *)v)[3] = 9;
	BRANCH(__builtin_shufflevector(*HIDE(v), *HIDE(v), 3, 2, 1, 0)[0] == 9);
	BRANCH(__builtin_shufflevector(*HIDE(v), *HIDE(v), 3, 2, 1, 0)[1] == 9); /*@use*/
}

static void compared_lanes(void)
{
	int *p = unwritten(), mask;

	p[0] = p[1] = p[2] = p[3] = 4;
	mask = _mm_movemask_epi8(
		_mm_cmpeq_epi32(_mm_loadu_si128(HIDE((__m128i *)(void *)p)), _mm_set1_epi32(4)));
	BRANCH(mask == 0xffff);
}

static void atomic_load(void)
{
	int *p = unwritten(), *q = HIDE((int *)calloc(1, 8));

	*q = __atomic_load_n(p, __ATOMIC_ACQUIRE);
	MUST(kmsan_test(HIDE(q), 4) == 0);
}

static void atomic_exchange(void)
{
	int *p = unwritten(), expected = 3;

	__atomic_exchange_n(p, 3, __ATOMIC_SEQ_CST);
	BRANCH(*HIDE(p) == 3);
	BRANCH(__atomic_compare_exchange_n(p, &expected, 4, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	BRANCH(*HIDE(p) == 4 && expected == 3);
}

struct small {
	char c;
	int i;
};

struct large {
	long v[9];
	char c;
};

static NOINLINE int all_kinds(int n, ...)
{
	va_list ap, again;
	long s = n;

	va_start(ap, n);
	va_copy(again, ap);
	s += va_arg(ap, int) + va_arg(ap, long) + (long)va_arg(ap, double);
	s += (long)va_arg(ap, long double) + va_arg(ap, struct small).i;
	s += va_arg(ap, struct large).v[8] + *va_arg(ap, int *) + va_arg(ap, int);
	s += va_arg(again, int);
	va_end(again);
	va_end(ap);
	return (int)s;
}

static void variadic_kinds(void)
{
	struct small s = { 1, 1 };
	struct large l = { { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, 1 };
	int one = 1;

	BRANCH(all_kinds(1, 1, 1l, 1., 1.L, s, l, &one, HIDE(one)) == 10);
}

static NOINLINE int field_of(int n, ...)
{
	struct large l;
	va_list ap;

	va_start(ap, n);
	l = va_arg(ap, struct large);
	va_end(ap);
	BRANCH(HIDE(&l)->v[0] == 1);
	BRANCH(HIDE(&l)->v[8] == 1); /*@inside*/
	return 0;
}

static void variadic_struct(void)
{
	struct large *l = HIDE((struct large *)malloc(sizeof(*l))); /*@make*/

	memset(l->v, 1, 8 * sizeof(long));
	sink = field_of(1, *HIDE(l)); /*@pass*/
}

static void variadic_value(void)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", *unwritten()); /*@use*/
}

struct huge {
	long v[120];
};

static NOINLINE long last_of(struct huge h)
{
	return HIDE(&h)->v[119];
}

static void larger_than_the_context(void)
{
	struct huge *h = HIDE((struct huge *)calloc(1, sizeof(*h)));

	BRANCH(last_of(*HIDE(h)) == 0);
}

static NOINLINE struct large partly(void)
{
	struct large l; /*@make*/

	HIDE(&l)->v[0] = 1;
	return l;
}

static void returned_in_part(void)
{
	struct large l = partly();

	BRANCH(HIDE(&l)->v[0] == 1);
	BRANCH(HIDE(&l)->v[5] == 1); /*@use*/
}

static void copied_padding(void)
{
	struct small *s = (struct small *)unwritten(), t;

	s->c = 1;
	s->i = 2;
	t = *HIDE(s);
	MUST(kmsan_test(HIDE(&t), 1) == -1 && kmsan_test(&t.i, 4) == -1);
	MUST(kmsan_test((char *)&t + 1, 3) == 0);
}

static void from_alloca(void)
{
	int *p = alloca((size_t)HIDE(64));

	BRANCH(HIDE(p)[3]); /*@use*/
}

static void zeroed_after_free(void)
{
	int *p = unwritten(), *q;

	free(p);
	q = HIDE((int *)calloc(1, 64));
	BRANCH(q[0] == 0 && q[15] == 0);
}

static void empty_ranges(void)
{
	char *p = (char *)unwritten();

	memcpy(HIDE(p), p + 8, HIDE(0));
	memset(HIDE(p), 0, HIDE(0));
	BRANCH((memcmp)(p, p + 8, HIDE(0)) == 0);
	BRANCH(write(1, p, (size_t)HIDE(0)) == 0);
	free(malloc(0));
	MUST(kmsan_test(p, 64) == 0);
}

static void text_of_a_number(void)
{
	char *s = (char *)unwritten();

	memset(s, 0, 8);
	kmsan_poison(s, 8); /*@poison*/
	sink = (int)strtol(HIDE(s), NULL, 10); /*@use*/
}

static void wide_text(void)
{
	wchar_t *s = (wchar_t *)unwritten();

	memset(s, 0, 16);
	kmsan_poison(s, 16); /*@poison*/
	sink = (int)wcslen(HIDE(s)); /*@use*/
}

static int by_value(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void sorted_unwritten(void)
{
	int *p = unwritten();

	p[0] = 1;
	qsort(HIDE(p), 2, sizeof(*p), by_value); /*@sort*/
}

static void in_a_child(void)
{
	int *p = unwritten(), status;
	pid_t pid = fork();

	if (!pid)
		_exit(kmsan_test(p, 64) == 0 && kmsan_origin(p) != 0 ? 0 : 3);
	BRANCH(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 0);
}

static void passed_descriptor(void)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 }, text[1] = { 'x' }, got[8];
	struct iovec out = { text, 1 }, in = { HIDE(got), 8 };
	struct msghdr m = { .msg_iov = &out,
			    .msg_iovlen = 1,
			    .msg_control = room,
			    .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fds[2], fd = 1;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 && sendmsg(fds[0], &m, 0) == 1);
	m.msg_iov = &in;
	kmsan_poison(room, sizeof(room));
	m.msg_controllen = sizeof(room);
	BRANCH(recvmsg(fds[1], &m, 0) == 1 && got[0] == 'x');
	BRANCH(*(int *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&m)) > 2);
	MUST(kmsan_test(got, 8) == 1);
}

static void read_in_pieces(void)
{
	char a[4], b[8];
	struct iovec v[2] = { { HIDE(a), 4 }, { HIDE(b), 8 } };
	int fds[2];

	MUST(pipe(fds) == 0 && write(fds[1], "123456", 6) == 6);
	BRANCH(readv(fds[0], v, 2) == 6 && a[3] == '4' && b[1] == '6');
	MUST(kmsan_test(b, 8) == 2);
}

static void in_assembly(void)
{
	int *p = unwritten(), v;

	__asm__("movl $5, %0" : "=r"(v));
	BRANCH(v == 5);
	__asm__("movl $6, %0" : "=m"(*p));
	BRANCH(*HIDE(p) == 6);
	__asm__ volatile("" : : "r"(HIDE(p)[1])); /*@use*/
}

static __attribute__((noinline, no_sanitize("kernel-memory"))) int trusted(const int *p)
{
	return p[0] + p[1];
}

static void not_instrumented(void)
{
	BRANCH(trusted(unwritten()) == 1);
}

static void disabled_twice(void)
{
	kmsan_disable();
	kmsan_disable();
	BRANCH(*unwritten());
	kmsan_enable();
	BRANCH(*unwritten());
	kmsan_enable();
	BRANCH(*unwritten()); /*@use*/
}

static void two_mappings(void)
{
	int fd = memfd_create("ring", 0);
	char *a, *b;

	MUST(ftruncate(fd, 8192) == 0);
	a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(kmsan_alias(a, b, 8192) == 0);
	kmsan_poison(a, 8192);
	MUST(kmsan_test(b, 8192) == 0);
	memset(HIDE(b) + 100, 1, 50);
	MUST(kmsan_test(a + 100, 50) == -1 && kmsan_test(a + 99, 2) == 0 &&
	     kmsan_test(a + 150, 1) == 0);
	BRANCH(HIDE(a)[120] == 1);
	MUST(kmsan_alias(a, b, 0) == 0);
	kmsan_poison(a, 10);
	MUST(kmsan_alias(a + 1, b, 4096) < 0);
}

static const struct test_case cases[] = {
	CASE(chained_stores),
	CASE(chained_memcpy),
	CASE(chained_memmove),
	CASE(selected_value),
	CASE(multiplied),
	CASE(divided),
	CASE(equal_but_for_a_known_byte),
	CASE(shifted_by_it),
	CASE(swapped_bytes),
	CASE(counted_bits),
	CASE(sign_extended),
	CASE(floating),
	CASE(wide_integer),
	CASE(union_of_sizes),
	CASE(dereferenced),
	CASE(one_lane),
	CASE(shuffled_lanes),
	CASE(compared_lanes),
	CASE(atomic_load),
	CASE(atomic_exchange),
	CASE(variadic_kinds),
	CASE(variadic_struct),
	CASE(variadic_value),
	CASE(larger_than_the_context),
	CASE(returned_in_part),
	CASE(copied_padding),
	CASE(from_alloca),
	CASE(zeroed_after_free),
	CASE(empty_ranges),
	CASE(text_of_a_number),
	CASE(wide_text),
	CASE(sorted_unwritten),
	CASE(in_a_child),
	CASE(passed_descriptor),
	CASE(read_in_pieces),
	CASE(in_assembly),
	CASE(not_instrumented),
	CASE(disabled_twice),
	CASE(two_mappings),
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_case(cases, argc, argv);
}
