/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets. A unix socket is bound, given its mode, and only then
 * listens: nobody can connect before the mode is right, and no umask of the
 * whole process is changed for it. A path that is taken is removed only when it is a
 * socket on which nobody answers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <uz/listen.h>

#define BACKLOG 64
#define MODE_DEFAULT 0600
#define FIRST_INHERITED_FD 3

struct why {
	char *text;
	size_t bytes;
};

static int fail(struct why why, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct why why, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(why.text, why.bytes, format, ap);
	va_end(ap);
	return err;
}

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define AUTO_CLOSE __attribute__((cleanup(close_fd)))

static int steal(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static bool answers(const struct sockaddr_un *sa)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 || !connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) ||
	       errno != ECONNREFUSED;
}

/* After bind found the path taken: 0 when it is free now. */
static int make_way(const struct sockaddr_un *sa, struct why why)
{
	struct stat st;

	if (lstat(sa->sun_path, &st))
		return errno == ENOENT ? 0
				       : fail(why, -errno, "%s: %s", sa->sun_path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return fail(why, -EEXIST, "%s exists and is not a socket: choose another path",
			    sa->sun_path);
	if (answers(sa))
		return fail(why, -EADDRINUSE,
			    "%s is in use by a running server: stop it or choose another path",
			    sa->sun_path);
	if (unlink(sa->sun_path) && errno != ENOENT)
		return fail(why, -errno, "%s: cannot remove the stale socket: %s", sa->sun_path,
			    strerror(errno));
	return 0;
}

static int bind_unix(int fd, const struct sockaddr_un *sa, struct why why)
{
	int err;

	if (!bind(fd, (const struct sockaddr *)sa, sizeof(*sa)))
		return 0;
	if (errno == EADDRINUSE) {
		err = make_way(sa, why);
		if (err)
			return err;
		if (!bind(fd, (const struct sockaddr *)sa, sizeof(*sa)))
			return 0;
	}
	return fail(why, -errno, "%s: %s", sa->sun_path, strerror(errno));
}

static uint64_t mtime_ns(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
}

static int listen_unix(const char *path, unsigned int mode, struct uz_listener *out, struct why why)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct stat st;
	int err;

	if (!*path || strlen(path) >= sizeof(sa.sun_path))
		return fail(why, -EINVAL, "unix:%s: a path has 1 to %zu bytes", path,
			    sizeof(sa.sun_path) - 1);
	memcpy(sa.sun_path, path, strlen(path));
	err = fd < 0 ? fail(why, -errno, "socket: %s", strerror(errno)) : bind_unix(fd, &sa, why);
	if (err)
		return err;
	if (chmod(path, mode ? mode : MODE_DEFAULT) || listen(fd, BACKLOG) || lstat(path, &st)) {
		err = fail(why, -errno, "%s: %s", path, strerror(errno));
		unlink(path);
		return err;
	}
	memcpy(out->path, path, strlen(path));
	snprintf(out->name, sizeof(out->name), "unix:%s", path);
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->mtime_ns = mtime_ns(&st);
	out->fd = steal(&fd);
	return 0;
}

static bool is_loopback(const struct sockaddr *sa)
{
	const struct sockaddr_in6 *in6 = (const void *)sa;
	const struct sockaddr_in *in = (const void *)sa;

	if (sa->sa_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ||
	       (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && in6->sin6_addr.s6_addr[12] == 127);
}

/* tcp:HOST:PORT as far as "tcp:" is gone; HOST may be [IPv6]. */
static int split_host_port(const char *text, char *host, size_t host_bytes, const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t bytes = colon ? (size_t)(colon - text) : 0;
	bool brackets = bytes >= 2 && text[0] == '[' && text[bytes - 1] == ']';

	if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    strlen(colon + 1) > 5 || atoi(colon + 1) > UINT16_MAX)
		return -EINVAL;
	if (bytes >= host_bytes || (!brackets && memchr(text, ':', bytes)))
		return -EINVAL;
	snprintf(host, host_bytes, "%.*s", (int)(brackets ? bytes - 2 : bytes),
		 brackets ? text + 1 : text);
	*port = colon + 1;
	return 0;
}

static int bind_tcp(const struct addrinfo *ai, struct uz_listener *out)
{
	AUTO_CLOSE int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, BACKLOG))
		return -errno;
	out->fd = steal(&fd);
	return 0;
}

