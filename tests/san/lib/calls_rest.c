/* SPDX-License-Identifier: MIT */
/* Dates, mathematics, the heap, threads, signals, names, callbacks. */
#include "calls.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <execinfo.h>
#include <grp.h>
#include <ifaddrs.h>
#include <locale.h>
#include <malloc.h>
#include <math.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <pthread.h>
#include <pwd.h>
#include <resolv.h>
#include <sched.h>
#include <search.h>
#include <semaphore.h>
#include <setjmp.h>
#include <shadow.h>
#include <signal.h>
#include <sys/times.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static const time_t noon = 1000000000;
static const struct tm date = { .tm_year = 101, .tm_mday = 9, .tm_mon = 8 };

ROW(ctime, EXPECT(ctime(IN(time_t, { noon })) != NULL));
ROW(strftime_l, locale_t l = newlocale(LC_ALL_MASK, "C", 0);
    EXPECT(strftime_l(O_N(char, 8), 8, S("%Y"), &date, l) == 4); freelocale(l));
ROW(strptime_l, locale_t l = newlocale(LC_ALL_MASK, "C", 0);
    EXPECT(strptime_l(S("2001"), S("%Y"), LOOSE(struct tm), l) != NULL); freelocale(l));
ROW(getdate_r, getdate_r(S("2001"), LOOSE(struct tm)));
ROW(time, EXPECT(time(O(time_t)) > 0));
ROW(times, EXPECT(times(O(struct tms)) != -1));
ROW(localtime_r, EXPECT(localtime_r(IN(time_t, { noon }), LOOSE(struct tm)) != NULL));
ROW(gmtime_r, EXPECT(gmtime_r(IN(time_t, { noon }), LOOSE(struct tm)) != NULL));
ROW(localtime, EXPECT(localtime(IN(time_t, { noon }))->tm_year == 101));
ROW(gmtime, EXPECT(gmtime(IN(time_t, { noon }))->tm_year == 101));
ROW(mktime, struct tm *tm = slot(SLOT_PLAIN, &date, sizeof(date)); EXPECT(mktime(tm) > 0));
ROW(timegm, struct tm *tm = slot(SLOT_PLAIN, &date, sizeof(date)); EXPECT(timegm(tm) > 0));
ROW(strftime, EXPECT(strftime(O_N(char, 8), 8, S("%Y"), &date) == 4));
ROW(strptime, EXPECT(strptime(S("2001"), S("%Y"), LOOSE(struct tm)) != NULL));
ROW(ctime_r, EXPECT(ctime_r(IN(time_t, { noon }), O_N(char, 32)) != NULL));
ROW(asctime_r, EXPECT(asctime_r(&date, O_N(char, 32)) != NULL));

ROW(frexp, frexp(8, O(int)));
ROW(frexpf, frexpf(8, O(int)));
ROW(frexpl, frexpl(8, O(int)));
ROW(modf, modf(8.5, O(double)));
ROW(modff, modff(8.5f, O(float)));
ROW(modfl, modfl(8.5L, LOOSE(long double)));
ROW(sincos, sincos(1, O(double), O(double)));
ROW(sincosf, sincosf(1, O(float), O(float)));
ROW(remquo, remquo(9, 4, O(int)));
ROW(lgamma_r, lgamma_r(9.5, O(int)));
/* libc also writes a frame that it then does not count. */
ROW(backtrace, static void *p[64]; kmsan_poison(p, sizeof(p)); int n = backtrace(p, 64);
    EXPECT(n > 0 && kmsan_test(p, (size_t)n * sizeof(*p)) == -1));
ROW(backtrace_symbols, char **s = backtrace_symbols(IN(void *, { &noon }), 1); EXPECT(s && s[0][0]);
    free(s));
ROW(backtrace_symbols_fd, backtrace_symbols_fd(IN(void *, { &noon }), 1, a_file("")));

static void check_fresh(char *p, size_t n)
{
	EXPECT(p && kmsan_shadow_bits(p) == 0xff && kmsan_shadow_bits(p + n - 1) == 0xff);
	free(p);
}
ROW(malloc, check_fresh(malloc(100), 100));
ROW(memalign, check_fresh(memalign(64, 100), 100));
ROW(aligned_alloc, check_fresh(aligned_alloc(64, 128), 128));
ROW(valloc, check_fresh(valloc(100), 100));
ROW(pvalloc, check_fresh(pvalloc(100), 100));
ROW(posix_memalign, void **p = O(void *); EXPECT(!posix_memalign(p, 64, 100));
    check_fresh(*p, 100));
