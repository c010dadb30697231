/* SPDX-License-Identifier: MIT */
/* Names, which end with a zero byte. */
#ifndef UZ_NAME_H
#define UZ_NAME_H

#include <uz/port.h>

static inline bool uz_name_equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

#endif