static void name_tcp(struct uz_listener *out)
{
	struct sockaddr_storage sa;
	socklen_t bytes = sizeof(sa);
	char host[INET6_ADDRSTRLEN], port[8];

	if (getsockname(out->fd, (struct sockaddr *)&sa, &bytes) ||
	    getnameinfo((struct sockaddr *)&sa, bytes, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	snprintf(out->name, sizeof(out->name),
		 sa.ss_family == AF_INET6 ? "tcp:[%s]:%s" : "tcp:%s:%s", host, port);
}

static void free_addrinfo(struct addrinfo **list)
{
	if (*list)
		freeaddrinfo(*list);
}

/* The first address of HOST that may be used and can be bound. */
static int listen_tcp(const char *text, unsigned int flags, struct uz_listener *out, struct why why)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list __attribute__((cleanup(free_addrinfo))) = NULL;
	char host[NI_MAXHOST];
	const char *port;
	int err;

	if (split_host_port(text, host, sizeof(host), &port))
		return fail(why, -EINVAL,
			    "tcp:%s: write tcp:HOST:PORT, for example tcp:127.0.0.1:10809 "
			    "or tcp:[::1]:10809",
			    text);
	err = getaddrinfo(*host ? host : NULL, port, &hints, &list);
	if (err)
		return fail(why, -EINVAL, "tcp:%s: host '%s': %s", text, host, gai_strerror(err));
	err = -EPERM;
	for (struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		if (!(flags & UZ_LISTEN_INSECURE) && !is_loopback(ai->ai_addr))
			continue;
		err = bind_tcp(ai, out);
		if (!err) {
			name_tcp(out);
			return 0;
		}
	}
	if (err == -EPERM)
		return fail(why, err,
			    "tcp:%s is not a loopback address, and NBD has no passwords: use "
			    "127.0.0.1 or a unix socket, or allow it with --listen-insecure",
			    text);
	return fail(why, err, "tcp:%s: %s", text, strerror(-err));
}

int uz_listen(const char *address, const struct uz_listen_options *o, struct uz_listener *out,
	      char *why, size_t why_bytes)
{
	static const struct uz_listen_options none;
	struct why w = { why, why_bytes };

	if (!o)
		o = &none;
	*out = (struct uz_listener){ .fd = -1 };
	if (!strncmp(address, "unix:", 5))
		return listen_unix(address + 5, o->mode, out, w);
	if (!strncmp(address, "tcp:", 4))
		return listen_tcp(address + 4, o->flags, out, w);
	return fail(w, -EINVAL, "'%s' is no address: write unix:PATH or tcp:HOST:PORT", address);
}

void uz_listen_unlink(struct uz_listener *l)
{
	struct stat st;

	if (*l->path && !lstat(l->path, &st) && st.st_dev == l->dev && st.st_ino == l->ino &&
	    mtime_ns(&st) == l->mtime_ns)
		unlink(l->path);
	*l->path = 0;
}

static int check_inherited(int fd, struct why why)
{
	int type = 0, listening = 0;
	socklen_t bytes = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) || type != SOCK_STREAM ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &bytes) || !listening)
		return fail(why, -ENOTSOCK,
			    "passed file descriptor %d is not a listening stream "
			    "socket: use ListenStream= and Accept=no",
			    fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

/* The next of a list separated by colons, "" when there is none. */
static void next_name(const char **names, char *out, size_t bytes)
{
	size_t len = strcspn(*names, ":");

	snprintf(out, bytes, "%.*s", (int)len, *names);
	*names += len + ((*names)[len] == ':');
}

static int take_inherited(unsigned int nr, const char *names, struct uz_listener *out,
			  struct why why)
{
	for (unsigned int i = 0; i < nr; i++) {
		int err = check_inherited(FIRST_INHERITED_FD + (int)i, why);

		if (err)
			return err;
		out[i] = (struct uz_listener){ .fd = FIRST_INHERITED_FD + (int)i };
		next_name(&names, out[i].name, sizeof(out[i].name));
	}
	return (int)nr;
}

int uz_listen_inherited(struct uz_listener *out, unsigned int nr_max, char *why, size_t why_bytes)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	struct why w = { why, why_bytes };
	unsigned long nr;
	char *end;
	int ret;

	if (!pid || !fds || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	nr = strtoul(fds, &end, 10);
	if (end == fds || *end || nr > nr_max)
		return fail(w, -EINVAL, "LISTEN_FDS=%s: at most %u sockets can be passed", fds,
			    nr_max);
	ret = take_inherited((unsigned int)nr, names ? names : "", out, w);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return ret;
}
