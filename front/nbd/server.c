/* SPDX-License-Identifier: MIT */
/*
 * The server: listeners, the list of connections, and how they end. One thread
 * accepts and joins the threads of connections that ended.
 *
 * Ending a connection from outside: it is marked, so that what it receives from
 * now on is answered with ESHUTDOWN. When it has been waiting for its client for a
 * whole QUIET_MS, its receiving side is shut down and the thread ends by
 * itself; at the deadline both sides are. No thread is cancelled, and a thread
 * that waits in recv costs no polling.
 *
 * Lock: server->lock is held while exports.open and close are called, so a disk
 * that is being dropped is either seen in the list or no longer opened. Whoever calls
 * uz_nbd_drop must hold nothing that those callbacks take.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "nbd_i.h"

#define CONNECTIONS_DEFAULT 32
#define HANDSHAKE_DEFAULT_MS 10000
#define LOST_DEFAULT_MS 300000
#define HELPERS_MAX 16
#define QUIET_MS 20
#define DROP_MS 2000
#define ACCEPT_RETRY_MS 100
#define LINE_MAX_BYTES 320

static void unlock(pthread_mutex_t **m)
{
	pthread_mutex_unlock(*m);
}

#define LOCKED(n) \
	pthread_mutex_t *guard __attribute__((cleanup(unlock), unused)) = &(n)->lock; \
	pthread_mutex_lock(guard)

void uz__nbd_log(struct uz_nbd *n, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;

	if (!n->config.log)
		return;
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	n->config.log(n->config.log_ctx, line);
}

int uz__nbd_open_disk(struct uz_nbd_conn *c, const char *name)
{
	const struct uz_nbd_exports *e = &c->server->config.exports;
	LOCKED(c->server);

	if (uz_load(&c->server->stopping))
		return -ESHUTDOWN;
	c->read_only = false;
	c->dev = e->open(e->ctx, name, &c->read_only);
	return c->dev ? 0 : -ENOENT;
}

void uz__nbd_close_disk(struct uz_nbd_conn *c)
{
	const struct uz_nbd_exports *e = &c->server->config.exports;
	LOCKED(c->server);

	if (c->dev)
		e->close(e->ctx, c->dev);
	c->dev = NULL;
	pthread_cond_broadcast(&c->server->changed);
}

static void wake_acceptor(struct uz_nbd *n)
{
	uint64_t one = 1;

	while (write(n->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void list_add(struct uz_nbd *n, struct uz_nbd_conn *c)
{
	c->next = n->active;
	c->prev = NULL;
	if (n->active)
		n->active->prev = c;
	n->active = c;
	n->nr_active++;
}

static void list_del(struct uz_nbd *n, struct uz_nbd_conn *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		n->active = c->next;
	if (c->next)
		c->next->prev = c->prev;
	n->nr_active--;
}

/* The last that a connection's thread does with it, but for being joined. */
void uz__nbd_conn_gone(struct uz_nbd_conn *c)
{
	struct uz_nbd *n = c->server;
	LOCKED(n);

	list_del(n, c);
	close(c->fd);
	if (c->own_thread) {
		c->next = n->done;
		n->done = c;
		wake_acceptor(n);
	}
	pthread_cond_broadcast(&n->changed);
}

static void reap(struct uz_nbd *n)
{
	struct uz_nbd_conn *c, *next;

	pthread_mutex_lock(&n->lock);
	c = n->done;
	n->done = NULL;
	pthread_mutex_unlock(&n->lock);
	for (; c; c = next) {
		next = c->next;
		pthread_join(c->thread, NULL);
		uz__nbd_conn_free(c);
	}
}

