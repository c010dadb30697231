/* SPDX-License-Identifier: MIT */
/*
 * The table of grants. Its lock is held for moments only: memory is made and taken down without
 * it, with the grant WAITING or ENDING meanwhile, so that nobody waits for somebody else's grant.
 * Only the owner's thread ends a grant that is WAITING, and it has none when its connection ends.
 */
#include "grant.h"

#include "clock.h"
#include "server.h"
#include "size.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

void uz__grants_init(struct uz_grants *t)
{
	pthread_mutex_init(&t->lock, NULL);
	uz__clock_cond_init(&t->ended);
}

void uz__grants_fini(struct uz_grants *t)
{
	pthread_cond_destroy(&t->ended);
	pthread_mutex_destroy(&t->lock);
}

static void name_owner(struct uz_mem_grant *g)
{
	struct ucred peer = { .pid = 0 };
	socklen_t n = sizeof(peer);
	char path[40];
	FILE *f;

	getsockopt(g->owner->fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);
	g->pid = peer.pid;
	snprintf(g->comm, sizeof(g->comm), "?");
	snprintf(path, sizeof(path), "/proc/%d/comm", g->pid);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(g->comm, sizeof(g->comm), f))
		g->comm[strcspn(g->comm, "\n")] = 0;
	fclose(f);
}

/* The lock is held. */
static struct uz_mem_grant *find(struct uz_grants *t, uint64_t id)
{
	for (int i = 0; i < UZ_GRANTS_MAX; i++)
		if (t->grant[i].state != UZ_GRANT_NONE && t->grant[i].id == id)
			return &t->grant[i];
	return NULL;
}

/* The lock is held. One that is ENDING is nobody's any more. */
static struct uz_mem_grant *of(struct uz_grants *t, const struct uz_wire *owner)
{
	for (int i = 0; i < UZ_GRANTS_MAX; i++)
		if ((t->grant[i].state == UZ_GRANT_OUT || t->grant[i].state == UZ_GRANT_WAITING) &&
		    t->grant[i].owner == owner)
			return &t->grant[i];
	return NULL;
}

static bool has_room(const struct uz_mem_grant *g)
{
	struct uz_region_stats st;

	uz_region_stats(g->region->region, &st);
	return st.maxchunk << UZ_PAGE_SHIFT >= g->bytes;
}

/* Others may free what they have: a client that is started again meets what it had a moment ago. */
static bool wait_for_room(struct uz_grants *t, const struct uz_mem_grant *g, uint64_t until_ns)
{
	int err = 0;
	bool room;

	pthread_mutex_lock(&t->lock);
	while (!(room = has_room(g)) && !err)
		err = uz__clock_wait(&t->ended, &t->lock, until_ns);
	pthread_mutex_unlock(&t->lock);
	return room;
}

static void put(struct uz_grants *t, struct uz_mem_grant *at, const struct uz_mem_grant *g)
{
	pthread_mutex_lock(&t->lock);
	*at = *g;
	pthread_mutex_unlock(&t->lock);
}

/* A place and a number for @g; NULL: all are taken. */
static struct uz_mem_grant *enter(struct uz_grants *t, struct uz_mem_grant *g)
{
	struct uz_mem_grant *at = NULL;

	pthread_mutex_lock(&t->lock);
	for (int i = 0; i < UZ_GRANTS_MAX && !at; i++)
		if (t->grant[i].state == UZ_GRANT_NONE)
			at = &t->grant[i];
	if (at) {
		g->id = ++t->last_id;
		*at = *g;
	}
	pthread_mutex_unlock(&t->lock);
	return at;
}

static int make(struct uz_server *s, struct uz_mem_grant *g, uint64_t deadline_ns, int *fd,
		struct uz_error *e)
{
	uint64_t until_ns = g->since_ns + deadline_ns;
	int err;

	if (g->region && !wait_for_room(&s->grants, g, until_ns))
		return uz__grant_no_room(g, until_ns, e);
	err = uz__grant_memory_take(s, g, until_ns, e);
	if (err)
		return err;
	*fd = fcntl(g->fd, F_DUPFD_CLOEXEC, 0);
	if (*fd >= 0)
		return 0;
	err = uz__error(e, errno, "no descriptor for the grant: %s", strerror(errno));
	uz__grant_memory_drop(s, g);
	return err;
}

int uz__grants_alloc(struct uz_server *s, const struct uz_wire *owner,
		     struct uz_server_region *region, uint64_t bytes, uint64_t deadline_ns,
		     struct uz_mem_grant *out, int *fd, struct uz_error *e)
{
	struct uz_mem_grant *at;
	int err;

