/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: the syntax of addresses, the mode of a unix socket, stale, living and
 * foreign paths, loopback only, and sockets passed by a service manager.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uz/listen.h>

#include "test.h"

#define ADDRESS_MAX 256

static char why[256];

static int try_listen(const char *address, unsigned int flags, unsigned int mode,
		      struct uz_listener *out)
{
	const struct uz_listen_options o = { flags, mode };

	why[0] = 0;
	return uz_listen(address, &o, out, why, sizeof(why));
}

/* Fails with that error, and a reason that has that text in it. */
static void refused(const char *address, int error, const char *text)
{
	struct uz_listener l;

	CHECK_EQ(try_listen(address, 0, 0, &l), error);
	CHECK_MSG(strstr(why, text), "'%s' is not in '%s'", text, why);
	CHECK_EQ(l.fd, -1);
}

static void check_syntax(void)
{
	char address[ADDRESS_MAX];
	static const char *const bad[] = { "tcp:127.0.0.1",
					   "tcp:127.0.0.1:",
					   "tcp:127.0.0.1:x",
					   "tcp:127.0.0.1:70000",
					   "tcp:127.0.0.1:-1",
					   "tcp:::1:10809",
					   "tcp:",
					   "tcp:127.0.0.1:1 ",
					   "tcp:127.0.0.1:999999999999" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i], -EINVAL, "write tcp:HOST:PORT");
	refused("", -EINVAL, "unix:PATH or tcp:HOST:PORT");
	refused("/dev/null", -EINVAL, "unix:PATH or tcp:HOST:PORT");
	refused("udp:127.0.0.1:1", -EINVAL, "unix:PATH or tcp:HOST:PORT");
	refused("unix:", -EINVAL, "107 bytes");
	snprintf(address, sizeof(address), "unix:%0120d", 0);
	refused(address, -EINVAL, "107 bytes");
	refused("unix:/nonexistent-folder/s", -ENOENT, "/nonexistent-folder/s");
	refused("tcp:no-such-host.invalid:1", -EINVAL, "no-such-host.invalid");
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	CHECK(lstat(path, &st) == 0);
	return st.st_mode & 0777;
}

static bool connects(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), r;

	memcpy(sa.sun_path, path, strlen(path));
	r = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	close(fd);
	return r == 0;
}

static void check_unix(void)
{
	char address[ADDRESS_MAX];
	const char *path = address + 5;
	struct uz_listener l, second;
	int fd;

	snprintf(address, sizeof(address), "unix:%s", test_path("s"));
	CHECK_EQ(try_listen(address, 0, 0, &l), 0);
	CHECK_EQ(mode_of(path), 0600);
	CHECK(!strcmp(l.name, address));
	CHECK(fcntl(l.fd, F_GETFD) & FD_CLOEXEC);
	CHECK(connects(path));
	refused(address, -EADDRINUSE, "is in use by a running server");
	close(l.fd);
	CHECK_EQ(try_listen(address, 0, 0660, &second), 0); /* the first one is stale now */
	CHECK_EQ(mode_of(path), 0660);
	uz_listen_unlink(&l); /* not its own any more */
	CHECK(connects(path));
	uz_listen_unlink(&second);
	CHECK(access(path, F_OK) != 0);
	close(second.fd);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
	refused(address, -EEXIST, "is not a socket");
	CHECK_EQ(access(path, F_OK), 0);
	unlink(path);
}

static void check_tcp(void)
{
	struct uz_listener l;

	CHECK_EQ(try_listen("tcp:127.0.0.1:0", 0, 0, &l), 0);
	CHECK(!strncmp(l.name, "tcp:127.0.0.1:", 14) && strcmp(l.name, "tcp:127.0.0.1:0"));
	refused(l.name, -EADDRINUSE, l.name);
	close(l.fd);
	CHECK_EQ(try_listen("tcp:localhost:0", 0, 0, &l), 0);
	close(l.fd);
	refused("tcp:0.0.0.0:0", -EPERM, "--listen-insecure");
	refused("tcp::0", -EPERM, "not a loopback address");
	refused("tcp:192.0.2.1:0", -EPERM, "not a loopback address");
	CHECK_EQ(try_listen("tcp:0.0.0.0:0", UZ_LISTEN_INSECURE, 0, &l), 0);
	close(l.fd);
	if (!try_listen("tcp:[::1]:0", 0, 0, &l)) {
		CHECK(!strncmp(l.name, "tcp:[::1]:", 10));
		close(l.fd);
	}
}

/* In a child, whose descriptors 3 and 4 are as a service manager leaves them. */
static void inherited_child(void)
{
	struct uz_listener own[2], got[4];
	char address[ADDRESS_MAX], pid[16];

	for (int i = 0; i < 2; i++) {
		snprintf(address, sizeof(address), "unix:%s", test_path(i ? "b" : "a"));
		CHECK_EQ(try_listen(address, 0, 0, &own[i]), 0);
	}
	CHECK(dup2(own[0].fd, 13) == 13 && dup2(own[1].fd, 14) == 14);
	CHECK(dup2(13, 3) == 3 && dup2(14, 4) == 4);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_PID", "1", 1);
	CHECK_EQ(uz_listen_inherited(got, 4, why, sizeof(why)), 0); /* another process's */
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	CHECK_EQ(uz_listen_inherited(got, 1, why, sizeof(why)), -EINVAL); /* too many */
	setenv("LISTEN_FDNAMES", "nbd:control", 1);
	CHECK_EQ(uz_listen_inherited(got, 4, why, sizeof(why)), 2);
	CHECK(got[0].fd == 3 && got[1].fd == 4 && !*got[0].path);
	CHECK(!strcmp(got[0].name, "nbd") && !strcmp(got[1].name, "control"));
	CHECK(fcntl(3, F_GETFD) & FD_CLOEXEC);
	CHECK(!getenv("LISTEN_FDS") && !getenv("LISTEN_PID") && !getenv("LISTEN_FDNAMES"));
	CHECK_EQ(uz_listen_inherited(got, 4, why, sizeof(why)), 0);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", pid, 1);
	CHECK(dup2(open("/dev/null", O_RDONLY), 3) == 3);
	CHECK_EQ(uz_listen_inherited(got, 4, why, sizeof(why)), -ENOTSOCK);
	exit(0);
}

static void check_inherited(void)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	CHECK(child >= 0);
	if (!child)
		inherited_child();
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	test_start();
	check_syntax();
	check_unix();
	check_tcp();
	check_inherited();
	return 0;
}
