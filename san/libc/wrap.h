/* SPDX-License-Identifier: MIT */
/* What wrappers are made of. Each begins with K_ENTER, which keeps the caller for reports. */
#ifndef KMSAN_WRAP_H
#define KMSAN_WRAP_H

#include <string.h>
#include <wchar.h>

#include "shadow.h"

#define K_ENTER \
	struct kmsan_caller at = KMSAN_CALLER; \
	(void)at

#define K_IN(p, n) kmsan__wrap_in(at, p, n, NULL)
#define K_STR(s) kmsan__wrap_in(at, s, kmsan__string_size(s), NULL)
#define K_LEAVE(who, p, n) \
	do { \
		static struct kmsan_boundary b = { .name = who }; \
		kmsan__wrap_in(at, p, n, &b); \
	} while (0)
#define K_LEAVE_IOV(who, v, nr, n) \
	do { \
		static struct kmsan_boundary b = { .name = who }; \
		kmsan__wrap_in_iov(at, v, nr, n, &b); \
	} while (0)
#define K_OUT(p, n) kmsan__wrap_out(p, (size_t)(n))
#define K_OUT_STR(s) kmsan__wrap_out(s, kmsan__string_size(s))
#define K_OUT_IOV(v, nr, n) kmsan_in_iov(NULL, v, nr, (size_t)(n))
#define K_OUT_REVENTS(fds, nr) kmsan__wrap_out_revents(fds, nr)

static inline void kmsan__wrap_in(struct kmsan_caller at, const void *p, size_t n,
				  struct kmsan_boundary *b)
{
	if (p && n)
		kmsan__check(at, p, n, b);
}

static inline void kmsan__wrap_out(const void *p, size_t n)
{
	if (p)
		kmsan__set(p, n, 0, 0);
}

static inline size_t kmsan__string_size(const char *s)
{
	return s ? kmsan__strlen(s) + 1 : 0;
}

struct pollfd;
struct ucontext_t;
void kmsan__wrap_in_iov(struct kmsan_caller at, const struct iovec *v, int nr, size_t n,
			struct kmsan_boundary *b);
void kmsan__wrap_out_revents(struct pollfd *fds, unsigned long nr);

uintptr_t kmsan__stack_pointer(const struct ucontext_t *c);

/* How many bytes a comparison, or a search, looks at. */
size_t kmsan__same(const void *a, const void *b, size_t n);
size_t kmsan__same_string(const char *a, const char *b, size_t n);
size_t kmsan__until(const void *p, int c, size_t n);
size_t kmsan__until_either(const char *s, int c);
size_t kmsan__wide_length(const wchar_t *s);
/* In bytes, the end included; 0 for NULL. */
size_t kmsan__wide_size(const wchar_t *s);
size_t kmsan__wide_same(const wchar_t *a, const wchar_t *b, size_t n);
size_t kmsan__wide_until(const wchar_t *s, wchar_t c, size_t n);

#endif
