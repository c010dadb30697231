/* SPDX-License-Identifier: MIT */
#include "why.h"

#include <stdarg.h>

static void say(struct uz__why why, const char *format, va_list ap)
{
	if (why.text && why.bytes)
		vsnprintf(why.text, why.bytes, format, ap);
}

void uz__say(struct uz__why why, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(why, format, ap);
	va_end(ap);
}

int uz__fail(struct uz__why why, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(why, format, ap);
	va_end(ap);
	return err;
}
