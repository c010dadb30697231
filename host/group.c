/* SPDX-License-Identifier: MIT */
/*
 * The control groups that this process is in, as folders. In a container the path in
 * /proc/self/cgroup may be the host's while only a part of the tree is mounted: mountinfo says which
 * part, so that part is cut off the path first.
 */
#include "host_i.h"

static FILE *open_under(const char *root, const char *path)
{
	char full[PATH_MAX];

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full))
		return NULL;
	return fopen(full, "re");
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
static bool find_path(const char *root, bool v2, char path[PATH_MAX])
{
	UZ_FCLOSE FILE *f = open_under(root, "/proc/self/cgroup");
	UZ_FREE char *line = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		char *list = strchr(line, ':');
		char *at = list ? strchr(list + 1, ':') : NULL;

		if (!at)
			continue;
		*at++ = 0;
		at[strcspn(at, "\n")] = 0;
		list++;
		if (v2 ? *list != 0 : !has_word(list, "memory"))
			continue;
		return snprintf(path, PATH_MAX, "%s", at) < PATH_MAX;
	}
	return false;
}

/* Our group as seen from a mount that shows the tree from @mounted on. */
static const char *below(const char *path, const char *mounted)
{
	size_t n = strlen(mounted);

	if (strcmp(mounted, "/") == 0)
		return strcmp(path, "/") == 0 ? "" : path;
	if (strncmp(path, mounted, n) == 0 && (path[n] == '/' || path[n] == 0))
		return path + n;
	return "";
}

/* One line of mountinfo: ID PARENT DEV ROOT POINT OPTIONS... - TYPE SOURCE SUPER */
static bool group_of_mount(const char *root, const char *line, const char *path, bool v2,
			   struct uz__group *g)
{
	char mounted[1024], point[1024], type[64], super[256] = "";
	const char *dash = strstr(line, " - ");

	if (!dash || sscanf(line, "%*s %*s %*s %1023s %1023s", mounted, point) != 2 ||
	    sscanf(dash, " - %63s %*s %255s", type, super) < 1)
		return false;
	if (strcmp(type, v2 ? "cgroup2" : "cgroup") != 0 || (!v2 && !has_word(super, "memory")))
		return false;
	g->top = strlen(root) + strlen(point);
	return snprintf(g->folder, sizeof(g->folder), "%s%s%s", root, point, below(path, mounted)) <
	       (int)sizeof(g->folder);
}

bool uz__group_find(const char *root, bool v2, struct uz__group *g)
{
	UZ_FCLOSE FILE *f = open_under(root, "/proc/self/mountinfo");
	UZ_FREE char *line = NULL;
	char path[PATH_MAX];
	size_t size = 0;

	if (!find_path(root, v2, path))
		return false;
	while (f && getline(&line, &size, f) > 0)
		if (group_of_mount(root, line, path, v2, g))
			return true;
	return false;
}

bool uz__group_up(struct uz__group *g)
{
	char *slash = strrchr(g->folder, '/');

	if (!slash || (size_t)(slash - g->folder) < g->top)
		return false;
	*slash = 0;
	return true;
}

FILE *uz__group_open(const struct uz__group *g, const char *name)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", g->folder, name);
	return fopen(path, "re");
}
