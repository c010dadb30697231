/* SPDX-License-Identifier: MIT */
/* The memory that a region is on when it is not the store's: of a descriptor or a file. */
#ifndef UZ_APP_REGION_MEMORY_H
#define UZ_APP_REGION_MEMORY_H

#include "server.h"

/* Sets r->fd by r->spec, -1 if that names no memory. The regions before @r are open. */
int uz__region_memory_open(const struct uz_server *s, struct uz_server_region *r,
			   struct uz_error *e);
/* The memory is there by its size, but the system has not the pages for it. */
bool uz__region_memory_full(const struct uz_server_region *r);
/* What @err of uz_store_region_create means for this memory; it is returned. */
int uz__region_memory_error(const struct uz_server_region *r, int err, struct uz_error *e);

#endif
