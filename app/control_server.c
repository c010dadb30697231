/* SPDX-License-Identifier: MIT */
/*
 * The control socket's server: a thread accepts, a thread a client. Only the user of the server
 * and root may talk to it, whatever the socket's permissions are. A client that sends garbage
 * gets an error and may go on; one that sends a line too long to be a request, or stops in the
 * middle of one, is cut.
 */
#include "control.h"

#include "cleanup.h"
#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>

#define IDLE_S 300
#define ACCEPT_RETRY_MS 100
#define STOP_MS 5000 /* for answers that clients do not take */

struct uz_control {
	struct uz_server *server;
	int listen_fd, stop_fd;
	int accept_error; /* that was said last; 0: none since it worked */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	int client[UZ_CONTROL_CLIENTS]; /* sockets, -1: free; under the lock */
	unsigned int nr;
};

struct client {
	struct uz_control *control;
	int slot, fd;
};

static void refuse(int fd, const struct uz_error *e)
{
	char *answer = NULL;
	size_t bytes;

	if (!uz__control_refuse(e, &answer, &bytes))
		uz__wire_send(fd, answer, bytes, NULL, 0);
	free(answer);
}

static bool is_allowed(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static int serve_line(struct uz_control *c, struct uz_wire *w, const char *line, size_t bytes)
{
	UZ_FREE char *answer = NULL;
	size_t answer_bytes;
	int err = uz__control_answer(c->server, w, line, bytes, &answer, &answer_bytes);

	if (!err)
		err = uz__wire_send(w->fd, answer, answer_bytes, &w->reply_fd, w->reply_fd >= 0);
	uz__close_fd(&w->reply_fd);
	w->reply_fd = -1;
	return err;
}

/* Who holds a grant may be silent, but not in the middle of a line. */
static bool may_stay(struct uz_control *c, const struct uz_wire *w, int got)
{
	return got == -EAGAIN && !w->len && uz__grants_held(c->server, w);
}

static void serve_client(struct uz_control *c, struct uz_wire *w)
{
	struct uz_error e;
	const char *line;
	size_t bytes;
	int got;

	while ((got = uz__wire_read(w, &line, &bytes)) > 0 || may_stay(c, w, got))
		if (got > 0 && serve_line(c, w, line, bytes))
			return;
	if (got == -E2BIG) {
		uz__error(&e, E2BIG, "a line is longer than %u bytes", UZ_WIRE_REQUEST_MAX);
		refuse(w->fd, &e);
	}
}

static void *client_thread(void *arg)
{
	struct client *cl = arg;
	struct uz_control *c = cl->control;
	struct timeval idle = { .tv_sec = IDLE_S };
	struct uz_wire w;

	setsockopt(cl->fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
	setsockopt(cl->fd, SOL_SOCKET, SO_SNDTIMEO, &idle, sizeof(idle));
	if (uz__wire_init(&w, dup(cl->fd), UZ_WIRE_REQUEST_MAX) == 0) {
		serve_client(c, &w);
		uz__grants_end(c->server, &w);
		uz__wire_fini(&w);
	}
	pthread_mutex_lock(&c->lock);
	shutdown(cl->fd, SHUT_RDWR);
	close(cl->fd);
	c->client[cl->slot] = -1;
	c->nr--;
	pthread_cond_signal(&c->ended);
	pthread_mutex_unlock(&c->lock);
	free(cl);
	return NULL;
}

static int free_slot(const struct uz_control *c)
{
	for (int i = 0; i < UZ_CONTROL_CLIENTS; i++)
		if (c->client[i] < 0)
			return i;
	return -1;
}

static int start_client(struct uz_control *c, int fd)
{
	UZ_FREE struct client *cl = malloc(sizeof(*cl));
	pthread_t thread;
	int err, slot;

	pthread_mutex_lock(&c->lock);
	slot = free_slot(c);
	err = !cl ? ENOMEM : slot < 0 ? EBUSY : 0;
	if (!err) {
		*cl = (struct client){ .control = c, .slot = slot, .fd = fd };
		err = pthread_create(&thread, NULL, client_thread, cl);
	}
	if (!err) {
		pthread_detach(thread);
		c->client[slot] = fd;
		c->nr++;
		cl = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	return -err;
}

/* Who waits stays in the queue, so without a pause we would be back at once. Said once. */
static void cannot_accept(struct uz_control *c, int error)
{
	struct pollfd stop = { .fd = c->stop_fd, .events = POLLIN };

	if (error == EINTR || error == EAGAIN || error == ECONNABORTED)
		return;
	if (error != c->accept_error)
		fprintf(stderr, "uzram: control: no client is accepted: %s\n", strerror(error));
	c->accept_error = error;
	poll(&stop, 1, ACCEPT_RETRY_MS);
}

static void cannot_serve(int err, struct uz_error *e)
{
	if (err == -EBUSY)
		uz__error(e, EBUSY, "%d clients are connected already: end one",
			  UZ_CONTROL_CLIENTS);
	else if (err)
		uz__error(e, -err, "no thread for another client: %s", strerror(-err));
}

static void accept_client(struct uz_control *c)
{
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct uz_error e = { .code = 0 };

	if (fd < 0) {
		cannot_accept(c, errno);
		return;
	}
	c->accept_error = 0;
	if (!is_allowed(fd))
		uz__error(&e, EPERM, "only the user of the server and root may control it");
	else
		cannot_serve(start_client(c, fd), &e);
	if (e.code) {
		refuse(fd, &e);
		close(fd);
	}
}

static void *accept_thread(void *arg)
{
	struct uz_control *c = arg;
	struct pollfd p[2] = { { .fd = c->listen_fd, .events = POLLIN },
			       { .fd = c->stop_fd, .events = POLLIN } };

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents)
			return NULL;
		if (p[0].revents)
			accept_client(c);
	}
}

int uz__control_start(struct uz_server *s, int listen_fd, struct uz_control **out)
{
	struct uz_control *c = calloc(1, sizeof(*c));
	int err;

	if (!c) {
		close(listen_fd);
		return -ENOMEM;
	}
	c->server = s;
	c->listen_fd = listen_fd;
	c->stop_fd = eventfd(0, EFD_CLOEXEC);
	memset(c->client, -1, sizeof(c->client));
	pthread_mutex_init(&c->lock, NULL);
	uz__clock_cond_init(&c->ended);
	err = c->stop_fd < 0 ? errno : pthread_create(&c->thread, NULL, accept_thread, c);
	if (!err) {
		*out = c;
		return 0;
	}
	uz__close_fd(&c->stop_fd);
	close(listen_fd);
	free(c);
	return -err;
}

/* The lock is held. */
static void end_clients(struct uz_control *c, int how)
{
	for (int i = 0; i < UZ_CONTROL_CLIENTS; i++)
		if (c->client[i] >= 0)
			shutdown(c->client[i], how);
}

/* Running commands are answered; an answer that is not taken is not waited for any longer. */
static void wait_for_clients(struct uz_control *c)
{
	uint64_t until_ns = uz__now_ns() + STOP_MS * 1000000ull;

	pthread_mutex_lock(&c->lock);
	end_clients(c, SHUT_RD);
	while (c->nr && !uz__clock_wait(&c->ended, &c->lock, until_ns))
		;
	while (c->nr) {
		end_clients(c, SHUT_RDWR);
		pthread_cond_wait(&c->ended, &c->lock);
	}
	pthread_mutex_unlock(&c->lock);
}

void uz__control_stop(struct uz_control *c)
{
	if (!c)
		return;
	eventfd_write(c->stop_fd, 1);
	pthread_join(c->thread, NULL);
	uz_store_stop(c->server->store);
	wait_for_clients(c);
	pthread_cond_destroy(&c->ended);
	pthread_mutex_destroy(&c->lock);
	close(c->stop_fd);
	close(c->listen_fd);
	free(c);
}
