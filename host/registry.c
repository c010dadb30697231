/* SPDX-License-Identifier: MIT */
/*
 * The pools and codecs of this process by name: built in, then loaded, then looked for as
 * plugins. One lock guards all lists; it is held while a plugin loads.
 *
 * A name that comes out of a store is data: it is never taken for a path, so that a store made
 * by someone else cannot make us load a file of their choice.
 */
#include "plugin_i.h"

#include <pthread.h>

static_assert(offsetof(struct uz_codec_ops, name) == offsetof(struct uz__ops_head, name) &&
		      offsetof(struct uz_pool_ops, name) == offsetof(struct uz__ops_head, name),
	      "tables begin alike");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int check_codec(const struct uz__ops_head *ops)
{
	return uz_codec_ops_check((const void *)ops);
}

static int check_pool(const struct uz__ops_head *ops)
{
	return uz_pool_ops_check((const void *)ops);
}

static const struct uz__ops_head *built_in_codec(unsigned int i)
{
	static const struct uz_codec_ops *const list[] = {
		&uz_codec_lz4, &uz_codec_lz4hc, &uz_codec_zstd, &uz_codec_deflate, NULL,
	};

	return (const void *)list[i];
}

static const struct uz__ops_head *built_in_pool(unsigned int i)
{
	return (const void *)uz_pools[i];
}

static struct uz__kind codecs = {
	.word = "codec",
	.init_symbol = "uz_codec_plugin_init",
	.abi_version = UZ_CODEC_ABI,
	.struct_size = sizeof(struct uz_codec_ops),
	.check = check_codec,
	.built_in = built_in_codec,
};

static struct uz__kind pools = {
	.word = "pool",
	.init_symbol = "uz_pool_plugin_init",
	.abi_version = UZ_POOL_ABI,
	.struct_size = sizeof(struct uz_pool_ops),
	.check = check_pool,
	.built_in = built_in_pool,
};

static const struct uz__ops_head *look_up(struct uz__kind *k, const char *name, struct uz__why why)
{
	const struct uz__ops_head *ops;

	pthread_mutex_lock(&lock);
	if (strchr(name, '/')) {
		ops = uz__plugin_load(k, name, NULL, why);
	} else {
		ops = uz__kind_find(k, name);
		if (!ops)
			ops = uz__plugin_search(k, name, why);
	}
	pthread_mutex_unlock(&lock);
	return ops;
}

const struct uz_codec_ops *uz_host_codec(const char *name, char *why, size_t why_bytes)
{
	return (const void *)look_up(&codecs, name, (struct uz__why){ why, why_bytes });
}

const struct uz_pool_ops *uz_host_pool(const char *name, char *why, size_t why_bytes)
{
	return (const void *)look_up(&pools, name, (struct uz__why){ why, why_bytes });
}

static const struct uz_codec_ops *registry_codec(const struct uz_registry *r, const char *name)
{
	(void)r;
	return strchr(name, '/') ? NULL : uz_host_codec(name, NULL, 0);
}

static const struct uz_pool_ops *registry_pool(const struct uz_registry *r, const char *name)
{
	(void)r;
	return strchr(name, '/') ? NULL : uz_host_pool(name, NULL, 0);
}

const struct uz_registry *uz_host_registry(void)
{
	static const struct uz_registry registry = { registry_codec, registry_pool };

	return &registry;
}

/* Names are added and never taken away, so that callers may keep them. */
static void add_name(struct uz__kind *k, const char *name)
{
	struct uz__names *n = &k->names;
	char **grown, *copy;

	for (unsigned int i = 0; i < n->nr; i++) {
		if (strcmp(n->name[i], name) == 0)
			return;
	}
	grown = realloc(n->name, (n->nr + 1) * sizeof(*grown));
	if (!grown)
		return;
	n->name = grown;
	copy = strdup(name);
	if (copy)
		n->name[n->nr++] = copy;
}

static void refresh_names(struct uz__kind *k)
{
	const struct uz__ops_head *ops;

	for (unsigned int i = 0; (ops = k->built_in(i)); i++)
		add_name(k, ops->name);
	for (const struct uz__plugin *p = k->loaded; p; p = p->next)
		add_name(k, p->ops->name);
	uz__plugin_each(k, add_name);
}

static const char *name_at(struct uz__kind *k, unsigned int i)
{
	const char *name;

	pthread_mutex_lock(&lock);
	if (i == 0)
		refresh_names(k);
	name = i < k->names.nr ? k->names.name[i] : NULL;
	pthread_mutex_unlock(&lock);
	return name;
}

const char *uz_host_codec_name(unsigned int i)
{
	return name_at(&codecs, i);
}

const char *uz_host_pool_name(unsigned int i)
{
	return name_at(&pools, i);
}