/* Puts a new connection on the list: 0, -EBUSY, -ESHUTDOWN, -ENOMEM. */
static int admit(struct uz_nbd *n, int fd, struct uz_nbd_conn **out)
{
	int err;
	LOCKED(n);

	if (uz_load(&n->stopping))
		return -ESHUTDOWN;
	if (n->nr_active >= n->config.max_connections)
		return -EBUSY;
	err = uz__nbd_conn_new(n, fd, out);
	if (err)
		return err;
	(*out)->id = ++n->last_id;
	list_add(n, *out);
	return 0;
}

static void *conn_thread(void *arg)
{
	uz__nbd_conn_run(arg);
	return NULL;
}

/* Signals are the program's: its other threads get them. */
int uz__nbd_spawn(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -err;
}

static void refuse(struct uz_nbd *n, int fd, int err)
{
	if (err == -EBUSY)
		uz__nbd_log(n, "nbd: client refused: %u are connected, which is max_connections",
			    n->config.max_connections);
	else
		uz__nbd_log(n, "nbd: client refused: %s", strerror(-err));
	close(fd);
}

static void take_client(struct uz_nbd *n, int fd)
{
	struct uz_nbd_conn *c;
	int err = admit(n, fd, &c);

	if (err) {
		refuse(n, fd, err);
		return;
	}
	c->own_thread = true;
	err = uz__nbd_spawn(&c->thread, conn_thread, c);
	if (!err)
		return;
	uz__nbd_log(n, "nbd: client refused: no thread: %s", strerror(-err));
	c->own_thread = false;
	uz__nbd_conn_gone(c);
	uz__nbd_conn_free(c);
}

/* How long to leave the listener alone, in ms. */
static int accept_one(struct uz_nbd *n, int listen_fd)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	int err;

	if (fd >= 0) {
		n->accept_error = 0;
		take_client(n, fd);
		return 0;
	}
	if (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED)
		return 0;
	err = errno;
	if (err != n->accept_error)
		uz__nbd_log(n, "nbd: no client is accepted: %s", strerror(err));
	n->accept_error = err;
	return ACCEPT_RETRY_MS;
}

static unsigned int fill_pollfds(struct uz_nbd *n, struct pollfd *p)
{
	LOCKED(n);

	p[0] = (struct pollfd){ .fd = n->wake_fd, .events = POLLIN };
	for (unsigned int i = 0; i < n->nr_listen; i++)
		p[1 + i] = (struct pollfd){ .fd = n->listen_fd[i], .events = POLLIN };
	return 1 + n->nr_listen;
}

