/* SPDX-License-Identifier: MIT */
/*
 * san_out: bytes leave the program for a client, by a named boundary of san/kmsan.h. Of hosted
 * code only. What was reported here is not reported again by the wrapper of the system call.
 */
#ifndef UZ_SAN_OUT_H
#define UZ_SAN_OUT_H

#include <stddef.h>

#ifdef UZ_KMSAN

#include <kmsan.h>

#define uz_san_out(what, p, bytes) \
	do { \
		static struct kmsan_boundary boundary_ = { .name = what }; \
		kmsan_out(&boundary_, p, bytes); \
		kmsan_unpoison(p, bytes); \
	} while (0)

#else

static inline void uz_san_out(const char *what, const void *p, size_t bytes)
{
	(void)what, (void)p, (void)bytes;
}

#endif

#endif
