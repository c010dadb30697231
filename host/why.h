/* SPDX-License-Identifier: MIT */
/* The sentence about a failure. */
#ifndef UZ_WHY_H
#define UZ_WHY_H

#include "host_i.h"

/* Where it goes; text may be NULL. */
struct uz__why {
	char *text;
	size_t bytes;
};

void uz__say(struct uz__why why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, and returns @err. */
int uz__fail(struct uz__why why, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
