/* SPDX-License-Identifier: MIT */
/*
 * One connection from accept to close. Its two buffers are 520 KiB of address
 * space; what it touches of them is charged to the RAM budget whole, once the client
 * has passed the handshake.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nbd_i.h"

#define SOCKET_BUFFER_BYTES (1 << 20)
/* A client whose machine is gone keeps its place for two minutes, not for the system's two hours. */
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_EACH_S 10
#define KEEPALIVE_TRIES 6

static void name_peer(struct uz_nbd_conn *c)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t bytes = sizeof(sa);
	struct ucred cred;
	char host[INET6_ADDRSTRLEN] = "";

	getpeername(c->fd, (struct sockaddr *)&sa, &bytes);
	bytes = sizeof(cred);
	if (sa.ss_family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)&sa;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(c->peer, sizeof(c->peer), "client %u (%s:%u)", c->id, host,
			 ntohs(in->sin_port));
	} else if (sa.ss_family == AF_INET6) {
		struct sockaddr_in6 *in = (struct sockaddr_in6 *)&sa;

		inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
		snprintf(c->peer, sizeof(c->peer), "client %u ([%s]:%u)", c->id, host,
			 ntohs(in->sin6_port));
	} else if (!getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &bytes)) {
		snprintf(c->peer, sizeof(c->peer), "client %u (pid %d uid %u)", c->id,
			 (int)cred.pid, (unsigned int)cred.uid);
	} else {
		snprintf(c->peer, sizeof(c->peer), "client %u", c->id);
	}
}

/* Options that a socket's family does not have are refused by the kernel, which is fine. */
static void tune_socket(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_BYTES },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EACH_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_TRIES },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			   sizeof(options[i].value));
}

int uz__nbd_conn_new(struct uz_nbd *n, int fd, struct uz_nbd_conn **out)
{
	struct uz_nbd_conn *c = calloc(1, sizeof(*c));
	void *buffers;

	if (!c)
		return -ENOMEM;
	buffers = mmap(NULL, UZ_NBD_BUFFER_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffers == MAP_FAILED) {
		free(c);
		return -ENOMEM;
	}
	c->server = n;
	c->fd = fd;
	c->quiet_at = UINT32_MAX;
	c->rx = buffers;
	c->tx = c->rx + UZ_NBD_RX_BYTES;
	*out = c;
	return 0;
}

void uz__nbd_conn_free(struct uz_nbd_conn *c)
{
	munmap(c->rx, UZ_NBD_BUFFER_BYTES);
	free(c);
}

void uz__nbd_fault(struct uz_nbd_conn *c, const char *format, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	uz__nbd_log(c->server, "nbd: %s: %s: connection closed", c->peer, text);
	uz__nbd_flush(c);
	if (!c->lost)
		c->lost = -EPROTO;
}

static int take(struct uz_nbd_conn *c)
{
	struct uz_arena *arena = uz_store_arena(c->server->config.store);
	int err = uz_arena_charge(arena, UZ_NBD_BUFFER_BYTES);

	if (err < 0)
		return err;
	err = uz_stream_open(c->server->config.store, &c->stream);
	if (err < 0) {
		c->stream = NULL;
		uz_arena_charge(arena, -(int64_t)UZ_NBD_BUFFER_BYTES);
	}
	return err;
}

int uz__nbd_take_memory(struct uz_nbd_conn *c)
{
	int err = take(c);

	while (err < 0 && uz__nbd_helpers_leave(c->server))
		err = take(c);
	return err;
}

static void drop_memory(struct uz_nbd_conn *c)
{
	if (!c->stream)
		return;
	uz_stream_close(c->stream);
	uz_arena_charge(uz_store_arena(c->server->config.store), -(int64_t)UZ_NBD_BUFFER_BYTES);
}

static void transmit(struct uz_nbd_conn *c)
{
	uz__nbd_log(c->server, "nbd: %s: uses disk %s%s", c->peer, uz_dev_name(c->dev),
		    c->read_only ? ", read-only" : "");
	uz__nbd_serve(c);
	uz__nbd_helper_end(c);
	uz__nbd_log(
		c->server,
		"nbd: %s: left disk %s after %llu requests, %llu failed, %llu by a second thread",
		c->peer, uz_dev_name(c->dev), (unsigned long long)c->nr_requests,
		(unsigned long long)c->nr_failed, (unsigned long long)c->nr_helped);
}

void uz__nbd_conn_run(struct uz_nbd_conn *c)
{
	name_peer(c);
	tune_socket(c->fd);
	uz__nbd_lost_watch(c);
	if (uz__nbd_handshake(c))
		transmit(c);
	drop_memory(c);
	uz__nbd_close_disk(c);
	uz__nbd_conn_gone(c);
}
