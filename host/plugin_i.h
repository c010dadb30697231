/* SPDX-License-Identifier: MIT */
/* Pools and codecs by name: what registry.c and plugin.c share. */
#ifndef UZ_PLUGIN_I_H
#define UZ_PLUGIN_I_H

#include "why.h"

/* How the tables of pools and of codecs both begin. */
struct uz__ops_head {
	uint32_t abi_version;
	uint32_t struct_size;
	const char *name;
};

struct uz__plugin {
	struct uz__plugin *next;
	const struct uz__ops_head *ops;
	void *handle;
};

struct uz__names {
	char **name;
	unsigned int nr;
};

/* Pools or codecs. The lists are guarded by the registry's lock. */
struct uz__kind {
	const char *word; /* for file names and messages */
	const char *init_symbol;
	uint32_t abi_version;
	size_t struct_size;
	int (*check)(const struct uz__ops_head *ops);
	const struct uz__ops_head *(*built_in)(unsigned int i); /* NULL ends */
	struct uz__plugin *loaded;
	struct uz__names names;
};

/* The built-in or loaded one of that name, NULL. */
const struct uz__ops_head *uz__kind_find(const struct uz__kind *k, const char *name);

/* Loads a shared object, once. @name: what it must be called, NULL: whatever it says. */
const struct uz__ops_head *uz__plugin_load(struct uz__kind *k, const char *path, const char *name,
					   struct uz__why why);

/* Looks for {pool,codec}-NAME.so in the plugin folders and loads the first one. */
const struct uz__ops_head *uz__plugin_search(struct uz__kind *k, const char *name,
					     struct uz__why why);

/* Calls @fn with the name of each plugin file in the folders. */
void uz__plugin_each(struct uz__kind *k, void (*fn)(struct uz__kind *k, const char *name));

#endif
