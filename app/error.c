/* SPDX-License-Identifier: MIT */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int uz__error(struct uz_error *e, int code, const char *format, ...)
{
	va_list args;

	e->code = code;
	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	return -code;
}

int uz__error_exit(const struct uz_error *e)
{
	fflush(stdout);
	fprintf(stderr, "uzram: %s\n", e->text);
	return e->code == EINVAL ? UZ_EXIT_USAGE : UZ_EXIT_FAILED;
}
