/* SPDX-License-Identifier: MIT */
#include "endpoint.h"

#include "cleanup.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define CONNECT_S 30 /* connect waits as long as a send may when the server's queue is full */

static bool starts(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* HOST:PORT or [HOST]:PORT */
static bool is_tcp(const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t host;

	if (!colon || !colon[1] || colon[1 + strspn(colon + 1, "0123456789")] ||
	    strtoul(colon + 1, NULL, 10) > 65535)
		return false;
	host = (size_t)(colon - text);
	if (host > 2 && text[0] == '[' && text[host - 1] == ']')
		return true;
	return host > 0 && !memchr(text, ':', host);
}

static int unix_address(const char *path, struct sockaddr_un *sa, struct uz_error *e)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!*path)
		return uz__error(e, EINVAL, "the socket's path is empty");
	if (strlen(path) >= sizeof(sa->sun_path))
		return uz__error(
			e, EINVAL,
			"socket path %s is longer than the %zu bytes that the system allows", path,
			sizeof(sa->sun_path) - 1);
	memcpy(sa->sun_path, path, strlen(path) + 1);
	return 0;
}

int uz__endpoint_check(const char *text, const char *where, struct uz_error *e)
{
	struct sockaddr_un sa;

	if (starts(text, "unix:") && text[5] && !strchr(text, '\n'))
		return unix_address(text + 5, &sa, e);
	if (starts(text, "tcp:") && is_tcp(text + 4))
		return 0;
	return uz__error(e, EINVAL,
			 "%s: '%s' is neither unix:PATH nor tcp:HOST:PORT (tcp:127.0.0.1:10809)",
			 where, text);
}

int uz__unix_connect(const char *path, int *fd, struct uz_error *e)
{
	const struct timeval limit = { .tv_sec = CONNECT_S };
	struct sockaddr_un sa;
	UZ_CLOSE int s = -1;
	int err = unix_address(path, &sa, e);

	if (err)
		return err;
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s >= 0)
		setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (s >= 0 && !connect(s, (struct sockaddr *)&sa, sizeof(sa))) {
		*fd = s;
		s = -1;
		return 0;
	}
	if (s >= 0 && errno == EAGAIN)
		return uz__error(e, ETIMEDOUT,
				 "the server at %s did not take the connection within %d s: it "
				 "hangs, or more clients wait than it can have",
				 path, CONNECT_S);
	return uz__error(e, errno, "%s: %s", path, strerror(errno));
}

/* What has a meaning in a URI becomes %XX. */
static void quoted(const char *path, char *text, size_t bytes)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "-._~/";
	size_t n = 0;

	for (; *path && n + 4 <= bytes; path++)
		n += (size_t)snprintf(text + n, bytes - n, strchr(plain, *path) ? "%c" : "%%%02X",
				      (unsigned char)*path);
	text[n] = 0;
}

void uz__endpoint_uri(int fd, const char *export_name, char *text, size_t bytes)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	socklen_t n = sizeof(sa);
	char host[64] = "?", port[16] = "?", path[3 * sizeof(sa) + 1];

	getsockname(fd, (struct sockaddr *)&sa, &n);
	if (sa.ss_family == AF_UNIX) {
		quoted(((struct sockaddr_un *)&sa)->sun_path, path, sizeof(path));
		snprintf(text, bytes, "nbd+unix:///%s?socket=%s", export_name, path);
		return;
	}
	getnameinfo((struct sockaddr *)&sa, n, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(text, bytes, strchr(host, ':') ? "nbd://[%s]:%s/%s" : "nbd://%s:%s/%s", host, port,
		 export_name);
}
