/* SPDX-License-Identifier: MIT */
/*
 * A store on a tmpfs that fills up: commit says -ENOSPC, nothing faults, what was committed
 * stays, a failed commit keeps nothing, and space that is given back can be used again.
 */
#include "host_i.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "test.h"

#define MIB ((size_t)1 << 20)

static char mount_point[256];

static void mount_tmpfs(void)
{
	snprintf(mount_point, sizeof(mount_point), "%s", test_path("small"));
	CHECK(mkdir(mount_point, 0700) == 0 || errno == EEXIST);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", mount_point, "tmpfs", 0, "size=8m") < 0)
		test_skip("cannot mount a tmpfs of 8 MiB: %s", strerror(errno));
}

/* Commits pieces until it fails; how many went. */
static size_t fill(struct uz_plat *pl, char *base, size_t from, size_t piece, size_t len)
{
	size_t at = from;

	for (; at < len; at += piece) {
		int rc = pl->ops->commit(pl, base + at, piece);

		if (rc) {
			CHECK_EQ(rc, -ENOSPC);
			break;
		}
		memset(base + at, 0x5a, piece);
	}
	return at;
}

int main(void)
{
	char path[300];
	struct uz_host_config c = { .backing = UZ_HOST_FILE, .path = path, .fd = -1 };
	struct uz_host *h = NULL;
	struct uz_plat *pl;
	void *store;
	char *base;
	size_t end;

	test_start();
	mount_tmpfs();
	snprintf(path, sizeof(path), "%s/store", mount_point);
	CHECK_EQ(uz_host_open(&c, &h), 0);
	pl = uz_host_plat(h);
	CHECK_EQ(pl->ops->reserve(pl, UZ_BACKING_STORE, 64 * MIB, 2 * MIB, &store), 0);
	base = store;
	CHECK_EQ(pl->ops->commit(pl, base, 16 * MIB), -ENOSPC);
	CHECK_EQ(uz_host_resident(h), 0);
	end = fill(pl, base, 0, 64 << 10, 64 * MIB);
	CHECK_EQ(end, 8 * MIB);
	CHECK_EQ(uz_host_resident(h), 8 * MIB);
	CHECK_EQ(pl->ops->commit(pl, base, end), 0);
	for (size_t i = 0; i < end; i++)
		CHECK(base[i] == 0x5a);
	CHECK_EQ(pl->ops->decommit(pl, base + MIB, 2 * MIB), 0);
	CHECK_EQ(fill(pl, base, end, 64 << 10, 64 * MIB), 10 * MIB);
	CHECK_EQ(uz_host_resident(h), 8 * MIB);
	uz_host_close(h);
	return 0;
}
