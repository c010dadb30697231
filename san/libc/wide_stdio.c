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
	int ret;

	check_format(at, format, ap, false);
	ret = K_AGAIN(vfwprintf(f, format, again));
	check_format(at, format, ap, true);
	return ret;
}

static int to_buffer(struct kmsan_caller at, wchar_t *buf, size_t n, const wchar_t *format,
		     va_list ap)
{
	int ret;

	check_format(at, format, ap, false);
	ret = K_AGAIN(vswprintf(buf, n, format, again));
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
	return scanned(format, ap, K_AGAIN(vfwscanf(f, format, again)));
}

static int from_string(struct kmsan_caller at, const wchar_t *s, const wchar_t *format, va_list ap)
{
	K_IN(s, kmsan__wide_size(s));
	return scanned(format, ap, K_AGAIN(vswscanf(s, format, again)));
}

K_VARIADIC(wprintf, vwprintf, to_file(at, stdout, format, ap), const wchar_t *format)
K_VARIADIC(fwprintf, vfwprintf, to_file(at, f, format, ap), FILE *f, const wchar_t *format)
K_VARIADIC(swprintf, vswprintf, to_buffer(at, buf, n, format, ap), wchar_t *buf, size_t n,
	   const wchar_t *format)

K_VARIADIC(wscanf, vwscanf, from_file(stdin, format, ap), const wchar_t *format)
K_VARIADIC(fwscanf, vfwscanf, from_file(f, format, ap), FILE *f, const wchar_t *format)
K_VARIADIC(swscanf, vswscanf, from_string(at, s, format, ap), const wchar_t *s,
	   const wchar_t *format)
K_VARIADIC(__isoc99_wscanf, __isoc99_vwscanf, from_file(stdin, format, ap), const wchar_t *format)
K_VARIADIC(__isoc99_fwscanf, __isoc99_vfwscanf, from_file(f, format, ap), FILE *f,
	   const wchar_t *format)
K_VARIADIC(__isoc99_swscanf, __isoc99_vswscanf, from_string(at, s, format, ap), const wchar_t *s,
	   const wchar_t *format)
K_VARIADIC(__isoc23_wscanf, __isoc23_vwscanf, from_file(stdin, format, ap), const wchar_t *format)
K_VARIADIC(__isoc23_fwscanf, __isoc23_vfwscanf, from_file(f, format, ap), FILE *f,
	   const wchar_t *format)
K_VARIADIC(__isoc23_swscanf, __isoc23_vswscanf, from_string(at, s, format, ap), const wchar_t *s,
	   const wchar_t *format)
