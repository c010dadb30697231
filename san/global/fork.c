/* SPDX-License-Identifier: MIT */
/*
 * A process that forks while another of its threads holds a lock of the runtime would have a
 * child that waits for it for ever. The first to register is the last to run before a fork, and
 * the first after it: handlers of the program find the locks free.
 */
#include "kmsan_i.h"

#include <pthread.h>

__attribute__((constructor(102))) static void start(void)
{
	pthread_atfork(kmsan__before_fork, kmsan__after_fork, kmsan__after_fork);
}
