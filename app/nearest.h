/* SPDX-License-Identifier: MIT */
/* What a mistyped name was meant to be. */
#ifndef UZ_APP_NEAREST_H
#define UZ_APP_NEAREST_H

#include <stddef.h>

struct uz_nearest {
	const char *word; /* as it was typed */
	const char *best; /* of the names tried so far, NULL: none is near */
	size_t distance; /* of best */
};

/* A name that word may have been meant to be: a third of its letters may be wrong, at most two. */
void uz__nearest_try(struct uz_nearest *n, const char *name);

#endif
