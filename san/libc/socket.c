/* SPDX-License-Identifier: MIT */
/* Sockets: addresses whose size is in and out, and messages of vectors. */
#include "wrap.h"

#include <netdb.h>
#include <sys/socket.h>

ssize_t __wrap_recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *from,
			socklen_t *size);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
int __wrap_recvmmsg(int fd, struct mmsghdr *v, unsigned int nr, int flags, struct timespec *t);
int __wrap_sendmmsg(int fd, struct mmsghdr *v, unsigned int nr, int flags);
int __wrap_accept(int fd, struct sockaddr *a, socklen_t *size);
int __wrap_accept4(int fd, struct sockaddr *a, socklen_t *size, int flags);
int __wrap_getsockname(int fd, struct sockaddr *a, socklen_t *size);
int __wrap_getpeername(int fd, struct sockaddr *a, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		       struct addrinfo **res);

static socklen_t room(struct kmsan_caller at, const void *a, const socklen_t *size)
{
	if (a)
		K_IN(size, sizeof(*size));
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
	socklen_t had = room(KMSAN_CALLER, from, size);
	ssize_t ret = recvfrom(fd, buf, n, flags, from, size);

	if (ret >= 0) {
		K_OUT(buf, (size_t)ret < n ? (size_t)ret : n);
		address_out(from, size, had);
	}
	return ret;
}

/* What the system reads of a message in each direction: all but the flags. */
static void header_in(struct kmsan_caller at, const struct msghdr *m)
{
	K_IN(&m->msg_name, sizeof(m->msg_name));
	if (m->msg_name)
		K_IN(&m->msg_namelen, sizeof(m->msg_namelen));
	K_IN(&m->msg_iov, offsetof(struct msghdr, msg_flags) - offsetof(struct msghdr, msg_iov));
	K_IN(m->msg_iov, m->msg_iovlen * sizeof(*m->msg_iov));
}

static void message_leaves(struct kmsan_caller at, const struct msghdr *m)
{
	header_in(at, m);
	K_IN(m->msg_name, m->msg_namelen);
	K_LEAVE_IOV("sendmsg", m->msg_iov, (int)m->msg_iovlen, (size_t)-1);
}

static void message_out(struct msghdr *m, size_t n)
{
	K_OUT(m, sizeof(*m));
	K_OUT_IOV(m->msg_iov, (int)m->msg_iovlen, n);
	K_OUT(m->msg_name, m->msg_namelen);
	K_OUT(m->msg_control, m->msg_controllen);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
	ssize_t ret;

	header_in(KMSAN_CALLER, m);
	ret = recvmsg(fd, m, flags);
	if (ret >= 0)
		message_out(m, (size_t)ret);
	return ret;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	message_leaves(KMSAN_CALLER, m);
	return sendmsg(fd, m, flags);
}

int __wrap_recvmmsg(int fd, struct mmsghdr *v, unsigned int nr, int flags, struct timespec *t)
{
	unsigned int i;
	int ret;

	K_ENTER;
	K_IN(t, sizeof(*t));
	for (i = 0; i < nr; i++)
		header_in(at, &v[i].msg_hdr);
	ret = recvmmsg(fd, v, nr, flags, t);
	for (i = 0; (int)i < ret; i++) {
		message_out(&v[i].msg_hdr, v[i].msg_len);
		K_OUT(&v[i].msg_len, sizeof(v[i].msg_len));
	}
	return ret;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *v, unsigned int nr, int flags)
{
	unsigned int i;
	int ret;

	K_ENTER;
	for (i = 0; i < nr; i++)
		message_leaves(at, &v[i].msg_hdr);
	ret = sendmmsg(fd, v, nr, flags);
	for (i = 0; (int)i < ret; i++)
		K_OUT(&v[i].msg_len, sizeof(v[i].msg_len));
	return ret;
}

int __wrap_accept(int fd, struct sockaddr *a, socklen_t *size)
{
	socklen_t had = room(KMSAN_CALLER, a, size);
	int ret = accept(fd, a, size);

	if (ret >= 0)
		address_out(a, size, had);
	return ret;
}

int __wrap_accept4(int fd, struct sockaddr *a, socklen_t *size, int flags)
{
	socklen_t had = room(KMSAN_CALLER, a, size);
	int ret = accept4(fd, a, size, flags);

	if (ret >= 0)
		address_out(a, size, had);
	return ret;
}

int __wrap_getsockname(int fd, struct sockaddr *a, socklen_t *size)
{
	socklen_t had = room(KMSAN_CALLER, a, size);
	int ret = getsockname(fd, a, size);

	if (!ret)
		address_out(a, size, had);
	return ret;
}

int __wrap_getpeername(int fd, struct sockaddr *a, socklen_t *size)
{
	socklen_t had = room(KMSAN_CALLER, a, size);
	int ret = getpeername(fd, a, size);

	if (!ret)
		address_out(a, size, had);
	return ret;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size)
{
	socklen_t had = room(KMSAN_CALLER, value, size);
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
