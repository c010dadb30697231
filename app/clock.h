/* SPDX-License-Identifier: MIT */
/* The monotonic clock, and waits for a condition until it shows a time. */
#ifndef UZ_APP_CLOCK_H
#define UZ_APP_CLOCK_H

#include <pthread.h>
#include <stdint.h>

uint64_t uz__now_ns(void);

/* A condition whose waits end by this clock. */
void uz__clock_cond_init(pthread_cond_t *cond);
/* As pthread_cond_timedwait. */
int uz__clock_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns);

#endif
