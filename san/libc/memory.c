/* SPDX-License-Identifier: MIT */
/*
 * Copies and strings. A copy moves the exact bits; a function that has to find a string's
 * end branches on every byte up to it, so those are checked first.
 */
#include "wrap.h"

#include <ctype.h>
#include <poll.h>
#include <stdlib.h>

size_t kmsan__same(const void *a, const void *b, size_t n)
{
	const char *x = a, *y = b;
	size_t i = 0;

	while (i < n && x[i] == y[i])
		i++;
	return i < n ? i + 1 : n;
}

size_t kmsan__same_string(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	while (i < n && a[i] == b[i] && a[i])
		i++;
	return i < n ? i + 1 : n;
}

size_t kmsan__same_letters(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	while (i < n && tolower((unsigned char)a[i]) == tolower((unsigned char)b[i]) && a[i])
		i++;
	return i < n ? i + 1 : n;
}

size_t kmsan__until(const void *p, int c, size_t n)
{
	const char *s = p;
	size_t i = 0;

	while (i < n && s[i] != (char)c)
		i++;
	return i < n ? i + 1 : n;
}

size_t kmsan__until_either(const char *s, int c)
{
	size_t i = 0;

	while (s[i] && s[i] != (char)c)
		i++;
	return i + 1;
}

void kmsan__wrap_in_iov(struct kmsan_caller at, const struct iovec *v, int nr, size_t n,
			struct kmsan_boundary *b)
{
	int i;

	for (i = 0; i < nr && n; i++) {
		size_t part = v[i].iov_len < n ? v[i].iov_len : n;

		kmsan__wrap_in(at, v[i].iov_base, part, b);
		n -= part;
	}
}

void kmsan__wrap_in_events(struct kmsan_caller at, const struct pollfd *fds, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++) {
		kmsan__wrap_in(at, &fds[i].fd, sizeof(fds[i].fd), NULL);
		if (fds[i].fd >= 0)
			kmsan__wrap_in(at, &fds[i].events, sizeof(fds[i].events), NULL);
	}
}

void kmsan__wrap_out_revents(struct pollfd *fds, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++)
		kmsan__wrap_out(&fds[i].revents, sizeof(fds[i].revents));
}

void *__wrap_memcpy(void *dst, const void *src, size_t n);
void *__wrap_memmove(void *dst, const void *src, size_t n);
void *__wrap_mempcpy(void *dst, const void *src, size_t n);
void *__wrap_memset(void *dst, int c, size_t n);
void *__wrap_memccpy(void *dst, const void *src, int c, size_t n);
void __wrap_bcopy(const void *src, void *dst, size_t n);
void __wrap_bzero(void *dst, size_t n);
void __wrap_explicit_bzero(void *dst, size_t n);
char *__wrap_strcpy(char *dst, const char *src);
char *__wrap_stpcpy(char *dst, const char *src);
char *__wrap_strncpy(char *dst, const char *src, size_t n);
char *__wrap_stpncpy(char *dst, const char *src, size_t n);
char *__wrap_strcat(char *dst, const char *src);
char *__wrap_strncat(char *dst, const char *src, size_t n);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

void *__wrap_memcpy(void *dst, const void *src, size_t n)
{
	kmsan__copy(KMSAN_CALLER, dst, src, n);
	return memcpy(dst, src, n);
}

void *__wrap_memmove(void *dst, const void *src, size_t n)
{
	kmsan__copy(KMSAN_CALLER, dst, src, n);
	return memmove(dst, src, n);
}

void *__wrap_mempcpy(void *dst, const void *src, size_t n)
{
	kmsan__copy(KMSAN_CALLER, dst, src, n);
	return (char *)memcpy(dst, src, n) + n;
}

void __wrap_bcopy(const void *src, void *dst, size_t n)
{
	kmsan__copy(KMSAN_CALLER, dst, src, n);
	memmove(dst, src, n);
}

void *__wrap_memset(void *dst, int c, size_t n)
{
	kmsan__set(dst, n, 0, 0);
	return memset(dst, c, n);
}

void __wrap_bzero(void *dst, size_t n)
{
	kmsan__set(dst, n, 0, 0);
	memset(dst, 0, n);
}

void __wrap_explicit_bzero(void *dst, size_t n)
{
	kmsan__set(dst, n, 0, 0);
	explicit_bzero(dst, n);
}

void *__wrap_memccpy(void *dst, const void *src, int c, size_t n)
{
	size_t used = kmsan__until(src, c, n);

	K_ENTER;
	K_IN(src, used);
	kmsan__copy(at, dst, src, used);
	return memccpy(dst, src, c, n);
}

static char *copy_string(struct kmsan_caller at, char *dst, const char *src, size_t size)
{
	kmsan__wrap_in(at, src, size, NULL);
	kmsan__copy(at, dst, src, size);
	return memcpy(dst, src, size);
}

char *__wrap_strcpy(char *dst, const char *src)
{
	return copy_string(KMSAN_CALLER, dst, src, strlen(src) + 1);
}

char *__wrap_stpcpy(char *dst, const char *src)
{
	size_t n = strlen(src);

	return copy_string(KMSAN_CALLER, dst, src, n + 1) + n;
}

char *__wrap_strncpy(char *dst, const char *src, size_t n)
{
	size_t used = kmsan__until(src, 0, n);

	copy_string(KMSAN_CALLER, dst, src, used);
	kmsan__set(dst + used, n - used, 0, 0);
	return strncpy(dst, src, n);
}

char *__wrap_stpncpy(char *dst, const char *src, size_t n)
{
	size_t used = kmsan__until(src, 0, n);

	copy_string(KMSAN_CALLER, dst, src, used);
	kmsan__set(dst + used, n - used, 0, 0);
	return stpncpy(dst, src, n);
}

char *__wrap_strcat(char *dst, const char *src)
{
	K_ENTER;
	K_STR(dst);
	copy_string(at, dst + strlen(dst), src, strlen(src) + 1);
	return dst;
}

char *__wrap_strncat(char *dst, const char *src, size_t n)
{
	size_t used = strnlen(src, n);
	char *end;

	K_ENTER;
	K_STR(dst);
	end = dst + strlen(dst);
	K_IN(src, kmsan__until(src, 0, n));
	kmsan__copy(at, end, src, used);
	memcpy(end, src, used);
	end[used] = 0;
	K_OUT(end + used, 1);
	return dst;
}

char *__wrap_strdup(const char *s)
{
	size_t size = strlen(s) + 1;
	char *copy = malloc(size);

	return copy ? copy_string(KMSAN_CALLER, copy, s, size) : NULL;
}

char *__wrap_strndup(const char *s, size_t n)
{
	size_t used = strnlen(s, n);
	char *copy = malloc(used + 1);

	K_ENTER;
	if (!copy)
		return NULL;
	K_IN(s, kmsan__until(s, 0, n));
	kmsan__copy(at, copy, s, used);
	memcpy(copy, s, used);
	copy[used] = 0;
	K_OUT(copy + used, 1);
	return copy;
}
