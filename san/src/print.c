/* SPDX-License-Identifier: MIT */
/* Formatted text without libc: %s %.*s %d %u %lu %lx %c, in a buffer that writes itself out. */
#include "kmsan_i.h"

#include <stdarg.h>

typedef void put_fn(void *to, char c);

static void put_number(put_fn *put, void *to, uint64_t v, unsigned int base)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n > 0)
		put(to, digits[--n]);
}

static void put_signed(put_fn *put, void *to, int v)
{
	if (v < 0)
		put(to, '-');
	put_number(put, to, v < 0 ? 0u - (unsigned int)v : (unsigned int)v, 10);
}

static void put_text(put_fn *put, void *to, const char *s, int most)
{
	for (; *s && most != 0; most--)
		put(to, *s++);
}

static void format(put_fn *put, void *to, const char *f, va_list ap)
{
	int most;

	for (; *f; f++) {
		if (*f != '%') {
			put(to, *f);
			continue;
		}
		most = -1;
		if (*++f == '.') {
			most = va_arg(ap, int);
			f += 2;
		}
		if (*f == 's')
			put_text(put, to, va_arg(ap, const char *), most);
		else if (*f == 'd')
			put_signed(put, to, va_arg(ap, int));
		else if (*f == 'u')
			put_number(put, to, va_arg(ap, unsigned int), 10);
		else if (*f == 'c')
			put(to, (char)va_arg(ap, int));
		else
			put_number(put, to, va_arg(ap, unsigned long), *++f == 'x' ? 16 : 10);
	}
}

void kmsan__out_flush(struct kmsan__out *o)
{
	kmsan__sys_write(o->fd, o->buf, o->used);
	o->used = 0;
}

static void put_out(void *to, char c)
{
	struct kmsan__out *o = to;

	if (o->used == sizeof(o->buf))
		kmsan__out_flush(o);
	o->buf[o->used++] = c;
}

void kmsan__print(struct kmsan__out *o, const char *f, ...)
{
	va_list ap;

	va_start(ap, f);
	format(put_out, o, f, ap);
	va_end(ap);
}

struct room {
	char *s;
	size_t left;
};

static void put_room(void *to, char c)
{
	struct room *r = to;

	if (r->left > 1) {
		*r->s++ = c;
		r->left--;
	}
}

void kmsan__format(char *buf, size_t size, const char *f, ...)
{
	struct room r = { buf, size };
	va_list ap;

	va_start(ap, f);
	format(put_room, &r, f, ap);
	va_end(ap);
	*r.s = 0;
}