	*out = (struct uz_mem_grant){ .state = UZ_GRANT_WAITING,
				      .region = region,
				      .bytes = bytes,
				      .since_ns = uz__now_ns(),
				      .owner = owner };
	name_owner(out);
	at = enter(&s->grants, out);
	if (!at)
		return uz__error(e, EBUSY, "%d grants are out already: free one", UZ_GRANTS_MAX);
	err = make(s, out, deadline_ns, fd, e);
	out->state = err ? UZ_GRANT_NONE : UZ_GRANT_OUT;
	out->since_ns = uz__now_ns();
	put(&s->grants, at, out);
	return err;
}

/* What was marked as ENDING. */
static void end(struct uz_server *s, struct uz_mem_grant *at)
{
	struct uz_mem_grant none = { .state = UZ_GRANT_NONE };

	uz__grant_memory_drop(s, at);
	put(&s->grants, at, &none);
	pthread_cond_broadcast(&s->grants.ended);
}

int uz__grants_free(struct uz_server *s, const struct uz_wire *by, uint64_t id, struct uz_error *e)
{
	struct uz_grants *t = &s->grants;
	struct uz_mem_grant *g;
	bool waiting, out;

	pthread_mutex_lock(&t->lock);
	g = find(t, id);
	waiting = g && g->state == UZ_GRANT_WAITING;
	out = g && g->state == UZ_GRANT_OUT;
	if (out) {
		g->state = UZ_GRANT_ENDING;
		if (g->owner != by && !of(t, g->owner))
			shutdown(g->owner->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&t->lock);
	if (out)
		end(s, g);
	else if (waiting)
		return uz__error(e, EBUSY, "grant %" PRIu64 " is still being made: try again", id);
	else
		return uz__error(e, ENOENT, "no grant %" PRIu64 "; 'uzram contig stat' lists them",
				 id);
	return 0;
}

/* One grant of the connection, now ENDING; NULL: it has none left. */
static struct uz_mem_grant *leave(struct uz_grants *t, const struct uz_wire *owner)
{
	struct uz_mem_grant *g;

	pthread_mutex_lock(&t->lock);
	g = of(t, owner);
	if (g)
		g->state = UZ_GRANT_ENDING;
	pthread_mutex_unlock(&t->lock);
	return g;
}

void uz__grants_end(struct uz_server *s, const struct uz_wire *owner)
{
	struct uz_mem_grant *g;
	char text[UZ_SIZE_TEXT];

	while ((g = leave(&s->grants, owner))) {
		fprintf(stderr, "uzram: grant %u of %s%s%s: its client %d (%s) is gone: freed\n",
			g->id, uz__size_exact(g->bytes, text), g->region ? " of region " : "",
			g->region ? g->region->spec.name : "", g->pid, g->comm);
		end(s, g);
	}
}

bool uz__grants_held(struct uz_server *s, const struct uz_wire *owner)
{
	bool held;

	pthread_mutex_lock(&s->grants.lock);
	held = of(&s->grants, owner) != NULL;
	pthread_mutex_unlock(&s->grants.lock);
	return held;
}

static void report(const struct uz_mem_grant *g, struct uz_json_out *o)
{
	uz__json_open(o, NULL, '{');
	uz__json_put_u64(o, "id", g->id);
	uz__json_put_u64(o, "bytes", g->bytes);
	if (g->region)
		uz__json_put_text(o, "region", g->region->spec.name);
	uz__json_put_u64(o, "offset", g->offset_bytes);
	uz__json_put_bool(o, "waiting", g->state == UZ_GRANT_WAITING);
	uz__json_put_i64(o, "pid", g->pid);
	uz__json_put_text(o, "client", g->comm);
	uz__json_put_u64(o, "age_ms", (uz__now_ns() - g->since_ns) / 1000000);
	uz__json_put_u64(o, "evacuate_us", g->evacuate_ns / 1000);
	uz__json_put_u64(o, "commit_us", g->commit_ns / 1000);
	uz__json_close(o, '}');
}

void uz__grants_report(struct uz_server *s, struct uz_json_out *o)
{
	pthread_mutex_lock(&s->grants.lock);
	uz__json_open(o, "grants", '[');
	for (int i = 0; i < UZ_GRANTS_MAX; i++)
		if (s->grants.grant[i].state != UZ_GRANT_NONE)
			report(&s->grants.grant[i], o);
	uz__json_close(o, ']');
	pthread_mutex_unlock(&s->grants.lock);
}
