/* SPDX-License-Identifier: MIT */
/*
 * uz_host_ram_bytes finds the smallest of RAM and of the limits above us, in both versions of
 * control groups and in a container that sees a part of the tree. The system is a made-up one.
 */
#include "host_i.h"

#include <sys/stat.h>

#include "test.h"

static char root[512];

static void put(const char *path, const char *text)
{
	char full[1024];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = 0;
		CHECK(mkdir(full, 0700) == 0 || errno == EEXIST);
	}
	f = fopen(full, "w");
	CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void new_system(const char *name, const char *groups, const char *mounts)
{
	snprintf(root, sizeof(root), "%s", test_path(name));
	CHECK_EQ(mkdir(root, 0700), 0);
	put("/proc/meminfo", "MemTotal:        8388608 kB\nMemFree:  1 kB\n");
	put("/proc/self/cgroup", groups);
	put("/proc/self/mountinfo", mounts);
}

#define V2_MOUNT "30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNT(part) \
	"31 25 0:27 " part " /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" \
	"32 25 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"

int main(void)
{
	uint64_t here;

	test_start();
	new_system("plain", "0::/\n", "22 1 8:1 / / rw - ext4 /dev/root rw\n");
	CHECK_EQ(uz__ram_bytes_at(root), 8ull << 30);

	new_system("v2", "0::/user.slice/app.scope\n", V2_MOUNT);
	put("/sys/fs/cgroup/user.slice/app.scope/memory.max", "max\n");
	CHECK_EQ(uz__ram_bytes_at(root), 8ull << 30);
	put("/sys/fs/cgroup/user.slice/memory.max", "1073741824\n");
	CHECK_EQ(uz__ram_bytes_at(root), 1ull << 30);
	put("/sys/fs/cgroup/user.slice/app.scope/memory.max", "536870912\n");
	CHECK_EQ(uz__ram_bytes_at(root), 512ull << 20);

	new_system("v2-namespace", "0::/\n", V2_MOUNT);
	put("/sys/fs/cgroup/memory.max", "268435456\n");
	CHECK_EQ(uz__ram_bytes_at(root), 256ull << 20);

	new_system("v1", "4:cpu:/x\n3:memory:/box/job\n0::/\n", V1_MOUNT("/"));
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "3221225472\n");
	put("/sys/fs/cgroup/memory/box/job/memory.limit_in_bytes", "9223372036854771712\n");
	put("/sys/fs/cgroup/cpu/x/memory.limit_in_bytes", "4096\n");
	CHECK_EQ(uz__ram_bytes_at(root), 3ull << 30);

	new_system("v1-container", "3:memory:/docker/abc\n", V1_MOUNT("/docker/abc"));
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
	CHECK_EQ(uz__ram_bytes_at(root), 128ull << 20);

	here = uz_host_ram_bytes();
	printf("this system: %llu MiB\n", (unsigned long long)here >> 20);
	CHECK(here >= 16ull << 20 && here < 1ull << 50);
	return 0;
}
