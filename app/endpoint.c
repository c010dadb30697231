/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets. A unix socket is created under a mask, so that nobody can connect between
 * bind and chmod; one that is left over from a server that was killed is replaced, one that a
 * server answers at is not.
 */
#include "endpoint.h"

#include "cleanup.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define BACKLOG 64

struct tcp_name {
	char host[256], port[16];
};

static bool starts(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* HOST:PORT or [HOST]:PORT */
static bool tcp_split(const char *text, struct tcp_name *n)
{
	const char *colon = strrchr(text, ':'), *host = text;
	size_t bytes;

	if (!colon || !colon[1] || strlen(colon + 1) >= sizeof(n->port) ||
	    colon[1 + strspn(colon + 1, "0123456789")] || strtoul(colon + 1, NULL, 10) > 65535)
		return false;
	bytes = (size_t)(colon - text);
	if (bytes >= 2 && host[0] == '[' && host[bytes - 1] == ']') {
		host++;
		bytes -= 2;
	} else if (memchr(host, ':', bytes)) {
		return false;
	}
	if (bytes == 0 || bytes >= sizeof(n->host))
		return false;
	memcpy(n->host, host, bytes);
	n->host[bytes] = 0;
	memcpy(n->port, colon + 1, strlen(colon + 1) + 1);
	return true;
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
	struct tcp_name n;

	if (starts(text, "unix:") && text[5] && !strchr(text, '\n'))
		return unix_address(text + 5, &sa, e);
	if (starts(text, "tcp:") && tcp_split(text + 4, &n))
		return 0;
	return uz__error(e, EINVAL,
			 "%s: '%s' is neither unix:PATH nor tcp:HOST:PORT (tcp:127.0.0.1:10809)",
			 where, text);
}

int uz__unix_connect(const char *path, int *fd, struct uz_error *e)
{
	struct sockaddr_un sa;
	UZ_CLOSE int s = -1;
	int err = unix_address(path, &sa, e);

	if (err)
		return err;
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s < 0 || connect(s, (struct sockaddr *)&sa, sizeof(sa)))
		return uz__error(e, errno, "%s: %s", path, strerror(errno));
	*fd = s;
	s = -1;
	return 0;
}

/* Takes the path of a socket that nobody listens on any more out of the way. */
static int clear_stale(const char *path, struct uz_error *e)
{
	struct uz_error connected;
	struct stat st;
	int fd;

	if (lstat(path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return uz__error(e, EEXIST,
				 "%s exists and is not a socket: remove it or choose another path",
				 path);
	if (!uz__unix_connect(path, &fd, &connected)) {
		close(fd);
		return uz__error(e, EADDRINUSE,
				 "another server answers at %s: end it or choose another path",
				 path);
	}
	if (connected.code != ECONNREFUSED)
		return uz__error(e, connected.code, "%s", connected.text);
	return unlink(path) ? uz__error(e, errno, "%s: %s", path, strerror(errno)) : 0;
}

int uz__unix_listen(const char *path, mode_t mode, int *fd, struct uz_error *e)
{
	struct sockaddr_un sa;
	UZ_CLOSE int s = -1;
	int err = unix_address(path, &sa, e);
	mode_t mask;

	if (!err)
		err = clear_stale(path, e);
	if (err)
		return err;
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s < 0)
		return uz__error(e, errno, "socket: %s", strerror(errno));
	mask = umask(0777 & ~mode);
	err = bind(s, (struct sockaddr *)&sa, sizeof(sa)) ? -errno : 0;
	umask(mask);
	if (err || listen(s, BACKLOG))
		return uz__error(e, err ? -err : errno, "cannot listen at %s: %s", path,
				 strerror(err ? -err : errno));
	*fd = s;
	s = -1;
	return 0;
}

static bool is_loopback(const struct sockaddr *sa)
{
	const struct sockaddr_in *v4 = (const void *)sa;
	const struct sockaddr_in6 *v6 = (const void *)sa;

	if (sa->sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return sa->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static int tcp_bind(const struct addrinfo *a, int *fd)
{
	UZ_CLOSE int s = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (s < 0)
		return -errno;
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a->ai_family == AF_INET6)
		setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(s, a->ai_addr, a->ai_addrlen) || listen(s, BACKLOG))
		return -errno;
	*fd = s;
	s = -1;
	return 0;
}

static int tcp_listen(const char *text, bool insecure, int *fd, struct uz_error *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list;
	struct tcp_name n = { "", "" };
	int err;

	tcp_split(text, &n);
	err = getaddrinfo(n.host, n.port, &hints, &list);
	if (err)
		return uz__error(e, EADDRNOTAVAIL, "tcp:%s: %s", text, gai_strerror(err));
	if (!insecure && !is_loopback(list->ai_addr))
		err = uz__error(
			e, EINVAL,
			"tcp:%s can be reached from other machines, and NBD here has neither password nor "
			"encryption: use tcp:127.0.0.1:%s, or add --listen-insecure",
			text, n.port);
	else
		err = tcp_bind(list, fd);
	freeaddrinfo(list);
	if (err && err != -EINVAL)
		return uz__error(e, -err, "cannot listen at tcp:%s: %s", text, strerror(-err));
	return err;
}

int uz__endpoint_listen(const char *text, mode_t mode, bool insecure, int *fd, struct uz_error *e)
{
	if (starts(text, "unix:"))
		return uz__unix_listen(text + 5, mode, fd, e);
	return tcp_listen(text + 4, insecure, fd, e);
}

void uz__endpoint_uri(int fd, const char *export_name, char *text, size_t bytes)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	socklen_t n = sizeof(sa);
	char host[64] = "?", port[16] = "?";

	getsockname(fd, (struct sockaddr *)&sa, &n);
	if (sa.ss_family == AF_UNIX) {
		snprintf(text, bytes, "nbd+unix:///%s?socket=%s", export_name,
			 ((struct sockaddr_un *)&sa)->sun_path);
		return;
	}
	getnameinfo((struct sockaddr *)&sa, n, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(text, bytes, strchr(host, ':') ? "nbd://[%s]:%s/%s" : "nbd://%s:%s/%s", host, port,
		 export_name);
}

void uz__endpoint_unlink(const char *text)
{
	if (starts(text, "unix:"))
		unlink(text + 5);
}
