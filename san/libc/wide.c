/* SPDX-License-Identifier: MIT */
/* Wide strings, copied with their exact bits, and iconv, which moves its four arguments on. */
#include "wrap.h"

#include <iconv.h>
#include <stdlib.h>

wchar_t *__wrap_wcscpy(wchar_t *to, const wchar_t *s);
wchar_t *__wrap_wcsncpy(wchar_t *to, const wchar_t *s, size_t n);
wchar_t *__wrap_wcpcpy(wchar_t *to, const wchar_t *s);
wchar_t *__wrap_wcscat(wchar_t *to, const wchar_t *s);
wchar_t *__wrap_wcsncat(wchar_t *to, const wchar_t *s, size_t n);
wchar_t *__wrap_wmempcpy(wchar_t *to, const wchar_t *s, size_t n);
wchar_t *__wrap_wcsdup(const wchar_t *s);
wchar_t *__wrap_wmemcpy(wchar_t *to, const wchar_t *s, size_t n);
wchar_t *__wrap_wmemmove(wchar_t *to, const wchar_t *s, size_t n);
wchar_t *__wrap_wmemset(wchar_t *to, wchar_t c, size_t n);
size_t __wrap_iconv(iconv_t cd, char **in, size_t *in_left, char **out, size_t *out_left);

size_t kmsan__wide_length(const wchar_t *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

size_t kmsan__wide_size(const wchar_t *s)
{
	return s ? (kmsan__wide_length(s) + 1) * sizeof(*s) : 0;
}

size_t kmsan__wide_same(const wchar_t *a, const wchar_t *b, size_t n)
{
	size_t i = 0;

	while (i < n && a[i] == b[i] && a[i])
		i++;
	return (i < n ? i + 1 : n) * sizeof(*a);
}

size_t kmsan__wide_until(const wchar_t *s, wchar_t c, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] != c)
		i++;
	return (i < n ? i + 1 : n) * sizeof(*s);
}

static wchar_t *copy(struct kmsan_caller at, wchar_t *to, const wchar_t *s, size_t size)
{
	kmsan__wrap_in(at, s, size, NULL);
	kmsan__copy(at, to, s, size);
	memcpy(to, s, size);
	return to;
}

wchar_t *__wrap_wcscpy(wchar_t *to, const wchar_t *s)
{
	return copy(KMSAN_CALLER, to, s, kmsan__wide_size(s));
}

wchar_t *__wrap_wcsncpy(wchar_t *to, const wchar_t *s, size_t n)
{
	size_t used = kmsan__wide_until(s, 0, n);

	copy(KMSAN_CALLER, to, s, used);
	K_OUT((char *)to + used, n * sizeof(*to) - used);
	return wcsncpy(to, s, n);
}

wchar_t *__wrap_wcscat(wchar_t *to, const wchar_t *s)
{
	K_ENTER;
	K_IN(to, kmsan__wide_size(to));
	copy(at, to + kmsan__wide_length(to), s, kmsan__wide_size(s));
	return to;
}

wchar_t *__wrap_wcpcpy(wchar_t *to, const wchar_t *s)
{
	copy(KMSAN_CALLER, to, s, kmsan__wide_size(s));
	return to + kmsan__wide_length(s);
}

wchar_t *__wrap_wcsncat(wchar_t *to, const wchar_t *s, size_t n)
{
	size_t used = kmsan__wide_until(s, 0, n);
	wchar_t *end;

	K_ENTER;
	K_IN(to, kmsan__wide_size(to));
	end = to + kmsan__wide_length(to);
	copy(at, end, s, used);
	end += used / sizeof(*end);
	if (used && !end[-1])
		return to;
	*end = 0;
	K_OUT(end, sizeof(*end));
	return to;
}

wchar_t *__wrap_wcsdup(const wchar_t *s)
{
	wchar_t *to = malloc(kmsan__wide_size(s));

	return to ? copy(KMSAN_CALLER, to, s, kmsan__wide_size(s)) : NULL;
}

wchar_t *__wrap_wmemcpy(wchar_t *to, const wchar_t *s, size_t n)
{
	kmsan__copy(KMSAN_CALLER, to, s, n * sizeof(*s));
	return memcpy(to, s, n * sizeof(*s));
}

wchar_t *__wrap_wmempcpy(wchar_t *to, const wchar_t *s, size_t n)
{
	kmsan__copy(KMSAN_CALLER, to, s, n * sizeof(*s));
	return mempcpy(to, s, n * sizeof(*s));
}

wchar_t *__wrap_wmemmove(wchar_t *to, const wchar_t *s, size_t n)
{
	kmsan__copy(KMSAN_CALLER, to, s, n * sizeof(*s));
	return memmove(to, s, n * sizeof(*s));
}

wchar_t *__wrap_wmemset(wchar_t *to, wchar_t c, size_t n)
{
	K_OUT(to, n * sizeof(*to));
	return wmemset(to, c, n);
}

size_t __wrap_iconv(iconv_t cd, char **in, size_t *in_left, char **out, size_t *out_left)
{
	char *to = out ? *out : NULL;
	size_t ret;

	K_ENTER;
	if (in && *in)
		K_IN(*in, *in_left);
	ret = iconv(cd, in, in_left, out, out_left);
	if (to)
		K_OUT(to, *out - to);
	return ret;
}