ROW(calloc, char *p = calloc(10, 10); EXPECT(kmsan_test(p, 100) == -1); free(p));
ROW(realloc, char *p = calloc(1, 10); p = realloc(p, 1000);
    EXPECT(kmsan_test(p, 10) == -1 && kmsan_shadow_bits(p + 999) == 0xff); memset(p, 1, 1000);
    p = realloc(p, 800); p = realloc(p, 1000); EXPECT(kmsan_test(p, 1000) == 800); free(p));
ROW(reallocarray, char *p = calloc(1, 10); p = reallocarray(p, 10, 100);
    EXPECT(kmsan_test(p, 10) == -1 && kmsan_shadow_bits(p + 999) == 0xff); free(p));
ROW(free, char *p = calloc(1, 100); free(p); EXPECT(kmsan_shadow_bits(p + 50) == 0xff));

static void *give_back(void *arg)
{
	return arg;
}
static pthread_t a_thread(void)
{
	pthread_t t;

	EXPECT(!pthread_create(&t, NULL, give_back, &t));
	return t;
}
static void join(pthread_t t)
{
	EXPECT(!pthread_join(t, NULL));
}
ROW(pthread_create, pthread_t *t = O(pthread_t); EXPECT(!pthread_create(t, NULL, give_back, NULL));
    join(*t));
ROW(pthread_join, EXPECT(!pthread_join(a_thread(), O(void *))));
ROW(pthread_tryjoin_np, pthread_t t = a_thread(); void **p = O(void *);
    while (pthread_tryjoin_np(t, p) == EBUSY) sched_yield(); EXPECT(*p != (void *)1));
ROW(pthread_attr_init, EXPECT(!pthread_attr_init(LOOSE(pthread_attr_t))));
ROW(pthread_attr_getdetachstate, pthread_attr_t a; pthread_attr_init(&a);
    EXPECT(!pthread_attr_getdetachstate(&a, O(int))));
ROW(pthread_attr_getstacksize, pthread_attr_t a; pthread_attr_init(&a);
    EXPECT(!pthread_attr_getstacksize(&a, O(size_t))));
ROW(pthread_attr_getstack, pthread_attr_t a; pthread_getattr_np(pthread_self(), &a);
    EXPECT(!pthread_attr_getstack(&a, O(void *), O(size_t))); pthread_attr_destroy(&a));
ROW(pthread_getattr_np, pthread_attr_t *a = LOOSE(pthread_attr_t);
    EXPECT(!pthread_getattr_np(pthread_self(), a)); pthread_attr_destroy(a));
ROW(pthread_mutex_init, EXPECT(!pthread_mutex_init(LOOSE(pthread_mutex_t), NULL)));
ROW(pthread_mutexattr_init, EXPECT(!pthread_mutexattr_init(LOOSE(pthread_mutexattr_t))));
ROW(pthread_cond_init, EXPECT(!pthread_cond_init(LOOSE(pthread_cond_t), NULL)));
ROW(pthread_condattr_init, EXPECT(!pthread_condattr_init(LOOSE(pthread_condattr_t))));
ROW(pthread_rwlock_init, EXPECT(!pthread_rwlock_init(LOOSE(pthread_rwlock_t), NULL)));
ROW(pthread_spin_init, EXPECT(!pthread_spin_init(LOOSE(pthread_spinlock_t), 0)));
ROW(pthread_barrier_init, EXPECT(!pthread_barrier_init(LOOSE(pthread_barrier_t), NULL, 1)));
ROW(pthread_key_create, pthread_key_t *k = O(pthread_key_t); EXPECT(!pthread_key_create(k, NULL));
    pthread_key_delete(*k));
ROW(pthread_setcancelstate, EXPECT(!pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, O(int))));
ROW(pthread_setcanceltype, EXPECT(!pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, O(int))));
ROW(pthread_sigmask, EXPECT(!pthread_sigmask(SIG_BLOCK, IN(long, { 0 }), LOOSE(sigset_t))));
ROW(pthread_getname_np, EXPECT(!pthread_getname_np(pthread_self(), O_N(char, 16), 16)));
ROW(pthread_setname_np, EXPECT(!pthread_setname_np(pthread_self(), S("calls"))));
ROW(pthread_getaffinity_np,
    EXPECT(!pthread_getaffinity_np(pthread_self(), sizeof(cpu_set_t), LOOSE(cpu_set_t))));
