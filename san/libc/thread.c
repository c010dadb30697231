/* SPDX-License-Identifier: MIT */
/*
 * Threads, those that libc makes for a notification too. A stack that libc uses again still has
 * the marks of the thread before, so a new thread's stack is forgotten before its first function
 * runs.
 */
#include "wrap.h"

#include <errno.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

struct start {
	union {
		void *(*posix)(void *arg);
		thrd_start_t c11;
		void (*notice)(union sigval v);
	} fn;
	union sigval arg;
};

static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);
int __wrap_pthread_join(pthread_t t, void **value);
int __wrap_pthread_timedjoin_np(pthread_t t, void **value, const struct timespec *limit);
int __wrap_pthread_clockjoin_np(pthread_t t, void **value, clockid_t id,
				const struct timespec *limit);
int __wrap_thrd_create(thrd_t *t, thrd_start_t fn, void *arg);
int __wrap_thrd_join(thrd_t t, int *value);
int __wrap_timer_create(clockid_t id, struct sigevent *e, timer_t *timer);
int __wrap_mq_notify(mqd_t q, const struct sigevent *e);

static void at_exit(void *arg)
{
	(void)arg;
	kmsan__thread_exit();
}

static void make_key(void)
{
	pthread_key_create(&exit_key, at_exit);
}

static void find_stack(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	pthread_attr_t a;
	void *low;
	size_t n;

	if (pthread_getattr_np(pthread_self(), &a))
		return;
	if (!pthread_attr_getstack(&a, &low, &n)) {
		kmsan__thread_start((uintptr_t)low, (uintptr_t)low + n);
		kmsan__shadow_release((uintptr_t)low, here - (uintptr_t)low);
		kmsan__set((void *)here, (uintptr_t)low + n - here, 0, 0);
	}
	pthread_attr_destroy(&a);
}

static void begin(void)
{
	pthread_once(&exit_once, make_key);
	pthread_setspecific(exit_key, &exit_key);
	find_stack();
}

static struct start *start_make(union sigval arg)
{
	struct start *s = malloc(sizeof(*s));

	if (s)
		s->arg = arg;
	return s;
}

static struct start taken(void *p)
{
	struct start s = *(struct start *)p;

	free(p);
	begin();
	return s;
}

static void *run(void *p)
{
	struct start s = taken(p);

	return s.fn.posix(s.arg.sival_ptr);
}

static int run_c11(void *p)
{
	struct start s = taken(p);

	return s.fn.c11(s.arg.sival_ptr);
}

static void run_notice(union sigval v)
{
	const struct start *s = v.sival_ptr;

	begin();
	s->fn.notice(s->arg);
}

static void run_last_notice(union sigval v)
{
	struct start s = taken(v.sival_ptr);

	s.fn.notice(s.arg);
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
	struct start *s = start_make((union sigval){ .sival_ptr = arg });
	int err;

	if (!s)
		return EAGAIN;
	s->fn.posix = fn;
	err = pthread_create(t, a, run, s);
	if (err)
		free(s);
	else
		K_OUT(t, sizeof(*t));
	return err;
}

int __wrap_thrd_create(thrd_t *t, thrd_start_t fn, void *arg)
{
	struct start *s = start_make((union sigval){ .sival_ptr = arg });
	int err;

	if (!s)
		return thrd_nomem;
	s->fn.c11 = fn;
	err = thrd_create(t, run_c11, s);
	if (err != thrd_success)
		free(s);
	else
		K_OUT(t, sizeof(*t));
	return err;
}

int __wrap_pthread_join(pthread_t t, void **value)
{
	int err = pthread_join(t, value);

	if (!err)
		K_OUT(value, sizeof(*value));
	return err;
}

int __wrap_pthread_timedjoin_np(pthread_t t, void **value, const struct timespec *limit)
{
	int err;

	K_ENTER;
	K_IN(limit, sizeof(*limit));
	err = pthread_timedjoin_np(t, value, limit);
	if (!err)
		K_OUT(value, sizeof(*value));
	return err;
}

int __wrap_pthread_clockjoin_np(pthread_t t, void **value, clockid_t id,
				const struct timespec *limit)
{
	int err;

	K_ENTER;
	K_IN(limit, sizeof(*limit));
	err = pthread_clockjoin_np(t, value, id, limit);
	if (!err)
		K_OUT(value, sizeof(*value));
	return err;
}

int __wrap_thrd_join(thrd_t t, int *value)
{
	int err = thrd_join(t, value);

	if (err == thrd_success)
		K_OUT(value, sizeof(*value));
	return err;
}

/* The event with a function of ours in front of the program's; NULL: no memory. */
static struct start *notice_make(struct sigevent *e, void (*fn)(union sigval v))
{
	struct start *s = start_make(e->sigev_value);

	if (!s)
		return NULL;
	s->fn.notice = e->sigev_notify_function;
	e->sigev_notify_function = fn;
	e->sigev_value.sival_ptr = s;
	return s;
}

/* A timer's function may run even while the timer is deleted: what it needs is kept for good. */
int __wrap_timer_create(clockid_t id, struct sigevent *e, timer_t *timer)
{
	struct start *s = NULL;
	struct sigevent ours;
	int ret;

	K_ENTER;
	if (e) {
		K_IN(&e->sigev_notify, sizeof(e->sigev_notify));
		ours = *e;
		if (e->sigev_notify == SIGEV_THREAD && !(s = notice_make(&ours, run_notice))) {
			errno = EAGAIN;
			return -1;
		}
	}
	ret = timer_create(id, e ? &ours : NULL, timer);
	if (!ret)
		K_OUT(timer, sizeof(*timer));
	else
		free(s);
	return ret;
}

/* Comes once. */
int __wrap_mq_notify(mqd_t q, const struct sigevent *e)
{
	struct start *s = NULL;
	struct sigevent ours;
	int ret;

	K_ENTER;
	if (e) {
		K_IN(&e->sigev_notify, sizeof(e->sigev_notify));
		ours = *e;
		if (e->sigev_notify == SIGEV_THREAD && !(s = notice_make(&ours, run_last_notice))) {
			errno = ENOMEM;
			return -1;
		}
	}
	ret = mq_notify(q, e ? &ours : NULL);
	if (ret)
		free(s);
	return ret;
}
