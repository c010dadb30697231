/* SPDX-License-Identifier: MIT */
/*
 * scanf: after the call, what the first `ret` conversions wrote, by following the format.
 * Both names of each function are wrapped: headers choose the C99 one.
 */
#include "wrap.h"

#include <stdio.h>

#include "format.h"

static void string_out(const struct kmsan__conversion *c, void *p)
{
	if (c->letter == 'c')
		K_OUT(p, c->width > 0 ? (size_t)c->width : 1);
	else
		K_OUT_STR(p);
}

static void one_out(const struct kmsan__conversion *c, void *p)
{
	if (!p)
		return;
	if (c->allocated)
		K_OUT(p, sizeof(void *));
	else if (c->letter == 's' || c->letter == '[' || c->letter == 'c')
		string_out(c, p);
	else
		K_OUT(p, c->size_bytes);
}

static void walk(const char *format, struct kmsan__args *a, int ret)
{
	struct kmsan__conversion c = kmsan__next_conversion(format, true);

	for (; c.letter && (ret > 0 || c.letter == 'n' || c.skipped);
	     c = kmsan__next_conversion(c.rest, true)) {
		if (c.skipped)
			continue;
		one_out(&c, va_arg(a->ap, void *));
		ret -= c.letter != 'n';
	}
}

static int scanned(const char *format, va_list ap, int ret)
{
	struct kmsan__args a;

	va_copy(a.ap, ap);
	if (ret > 0)
		walk(format, &a, ret);
	va_end(a.ap);
	return ret;
}

static int from_file(FILE *f, const char *format, va_list ap)
{
	va_list again;
	int ret;

	va_copy(again, ap);
	ret = vfscanf(f, format, again);
	va_end(again);
	return scanned(format, ap, ret);
}

static int from_string(struct kmsan_caller at, const char *s, const char *format, va_list ap)
{
	va_list again;
	int ret;

	K_STR(s);
	va_copy(again, ap);
	ret = vsscanf(s, format, again);
	va_end(again);
	return scanned(format, ap, ret);
}

#define SCANF(prefix) \
	int __wrap_##prefix##scanf(const char *format, ...); \
	int __wrap_##prefix##fscanf(FILE *f, const char *format, ...); \
	int __wrap_##prefix##sscanf(const char *s, const char *format, ...); \
	int __wrap_##prefix##vscanf(const char *format, va_list ap); \
	int __wrap_##prefix##vfscanf(FILE *f, const char *format, va_list ap); \
	int __wrap_##prefix##vsscanf(const char *s, const char *format, va_list ap); \
	int __wrap_##prefix##scanf(const char *format, ...) \
	{ \
		va_list ap; \
		int ret; \
\
		va_start(ap, format); \
		ret = from_file(stdin, format, ap); \
		va_end(ap); \
		return ret; \
	} \
	int __wrap_##prefix##fscanf(FILE *f, const char *format, ...) \
	{ \
		va_list ap; \
		int ret; \
\
		va_start(ap, format); \
		ret = from_file(f, format, ap); \
		va_end(ap); \
		return ret; \
	} \
	int __wrap_##prefix##sscanf(const char *s, const char *format, ...) \
	{ \
		va_list ap; \
		int ret; \
\
		va_start(ap, format); \
		ret = from_string(KMSAN_CALLER, s, format, ap); \
		va_end(ap); \
		return ret; \
	} \
	int __wrap_##prefix##vscanf(const char *format, va_list ap) \
	{ \
		return from_file(stdin, format, ap); \
	} \
	int __wrap_##prefix##vfscanf(FILE *f, const char *format, va_list ap) \
	{ \
		return from_file(f, format, ap); \
	} \
	int __wrap_##prefix##vsscanf(const char *s, const char *format, va_list ap) \
	{ \
		return from_string(KMSAN_CALLER, s, format, ap); \
	}

SCANF()
SCANF(__isoc99_)
