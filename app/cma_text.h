/* SPDX-License-Identifier: MIT */
/* Regions in the kernel's words, for people and tools that know CMA. */
#ifndef UZ_APP_CMA_TEXT_H
#define UZ_APP_CMA_TEXT_H

#include "server.h"

/*
 * Why a region gave nothing: the lines of the kernel's log, who held what, and what to do about it.
 * Fills @e, says the same on the server's log, and returns the error.
 */
int uz__cma_failed(struct uz_server_region *r, uint64_t bytes, uint64_t deadline_ns,
		   const struct uz_contig_failure *why, struct uz_error *e);

#endif
