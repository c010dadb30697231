/* SPDX-License-Identifier: MIT */
/* The names of errors, as the control socket's answers have them. Any thread; nothing to free. */
#ifndef UZ_ERRNO_NAME_H
#define UZ_ERRNO_NAME_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "ENOSPC" of ENOSPC (not of -ENOSPC); NULL: no error of Linux has that number. */
const char *uz_errno_name(int code);

/* The number of the name in @len bytes, which need not end in 0; 0: there is none. */
int uz_errno_of(const char *name, size_t len);

#ifdef __cplusplus
}
#endif

#endif