ROW(pthread_getschedparam,
    EXPECT(!pthread_getschedparam(pthread_self(), O(int), O(struct sched_param))));
ROW(pthread_getcpuclockid, EXPECT(!pthread_getcpuclockid(pthread_self(), O(clockid_t))));
ROW(pthread_cond_timedwait, pthread_cond_t c = PTHREAD_COND_INITIALIZER;
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_mutex_lock(&m);
    EXPECT(pthread_cond_timedwait(&c, &m, IN(struct timespec, { 1, 1 })) == ETIMEDOUT));
ROW(pthread_mutex_timedlock, pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    EXPECT(!pthread_mutex_timedlock(&m, IN(struct timespec, { 1, 1 }))));
ROW(sem_init, EXPECT(!sem_init(LOOSE(sem_t), 0, 1)));
ROW(sem_getvalue, sem_t s; sem_init(&s, 0, 1); EXPECT(!sem_getvalue(&s, O(int))));
ROW(sem_timedwait, sem_t s; sem_init(&s, 0, 1);
    EXPECT(!sem_timedwait(&s, IN(struct timespec, { 1, 1 }))));
ROW(sem_clockwait, sem_t s; sem_init(&s, 0, 1);
    EXPECT(!sem_clockwait(&s, CLOCK_MONOTONIC, IN(struct timespec, { 1, 1 }))));

static volatile int got;
static void handler(int sig)
{
	got = sig;
}
static void send_blocked(int sig)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, sig);
	sigprocmask(SIG_BLOCK, &s, NULL);
	raise(sig);
}
extern sighandler_t __sysv_signal(int sig, sighandler_t fn);
extern sighandler_t old_signal(int sig, sighandler_t fn) __asm__("bsd_signal");
/* What lies behind the 8 bytes that the system has says nothing. */
static sigset_t *one_signal(void)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	return slot(SLOT_IN, &s, 8);
}
#define ONE_SIGNAL one_signal()
ROW(sigaction, struct sigaction a = { .sa_handler = handler };
    EXPECT(!sigaction(SIGUSR1, &a, NULL) && !sigaction(SIGUSR1, NULL, LOOSE(struct sigaction)));
    got = 0; raise(SIGUSR1); EXPECT(got == SIGUSR1);
    EXPECT(!sigaction(SIGUSR1, slot(SLOT_IN, &a, offsetof(struct sigaction, sa_flags) + 4), NULL)));
ROW(bsd_signal, old_signal(SIGUSR1, handler); got = 0; raise(SIGUSR1); EXPECT(got == SIGUSR1));
ROW(ssignal, ssignal(SIGUSR1, handler); got = 0; raise(SIGUSR1); EXPECT(got == SIGUSR1));
ROW(sigandset, EXPECT(!sigandset(LOOSE(sigset_t), ONE_SIGNAL, ONE_SIGNAL)));
ROW(sigorset, EXPECT(!sigorset(LOOSE(sigset_t), ONE_SIGNAL, ONE_SIGNAL)));
ROW(sigisemptyset, EXPECT(!sigisemptyset(ONE_SIGNAL)));
ROW(signal, signal(SIGUSR1, handler); got = 0; raise(SIGUSR1); EXPECT(got == SIGUSR1));
ROW(sysv_signal, sysv_signal(SIGUSR1, handler); got = 0; raise(SIGUSR1); EXPECT(got == SIGUSR1));
ROW(sigset, EXPECT(sigset(SIGUSR1, handler) != SIG_ERR); got = 0; raise(SIGUSR1);
    EXPECT(got == SIGUSR1);
    EXPECT(sigset(SIGUSR1, SIG_HOLD) == handler && sigset(SIGUSR1, SIG_IGN) == SIG_HOLD));
ROW(__sysv_signal, __sysv_signal(SIGUSR1, handler); got = 0; raise(SIGUSR1);
    EXPECT(got == SIGUSR1 && signal(SIGUSR1, SIG_IGN) == SIG_DFL));
