/* SPDX-License-Identifier: MIT */
/*
 * nbd: serves disks over the NBD protocol (fixed newstyle). One thread accepts,
 * one thread a connection; each connection has its own stream, so connections
 * run beside each other. Writes that arrive together get a second thread, which has a
 * stream too. Replies are in request order.
 */
#ifndef UZ_NBD_H
#define UZ_NBD_H

#include <uz/device.h>

/*
 * Which disks there are; the callbacks are called from connection threads. open returns a disk
 * that stays valid until close, or NULL; the name "" means the only disk. name returns the i-th
 * export name copied to @buf, false when there are fewer. They are called with the server's lock
 * held (name: without): do not hold what they take while calling uz_nbd_drop or uz_nbd_stop.
 */
struct uz_nbd_exports {
	struct uz_dev *(*open)(void *ctx, const char *name, bool *read_only);
	void (*close)(void *ctx, struct uz_dev *d);
	bool (*name)(void *ctx, unsigned int i, char *buf, size_t bytes);
	void *ctx;
};

#define UZ_NBD_LISTEN_MAX 16

struct uz_nbd_config {
	struct uz_store *store;
	struct uz_nbd_exports exports;
	unsigned int max_connections; /* 0: 32 */
	unsigned int max_helpers; /* second threads at once; 0: CPUs - 1, at most 16 */
	unsigned int handshake_timeout_ms; /* for the whole handshake; 0: 10 s */
	/* A TCP client that was sent something and acknowledges nothing for so long is ended; 0: 5 min. */
	unsigned int lost_timeout_ms;
	/* Optional: one line of text for the log, no newline. Any thread. */
	void (*log)(void *ctx, const char *line);
	void *log_ctx;
};

struct uz_nbd;

int uz_nbd_start(const struct uz_nbd_config *c, struct uz_nbd **out);

/* Serves a listening stream socket; the server closes it at stop. -ENOSPC: UZ_NBD_LISTEN_MAX are. */
int uz_nbd_listen(struct uz_nbd *n, int listen_fd);

/*
 * Serves one connected, blocking stream socket in the calling thread until the client leaves or the
 * server stops, and closes it. 0; -EBUSY: max_connections; -ESHUTDOWN: stopping; -ENOMEM.
 */
int uz_nbd_serve(struct uz_nbd *n, int fd);

/*
 * Ends the connections that have @d open, in-flight requests finished; waits for them, and cuts
 * those whose client goes on, or does not take its replies, for 2 s. Make exports.open refuse @d first.
 */
void uz_nbd_drop(struct uz_nbd *n, struct uz_dev *d);

/*
 * Stops: no new connections, requests in flight are answered, later ones get ESHUTDOWN, then
 * sockets close. Waits at most @timeout_ms for clients, then cuts them. Frees @n. Accepts NULL.
 */
void uz_nbd_stop(struct uz_nbd *n, unsigned int timeout_ms);

#endif
