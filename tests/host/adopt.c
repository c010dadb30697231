/* SPDX-License-Identifier: MIT */
/*
 * A store outlives its process, and one process has it at a time: content is found again by
 * path and by fd, a second opener gets -EBUSY until the first is gone (killed, too), a store is
 * not mapped at another length, and what is no store file is refused.
 */
#include "host_i.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test.h"

#define STORE_BYTES ((size_t)4 << 20)

static const char text[] = "what was here before";

static void write_text(struct uz_host *h, size_t off)
{
	struct uz_plat *pl = uz_host_plat(h);
	void *base;

	CHECK_EQ(pl->ops->reserve(pl, UZ_BACKING_STORE, STORE_BYTES, 2 << 20, &base), 0);
	CHECK_EQ(pl->ops->commit(pl, (char *)base + off, 4096), 0);
	memcpy((char *)base + off, text, sizeof(text));
}

static void check_text(struct uz_host *h, size_t off)
{
	struct uz_plat *pl = uz_host_plat(h);
	char peek[8192];
	void *base;

	CHECK_EQ(pl->ops->store_bytes(pl), STORE_BYTES);
	CHECK_EQ(pl->ops->store_peek(pl, peek, sizeof(peek)), 0);
	CHECK_MEM(peek + off, text, sizeof(text));
	CHECK_EQ(pl->ops->reserve(pl, UZ_BACKING_STORE, STORE_BYTES / 2, 4096, &base), -EINVAL);
	CHECK_EQ(pl->ops->reserve(pl, UZ_BACKING_STORE, STORE_BYTES, 4096, &base), 0);
	CHECK_MEM((char *)base + off, text, sizeof(text));
	CHECK_EQ(pl->ops->commit(pl, base, 8192), 0);
	CHECK_MEM((char *)base + off, text, sizeof(text));
	CHECK_EQ(uz_host_resident(h), 8192);
}

/* A child opens the store, writes, and holds it until it is killed. */
static pid_t hold_in_child(const struct uz_host_config *c)
{
	struct uz_host *h;
	int ready[2];
	char byte;
	pid_t pid;

	CHECK_EQ(pipe(ready), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK_EQ(uz_host_open(c, &h), 0);
		write_text(h, 4096);
		CHECK_EQ(write(ready[1], "r", 1), 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void test_handover(const struct uz_host_config *c)
{
	struct uz_host *h = NULL;
	pid_t pid = hold_in_child(c);

	CHECK_EQ(uz_host_open(c, &h), -EBUSY);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(uz_host_open(c, &h), 0);
	check_text(h, 4096);
	uz_host_close(h);
}

static void test_file(void)
{
	struct uz_host_config c = { .backing = UZ_HOST_FILE, .path = test_path("store"), .fd = -1 };
	struct uz_host *h = NULL, *second = NULL;
	struct stat st;

	umask(0);
	CHECK_EQ(uz_host_open(&c, &h), 0);
	CHECK_EQ(stat(c.path, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK_EQ(uz_host_open(&c, &second), -EBUSY);
	uz_host_close(h);
	test_handover(&c);
}

static void test_memfd(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct uz_host_config c = { .backing = UZ_HOST_MEMFD, .fd = fd };

	CHECK(fd >= 0);
	test_handover(&c);
	CHECK_EQ(fcntl(fd, F_GETFD), -1);
	CHECK_EQ(errno, EBADF);
}

/* The memfd that the host makes itself cannot be cut or grown by whoever gets at it. */
static void test_seals(void)
{
	struct uz_host_config c = { .backing = UZ_HOST_MEMFD, .fd = -1 };
	struct uz_host *h = NULL;
	int seals;

	CHECK_EQ(uz_host_open(&c, &h), 0);
	write_text(h, 0);
	seals = fcntl(h->fd, F_GET_SEALS);
	CHECK_EQ(seals, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	CHECK_EQ(ftruncate(h->fd, 4096), -1);
	CHECK_EQ(fcntl(h->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	uz_host_close(h);
}

static void test_refused(void)
{
	struct uz_host_config c = { .backing = UZ_HOST_FILE, .fd = -1 };
	struct uz_host *h = NULL;
	int fds[2];

	CHECK_EQ(uz_host_open(&c, &h), -EINVAL);
	c.path = test_path("no/such/folder");
	CHECK_EQ(uz_host_open(&c, &h), -ENOENT);
	c.path = test_dir();
	CHECK_EQ(uz_host_open(&c, &h), -EISDIR);
	c.path = "/dev/null";
	CHECK_EQ(uz_host_open(&c, &h), -EINVAL);
	CHECK_EQ(pipe(fds), 0);
	c = (struct uz_host_config){ .backing = UZ_HOST_MEMFD, .fd = fds[0] };
	CHECK_EQ(uz_host_open(&c, &h), -EINVAL);
	CHECK(fcntl(fds[0], F_GETFD) >= 0);
	c.backing = (enum uz_host_backing)9;
	CHECK_EQ(uz_host_open(&c, &h), -EINVAL);
	CHECK(h == NULL);
}

int main(void)
{
	test_start();
	test_file();
	test_memfd();
	test_seals();
	test_refused();
	return 0;
}
