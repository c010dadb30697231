/* SPDX-License-Identifier: MIT */
/*
 * Commit on a kernel without MADV_POPULATE_WRITE, played by a filter that answers EINVAL to
 * it: memory is resident all the same and keeps its content; and decommit of locked memory.
 */
#include "host_i.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "test.h"

#define POPULATE_WRITE 23
#define STORE_BYTES ((size_t)8 << 20)
#define PART_BYTES ((size_t)3 << 20)

static void forbid_populate(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, POPULATE_WRITE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		test_skip("no seccomp filters here: %s", strerror(errno));
}

static void test_backing(enum uz_host_backing b)
{
	struct uz_host_config c = { .backing = b, .fd = -1 };
	struct uz_host *h = NULL;
	struct uz_plat *pl;
	void *base;

	CHECK_EQ(uz_host_open(&c, &h), 0);
	pl = uz_host_plat(h);
	CHECK_EQ(pl->ops->reserve(pl, UZ_BACKING_STORE, STORE_BYTES, 2 << 20, &base), 0);
	CHECK_EQ(pl->ops->commit(pl, base, PART_BYTES), 0);
	CHECK_EQ(uz_host_resident(h), PART_BYTES);
	memset(base, 'x', PART_BYTES);
	CHECK_EQ(pl->ops->commit(pl, base, STORE_BYTES), 0);
	CHECK_EQ(uz_host_resident(h), STORE_BYTES);
	CHECK_EQ(memcmp(base, (char *)base + 1, PART_BYTES - 1), 0);
	CHECK_EQ(*(char *)base, 'x');
	CHECK_EQ(((char *)base)[PART_BYTES], 0);
	if (mlock(base, STORE_BYTES) == 0) {
		CHECK_EQ(pl->ops->decommit(pl, base, 2 << 20), 0);
		CHECK_EQ(uz_host_resident(h), STORE_BYTES - (2 << 20));
	}
	uz_host_close(h);
}

int main(void)
{
	test_start();
	forbid_populate();
	errno = 0;
	CHECK_EQ(madvise(NULL, 0, POPULATE_WRITE), -1);
	CHECK_EQ(errno, EINVAL);
	test_backing(UZ_HOST_PRIVATE);
	test_backing(UZ_HOST_MEMFD);
	return 0;
}
