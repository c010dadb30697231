/* SPDX-License-Identifier: MIT */
/* What the server reported of its disks, as a client looks at it. */
#ifndef UZ_APP_VIEW_H
#define UZ_APP_VIEW_H

#include "command.h"
#include "control.h"

struct uz_view {
	struct uz_call call;
	uint32_t disk[UZ_DISK_MAX]; /* tokens of the objects */
	unsigned int nr;
};

/* All disks, or those that are named in @cl->arg. @v is to be ended in both cases. */
int uz__view_fetch(struct uz_view *v, const struct uz_command_line *cl, bool latency,
		   struct uz_error *e);
void uz__view_fini(struct uz_view *v);

/* A number of the i-th disk; 0 when the server does not have it. */
uint64_t uz__view_number(const struct uz_view *v, unsigned int i, const char *key);

/* A text or number of the i-th disk as text; empty when there is none. */
void uz__view_text(const struct uz_view *v, unsigned int i, const char *key, char *text,
		   size_t bytes);

#endif
