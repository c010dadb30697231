/* SPDX-License-Identifier: MIT */
/* printf: its arguments are checked (printf.c), and what it wrote is marked. */
#include "wrap.h"

#include <stdio.h>
#include <stdlib.h>

#include "format.h"

static void before(struct kmsan_caller at, const char *format, va_list ap)
{
	K_STR(format);
	kmsan__printf_arguments(at, format, ap, false, false);
}

/* Only %n writes through an argument, and it is rare. */
static void after(struct kmsan_caller at, const char *format, va_list ap)
{
	if (strchr(format, 'n'))
		kmsan__printf_arguments(at, format, ap, false, true);
}

static int to_file(struct kmsan_caller at, FILE *f, const char *format, va_list ap)
{
	int ret;

	before(at, format, ap);
	ret = K_AGAIN(vfprintf(f, format, again));
	after(at, format, ap);
	return ret;
}

static int to_buffer(struct kmsan_caller at, char *buf, size_t n, const char *format, va_list ap)
{
	int ret;

	before(at, format, ap);
	ret = K_AGAIN(vsnprintf(buf, n, format, again));
	if (ret >= 0 && n)
		K_OUT(buf, (size_t)ret < n ? (size_t)ret + 1 : n);
	after(at, format, ap);
	return ret;
}

static int to_memory(struct kmsan_caller at, char **p, const char *format, va_list ap)
{
	int ret;

	before(at, format, ap);
	ret = K_AGAIN(vasprintf(p, format, again));
	K_OUT(p, sizeof(*p));
	after(at, format, ap);
	return ret;
}

static int to_fd(struct kmsan_caller at, int fd, const char *format, va_list ap)
{
	int ret;

	before(at, format, ap);
	ret = K_AGAIN(vdprintf(fd, format, again));
	after(at, format, ap);
	return ret;
}

K_VARIADIC(printf, vprintf, to_file(at, stdout, format, ap), const char *format)
K_VARIADIC(fprintf, vfprintf, to_file(at, f, format, ap), FILE *f, const char *format)
K_VARIADIC(sprintf, vsprintf, to_buffer(at, buf, (size_t)INT32_MAX, format, ap), char *buf,
	   const char *format)
K_VARIADIC(snprintf, vsnprintf, to_buffer(at, buf, n, format, ap), char *buf, size_t n,
	   const char *format)
K_VARIADIC(asprintf, vasprintf, to_memory(at, p, format, ap), char **p, const char *format)
K_VARIADIC(dprintf, vdprintf, to_fd(at, fd, format, ap), int fd, const char *format)
