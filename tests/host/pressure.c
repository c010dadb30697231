/* SPDX-License-Identifier: MIT */
/*
 * Pressure is seen in each of its sources when it grows, and only then: files made here stand for
 * /proc and /sys, of a system with either version of control groups, and of a container that sees a
 * part of the tree. A limit counts wherever it is met, on our group or above it.
 */
#include "host_i.h"

#include <sys/stat.h>

#include "test.h"

#define SECOND 1000000000ull

static char root[256];

static void put(const char *path, const char *format, unsigned int n)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')); at++) {
		*at = 0;
		mkdir(full, 0700);
		*at = '/';
	}
	f = fopen(full, "we");
	CHECK(f);
	fprintf(f, format, n, n);
	fclose(f);
}

#define PSI "some avg10=0.00 avg60=0.00 avg300=0.00 total=%u\nfull avg10=0.00 total=999%u\n"
#define HIGH "low 0\nhigh %u\nmax 0\noom 0\noom_kill 0\n"
#define MAX "low 0\nhigh 0\nmax %u\noom 0\noom_kill 0\n"
#define V2_MOUNT(point) "30 25 0:26 / " point " rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNT(part) \
	"31 25 0:27 " part " /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" \
	"32 25 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"

static void set_groups(const char *groups, const char *mounts)
{
	put("/proc/self/cgroup", groups, 0);
	put("/proc/self/mountinfo", mounts, 0);
}

/* Content that says nothing, then more of it; @by: what is too little to count. */
static void test_source(const char *path, const char *format, unsigned int little,
			unsigned int much)
{
	struct uz__pressure p;
	uint64_t now = SECOND;
	unsigned int n = 1000000;

	put(path, format, n);
	uz__pressure_init(&p, root, now);
	CHECK(!uz__pressure_rose(&p, now += SECOND));
	put(path, format, n += little);
	CHECK(!uz__pressure_rose(&p, now += SECOND));
	put(path, format, n += much);
	CHECK(uz__pressure_rose(&p, now += SECOND));
	CHECK(!uz__pressure_rose(&p, now += SECOND));
	put(path, format, 0);
	CHECK(!uz__pressure_rose(&p, now += SECOND));
}

static void test_nothing_there(void)
{
	struct uz__pressure p;

	uz__pressure_init(&p, "/nowhere", SECOND);
	CHECK(!uz__pressure_rose(&p, 2 * SECOND));
	uz__pressure_init(&p, "", SECOND);
	uz__pressure_rose(&p, 2 * SECOND);
}

int main(void)
{
	test_start();
	snprintf(root, sizeof(root), "%s", test_path("root"));
	mkdir(root, 0700);
	test_nothing_there();
	test_source("/proc/pressure/memory", PSI, 9000, 11000);
	set_groups("4:memory:/job/part\n1:cpu,cpuacct:/other\n0::/job.v2\n",
		   V1_MOUNT("/") V2_MOUNT("/sys/fs/cgroup/unified"));
	test_source("/sys/fs/cgroup/memory/job/part/memory.failcnt", "%u\n", 0, 1);
	test_source("/sys/fs/cgroup/memory/job/memory.failcnt", "%u\n", 0, 1);
	test_source("/sys/fs/cgroup/unified/job.v2/memory.pressure", PSI, 9000, 11000);
	test_source("/sys/fs/cgroup/unified/job.v2/memory.events", HIGH, 0, 1);
	set_groups("4:memory:/docker/abc\n", V1_MOUNT("/docker/abc"));
	test_source("/sys/fs/cgroup/memory/memory.failcnt", "%u\n", 0, 1);
	set_groups("0::/pod/job\n", V2_MOUNT("/sys/fs/cgroup"));
	test_source("/sys/fs/cgroup/pod/job/memory.events", HIGH, 0, 1);
	test_source("/sys/fs/cgroup/pod/job/memory.events", MAX, 0, 1);
	test_source("/sys/fs/cgroup/pod/memory.events", MAX, 0, 1);
	set_groups("0::/\n", V2_MOUNT("/sys/fs/cgroup"));
	test_source("/sys/fs/cgroup/memory.events", HIGH, 0, 1);
	return 0;
}
