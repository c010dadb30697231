/* SPDX-License-Identifier: MIT */
/*
 * How far libc reads a number in text: what the number is made of, by libc's own account, and
 * the bytes behind it that could have gone on with it, up to one that does not.
 */
#include "wrap.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <wctype.h>

static const char *behind_sign(const char *s)
{
	return *s == '+' || *s == '-' ? s + 1 : s;
}

static const char *behind_blanks(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return behind_sign(s);
}

static const char *behind_letters(const char *s, const char *letters)
{
	return s + kmsan__same_letters(s, letters, strlen(letters)) - 1;
}

static bool is_hex(const char *s)
{
	return s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
}

size_t kmsan__number_size(const char *s, int base)
{
	const char *from = behind_blanks(s);
	char *end = NULL;
	int saved = errno;

	(void)strtoull(s, &end, base);
	errno = saved;
	if (!end || end == s)
		return (size_t)(from - s) + 1;
	if (end == from + 1 && is_hex(from) && (base == 0 || base == 16))
		end++;
	return (size_t)(end - s) + 1;
}

/* These two are the last byte that libc looks at; the first of them where nothing was a number. */
static const char *no_float_end(const char *s)
{
	if (*s == '.')
		return s + 1;
	return behind_letters(s, *s == 'n' || *s == 'N' ? "nan" : "inf");
}

static const char *name_end(const char *s, const char *end)
{
	if (end == s + 3 && tolower((unsigned char)*s) == 'i')
		return behind_letters(end, "inity");
	if (end > s + 3)
		return end - 1;
	if (*end == '(')
		while (isalnum((unsigned char)*++end) || *end == '_')
			;
	return end;
}

static const char *float_end(const char *s, const char *end)
{
	bool hex = is_hex(s);

	if (isalpha((unsigned char)*s))
		return name_end(s, end);
	if (hex && end == s + 1)
		return s[2] == '.' ? s + 3 : s + 2;
	if (*end && strchr(hex ? "pP" : "eE", *end))
		return behind_sign(end + 1);
	return end;
}

size_t kmsan__float_size(const char *s)
{
	const char *from = behind_blanks(s);
	char *end;
	int saved = errno;

	(void)strtod(s, &end);
	errno = saved;
	return (size_t)((end == s ? no_float_end(from) : float_end(from, end)) - s) + 1;
}

static size_t wide_size(const wchar_t *s, const wchar_t *end)
{
	if (!end || end == s) {
		for (end = s; iswspace((wint_t)*end); end++)
			;
		end += *end == L'+' || *end == L'-';
	}
	return ((size_t)(end - s) + 1) * sizeof(*s);
}

size_t kmsan__wide_number_size(const wchar_t *s, int base)
{
	wchar_t *end = NULL;
	int saved = errno;

	(void)wcstoull(s, &end, base);
	errno = saved;
	return wide_size(s, end);
}

size_t kmsan__wide_float_size(const wchar_t *s)
{
	wchar_t *end;
	int saved = errno;

	(void)wcstod(s, &end);
	errno = saved;
	return wide_size(s, end);
}
