/* SPDX-License-Identifier: MIT */
/*
 * handlers SIGNALS: a handler uses what was never written, whatever it interrupts: malloc, printf,
 * the loader, a report. In three threads. Prints how many uses there were and how many reports.
 */
#include "cases.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

#define NR_THREADS 3

static volatile long nr_uses, nr_handled;
static volatile int stop;
static int *unwritten;

static NOINLINE void use(void)
{
	__atomic_fetch_add(&nr_uses, 1, __ATOMIC_RELAXED);
	BRANCH(*HIDE(unwritten) == 7);
}

static void handler(int sig)
{
	(void)sig;
	use();
	__atomic_fetch_add(&nr_handled, 1, __ATOMIC_RELAXED);
}

static void in_the_heap(void)
{
	int i;

	for (i = 0; i < 200; i++)
		free(HIDE(malloc((size_t)HIDE(i) * 100)));
}

static void in_the_loader(void)
{
	void *m = dlopen("libm.so.6", RTLD_NOW);

	if (!m || !dlsym(m, "cos"))
		exit(2);
	dlclose(m);
}

static void in_printf(void)
{
	char text[64];
	int i;

	for (i = 0; i < 100; i++)
		snprintf(text, sizeof(text), "%d %s %f", i, "abc", i / 7.0);
}

static void *run(void *arg)
{
	static void (*const what[])(void) = { in_the_heap, in_the_loader, in_printf, use };
	int i;

	for (i = 0; !stop; i++)
		what[i % 4]();
	return arg;
}

int main(int argc, char **argv)
{
	long wanted = argc > 1 ? atol(argv[1]) : 100, i;
	struct sigaction act = { .sa_handler = handler };
	pthread_t threads[NR_THREADS];

	unwritten = malloc(64);
	sigaction(SIGUSR1, &act, NULL);
	for (i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, run, NULL);
	for (i = 0; nr_handled < wanted; i++)
		pthread_kill(threads[i % NR_THREADS], SIGUSR1);
	stop = 1;
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("handled=%ld uses=%ld reports=%lu\n", nr_handled, nr_uses,
	       (unsigned long)kmsan_report_count());
	return 0;
}
