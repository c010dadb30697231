/* SPDX-License-Identifier: MIT */
/*
 * scanf: after the call, what the first `ret` conversions wrote, by following the format.
 * All names of each function are wrapped: headers choose that of C99, newer ones that of C23.
 */
#include "wrap.h"

#include <stdio.h>

#include "format.h"

static void string_out(const struct kmsan__conversion *c, void *p)
{
	size_t unit = c->wide ? sizeof(wchar_t) : 1;

	if (c->letter == 'c')
		K_OUT(p, (c->width > 0 ? (size_t)c->width : 1) * unit);
	else
		K_OUT(p, c->wide ? kmsan__wide_size(p) : kmsan__string_size(p));
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

static int last_position(const char *format)
{
	struct kmsan__conversion c = kmsan__next_conversion(format, true);
	int next = 0, last = 0, at;

	for (; c.letter; c = kmsan__next_conversion(c.rest, true)) {
		at = c.skipped ? 0 : kmsan__resolve(c.argument_at, &next);
		if (at > last)
			last = at;
	}
	return last < KMSAN__POSITIONS ? last : KMSAN__POSITIONS;
}

static void mark(const char *format, void *const *pointers, int last, int nr)
{
	struct kmsan__conversion c = kmsan__next_conversion(format, true);
	int next = 0, at;

	for (; c.letter && (nr > 0 || c.letter == 'n' || c.skipped);
	     c = kmsan__next_conversion(c.rest, true)) {
		if (c.skipped)
			continue;
		at = kmsan__resolve(c.argument_at, &next);
		if (at <= last)
			one_out(&c, pointers[at]);
		nr -= c.letter != 'n';
	}
}

void kmsan__scanf_arguments(const char *format, va_list ap, int nr)
{
	void *pointers[KMSAN__POSITIONS + 1];
	int i, last = nr >= 0 ? last_position(format) : 0;
	va_list from;

	va_copy(from, ap);
	for (i = 1; i <= last; i++)
		pointers[i] = va_arg(from, void *);
	va_end(from);
	if (last > 0)
		mark(format, pointers, last, nr);
}

static int from_file(FILE *f, const char *format, va_list ap)
{
	int ret = K_AGAIN(vfscanf(f, format, again));

	kmsan__scanf_arguments(format, ap, ret);
	return ret;
}

static int from_string(struct kmsan_caller at, const char *s, const char *format, va_list ap)
{
	int ret;

	K_STR(s);
	ret = K_AGAIN(vsscanf(s, format, again));
	kmsan__scanf_arguments(format, ap, ret);
	return ret;
}

K_VARIADIC(scanf, vscanf, from_file(stdin, format, ap), const char *format)
K_VARIADIC(fscanf, vfscanf, from_file(f, format, ap), FILE *f, const char *format)
K_VARIADIC(sscanf, vsscanf, from_string(at, s, format, ap), const char *s, const char *format)
K_VARIADIC(__isoc99_scanf, __isoc99_vscanf, from_file(stdin, format, ap), const char *format)
K_VARIADIC(__isoc99_fscanf, __isoc99_vfscanf, from_file(f, format, ap), FILE *f, const char *format)
K_VARIADIC(__isoc99_sscanf, __isoc99_vsscanf, from_string(at, s, format, ap), const char *s,
	   const char *format)
K_VARIADIC(__isoc23_scanf, __isoc23_vscanf, from_file(stdin, format, ap), const char *format)
K_VARIADIC(__isoc23_fscanf, __isoc23_vfscanf, from_file(f, format, ap), FILE *f, const char *format)
K_VARIADIC(__isoc23_sscanf, __isoc23_vsscanf, from_string(at, s, format, ap), const char *s,
	   const char *format)
