/* SPDX-License-Identifier: MIT */
/*
 * The arguments of printf. Numbers were checked by the compiler at the call; strings are
 * checked here, by following the format. Arguments may be numbered (%2$s), so the format is
 * read once for the types of all arguments, then they are fetched, and read again.
 */
#include "format.h"

#include <stdint.h>

#include "wrap.h"

enum type { WORD, DOUBLE, LONG_DOUBLE };

struct arguments {
	int nr;
	uint8_t types[KMSAN__POSITIONS + 1];
	long values[KMSAN__POSITIONS + 1]; /* of words; from 1 on */
};

static void note(struct arguments *a, int at, enum type type)
{
	if (at <= 0 || at > KMSAN__POSITIONS)
		return;
	a->types[at] = (uint8_t)type;
	if (at > a->nr)
		a->nr = at;
}

static enum type type_of(const struct kmsan__conversion *c)
{
	if (!strchr("aAeEfFgG", c->letter))
		return WORD;
	return c->size_bytes == sizeof(long double) ? LONG_DOUBLE : DOUBLE;
}

static long value(const struct arguments *a, int at)
{
	return at > 0 && at <= a->nr ? a->values[at] : 0;
}

static void fetch(struct arguments *a, va_list ap)
{
	va_list from;
	int i;

	va_copy(from, ap);
	for (i = 1; i <= a->nr; i++) {
		if (a->types[i] == WORD)
			a->values[i] = va_arg(from, long);
		else if (a->types[i] == DOUBLE)
			(void)va_arg(from, double);
		else
			(void)va_arg(from, long double);
	}
	va_end(from);
}

static struct kmsan__conversion next(const char *format, int *nr)
{
	struct kmsan__conversion c = kmsan__next_conversion(format, false);

	if (!c.letter)
		return c;
	c.width_at = kmsan__resolve(c.width_at, nr);
	c.precision_at = kmsan__resolve(c.precision_at, nr);
	c.argument_at = c.letter == 'm' ? 0 : kmsan__resolve(c.argument_at, nr);
	return c;
}

/* A precision limits the bytes that are written; of wide characters only wide output tells. */
static void check_string(struct kmsan_caller at, const struct kmsan__conversion *c, const void *s,
			 bool is_wide)
{
	if (!s)
		return;
	if (!c->wide && c->precision < 0)
		K_STR(s);
	else if (!c->wide)
		K_IN(s, kmsan__until(s, 0, (size_t)c->precision));
	else if (c->precision < 0)
		K_IN(s, kmsan__wide_size(s));
	else if (is_wide)
		K_IN(s, kmsan__wide_until(s, 0, (size_t)c->precision));
}

static void check(struct kmsan_caller at, struct kmsan__conversion *c, const struct arguments *a,
		  bool is_wide, bool done)
{
	void *p = (void *)value(a, c->argument_at);

	if (c->precision_at)
		c->precision = (int)value(a, c->precision_at);
	if (c->letter == 's' && !done)
		check_string(at, c, p, is_wide);
	else if (c->letter == 'n' && done)
		K_OUT(p, c->size_bytes);
}

void kmsan__printf_arguments(struct kmsan_caller at, const char *format, va_list ap, bool is_wide,
			     bool done)
{
	struct arguments a = { 0 };
	struct kmsan__conversion c;
	int nr = 0;

	for (c = next(format, &nr); c.letter; c = next(c.rest, &nr)) {
		note(&a, c.width_at, WORD);
		note(&a, c.precision_at, WORD);
		note(&a, c.argument_at, type_of(&c));
	}
	fetch(&a, ap);
	nr = 0;
	for (c = next(format, &nr); c.letter; c = next(c.rest, &nr))
		check(at, &c, &a, is_wide, done);
}
