/* SPDX-License-Identifier: MIT */
/* Tables of disks: zramctl's columns and ours. */
#ifndef UZ_APP_LIST_H
#define UZ_APP_LIST_H

#include "view.h"

/* The table of columns, for `uzram help list`. */
void uz__list_help(void);

/* A table as @cl asks for it. 0, or -EINVAL: no such column. */
int uz__list_print(const struct uz_view *view, const struct uz_command_line *cl,
		   struct uz_error *e);

#endif
