/* SPDX-License-Identifier: MIT */
/* Sockets: addresses whose size is in and out, and messages of vectors. */
#include "wrap.h"

#include <netdb.h>
#include <sys/socket.h>

ssize_t __wrap_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from,
			socklen_t *size);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
int __wrap_accept(int fd, struct sockaddr *a, socklen_t *size);
int __wrap_accept4(int fd, struct sockaddr *a, socklen_t *size, int flags);
int __wrap_getsockname(int fd, struct sockaddr *a, socklen_t *size);
int __wrap_getpeername(int fd, struct sockaddr *a, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		       struct addrinfo **res);

static socklen_t room(const socklen_t *size)
{
	return size ? *size : 0;
}

static void address_out(void *a, const socklen_t *size, socklen_t had)
{
	if (!a || !size)
		return;
	K_OUT(a, *size < had ? *size : had);
	K_OUT(size, sizeof(*size));
}

ssize_t __wrap_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from,
			socklen_t *size)
{
	socklen_t had = room(size);
	ssize_t ret = recvfrom(fd, buf, n, flags, from, size);

	if (ret >= 0) {
		K_OUT(buf, (size_t)ret < n ? (size_t)ret : n);
		address_out(from, size, had);
	}
	return ret;
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
	ssize_t ret = recvmsg(fd, m, flags);

	if (ret < 0)
		return ret;
	K_OUT(m, sizeof(*m));
	K_OUT_IOV(m->msg_iov, (int)m->msg_iovlen, ret);
	K_OUT(m->msg_name, m->msg_namelen);
	K_OUT(m->msg_control, m->msg_controllen);
	return ret;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	K_ENTER;
	K_IN(&m->msg_iov, sizeof(m->msg_iov) + sizeof(m->msg_iovlen));
	K_IN(m->msg_name, m->msg_namelen);
	K_LEAVE_IOV("sendmsg", m->msg_iov, (int)m->msg_iovlen, (size_t)-1);
	return sendmsg(fd, m, flags);
}

int __wrap_accept(int fd, struct sockaddr *a, socklen_t *size)
{
	socklen_t had = room(size);
	int ret = accept(fd, a, size);

	if (ret >= 0)
		address_out(a, size, had);
	return ret;
}

int __wrap_accept4(int fd, struct sockaddr *a, socklen_t *size, int flags)
{
	socklen_t had = room(size);
	int ret = accept4(fd, a, size, flags);

	if (ret >= 0)
		address_out(a, size, had);
	return ret;
}

int __wrap_getsockname(int fd, struct sockaddr *a, socklen_t *size)
{
	socklen_t had = room(size);
	int ret = getsockname(fd, a, size);

	if (!ret)
		address_out(a, size, had);
	return ret;
}

int __wrap_getpeername(int fd, struct sockaddr *a, socklen_t *size)
{
	socklen_t had = room(size);
	int ret = getpeername(fd, a, size);

	if (!ret)
		address_out(a, size, had);
	return ret;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	socklen_t had = room(size);
	int ret = getsockopt(fd, level, name, value, size);

	if (!ret)
		address_out(value, size, had);
	return ret;
}

/* The list itself is libc's, from its own malloc: written. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		       struct addrinfo **res)
{
	int ret;

	K_ENTER;
	K_STR(host);
	K_STR(service);
	ret = getaddrinfo(host, service, hints, res);
	if (!ret)
		K_OUT(res, sizeof(*res));
	return ret;
}
