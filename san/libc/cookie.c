/* SPDX-License-Identifier: MIT */
/*
 * Streams of the program's own functions. stdio hands on bytes that it has on its own stack,
 * or in a buffer, and that were checked when the program gave them to stdio.
 */
#include "wrap.h"

#include <stdio.h>
#include <stdlib.h>

struct cookie {
	cookie_io_functions_t io;
	void *cookie;
};

FILE *__wrap_fopencookie(void *cookie, const char *mode, cookie_io_functions_t io);

static ssize_t cookie_read(void *p, char *buf, size_t n)
{
	const struct cookie *c = p;

	return c->io.read(c->cookie, buf, n);
}

static ssize_t cookie_write(void *p, const char *buf, size_t n)
{
	const struct cookie *c = p;

	K_OUT(buf, n);
	return c->io.write(c->cookie, buf, n);
}

static int cookie_seek(void *p, off64_t *position, int whence)
{
	const struct cookie *c = p;

	K_OUT(position, sizeof(*position));
	return c->io.seek(c->cookie, position, whence);
}

static int cookie_close(void *p)
{
	struct cookie c = *(struct cookie *)p;

	free(p);
	return c.io.close ? c.io.close(c.cookie) : 0;
}

/* A function that the program has not is one that stdio knows not to call. */
FILE *__wrap_fopencookie(void *cookie, const char *mode, cookie_io_functions_t io)
{
	const cookie_io_functions_t ours = {
		.read = io.read ? cookie_read : NULL,
		.write = io.write ? cookie_write : NULL,
		.seek = io.seek ? cookie_seek : NULL,
		.close = cookie_close,
	};
	struct cookie *c = malloc(sizeof(*c));
	FILE *f;

	K_ENTER;
	K_STR(mode);
	if (!c)
		return NULL;
	*c = (struct cookie){ io, cookie };
	f = fopencookie(c, mode, ours);
	if (!f)
		free(c);
	return f;
}
