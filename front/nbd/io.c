/* SPDX-License-Identifier: MIT */
/*
 * Bytes in and out of a connection. Both buffers have a fixed size, so a
 * client that sends fast or reads slowly makes its own thread wait and nothing grow.
 * In transmission a receive is one system call and a flush is one, whatever the
 * number of requests; the handshake also polls, because it has a deadline.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <uz/san.h>
#include <uz/san_out.h>

#include "nbd_i.h"

uint64_t uz__nbd_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* False when the handshake's time is over. */
static bool wait_for(struct uz_nbd_conn *c, short events)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	uint64_t now = uz__nbd_now_ns();
	int n = 0;

	if (now < c->deadline_ns)
		n = poll(&p, 1, (int)((c->deadline_ns - now) / 1000000 + 1));
	if (n > 0 || (n < 0 && errno == EINTR))
		return true;
	c->lost = -ETIMEDOUT;
	uz__nbd_fault(c, "no complete handshake in %u ms", c->server->config.handshake_timeout_ms);
	return false;
}

static void compact(struct uz_nbd_conn *c)
{
	if (!c->rx_pos)
		return;
	memmove(c->rx, c->rx + c->rx_pos, uz__nbd_avail(c));
	c->rx_end -= c->rx_pos;
	c->rx_pos = c->rx_seen = 0;
}

/* Whether a call of the socket that failed is to be made again. */
static bool again(struct uz_nbd_conn *c, unsigned int *looks)
{
	if (errno == EINTR || (errno == EAGAIN && c->deadline_ns))
		return true;
	if (errno != EAGAIN)
		return false;
	if (!uz__nbd_lost(c, ++*looks))
		return true;
	errno = ETIMEDOUT;
	return false;
}

static ssize_t receive_some(struct uz_nbd_conn *c)
{
	unsigned int looks = 0;
	ssize_t n;

	do {
		if (c->deadline_ns && !wait_for(c, POLLIN))
			return -1;
		n = recv(c->fd, c->rx + c->rx_end, UZ_NBD_RX_BYTES - c->rx_end,
			 c->deadline_ns ? MSG_DONTWAIT : 0);
	} while (n < 0 && again(c, &looks));
	return n;
}

bool uz__nbd_receive(struct uz_nbd_conn *c)
{
	ssize_t n;

	if (c->lost)
		return false;
	compact(c);
	uz_store(&c->waiting, true);
	n = receive_some(c);
	uz_store(&c->waiting, false);
	uz_store(&c->batches, c->batches + 1);
	if (n > 0)
		c->rx_end += (uint32_t)n;
	else if (!c->lost)
		c->lost = n ? -errno : -ECONNRESET;
	return n > 0;
}

bool uz__nbd_need(struct uz_nbd_conn *c, uint32_t bytes)
{
	while (uz__nbd_avail(c) < bytes)
		if (!uz__nbd_receive(c))
			return false;
	return true;
}

bool uz__nbd_skip(struct uz_nbd_conn *c, uint64_t bytes)
{
	while (bytes) {
		uint32_t part = (uint32_t)UZ_MIN(bytes, uz__nbd_avail(c));

		c->rx_pos += part;
		bytes -= part;
		if (bytes && !uz__nbd_receive(c))
			return false;
	}
	return true;
}

static ssize_t send_some(struct uz_nbd_conn *c, struct iovec *iov)
{
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 1 };

	if (c->deadline_ns && !wait_for(c, POLLOUT)) {
		errno = ETIMEDOUT;
		return -1;
	}
	return sendmsg(c->fd, &m, MSG_NOSIGNAL | (c->deadline_ns ? MSG_DONTWAIT : 0));
}

void uz__nbd_flush(struct uz_nbd_conn *c)
{
	struct iovec iov = { .iov_base = c->tx, .iov_len = c->tx_end };
	unsigned int looks = 0;

	uz_san_out("nbd reply", c->tx, c->tx_end);
	while (iov.iov_len && !c->lost) {
		ssize_t n = send_some(c, &iov);

		if (n < 0 && !again(c, &looks))
			c->lost = -errno;
		if (n > 0) {
			looks = 0;
			iov.iov_base = (char *)iov.iov_base + n;
			iov.iov_len -= (size_t)n;
		}
	}
	c->tx_end = 0;
}

char *uz__nbd_room(struct uz_nbd_conn *c, uint32_t bytes)
{
	UZ_ASSERT_DEBUG(bytes <= UZ_NBD_TX_BYTES);
	if (UZ_NBD_TX_BYTES - c->tx_end < bytes)
		uz__nbd_flush(c);
	uz_san_poison(c->tx + c->tx_end, bytes);
	return c->tx + c->tx_end;
}
