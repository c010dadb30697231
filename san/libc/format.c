/* SPDX-License-Identifier: MIT */
/* Formats as ISO C and POSIX have them, and glibc's %m. */
#include "format.h"

#include <stdint.h>
#include <string.h>

#include "wrap.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *number(const char *s, long *v)
{
	if (!is_digit(*s))
		return s;
	for (*v = 0; is_digit(*s); s++)
		*v = *v * 10 + (*s - '0');
	return s;
}

/* "3$" behind a % or a *: the third argument; else the next one. */
static const char *place(const char *s, int *at)
{
	long v = 0;
	const char *end = number(s, &v);

	*at = -1;
	if (end == s || *end != '$')
		return s;
	*at = v > 0 && v <= KMSAN__POSITIONS ? (int)v : KMSAN__POSITIONS + 1;
	return end + 1;
}

static const char *flags(const char *s, struct kmsan__conversion *c, bool scanning)
{
	for (;; s++) {
		if (scanning && *s == '*')
			c->skipped = true;
		else if (scanning && *s == 'm')
			c->allocated = true;
		else if (!*s || !strchr("-+ #0'I", *s) || (scanning && is_digit(*s)))
			return s;
	}
}

static const char *width(const char *s, struct kmsan__conversion *c, bool scanning)
{
	if (!scanning && *s == '*')
		return place(s + 1, &c->width_at);
	return number(s, &c->width);
}

static const char *precision(const char *s, struct kmsan__conversion *c)
{
	if (*s != '.')
		return s;
	if (s[1] == '*')
		return place(s + 2, &c->precision_at);
	c->precision = 0;
	return number(s + 1, &c->precision);
}

static const char *length(const char *s, struct kmsan__conversion *c, bool *is_long_double)
{
	for (; *s && strchr("hlLqjzt", *s); s++) {
		if (*s == 'h')
			c->size_bytes = c->size_bytes == 2 ? 1 : 2;
		else
			c->size_bytes = 8;
		c->wide |= *s == 'l';
		*is_long_double |= *s == 'L';
	}
	return s;
}

static const char *skip_set(const char *s)
{
	s += *s == '^';
	s += *s == ']';
	while (*s && *s != ']')
		s++;
	return s;
}

struct kmsan__conversion kmsan__next_conversion(const char *s, bool scanning)
{
	struct kmsan__conversion c = { .width = -1, .precision = -1, .size_bytes = sizeof(int) };
	bool is_long_double = false;

	for (; (s = strchr(s, '%')) && s[1] == '%'; s += 2)
		;
	if (!s)
		return c;
	s = place(s + 1, &c.argument_at);
	s = width(flags(s, &c, scanning), &c, scanning);
	s = flags(s, &c, scanning);
	s = length(scanning ? s : precision(s, &c), &c, &is_long_double);
	c.letter = *s == 'S' ? 's' : *s == 'C' ? 'c' : *s;
	c.wide |= *s == 'S' || *s == 'C';
	if (*s && strchr("aAeEfFgG", *s))
		c.size_bytes = is_long_double	     ? sizeof(long double)
			       : c.wide || !scanning ? sizeof(double)
						     : sizeof(float);
	else if (*s == 'p')
		c.size_bytes = sizeof(void *);
	if (scanning && *s == '[')
		s = skip_set(s + 1);
	c.rest = *s ? s + 1 : s;
	return c;
}

void kmsan__narrow(const wchar_t *format, char *to, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size && format[i]; i++)
		to[i] = format[i] > 0 && format[i] < 128 ? (char)format[i] : 'x';
	to[i] = 0;
}
