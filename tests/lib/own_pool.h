/* SPDX-License-Identifier: MIT */
/*
 * A pool of a test's own: the default one under another name, until the test changes some of its calls,
 * and a registry that has it beside all of the host's.
 */
#ifndef UZ_TEST_OWN_POOL_H
#define UZ_TEST_OWN_POOL_H

#include <uz/host.h>

struct own_pool {
	struct uz_pool_ops ops;
	struct uz_registry registry; /* for as long as this is */
};

void own_pool_init(struct own_pool *own, const char *name);

#endif
