/* SPDX-License-Identifier: MIT */
/* Ends of scope for hosted code: UZ_FREE char *p = ...; UZ_CLOSE int fd = ...; */
#ifndef UZ_APP_CLEANUP_H
#define UZ_APP_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UZ_CLEANUP(function) __attribute__((cleanup(function)))
#define UZ_FREE UZ_CLEANUP(uz__cleanup_free)
#define UZ_CLOSE UZ_CLEANUP(uz__cleanup_close)
#define UZ_FCLOSE UZ_CLEANUP(uz__cleanup_fclose)

static inline void uz__cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void uz__cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void uz__cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#endif
