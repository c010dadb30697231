/* SPDX-License-Identifier: MIT */
/* The file that --pid-file names: there while a server runs, and only its own. */
#ifndef UZ_APP_PID_FILE_H
#define UZ_APP_PID_FILE_H

#include "error.h"

#include <stdio.h>

/*
 * Makes the file, empty, and locks it; *out stays NULL where @path is NULL. EBUSY: a server that runs
 * has it. Does not wait.
 */
int uz__pid_file_open(const char *path, FILE **out, struct uz_error *e);

/* Writes the process id. */
int uz__pid_file_write(const char *path, FILE *f, struct uz_error *e);

/* Removes and closes it; NULL is allowed. */
void uz__pid_file_close(const char *path, FILE *f);

#endif