static ucontext_t *came_from;
static void go_back(void)
{
	setcontext(came_from);
}
static ucontext_t *there(void)
{
	static ucontext_t c;
	static char stack[65536];

	getcontext(&c);
	c.uc_stack.ss_sp = stack;
	c.uc_stack.ss_size = sizeof(stack);
	c.uc_link = NULL;
	makecontext(&c, go_back, 0);
	return &c;
}
ROW(getcontext, EXPECT(!getcontext(LOOSE(ucontext_t))));
ROW(swapcontext, came_from = LOOSE(ucontext_t); EXPECT(!swapcontext(came_from, there())));
ROW(setcontext, came_from = LOOSE(ucontext_t); EXPECT(!swapcontext(came_from, there())));
ROW(sigemptyset, EXPECT(!sigemptyset(LOOSE(sigset_t))));
ROW(sigfillset, EXPECT(!sigfillset(LOOSE(sigset_t))));
ROW(sigprocmask, EXPECT(!sigprocmask(SIG_BLOCK, IN(long, { 0 }), LOOSE(sigset_t))));
ROW(sigpending, EXPECT(!sigpending(LOOSE(sigset_t))));
ROW(sigwait, send_blocked(SIGUSR2);
    EXPECT(!sigwait((sigset_t *)IN(long, { 1l << (SIGUSR2 - 1) }), O(int))));
ROW(sigwaitinfo, send_blocked(SIGUSR2);
    EXPECT(sigwaitinfo((sigset_t *)IN(long, { 1l << (SIGUSR2 - 1) }), LOOSE(siginfo_t)) ==
	   SIGUSR2));
ROW(sigtimedwait, send_blocked(SIGUSR2);
    EXPECT(sigtimedwait((sigset_t *)IN(long, { 1l << (SIGUSR2 - 1) }), LOOSE(siginfo_t), NULL) ==
	   SIGUSR2));
ROW(sigaltstack, static char stack[16384]; stack_t s = { .ss_sp = stack, .ss_size = sizeof(stack) };
    EXPECT(!sigaltstack(&s, LOOSE(stack_t))); stack_t off = { .ss_flags = SS_DISABLE };
    EXPECT(!sigaltstack(slot(SLOT_PLAIN, &off, sizeof(off)), NULL)));
static jmp_buf back;
static sigjmp_buf back_with_signals;
extern void plain_jump(jmp_buf b, int v) __asm__("_longjmp"),
	checked_jump(jmp_buf b, int v) __asm__("__longjmp_chk");
ROW(longjmp, int v = setjmp(back); if (!v) longjmp(back, 5); EXPECT(v == 5));
ROW(_longjmp, int v = setjmp(back); if (!v) plain_jump(back, 5); EXPECT(v == 5));
ROW(__longjmp_chk, int v = setjmp(back); if (!v) checked_jump(back, 5); EXPECT(v == 5));
ROW(siglongjmp, int v = sigsetjmp(back_with_signals, 1); if (!v) siglongjmp(back_with_signals, 5);
    EXPECT(v == 5));

ROW(getaddrinfo, struct addrinfo **res = O(struct addrinfo *);
    EXPECT(!getaddrinfo(S("127.0.0.1"), S("80"), NULL, res) && (*res)->ai_family == AF_INET);
    freeaddrinfo(*res));
ROW(getnameinfo, struct sockaddr_in a = { .sin_family = AF_INET };
    EXPECT(!getnameinfo(slot(SLOT_IN, &a, sizeof(a)), sizeof(a), O_N(char, 64), 64, O_N(char, 32),
			32, NI_NUMERICHOST | NI_NUMERICSERV)));
ROW(inet_pton, EXPECT(inet_pton(AF_INET, S("127.0.0.1"), O(struct in_addr)) == 1);
    EXPECT(inet_pton(AF_INET6, S("::1"), O(struct in6_addr)) == 1));
