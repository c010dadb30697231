/* SPDX-License-Identifier: MIT */
#include "nbd_rig.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUDGET_BYTES (64u << 20)
#define READ_BYTES (64u << 10)

static struct uz_dev *disk_open(void *ctx, const char *name, bool *read_only)
{
	struct nbd_rig *rig = ctx;

	if (*name && strcmp(name, "d0"))
		return NULL;
	*read_only = rig->read_only;
	rig->nr_open++;
	return rig->disk.dev;
}

static void disk_close(void *ctx, struct uz_dev *d)
{
	struct nbd_rig *rig = ctx;

	CHECK(d == rig->disk.dev);
	rig->nr_open--;
}

static bool disk_name(void *ctx, unsigned int i, char *buf, size_t bytes)
{
	(void)ctx;
	snprintf(buf, bytes, "d0");
	return i == 0;
}

void nbd_rig_open(struct nbd_rig *rig, uint64_t size_bytes, bool checksum)
{
	const struct dev_rig_config dc = { .size_bytes = size_bytes,
					   .limit_bytes = BUDGET_BYTES,
					   .checksum = checksum };
	struct uz_nbd_config nc = { .exports = { disk_open, disk_close, disk_name, rig } };

	*rig = (struct nbd_rig){ 0 };
	dev_rig_open(&rig->disk, &dc);
	nc.store = rig->disk.store;
	CHECK_EQ(uz_nbd_start(&nc, &rig->nbd), 0);
}

void nbd_rig_close(struct nbd_rig *rig)
{
	uz_nbd_stop(rig->nbd, 1000);
	CHECK_EQ(rig->nr_open, 0);
	dev_rig_close(&rig->disk);
}

struct serving {
	struct uz_nbd *nbd;
	int fd, result;
};

static void *serve(void *arg)
{
	struct serving *s = arg;

	s->result = uz_nbd_serve(s->nbd, s->fd);
	return NULL;
}

/* Sends what the socket takes; at the end, the end of the stream. */
static void send_some(int fd, const char **p, size_t *left)
{
	ssize_t n = send(fd, *p, *left, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) /* the server has gone: what it said is still to be read */
		n = (ssize_t)*left;
	*p += n;
	*left -= (size_t)n;
	if (!*left)
		shutdown(fd, SHUT_WR);
}

/* False at the end of the stream. */
static bool receive_some(int fd, struct nbd_reply *out)
{
	ssize_t n;

	out->p = realloc(out->p, out->bytes + READ_BYTES);
	CHECK(out->p);
	n = recv(fd, out->p + out->bytes, READ_BYTES, MSG_DONTWAIT);
	if (n > 0)
		out->bytes += (size_t)n;
	return n > 0 || (n < 0 && errno == EAGAIN);
}

void nbd_rig_session(struct nbd_rig *rig, const void *in, size_t bytes, struct nbd_reply *out)
{
	struct serving s = { .nbd = rig->nbd };
	struct pollfd poll_fd = { .events = POLLIN };
	const char *p = in;
	pthread_t thread;
	int fds[2];

	*out = (struct nbd_reply){ 0 };
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	s.fd = fds[0];
	poll_fd.fd = fds[1];
	CHECK(pthread_create(&thread, NULL, serve, &s) == 0);
	if (!bytes)
		shutdown(fds[1], SHUT_WR);
	do {
		if (bytes)
			send_some(fds[1], &p, &bytes);
		poll_fd.events = bytes ? POLLIN | POLLOUT : POLLIN;
		poll(&poll_fd, 1, -1);
	} while (!(poll_fd.revents & (POLLIN | POLLHUP)) || receive_some(fds[1], out));
	pthread_join(thread, NULL);
	close(fds[1]);
	CHECK_EQ(s.result, 0);
}
