/* SPDX-License-Identifier: MIT */
/*
 * TCP clients whose machine is gone. While nothing is under way to one, keepalive finds out; while
 * something is, the system would try for a quarter of an hour. So a socket's calls come back LOOKS times
 * in the timeout, and a client is lost when it acknowledged nothing all that time although
 * something waits for it. TCP_USER_TIMEOUT would not do: it also ends a client that is only suspended,
 * whose system answers that it has no room. It is asked at most two minutes apart, so the
 * timeout should be longer.
 */
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "nbd_i.h"

#define LOOKS 4u

static bool tcp_info(int fd, struct tcp_info *info)
{
	socklen_t bytes = sizeof(*info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &bytes) == 0;
}

void uz__nbd_lost_watch(struct uz_nbd_conn *c)
{
	unsigned int ms = UZ_DIV_UP(c->server->config.lost_timeout_ms, LOOKS);
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	struct tcp_info info;

	if (!tcp_info(c->fd, &info))
		return;
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

bool uz__nbd_lost(struct uz_nbd_conn *c, unsigned int looks)
{
	unsigned int timeout_ms = c->server->config.lost_timeout_ms;
	struct tcp_info info;
	int waiting_bytes;

	if (!tcp_info(c->fd, &info))
		return true; /* it does not block, and time passes only in calls that do */
	if (looks < LOOKS || ioctl(c->fd, SIOCOUTQ, &waiting_bytes))
		return false;
	if (!waiting_bytes || info.tcpi_last_ack_recv < timeout_ms)
		return false;
	uz__nbd_log(c->server, "nbd: %s: lost: it acknowledged nothing for %u ms", c->peer,
		    info.tcpi_last_ack_recv);
	return true;
}
