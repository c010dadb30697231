/* SPDX-License-Identifier: MIT */
/* One conversion of a printf or scanf format after the other. */
#ifndef KMSAN_FORMAT_H
#define KMSAN_FORMAT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

struct kmsan__conversion {
	char letter; /* 0: the format has ended */
	/* Which argument: -1 the next one, 0 none, else the number that the format gives. */
	int width_at, precision_at, argument_at;
	bool skipped; /* scanf: %*d */
	bool allocated; /* scanf: %ms */
	bool wide; /* %ls: of wide characters */
	long width, precision; /* -1: none */
	size_t size_bytes; /* of the number */
	const char *rest;
};

/* Arguments behind these are not looked at. */
#define KMSAN__POSITIONS 64
/* Of a wide format, as much as is looked at. */
#define KMSAN__FORMAT 1024

struct kmsan__conversion kmsan__next_conversion(const char *format, bool scanning);

static inline int kmsan__resolve(int at, int *next)
{
	return at < 0 ? ++*next : at;
}

/* The same conversions in plain characters; others become x. */
void kmsan__narrow(const wchar_t *format, char *to, size_t size);

/* printf.c: checks the strings among the arguments of a printf; done: marks what %n wrote. */
struct kmsan_caller;
void kmsan__printf_arguments(struct kmsan_caller at, const char *format, va_list ap, bool is_wide,
			     bool done);
/* scan.c: marks what the first nr conversions of a scanf wrote. */
void kmsan__scanf_arguments(const char *format, va_list ap, int nr);

/* call with again, a copy of the arguments ap, which it uses up: they are looked at afterwards. */
#define K_AGAIN(call) \
	({ \
		va_list again; \
		int ret_; \
\
		va_copy(again, ap); \
		ret_ = call; \
		va_end(again); \
		ret_; \
	})

/* Wraps a function and its variant with a va_list. call may use at, and ap behind format. */
#define K_VARIADIC(name, v_name, call, ...) \
	int __wrap_##name(__VA_ARGS__, ...); \
	int __wrap_##v_name(__VA_ARGS__, va_list ap); \
	int __wrap_##name(__VA_ARGS__, ...) \
	{ \
		va_list ap; \
		int ret; \
		K_ENTER; \
\
		va_start(ap, format); \
		ret = call; \
		va_end(ap); \
		return ret; \
	} \
	int __wrap_##v_name(__VA_ARGS__, va_list ap) \
	{ \
		K_ENTER; \
\
		return call; \
	}

#endif
