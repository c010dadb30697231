/* SPDX-License-Identifier: MIT */
/* A program in which something was reported ends with the exit code of KMSAN_OPTIONS (86; 0: its own). */
#include "kmsan_i.h"

#include <stdio.h>
#include <stdlib.h>

static void at_end(void)
{
	if (!kmsan_report_count() || !kmsan__options.exit_code)
		return;
	kmsan__self.in_runtime++;
	fflush(NULL);
	kmsan__sys_exit(kmsan__options.exit_code);
}

/* The first to register is the last to run. */
__attribute__((constructor(102))) static void start(void)
{
	atexit(at_end);
}
