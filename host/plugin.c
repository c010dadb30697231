/* SPDX-License-Identifier: MIT */
/*
 * Shared objects that hold a pool or a codec. A file is loaded once and stays: slots refer to
 * its code for as long as the process lives. Every refusal says which file and what to do.
 *
 * Folders: those of UZRAM_PLUGIN_PATH in order (not in a set-user-id program), then
 * UZ_LIBDIR/uzram. The first file of the name decides; a broken one is not passed over in silence.
 */
#include "plugin_i.h"

#include <dlfcn.h>
#include <limits.h>

#define MAIN_FOLDER UZ_LIBDIR "/uzram"

const struct uz__ops_head *uz__kind_find(const struct uz__kind *k, const char *name)
{
	const struct uz__ops_head *ops;

	for (unsigned int i = 0; (ops = k->built_in(i)); i++) {
		if (strcmp(ops->name, name) == 0)
			return ops;
	}
	for (const struct uz__plugin *p = k->loaded; p; p = p->next) {
		if (strcmp(p->ops->name, name) == 0)
			return p->ops;
	}
	return NULL;
}

static bool table_fits(const struct uz__kind *k, const struct uz__ops_head *ops, const char *path,
		       struct uz__why why)
{
	if (ops->abi_version != k->abi_version) {
		uz__say(why,
			"%s plugin %s has ABI %u and this uzram has ABI %u: rebuild the plugin "
			"with the headers of this uzram",
			k->word, path, ops->abi_version, k->abi_version);
		return false;
	}
	if (ops->struct_size < k->struct_size) {
		uz__say(why,
			"%s plugin %s has a table of %u bytes and this uzram needs %zu: rebuild "
			"the plugin with the headers of this uzram",
			k->word, path, ops->struct_size, k->struct_size);
		return false;
	}
	if (k->check(ops) < 0) {
		uz__say(why, "%s plugin %s is incomplete: its name or a required member is missing",
			k->word, path);
		return false;
	}
	return true;
}

/* The table that the object at @handle exports, if it is fit for use. */
static const struct uz__ops_head *table_of(struct uz__kind *k, void *handle, const char *path,
					   const char *name, struct uz__why why)
{
	const struct uz__ops_head *(*init)(void);
	const struct uz__ops_head *ops;

	*(void **)&init = dlsym(handle, k->init_symbol);
	if (!init) {
		uz__say(why, "%s is not a %s plugin: it does not export %s", path, k->word,
			k->init_symbol);
		return NULL;
	}
	ops = init();
	if (!ops) {
		uz__say(why, "%s plugin %s says that it cannot run on this machine", k->word, path);
		return NULL;
	}
	if (!table_fits(k, ops, path, why))
		return NULL;
	if (name && strcmp(ops->name, name) != 0) {
		uz__say(why, "%s plugin %s calls itself '%s', not '%s': rename the file", k->word,
			path, ops->name, name);
		return NULL;
	}
	if (uz__kind_find(k, ops->name)) {
		uz__say(why, "%s plugin %s calls itself '%s', and there is a %s of that name",
			k->word, path, ops->name, k->word);
		return NULL;
	}
	return ops;
}

static struct uz__plugin *loaded_as(const struct uz__kind *k, const void *handle)
{
	struct uz__plugin *p = k->loaded;

	while (p && p->handle != handle)
		p = p->next;
	return p;
}

const struct uz__ops_head *uz__plugin_load(struct uz__kind *k, const char *path, const char *name,
					   struct uz__why why)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	struct uz__plugin *p;

	if (!handle) {
		uz__say(why, "cannot load %s plugin: %s", k->word, dlerror());
		return NULL;
	}
	p = loaded_as(k, handle);
	if (p) {
		dlclose(handle);
		return p->ops;
	}
	p = calloc(1, sizeof(*p));
	if (p)
		p->ops = table_of(k, handle, path, name, why);
	else
		uz__say(why, "cannot load %s plugin %s: out of memory", k->word, path);
	if (!p || !p->ops) {
		free(p);
		dlclose(handle);
		return NULL;
	}
	p->handle = handle;
	p->next = k->loaded;
	k->loaded = p;
	return p->ops;
}

/* The folder number @i, NULL when there are no more. */
static char *folder_at(unsigned int i)
{
	const char *p = secure_getenv("UZRAM_PLUGIN_PATH");

	for (p = p ? p : ""; *p; p += strspn(p, ":")) {
		size_t n = strcspn(p, ":");

		if (n && i-- == 0)
			return strndup(p, n);
		p += n;
	}
	return i == 0 ? strdup(MAIN_FOLDER) : NULL;
}

static void say_not_found(struct uz__kind *k, const char *name, struct uz__why why)
{
	char built_in[256] = "";
	const struct uz__ops_head *ops;
	size_t at = 0;

	for (unsigned int i = 0; (ops = k->built_in(i)) && at < sizeof(built_in); i++)
		at += (size_t)snprintf(built_in + at, sizeof(built_in) - at, "%s%s", i ? ", " : "",
				       ops->name);
	const char *extra = secure_getenv("UZRAM_PLUGIN_PATH");
	uz__say(why,
		"no %s is called '%s': built in are %s; %s-%s.so is not in %s%s%s "
		"(UZRAM_PLUGIN_PATH names more folders)",
		k->word, name, built_in, k->word, name, extra ? extra : "",
		extra && *extra ? ":" : "", MAIN_FOLDER);
}

const struct uz__ops_head *uz__plugin_search(struct uz__kind *k, const char *name,
					     struct uz__why why)
{
	char path[PATH_MAX];
	char *folder;

	for (unsigned int i = 0; (folder = folder_at(i)); i++) {
		int n = snprintf(path, sizeof(path), "%s%s/%s-%s.so",
				 strchr(folder, '/') ? "" : "./", folder, k->word, name);

		free(folder);
		if (n < (int)sizeof(path) && access(path, F_OK) == 0)
			return uz__plugin_load(k, path, name, why);
	}
	say_not_found(k, name, why);
	return NULL;
}

/* "codec-NAME.so" becomes "NAME", in place; NULL for any other file name. */
static char *plugin_name(const struct uz__kind *k, char *file)
{
	size_t head = strlen(k->word), n = strlen(file);

	if (n <= head + 4 || strncmp(file, k->word, head) != 0 || file[head] != '-' ||
	    strcmp(file + n - 3, ".so") != 0)
		return NULL;
	file[n - 3] = 0;
	return file + head + 1;
}

void uz__plugin_each(struct uz__kind *k, void (*fn)(struct uz__kind *k, const char *name))
{
	struct dirent *e;
	char *folder, *name;

	for (unsigned int i = 0; (folder = folder_at(i)); i++) {
		UZ_CLEANUP(uz__close_dir) DIR *d = opendir(folder);

		free(folder);
		while (d && (e = readdir(d))) {
			name = plugin_name(k, e->d_name);
			if (name)
				fn(k, name);
		}
	}
}
