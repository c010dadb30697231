/* SPDX-License-Identifier: MIT */
/* printf: its arguments are checked (printf.c), and what it wrote is marked. */
#include "wrap.h"

#include <stdio.h>
#include <stdlib.h>

#include "format.h"

static void check_format(struct kmsan_caller at, const char *format, va_list ap, bool done)
{
	if (!done)
		K_STR(format);
	kmsan__printf_arguments(at, format, ap, false, done);
}

static int to_file(struct kmsan_caller at, FILE *f, const char *format, va_list ap)
{
	va_list again;
	int ret;

	check_format(at, format, ap, false);
	va_copy(again, ap);
	ret = vfprintf(f, format, again);
	va_end(again);
	if (strstr(format, "n"))
		check_format(at, format, ap, true);
	return ret;
}

static int to_buffer(struct kmsan_caller at, char *buf, size_t n, const char *format, va_list ap)
{
	int ret;

	check_format(at, format, ap, false);
	ret = vsnprintf(buf, n, format, ap);
	if (ret >= 0 && n)
		K_OUT(buf, (size_t)ret < n ? (size_t)ret + 1 : n);
	return ret;
}

static int to_memory(struct kmsan_caller at, char **p, const char *format, va_list ap)
{
	int ret;

	check_format(at, format, ap, false);
	ret = vasprintf(p, format, ap);
	K_OUT(p, sizeof(*p));
	return ret;
}

static int to_fd(struct kmsan_caller at, int fd, const char *format, va_list ap)
{
	check_format(at, format, ap, false);
	return vdprintf(fd, format, ap);
}

int __wrap_printf(const char *format, ...);
int __wrap_fprintf(FILE *f, const char *format, ...);
int __wrap_sprintf(char *buf, const char *format, ...);
int __wrap_snprintf(char *buf, size_t n, const char *format, ...);
int __wrap_asprintf(char **p, const char *format, ...);
int __wrap_dprintf(int fd, const char *format, ...);
int __wrap_vprintf(const char *format, va_list ap);
int __wrap_vfprintf(FILE *f, const char *format, va_list ap);
int __wrap_vsprintf(char *buf, const char *format, va_list ap);
int __wrap_vsnprintf(char *buf, size_t n, const char *format, va_list ap);
int __wrap_vasprintf(char **p, const char *format, va_list ap);
int __wrap_vdprintf(int fd, const char *format, va_list ap);

#define WITH_ARGUMENTS(last, call) \
	do { \
		struct kmsan_caller at = KMSAN_CALLER; \
		va_list ap; \
		int ret; \
\
		va_start(ap, last); \
		ret = call; \
		va_end(ap); \
		return ret; \
	} while (0)

int __wrap_printf(const char *format, ...)
{
	WITH_ARGUMENTS(format, to_file(at, stdout, format, ap));
}

int __wrap_fprintf(FILE *f, const char *format, ...)
{
	WITH_ARGUMENTS(format, to_file(at, f, format, ap));
}

int __wrap_sprintf(char *buf, const char *format, ...)
{
	WITH_ARGUMENTS(format, to_buffer(at, buf, (size_t)INT32_MAX, format, ap));
}

int __wrap_snprintf(char *buf, size_t n, const char *format, ...)
{
	WITH_ARGUMENTS(format, to_buffer(at, buf, n, format, ap));
}

int __wrap_asprintf(char **p, const char *format, ...)
{
	WITH_ARGUMENTS(format, to_memory(at, p, format, ap));
}

int __wrap_dprintf(int fd, const char *format, ...)
{
	WITH_ARGUMENTS(format, to_fd(at, fd, format, ap));
}

int __wrap_vprintf(const char *format, va_list ap)
{
	return to_file(KMSAN_CALLER, stdout, format, ap);
}

int __wrap_vfprintf(FILE *f, const char *format, va_list ap)
{
	return to_file(KMSAN_CALLER, f, format, ap);
}

int __wrap_vsprintf(char *buf, const char *format, va_list ap)
{
	return to_buffer(KMSAN_CALLER, buf, (size_t)INT32_MAX, format, ap);
}

int __wrap_vsnprintf(char *buf, size_t n, const char *format, va_list ap)
{
	return to_buffer(KMSAN_CALLER, buf, n, format, ap);
}

int __wrap_vasprintf(char **p, const char *format, va_list ap)
{
	return to_memory(KMSAN_CALLER, p, format, ap);
}

int __wrap_vdprintf(int fd, const char *format, va_list ap)
{
	return to_fd(KMSAN_CALLER, fd, format, ap);
}
