/* SPDX-License-Identifier: MIT */
#include "own_pool.h"

#include <string.h>

static const struct uz_pool_ops *find_pool(const struct uz_registry *r, const char *name)
{
	const struct own_pool *own = UZ_CONTAINER_OF(r, const struct own_pool, registry);
	const struct uz_registry *host = uz_host_registry();

	return strcmp(name, own->ops.name) ? host->pool(host, name) : &own->ops;
}

static const struct uz_codec_ops *find_codec(const struct uz_registry *r, const char *name)
{
	const struct uz_registry *host = uz_host_registry();

	(void)r;
	return host->codec(host, name);
}

void own_pool_init(struct own_pool *own, const char *name)
{
	own->ops = *uz_pools[0];
	own->ops.name = name;
	own->registry = (struct uz_registry){ .codec = find_codec, .pool = find_pool };
}