static void drain_wake(struct uz_nbd *n)
{
	uint64_t count;

	while (read(n->wake_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

static void *acceptor_thread(void *arg)
{
	struct uz_nbd *n = arg;
	struct pollfd p[1 + UZ_NBD_LISTEN_MAX];

	while (!uz_load_acquire(&n->stopping)) {
		unsigned int nr = fill_pollfds(n, p);
		int pause_ms = 0;

		if (poll(p, nr, -1) < 0)
			continue;
		if (p[0].revents)
			drain_wake(n);
		for (unsigned int i = 1; i < nr; i++)
			if (p[i].revents)
				pause_ms += accept_one(n, p[i].fd);
		reap(n);
		if (pause_ms)
			poll(p, 1, pause_ms);
	}
	return NULL;
}

static void destroy(struct uz_nbd *n)
{
	if (n->wake_fd >= 0)
		close(n->wake_fd);
	pthread_cond_destroy(&n->changed);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

static void init_sync(struct uz_nbd *n)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&n->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&n->changed, &attr);
	pthread_condattr_destroy(&attr);
}

/* As many as there are CPUs that no thread of the first connection needs. */
static unsigned int default_helpers(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 0;
	return UZ_MIN((unsigned int)CPU_COUNT(&set) - 1, HELPERS_MAX);
}

int uz_nbd_start(const struct uz_nbd_config *c, struct uz_nbd **out)
{
	struct uz_nbd *n = calloc(1, sizeof(*n));
	int err;

	if (!n)
		return -ENOMEM;
	n->config = *c;
	if (!n->config.max_connections)
		n->config.max_connections = CONNECTIONS_DEFAULT;
	if (!n->config.handshake_timeout_ms)
		n->config.handshake_timeout_ms = HANDSHAKE_DEFAULT_MS;
	if (!n->config.lost_timeout_ms)
		n->config.lost_timeout_ms = LOST_DEFAULT_MS;
	if (!n->config.max_helpers)
		n->config.max_helpers = default_helpers();
	init_sync(n);
	n->wake_fd = eventfd(0, EFD_CLOEXEC);
	err = n->wake_fd < 0 ? -errno : uz__nbd_spawn(&n->acceptor, acceptor_thread, n);
	if (err) {
		destroy(n);
		return err;
	}
	*out = n;
	return 0;
}

int uz_nbd_listen(struct uz_nbd *n, int listen_fd)
{
	LOCKED(n);

	if (n->nr_listen == UZ_NBD_LISTEN_MAX)
		return -ENOSPC;
	if (fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK))
		return -errno;
	n->listen_fd[n->nr_listen++] = listen_fd;
	wake_acceptor(n);
	return 0;
}

int uz_nbd_serve(struct uz_nbd *n, int fd)
{
	struct uz_nbd_conn *c;
	int err = admit(n, fd, &c);

	if (err) {
		close(fd);
		return err;
	}
	uz__nbd_conn_run(c);
	uz__nbd_conn_free(c);
	return 0;
}

static bool concerns(const struct uz_nbd_conn *c, const struct uz_dev *d)
{
	return !d || c->dev == d;
}

/* Waiting for its client since the last look. */
static bool is_quiet(struct uz_nbd_conn *c)
{
	uint32_t batches = uz_load(&c->batches);
	bool quiet = uz_load(&c->waiting) && batches == c->quiet_at;

	c->quiet_at = batches;
	return quiet;
}

static struct timespec after_ms(unsigned int ms)
{
	uint64_t ns = uz__nbd_now_ns() + ms * 1000000ull;

	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u),
				  .tv_nsec = (long)(ns % 1000000000u) };
}

/* One look at the connections of @d (NULL: all). Under the lock. */
static void end_step(struct uz_nbd *n, const struct uz_dev *d, bool cut)
{
	for (struct uz_nbd_conn *c = n->active; c; c = c->next) {
		if (!concerns(c, d))
			continue;
		uz_store_release(&c->ending, true);
		if (cut)
			shutdown(c->fd, SHUT_RDWR);
		else if (is_quiet(c))
			shutdown(c->fd, SHUT_RD);
	}
}

static bool any_left(const struct uz_nbd *n, const struct uz_dev *d)
{
	const struct uz_nbd_conn *c = n->active;

	while (c && !concerns(c, d))
		c = c->next;
	return c;
}

static void end_connections(struct uz_nbd *n, const struct uz_dev *d, unsigned int timeout_ms)
{
	uint64_t deadline = uz__nbd_now_ns() + timeout_ms * 1000000ull;
	LOCKED(n);

	while (any_left(n, d)) {
		struct timespec until = after_ms(QUIET_MS);

		end_step(n, d, uz__nbd_now_ns() >= deadline);
		while (any_left(n, d) &&
		       pthread_cond_timedwait(&n->changed, &n->lock, &until) != ETIMEDOUT)
			;
	}
}

void uz_nbd_drop(struct uz_nbd *n, struct uz_dev *d)
{
	end_connections(n, d, DROP_MS);
}

void uz_nbd_stop(struct uz_nbd *n, unsigned int timeout_ms)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	uz_store_release(&n->stopping, true);
	pthread_mutex_unlock(&n->lock);
	wake_acceptor(n);
	pthread_join(n->acceptor, NULL);
	for (unsigned int i = 0; i < n->nr_listen; i++)
		close(n->listen_fd[i]);
	end_connections(n, NULL, timeout_ms);
	reap(n);
	destroy(n);
}
