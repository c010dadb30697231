/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uz/san_out.h>

union control_data {
	char bytes[CMSG_SPACE(sizeof(int) * UZ_WIRE_FDS)];
	struct cmsghdr align;
};

int uz__wire_init(struct uz_wire *w, int fd, size_t max)
{
	*w = (struct uz_wire){ .fd = fd, .max = max, .buf = malloc(max + 1), .reply_fd = -1 };
	if (w->buf)
		return 0;
	close(fd);
	w->fd = -1;
	return -ENOMEM;
}

static void close_fds(struct uz_wire *w)
{
	for (unsigned int i = 0; i < w->nr_fds; i++)
		if (w->fds[i] >= 0)
			close(w->fds[i]);
	w->nr_fds = 0;
}

void uz__wire_fini(struct uz_wire *w)
{
	close_fds(w);
	free(w->buf);
	if (w->fd >= 0)
		close(w->fd);
	*w = (struct uz_wire){ .fd = -1 };
}

static void keep_fds(struct uz_wire *w, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t nr = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < nr; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (w->nr_fds < UZ_WIRE_FDS)
				w->fds[w->nr_fds++] = fd;
			else
				close(fd);
		}
	}
}

/* A receive ends behind what came with descriptors, so its last byte is of their line. */
static ssize_t receive(struct uz_wire *w)
{
	unsigned int nr_fds = w->nr_fds;
	union control_data control;
	struct iovec iov = { w->buf + w->len, w->max + 1 - w->len };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	do
		n = recvmsg(w->fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	keep_fds(w, &m);
	w->len += (size_t)n;
	if (w->nr_fds > nr_fds)
		w->fds_at = w->len - 1;
	return n;
}

/* The line that was handed out, with the descriptors of it that nobody claimed. */
static void drop_line(struct uz_wire *w)
{
	if (w->fds_at < w->taken)
		close_fds(w);
	else
		w->fds_at -= w->taken;
	memmove(w->buf, w->buf + w->taken, w->len - w->taken);
	w->len -= w->taken;
	w->taken = 0;
}

int uz__wire_read(struct uz_wire *w, const char **line, size_t *bytes)
{
	size_t looked = 0;
	char *end;
	ssize_t n;

	drop_line(w);
	while (!(end = memchr(w->buf + looked, '\n', w->len - looked))) {
		looked = w->len;
		if (w->len > w->max)
			return -E2BIG;
		n = receive(w);
		if (n <= 0)
			return (int)n;
	}
	*line = w->buf;
	*bytes = (size_t)(end - w->buf);
	*end = 0;
	w->taken = *bytes + 1;
	return 1;
}

int uz__wire_claim(struct uz_wire *w, unsigned int i)
{
	int fd;

	if (i >= w->nr_fds || w->fds_at >= w->taken)
		return -1;
	fd = w->fds[i];
	w->fds[i] = -1;
	return fd;
}

int uz__wire_send(int fd, const char *text, size_t bytes, const int *fds, unsigned int nr)
{
	union control_data control = { .bytes = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)text, bytes };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (nr > UZ_WIRE_FDS)
		return -EINVAL;
	uz_san_out("control message", text, bytes);
	if (nr) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(nr * sizeof(int));
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(nr * sizeof(int)),
						       .cmsg_level = SOL_SOCKET,
						       .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, nr * sizeof(int));
	}
	while (iov.iov_len) {
		n = sendmsg(fd, &m, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
		m.msg_control = NULL;
		m.msg_controllen = 0;
	}
	return 0;
}
