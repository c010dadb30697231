/* SPDX-License-Identifier: MIT */
/*
 * A connection's second thread. It is made for the first batch that is worth it, has a stream
 * of its own (charged to the RAM budget), and ends when it had nothing to do for IDLE_MS,
 * so that another connection can have it: there are at most as many in a server as CPUs
 * beside the first. A connection that gets none works alone and asks again later. When there is
 * no memory for another connection, nobody is helped until the helpers have gone: they come last.
 *
 * The word ->state says what the helper is to do. It takes WORK back to IDLE before it looks for
 * jobs, so work that comes meanwhile is seen by its next look; one that comes late finds
 * none left. Who waits spins first: a sleep and a wake cost 10 us on each side.
 *
 * ->done counts what the helper did of this batch. The connection's thread, when it has run out
 * of jobs, waits for the number that it did not take itself. A helper without a CPU makes
 * it wait for milliseconds; it then works alone for ALONE_TIMES as long, so that on a busy
 * machine no more than 1/ALONE_TIMES of the time is lost.
 */
#include <poll.h>
#include <stdlib.h>

#include "nbd_i.h"

#define IDLE_MS 1000
#define LEAVE_POLL_MS 5
#define RETRY_MS 1000
#define HELPER_SPINS 200
#define OWNER_SPINS 2000
#define LATE_NS 200000
#define ALONE_TIMES 8
#define WAITS (1u << 31) /* in ->done: somebody sleeps until it changes */

enum state {
	IDLE, /* looks for work all the time */
	ASLEEP,
	WORK,
	QUIT,
	GONE, /* ended by itself, to be joined */
};

struct uz_nbd_helper {
	struct uz_nbd_conn *conn;
	struct uz_stream *stream;
	pthread_t thread;
	uint32_t state; /* atomic: enum state */
	uint32_t done; /* atomic */
};

static struct uz_plat *plat_of(const struct uz_nbd_conn *c)
{
	return uz_store_arena(c->server->config.store)->plat;
}

static bool enter(struct uz_nbd *n)
{
	if (uz_fetch_add(&n->nr_helpers, 1) < n->config.max_helpers)
		return true;
	uz_fetch_sub(&n->nr_helpers, 1);
	return false;
}

static void leave(struct uz_nbd *n)
{
	uz_fetch_sub(&n->nr_helpers, 1);
}

