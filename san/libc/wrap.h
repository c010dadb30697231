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
#define K_IN_EVENTS(fds, nr) kmsan__wrap_in_events(at, fds, nr)
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
void kmsan__wrap_in_events(struct kmsan_caller at, const struct pollfd *fds, unsigned long nr);
void kmsan__wrap_out_revents(struct pollfd *fds, unsigned long nr);

uintptr_t kmsan__stack_pointer(const struct ucontext_t *c);

/* How many bytes a comparison, or a search, looks at. */
size_t kmsan__same(const void *a, const void *b, size_t n);
size_t kmsan__same_string(const char *a, const char *b, size_t n);
size_t kmsan__same_letters(const char *a, const char *b, size_t n);
size_t kmsan__until(const void *p, int c, size_t n);
size_t kmsan__until_either(const char *s, int c);
/* Of a number in text, with what ends it. */
size_t kmsan__number_size(const char *s, int base);
size_t kmsan__float_size(const char *s);
size_t kmsan__wide_number_size(const wchar_t *s, int base);
size_t kmsan__wide_float_size(const wchar_t *s);
size_t kmsan__wide_length(const wchar_t *s);
/* In bytes, the end included; 0 for NULL. */
size_t kmsan__wide_size(const wchar_t *s);
size_t kmsan__wide_same(const wchar_t *a, const wchar_t *b, size_t n);
size_t kmsan__wide_until(const wchar_t *s, wchar_t c, size_t n);

/*
 * Defines a wrapper that calls mark with a pointer, and then jumps to libc's function: for those
 * that return twice, and for results that libc writes through a pointer of the caller's, which
 * aarch64 has in x8.
 */
#if defined(__x86_64__)
#define K_MARK_AND_JUMP(name, mark, aarch64_register) \
	__asm__(".text\n" \
		".globl __wrap_" #name "\n" \
		".type __wrap_" #name ", @function\n" \
		"__wrap_" #name ":\n" \
		"	push %rdi\n" \
		"	call " #mark "\n" \
		"	pop %rdi\n" \
		"	jmp " #name "@PLT\n" \
		".size __wrap_" #name ", . - __wrap_" #name "\n")
#else
#define K_MARK_AND_JUMP(name, mark, aarch64_register) \
	__asm__(".text\n" \
		".globl __wrap_" #name "\n" \
		".type __wrap_" #name ", %function\n" \
		"__wrap_" #name ":\n" \
		"	stp " #aarch64_register ", x30, [sp, -16]!\n" \
		"	mov x0, " #aarch64_register "\n" \
		"	bl " #mark "\n" \
		"	ldp " #aarch64_register ", x30, [sp], 16\n" \
		"	b " #name "\n" \
		".size __wrap_" #name ", . - __wrap_" #name "\n")
#endif

#endif
