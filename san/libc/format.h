/* SPDX-License-Identifier: MIT */
/* One conversion of a printf or scanf format after the other. */
#ifndef KMSAN_FORMAT_H
#define KMSAN_FORMAT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct kmsan__conversion {
	char letter; /* 0: the format has ended */
	int stars; /* int arguments before the argument (printf) */
	bool last_star_is_precision;
	bool skipped; /* scanf: %*d */
	bool allocated; /* scanf: %ms */
	bool wide;
	long width, precision; /* -1: none */
	size_t size_bytes; /* of the number */
	const char *rest;
};

struct kmsan__conversion kmsan__next_conversion(const char *format, bool scanning);

/* A va_list in a struct: a pointer to it means the same on every machine. */
struct kmsan__args {
	va_list ap;
};

#endif