static bool change(struct uz_nbd_helper *h, enum state from, enum state to)
{
	return __atomic_compare_exchange_n(&h->state, &(uint32_t){ from }, to, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static void report(struct uz_nbd_helper *h, uint32_t nr)
{
	uint32_t old = __atomic_fetch_add(&h->done, nr, __ATOMIC_ACQ_REL);
	struct uz_plat *pl = plat_of(h->conn);

	if (old & WAITS)
		pl->ops->wake(pl, &h->done);
}

/* False: there was nothing to do for long. */
static bool sleep_until_told(struct uz_nbd_helper *h)
{
	struct uz_plat *pl = plat_of(h->conn);
	uint64_t deadline = pl->ops->now(pl) + IDLE_MS * 1000000ull;

	if (!change(h, IDLE, ASLEEP))
		return true;
	while (uz_load_acquire(&h->state) == ASLEEP) {
		pl->ops->wait(pl, &h->state, ASLEEP, deadline);
		if (pl->ops->now(pl) >= deadline && change(h, ASLEEP, GONE))
			return false;
	}
	return true;
}

static bool wait_for_work(struct uz_nbd_helper *h)
{
	for (;;) {
		for (int i = 0; i < HELPER_SPINS && uz_load_acquire(&h->state) == IDLE; i++)
			uz_relax();
		if (change(h, WORK, IDLE))
			return true;
		if (uz_load_acquire(&h->state) == QUIT || !sleep_until_told(h))
			return false;
	}
}

static void *helper_thread(void *arg)
{
	struct uz_nbd_helper *h = arg;
	uint32_t nr;

	while (wait_for_work(h)) {
		nr = uz__nbd_batch_work(h->conn, h->stream);
		if (nr)
			report(h, nr);
	}
	uz_stream_close(h->stream);
	leave(h->conn->server);
	return NULL;
}

static bool make(struct uz_nbd_conn *c)
{
	struct uz_nbd_helper *h = calloc(1, sizeof(*h));

	if (!h)
		return false;
	h->conn = c;
	if (uz_stream_open_spare(c->server->config.store, &h->stream)) {
		free(h);
		return false;
	}
	if (uz__nbd_spawn(&h->thread, helper_thread, h)) {
		uz_stream_close(h->stream);
		free(h);
		return false;
	}
	c->helper = h;
	return true;
}

static void alone_for(struct uz_nbd_conn *c, uint64_t ns)
{
	c->alone_until_ns = uz__nbd_now_ns() + ns;
}

static void start(struct uz_nbd_conn *c)
{
	if (enter(c->server)) {
		if (make(c))
			return;
		leave(c->server);
	}
	alone_for(c, RETRY_MS * 1000000ull);
}

static void join(struct uz_nbd_conn *c)
{
	pthread_join(c->helper->thread, NULL);
	free(c->helper);
	c->helper = NULL;
}

bool uz__nbd_helpers_leave(struct uz_nbd *n)
{
	uint32_t nr = uz_load(&n->nr_helpers);
	uint64_t end_ns = uz__nbd_now_ns() + 2 * IDLE_MS * 1000000ull;

	uz_store(&n->alone_until_ns, end_ns);
	while (nr && uz_load(&n->nr_helpers) >= nr && uz__nbd_now_ns() < end_ns)
		poll(NULL, 0, LEAVE_POLL_MS);
	return uz_load(&n->nr_helpers) < nr;
}

static bool is_barred(struct uz_nbd *n)
{
	uint64_t until_ns = uz_load(&n->alone_until_ns);

	return until_ns && uz__nbd_now_ns() < until_ns;
}

bool uz__nbd_helper_ready(struct uz_nbd_conn *c)
{
	if (is_barred(c->server))
		return false;
	if (c->alone_until_ns && uz__nbd_now_ns() < c->alone_until_ns)
		return false;
	c->alone_until_ns = 0;
	if (c->helper && uz_load_acquire(&c->helper->state) == GONE)
		join(c);
	if (!c->helper)
		start(c);
	return c->helper;
}

/* One that is gone stays so. */
static void tell(struct uz_nbd_helper *h, enum state what)
{
	struct uz_plat *pl = plat_of(h->conn);
	uint32_t old;

	do
		old = uz_load_acquire(&h->state);
	while (old != GONE && !change(h, old, what));
	if (old == ASLEEP)
		pl->ops->wake(pl, &h->state);
}

void uz__nbd_helper_wake(struct uz_nbd_conn *c)
{
	tell(c->helper, WORK);
}

static void sleep_until_done(struct uz_nbd_conn *c, uint32_t nr)
{
	struct uz_plat *pl = plat_of(c);
	uint32_t *done = &c->helper->done;
	uint64_t begin = uz__nbd_now_ns(), late;
	uint32_t seen;

	while ((uz_load_acquire(done) & ~WAITS) != nr) {
		seen = __atomic_fetch_or(done, WAITS, __ATOMIC_ACQ_REL);
		if ((seen & ~WAITS) != nr)
			pl->ops->wait(pl, done, seen | WAITS, UZ_FOREVER);
	}
	late = uz__nbd_now_ns() - begin;
	if (late > LATE_NS)
		alone_for(c, late * ALONE_TIMES);
}

void uz__nbd_helper_wait(struct uz_nbd_conn *c, uint32_t nr)
{
	struct uz_nbd_helper *h = c->helper;

	for (int i = 0; i < OWNER_SPINS && uz_load_acquire(&h->done) != nr; i++)
		uz_relax();
	if (uz_load_acquire(&h->done) != nr)
		sleep_until_done(c, nr);
	uz_store(&h->done, 0);
}

void uz__nbd_helper_end(struct uz_nbd_conn *c)
{
	if (!c->helper)
		return;
	tell(c->helper, QUIT);
	join(c);
}
