/* SPDX-License-Identifier: MIT */
/*
 * Ends of scope for hosted code: UZ_FREE char *p = ...; UZ_CLOSE int fd = ...; Not installed: it is
 * no header of <uz/>.
 */
#ifndef UZ_CLEANUP_H
#define UZ_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UZ_CLEANUP(function) __attribute__((cleanup(function)))
#define UZ_FREE UZ_CLEANUP(uz__free_str)
#define UZ_CLOSE UZ_CLEANUP(uz__close_fd)
#define UZ_FCLOSE UZ_CLEANUP(uz__close_file)

static inline void uz__free_str(void *pointer)
{
	free(*(void **)pointer);
}

static inline void uz__close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void uz__close_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void uz__close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#endif
