/* SPDX-License-Identifier: MIT */
/*
 * The background thread of a store: every disk in turn for a budget, again at once while one of
 * them has more to do, otherwise every 100 ms. It yields between rounds and runs as a batch
 * task at a lower priority where the system lets it, since clients wait for nothing it does.
 *
 * A disk may be destroyed only while the thread is in none: pause waits for the end of the
 * present round, at most a few budgets.
 */
#include "host_i.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#define IDLE_NS 100000000l
#define BUDGET_NS 2000000u
#define NICE 5
#define STACK_BYTES ((size_t)1 << 20)

struct uz_background {
	struct uz_store *store;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	bool stop, inside;
	unsigned int paused;
};

static void lower_priority(void)
{
	const struct sched_param param = { 0 };
	id_t self = (id_t)gettid();

	sched_setscheduler((pid_t)self, SCHED_BATCH, &param);
	setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + NICE);
}

static bool interrupted(struct uz_background *b)
{
	bool r;

	pthread_mutex_lock(&b->lock);
	r = b->stop || b->paused;
	pthread_mutex_unlock(&b->lock);
	return r;
}

/* All disks once. True when there is more to do. */
static bool work_round(struct uz_background *b)
{
	struct uz_arena *a = uz_store_arena(b->store);
	bool more = false;
	struct uz_dev *d;

	if (!uz_store_disk_at(b->store, 0))
		return uz_arena_background(a, BUDGET_NS);
	for (unsigned int i = 0; (d = uz_store_disk_at(b->store, i)) && !interrupted(b); i++)
		more |= uz_dev_background(d, a->plat->ops->now(a->plat), BUDGET_NS);
	return more;
}

/* Lock held. Waits for a change, or for the idle time to pass. */
static void idle(struct uz_background *b)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += IDLE_NS;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	pthread_cond_timedwait(&b->changed, &b->lock, &ts);
}

static void *background_main(void *arg)
{
	struct uz_background *b = arg;
	bool more;

	lower_priority();
	pthread_mutex_lock(&b->lock);
	while (!b->stop) {
		if (b->paused) {
			pthread_cond_wait(&b->changed, &b->lock);
			continue;
		}
		b->inside = true;
		pthread_mutex_unlock(&b->lock);
		more = work_round(b);
		if (more)
			sched_yield();
		pthread_mutex_lock(&b->lock);
		b->inside = false;
		pthread_cond_broadcast(&b->changed);
		if (!more && !b->stop && !b->paused)
			idle(b);
	}
	pthread_mutex_unlock(&b->lock);
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

static void init_waiting(struct uz_background *b)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->changed, &attr);
	pthread_condattr_destroy(&attr);
}

static void release(struct uz_background *b)
{
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

int uz_background_start(struct uz_store *s, struct uz_background **out)
{
	struct uz_background *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return -ENOMEM;
	b->store = s;
	init_waiting(b);
	rc = start_thread(b);
	if (rc < 0) {
		release(b);
		return rc;
	}
	*out = b;
	return 0;
}

void uz_background_stop(struct uz_background *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	release(b);
}

void uz_background_pause(struct uz_background *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->paused++;
	while (b->inside)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

void uz_background_resume(struct uz_background *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->paused--;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
}
