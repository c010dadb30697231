/* SPDX-License-Identifier: MIT */
/* What the server reported of its disks, regions or grants, as a client looks at it. */
#ifndef UZ_APP_VIEW_H
#define UZ_APP_VIEW_H

#include "command.h"
#include "control.h"

struct uz_view {
	struct uz_call call;
	uint32_t item[UZ_DISK_MAX]; /* tokens of the objects: disks, regions or grants */
	unsigned int nr;
};

/* All disks, or those that are named in @cl->arg. @v is to be ended in both cases. */
int uz__view_fetch(struct uz_view *v, const struct uz_command_line *cl, bool latency,
		   struct uz_error *e);
/* All regions; uz__view_list with "grants" goes on to the grants of the same answer. */
int uz__view_regions(struct uz_view *v, const struct uz_command_line *cl, struct uz_error *e);
/* None of them when the answer has no such list. */
void uz__view_list(struct uz_view *v, const char *key);
void uz__view_fini(struct uz_view *v);

/* A number of the i-th object; 0 when the server does not have it. */
uint64_t uz__view_number(const struct uz_view *v, unsigned int i, const char *key);

/* A text or number of the i-th object as text; empty when there is none. */
void uz__view_text(const struct uz_view *v, unsigned int i, const char *key, char *text,
		   size_t bytes);

#endif
