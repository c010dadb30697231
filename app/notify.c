/* SPDX-License-Identifier: MIT */
#include "notify.h"

#include "cleanup.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FIRST_FD 3

void uz__notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	UZ_CLOSE int fd = -1;
	size_t n;

	if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof(sa.sun_path))
		return;
	n = strlen(path);
	memcpy(sa.sun_path, path, n);
	if (*path == '@')
		sa.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sa,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

unsigned int uz__passed_sockets(struct uz_passed out[UZ_PASSED_MAX])
{
	const char *pid = getenv("LISTEN_PID"), *number = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	unsigned int nr = 0;

	if (pid && number && atol(pid) == (long)getpid())
		nr = (unsigned int)atoi(number);
	if (nr > UZ_PASSED_MAX)
		nr = UZ_PASSED_MAX;
	for (unsigned int i = 0; i < nr; i++) {
		size_t n = names ? strcspn(names, ":") : 0;

		out[i] = (struct uz_passed){ .fd = FIRST_FD + (int)i,
					     .control = n == 7 && !memcmp(names, "control", 7) };
		fcntl(out[i].fd, F_SETFD, FD_CLOEXEC);
		if (names)
			names += n + (names[n] == ':');
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return nr;
}
