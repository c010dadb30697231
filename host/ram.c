/* SPDX-License-Identifier: MIT */
/*
 * How much memory this process may use: RAM, and the limits of the control groups that it is
 * in. A limit counts if it is set on our own group or on any group above it. In a container
 * the path in /proc/self/cgroup may be the host's while only a part of the tree is mounted:
 * mountinfo says which part, so that part is cut off the path first.
 */
#include "host_i.h"

#include <limits.h>

struct hierarchy {
	bool found;
	char path[PATH_MAX]; /* our group, from /proc/self/cgroup */
};

static FILE *open_under(const char *root, const char *path)
{
	char full[PATH_MAX];

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
		return NULL;
	return fopen(full, "re");
}

static uint64_t mem_total(const char *root)
{
	UZ_CLEANUP(uz__close_file) FILE *f = open_under(root, "/proc/meminfo");
	unsigned long long kib;
	char line[128];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemTotal: %llu kB", &kib) == 1)
			return kib << 10;
	}
	return UINT64_MAX;
}

/* True if @word is one of the comma-separated words of @list. */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n) {
		if ((p == list || p[-1] == ',') && (p[n] == ',' || p[n] == 0))
			return true;
	}
	return false;
}

/* "4:memory:/path" is the v1 hierarchy that limits memory, "0::/path" the v2 one. */
bool uz__group_find(const char *root, bool v2, char *group, size_t bytes)
{
	UZ_CLEANUP(uz__close_file) FILE *f = open_under(root, "/proc/self/cgroup");
	UZ_CLEANUP(uz__free_str) char *line = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		char *list = strchr(line, ':');
		char *path = list ? strchr(list + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = 0;
		path[strcspn(path, "\n")] = 0;
		list++;
		if (v2 ? *list != 0 : !has_word(list, "memory"))
			continue;
		snprintf(group, bytes, "%s", path);
		return true;
	}
	return false;
}

static uint64_t read_limit(const char *root, const char *dir, const char *name)
{
	char path[PATH_MAX];
	unsigned long long v = UINT64_MAX;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return UINT64_MAX;
	UZ_CLEANUP(uz__close_file) FILE *f = open_under(root, path);
	if (!f || fscanf(f, "%llu", &v) != 1)
		return UINT64_MAX;
	return v;
}

/* The smallest limit on the way from our group up to the mount point. */
static uint64_t limit_on_path(const char *root, const char *mount, const char *group,
			      const char *name)
{
	char dir[PATH_MAX];
	size_t top = strlen(mount);
	uint64_t min = UINT64_MAX;
	char *slash;

	if (snprintf(dir, sizeof(dir), "%s%s", mount, group) >= (int)sizeof(dir))
		return UINT64_MAX;
	for (;;) {
		min = UZ_MIN(min, read_limit(root, dir, name));
		slash = strrchr(dir, '/');
		if (!slash || (size_t)(slash - dir) < top)
			return min;
		*slash = 0;
	}
}

/* Our group as seen from a mount that shows the tree from @mounted on. */
static const char *group_below(const char *group, const char *mounted)
{
	size_t n = strlen(mounted);

	if (strcmp(mounted, "/") == 0)
		return strcmp(group, "/") == 0 ? "" : group;
	if (strncmp(group, mounted, n) == 0 && (group[n] == '/' || group[n] == 0))
		return group + n;
	return "";
}

/* One line of mountinfo: ID PARENT DEV ROOT POINT OPTIONS... - TYPE SOURCE SUPER */
static uint64_t limit_of_mount(const char *root, const char *line, const struct hierarchy *v1,
			       const struct hierarchy *v2)
{
	char mounted[1024], point[1024], type[64], super[256] = "";
	const char *dash = strstr(line, " - ");

	if (!dash || sscanf(line, "%*s %*s %*s %1023s %1023s", mounted, point) != 2 ||
	    sscanf(dash, " - %63s %*s %255s", type, super) < 1)
		return UINT64_MAX;
	if (strcmp(type, "cgroup2") == 0 && v2->found)
		return limit_on_path(root, point, group_below(v2->path, mounted), "memory.max");
	if (strcmp(type, "cgroup") == 0 && v1->found && has_word(super, "memory"))
		return limit_on_path(root, point, group_below(v1->path, mounted),
				     "memory.limit_in_bytes");
	return UINT64_MAX;
}

uint64_t uz__ram_bytes_at(const char *root)
{
	UZ_CLEANUP(uz__close_file) FILE *f = open_under(root, "/proc/self/mountinfo");
	UZ_CLEANUP(uz__free_str) char *line = NULL;
	struct hierarchy v1 = { 0 }, v2 = { 0 };
	uint64_t min = mem_total(root);
	size_t size = 0;

	v1.found = uz__group_find(root, false, v1.path, sizeof(v1.path));
	v2.found = uz__group_find(root, true, v2.path, sizeof(v2.path));
	while (f && getline(&line, &size, f) > 0)
		min = UZ_MIN(min, limit_of_mount(root, line, &v1, &v2));
	return min;
}

uint64_t uz_host_ram_bytes(void)
{
	return uz__ram_bytes_at("");
}
