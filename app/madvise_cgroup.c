/* SPDX-License-Identifier: MIT */
/*
 * The group that a sample under memory pressure runs in. It is made only where the user said that
 * groups may be made, in the memory controller of either version, holds nobody but samples, and is
 * removed with the last of them. A killed uzram leaves it, empty; its name has the process id.
 */
#include "cleanup.h"
#include "madvise.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* 0 or -errno. */
static int put(const char *folder, const char *file, const char *text)
{
	char path[PATH_MAX + 40];
	ssize_t written;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	UZ_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	written = write(fd, text, strlen(text));
	return written < 0 ? -errno : 0;
}

static bool has(const char *folder, const char *file)
{
	char path[PATH_MAX + 40];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	return access(path, F_OK) == 0;
}

int uz__madvise_cgroup_limit(const struct uz_madvise_cgroup *g, uint64_t bytes)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	return put(g->path, g->v2 ? "memory.max" : "memory.limit_in_bytes", text);
}

int uz__madvise_cgroup_join(const struct uz_madvise_cgroup *g)
{
	return put(g->path, "cgroup.procs", "0");
}

/* A process that has ended leaves its group a little later. */
int uz__madvise_cgroup_remove(const struct uz_madvise_cgroup *g)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	if (!g->path[0])
		return 0;
	for (int i = 0; rmdir(g->path); i++) {
		if (errno != EBUSY || i == 100)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int uz__madvise_cgroup_make(struct uz_madvise_cgroup *g, const char *folder, struct uz_error *e)
{
	int n = snprintf(g->path, sizeof(g->path), "%s/uzram-madvise-bench.%ld", folder,
			 (long)getpid());
	int code = n >= (int)sizeof(g->path)	  ? ENAMETOOLONG
		   : !has(folder, "cgroup.procs") ? ENOTDIR
		   : mkdir(g->path, 0755)	  ? errno
						  : 0;

	if (code) {
		g->path[0] = 0;
		return uz__error(e, code == ENOTDIR ? EINVAL : code, "--cgroup %s: %s", folder,
				 code == ENOTDIR ? "it is not the folder of a cgroup"
						 : strerror(code));
	}
	g->v2 = has(g->path, "memory.max");
	if (g->v2 || has(g->path, "memory.limit_in_bytes"))
		return 0;
	uz__madvise_cgroup_remove(g);
	g->path[0] = 0;
	return uz__error(e, EINVAL,
			 "--cgroup %s: groups in it have no memory controller: name a folder whose "
			 "cgroup.subtree_control has memory, or one of the memory controller's",
			 folder);
}
