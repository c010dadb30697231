/* SPDX-License-Identifier: MIT */
/*
 * The background thread of a store: all its disks for a budget, again at once while there is more
 * to do, otherwise after 100 ms, when what rests is due, or when the arena runs short of populated
 * memory. It yields
 * between rounds and runs as a batch task at a lower priority where the system lets it, since
 * clients wait for nothing it does.
 */
#include "host_i.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#define IDLE_NS 100000000u
#define BUDGET_NS 2000000u
#define NICE 5
#define STACK_BYTES ((size_t)1 << 20)

struct uz_background {
	struct uz_store *store;
	pthread_t thread;
	bool stop; /* atomic */
};

static void lower_priority(void)
{
	const struct sched_param param = { 0 };
	id_t self = (id_t)gettid();

	sched_setscheduler((pid_t)self, SCHED_BATCH, &param);
	setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + NICE);
}

static void *background_main(void *arg)
{
	struct uz_background *b = arg;
	struct uz_arena *a = uz_store_arena(b->store);
	struct uz_plat *pl = a->plat;

	lower_priority();
	while (!uz_load_acquire(&b->stop)) {
		if (uz_store_background(b->store, pl->ops->now(pl), BUDGET_NS))
			sched_yield();
		else
			uz_arena_background_wait(a, UZ_MIN(uz_store_due(b->store),
							   pl->ops->now(pl) + IDLE_NS));
	}
	return NULL;
}

/* The thread takes no signals: they are for the program's own threads. */
static int start_thread(struct uz_background *b)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int rc;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&b->thread, &attr, background_main, b);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (rc == 0)
		pthread_setname_np(b->thread, "uzram-back");
	return -rc;
}

int uz_background_start(struct uz_store *s, struct uz_background **out)
{
	struct uz_background *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return -ENOMEM;
	b->store = s;
	rc = start_thread(b);
	if (rc < 0) {
		free(b);
		return rc;
	}
	*out = b;
	return 0;
}

void uz_background_stop(struct uz_background *b)
{
	if (!b)
		return;
	uz_store_release(&b->stop, true);
	uz_arena_background_wake(uz_store_arena(b->store));
	pthread_join(b->thread, NULL);
	free(b);
}
