/* SPDX-License-Identifier: MIT */
/*
 * A process that forks while another of its threads holds a lock of the runtime would have a
 * child that waits for it for ever. The first to register is the last to run before a fork, and
 * the first after it: handlers of the program and of its libraries find the locks free. So this
 * is registered before the constructors of libraries run.
 */
#include "kmsan_i.h"

#include <pthread.h>

static void start(void)
{
	pthread_atfork(kmsan__before_fork, kmsan__after_fork, kmsan__after_fork);
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = start;
