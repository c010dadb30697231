/* SPDX-License-Identifier: MIT */
/*
 * Threads. A stack that libc uses again still has the marks of the thread before, so a new
 * thread's stack is marked as written before its first function runs.
 */
#include "wrap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct start {
	void *(*fn)(void *);
	void *arg;
};

static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);
int __wrap_pthread_join(pthread_t t, void **ret);

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
		kmsan__set(low, here - (uintptr_t)low, 0, 0);
		kmsan__set((void *)here, (uintptr_t)low + n - here, 0, 0);
	}
	pthread_attr_destroy(&a);
}

static void *run(void *p)
{
	struct start s = *(struct start *)p;

	free(p);
	pthread_once(&exit_once, make_key);
	pthread_setspecific(exit_key, &exit_key);
	find_stack();
	return s.fn(s.arg);
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
	struct start *s = malloc(sizeof(*s));
	int err;

	if (!s)
		return EAGAIN;
	*s = (struct start){ fn, arg };
	err = pthread_create(t, a, run, s);
	if (err)
		free(s);
	else
		K_OUT(t, sizeof(*t));
	return err;
}

int __wrap_pthread_join(pthread_t t, void **ret)
{
	int err = pthread_join(t, ret);

	if (!err)
		K_OUT(ret, sizeof(*ret));
	return err;
}
