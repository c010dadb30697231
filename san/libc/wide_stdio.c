/* SPDX-License-Identifier: MIT */
/* printf and scanf of wide characters: as the plain ones, by a plain copy of the format. */
#include "wrap.h"

#include <stdio.h>

#include "format.h"

static void check_format(struct kmsan_caller at, const wchar_t *format, va_list ap, bool done)
{
	char plain[KMSAN__FORMAT];

	if (!done)
		K_IN(format, kmsan__wide_size(format));
	kmsan__narrow(format, plain, sizeof(plain));
	kmsan__printf_arguments(at, plain, ap, true, done);
}

static int to_file(struct kmsan_caller at, FILE *f, const wchar_t *format, va_list ap)
{
	va_list again;
	int ret;

	check_format(at, format, ap, false);
	va_copy(again, ap);
	ret = vfwprintf(f, format, again);
	va_end(again);
	check_format(at, format, ap, true);
	return ret;
}

static int to_buffer(struct kmsan_caller at, wchar_t *buf, size_t n, const wchar_t *format,
		     va_list ap)
{
	va_list again;
	int ret;

	check_format(at, format, ap, false);
	va_copy(again, ap);
	ret = vswprintf(buf, n, format, again);
	va_end(again);
	K_OUT(buf, (ret >= 0 ? (size_t)ret + 1 : n) * sizeof(*buf));
	check_format(at, format, ap, true);
	return ret;
}

static int scanned(const wchar_t *format, va_list ap, int ret)
{
	char plain[KMSAN__FORMAT];

	kmsan__narrow(format, plain, sizeof(plain));
	kmsan__scanf_arguments(plain, ap, ret);
	return ret;
}

static int from_file(FILE *f, const wchar_t *format, va_list ap)
{
	va_list again;
	int ret;

	va_copy(again, ap);
	ret = vfwscanf(f, format, again);
	va_end(again);
	return scanned(format, ap, ret);
}

static int from_string(struct kmsan_caller at, const wchar_t *s, const wchar_t *format, va_list ap)
{
	va_list again;
	int ret;

	K_IN(s, kmsan__wide_size(s));
	va_copy(again, ap);
	ret = vswscanf(s, format, again);
	va_end(again);
	return scanned(format, ap, ret);
}

/* A function and its variant with a va_list; what the first parameter is, the call names. */
#define PAIR(name, v_name, call, ...) \
	int __wrap_##name(__VA_ARGS__, ...); \
	int __wrap_##v_name(__VA_ARGS__, va_list ap); \
	int __wrap_##name(__VA_ARGS__, ...) \
	{ \
		struct kmsan_caller at = KMSAN_CALLER; \
		va_list ap; \
		int ret; \
\
		(void)at; \
		va_start(ap, format); \
		ret = call; \
		va_end(ap); \
		return ret; \
	} \
	int __wrap_##v_name(__VA_ARGS__, va_list ap) \
	{ \
		struct kmsan_caller at = KMSAN_CALLER; \
\
		(void)at; \
		return call; \
	}

PAIR(wprintf, vwprintf, to_file(at, stdout, format, ap), const wchar_t *format)
PAIR(fwprintf, vfwprintf, to_file(at, f, format, ap), FILE *f, const wchar_t *format)
PAIR(swprintf, vswprintf, to_buffer(at, buf, n, format, ap), wchar_t *buf, size_t n,
     const wchar_t *format)

PAIR(wscanf, vwscanf, from_file(stdin, format, ap), const wchar_t *format)
PAIR(fwscanf, vfwscanf, from_file(f, format, ap), FILE *f, const wchar_t *format)
PAIR(swscanf, vswscanf, from_string(at, s, format, ap), const wchar_t *s, const wchar_t *format)
PAIR(__isoc99_wscanf, __isoc99_vwscanf, from_file(stdin, format, ap), const wchar_t *format)
PAIR(__isoc99_fwscanf, __isoc99_vfwscanf, from_file(f, format, ap), FILE *f, const wchar_t *format)
PAIR(__isoc99_swscanf, __isoc99_vswscanf, from_string(at, s, format, ap), const wchar_t *s,
     const wchar_t *format)