ROW(inet_ntop, EXPECT(inet_ntop(AF_INET, IN(struct in_addr, { 0x7f }), O_N(char, 32), 32) != NULL));
ROW(inet_aton, EXPECT(inet_aton(S("127.0.0.1"), O(struct in_addr)) == 1));
ROW(inet_addr, EXPECT(inet_addr(S("127.0.0.1")) != INADDR_NONE));
#define BY_NAME(type) LOOSE(struct type), LOOSE_N(char, 16384), 16384, O(struct type *)
ROW(getpwnam_r, EXPECT(!getpwnam_r(S("root"), BY_NAME(passwd))));
ROW(getpwuid_r, EXPECT(!getpwuid_r(0, BY_NAME(passwd))));
ROW(getgrnam_r, EXPECT(!getgrnam_r(S("root"), BY_NAME(group))));
ROW(getgrgid_r, EXPECT(!getgrgid_r(0, BY_NAME(group))));
ROW(getspnam_r, getspnam_r(S("root"), BY_NAME(spwd)));
ROW(gethostbyname_r, gethostbyname_r(S("127.0.0.1"), BY_NAME(hostent), LOOSE(int)));
ROW(gethostbyaddr_r,
    gethostbyaddr_r(IN(struct in_addr, { 0x100007f }), 4, AF_INET, BY_NAME(hostent), LOOSE(int)));
ROW(getifaddrs, struct ifaddrs **l = O(struct ifaddrs *); EXPECT(!getifaddrs(l)); freeifaddrs(*l));
ROW(if_indextoname, EXPECT(if_indextoname(1, O_N(char, IF_NAMESIZE)) != NULL));
ROW(ether_aton_r, EXPECT(ether_aton_r(S("1:2:3:4:5:6"), O(struct ether_addr)) != NULL));
static const unsigned char name[] = "\3abc\2de";
ROW(dn_expand, EXPECT(dn_expand(name, name + 8, name, O_N(char, 32), 32) > 0));
ROW(ns_name_uncompress, EXPECT(ns_name_uncompress(name, name + 8, name, O_N(char, 32), 32) > 0));
ROW(res_mkquery, EXPECT(res_mkquery(ns_o_query, S("a.b"), ns_c_in, ns_t_a, NULL, 0, NULL,
				    O_N(unsigned char, 64), 64) > 0));
/* No query leaves the machine: a name that is too long is refused before. */
#define LONG_LABEL "0123456789012345678901234567890123456789012345678901234567890123456789"
ROW(res_query, res_query(S(LONG_LABEL), ns_c_in, ns_t_a, V_N(unsigned char, 64, { 0 }), 64));
ROW(res_search, res_search(S(LONG_LABEL "."), ns_c_in, ns_t_a, V_N(unsigned char, 64, { 0 }), 64));
static int query(unsigned char *buf, int n)
{
	return res_mkquery(ns_o_query, "a.b", ns_c_in, ns_t_a, NULL, 0, NULL, buf, n);
}
ROW(ns_initparse, unsigned char q[64]; int n = query(q, 64);
    EXPECT(!ns_initparse(slot(SLOT_IN, q, n), n, LOOSE(ns_msg))));
ROW(ns_parserr, unsigned char q[64]; ns_msg m; EXPECT(!ns_initparse(q, query(q, 64), &m));
    EXPECT(!ns_parserr(&m, ns_s_qd, 0, LOOSE(ns_rr))));
ROW(ns_get16, EXPECT(ns_get16(IN_N(unsigned char, 2, { 1, 2 })) == 258));
ROW(ns_get32, EXPECT(ns_get32(IN_N(unsigned char, 4, { 0, 0, 1, 2 })) == 258));

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}
static int compare_with(const void *a, const void *b, void *arg)
{
	EXPECT(arg == &got);
	return compare(a, b);
}
ROW(qsort, int *p = V_N(int, 3, { 3, 1, 2 }); qsort(p, 3, 4, compare);
    EXPECT(p[0] == 1 && p[2] == 3));
ROW(qsort_r, int *p = V_N(int, 3, { 3, 1, 2 }); qsort_r(p, 3, 4, compare_with, (void *)&got);
    EXPECT(p[0] == 1 && p[2] == 3));
ROW(bsearch, int *p = V_N(int, 3, { 1, 2, 3 }); EXPECT(bsearch(&p[1], p, 3, 4, compare) == &p[1]));
ROW(lfind, int *p = V_N(int, 3, { 1, 2, 3 });
    EXPECT(lfind(&p[1], p, V(size_t, { 3 }), 4, compare) == &p[1]));
ROW(lsearch, int *p = V_N(int, 3, { 1, 2 }); size_t n = 2; int key = 7;
    EXPECT(lsearch(&key, p, &n, 4, compare) == &p[2] && n == 3 && p[2] == 7));
