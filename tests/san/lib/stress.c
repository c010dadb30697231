/* SPDX-License-Identifier: MIT */
/*
 * Signals at any instant, in many threads, while each checks what it knows: stress THREADS
 * SIGNALS. Handlers call functions, fill what they are passed, use their stack, and now and
 * then jump out. Ends with what was reported and how many contexts were lost.
 */
#include "cases.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

struct wide {
	long a, b, c;
	char pad;
};

extern uint64_t kmsan__lost_contexts(void);

static volatile long nr_signals;
static volatile int stop;
static __thread volatile int can_jump;
static __thread sigjmp_buf out;

static NOINLINE struct wide spread(long v, struct wide w, char fill)
{
	w.a += v;
	w.b ^= v;
	w.c = w.a - w.b;
	w.pad = fill;
	return w;
}

static NOINLINE long sum(int n, const long *v)
{
	long s = 0;

	while (n--)
		s += *v++;
	return s;
}

static void handler(int sig)
{
	char junk[200]; /* never written */
	struct wide w = { 1, 2, 3, 4 };
	long v[4] = { 1, 2, 3, sig };

	HIDE(junk);
	w = spread(sum(4, v), w, 1);
	if (w.a == 77 || w.pad == 9)
		abort();
	__atomic_fetch_add(&nr_signals, 1, __ATOMIC_RELAXED);
	if (can_jump && w.a % 2 == 0) {
		can_jump = 0;
		siglongjmp(out, 1);
	}
}

static NOINLINE long work(long i)
{
	struct wide w = { i, i + 1, i + 2, 0 };
	long v[3] = { i, 2 * i, 3 * i };
	char text[64];

	w = spread(sum(3, v), w, (char)i);
	if (w.c == 12345678 || w.pad == 77)
		branch_taken();
	snprintf(text, sizeof(text), "%ld %ld", w.a, w.b);
	if (text[0] == 'x')
		branch_taken();
	return w.a;
}

static void *run(void *arg)
{
	sigset_t set;
	long i;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGRTMIN + 1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	for (i = 0; !stop; i++) {
		if (i % 1024 == 0 && !sigsetjmp(out, 1)) {
			can_jump = 1;
			work(i);
		}
		can_jump = 0;
		if (work(i) == -1)
			abort();
	}
	return arg;
}

int main(int argc, char **argv)
{
	int nr_threads = argc > 1 ? atoi(argv[1]) : 4, i;
	long wanted = argc > 2 ? atol(argv[2]) : 10000;
	struct sigaction act = { .sa_handler = handler };
	pthread_t threads[64];

	sigaction(SIGRTMIN, &act, NULL);
	sigaction(SIGRTMIN + 1, &act, NULL);
	for (i = 0; i < nr_threads; i++)
		pthread_create(&threads[i], NULL, run, NULL);
	for (i = 0; nr_signals < wanted; i++)
		pthread_kill(threads[i % nr_threads], i & 1 ? SIGRTMIN : SIGRTMIN + 1);
	stop = 1;
	for (i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	printf("signals=%ld reports=%lu lost=%lu\n", nr_signals,
	       (unsigned long)kmsan_report_count(), (unsigned long)kmsan__lost_contexts());
	return 0;
}
