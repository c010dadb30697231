/* SPDX-License-Identifier: MIT */
/*
 * The memory is charged to the store's budget before it is made and committed before it is handed
 * out, so a client that has it never meets SIGBUS. It is made empty for each grant: no byte of the
 * store was or will be in it. When a grant ends its pages are taken out of the memfd, whoever still
 * has a descriptor, since what is no longer charged must not be there; such a descriptor reads zeros.
 */
#include "grant.h"

#include "cleanup.h"
#include "server.h"
#include "size.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
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

static uint64_t total(struct uz_server *s, uint64_t *limit)
{
	struct uz_arena_stats st;

	uz_arena_stats(uz_store_arena(s->store), &st);
	*limit = st.limit_bytes;
	return st.ram_total_bytes;
}

/* Charged first and then looked at again, since writers do not wait for us. */
static int charge(struct uz_server *s, uint64_t bytes, struct uz_error *e)
{
	struct uz_arena *a = uz_store_arena(s->store);
	char want[UZ_SIZE_TEXT], used[UZ_SIZE_TEXT], max[UZ_SIZE_TEXT];
	uint64_t limit, now = total(s, &limit);

	if (bytes <= limit && now + bytes > limit) {
		uz_arena_trim(a);
		now = total(s, &limit);
	}
	if (bytes <= limit && now + bytes <= limit) {
		uz_arena_charge(a, (int64_t)bytes);
		now = total(s, &limit);
		if (now <= limit)
			return 0;
		uz_arena_charge(a, -(int64_t)bytes);
	}
	return uz__error(
		e, ENOSPC,
		"%s cannot be granted: %s of the RAM budget of %s are in use: discard data, or "
		"raise it with 'uzram set ram=SIZE'",
		uz__size_human(bytes, want), uz__size_human(UZ_MIN(now, limit), used),
		uz__size_human(limit, max));
}

static int make(uint64_t bytes, int *fd, struct uz_error *e)
{
	char text[UZ_SIZE_TEXT];
	int f = memfd_create("uzram-grant", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (f >= 0 && !ftruncate(f, (off_t)bytes) && !fallocate(f, 0, 0, (off_t)bytes) &&
	    !fcntl(f, F_ADD_SEALS, SEALS)) {
		*fd = f;
		return 0;
	}
	uz__error(e, errno, "%s cannot be granted: the system gives no memory: %s",
		  uz__size_human(bytes, text), strerror(errno));
	uz__cleanup_close(&f);
	return -e->code;
}

static void release(struct uz_server *s, struct uz_mem_grant *g)
{
	fallocate(g->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)g->bytes);
	close(g->fd);
	uz_arena_charge(uz_store_arena(s->store), -(int64_t)g->bytes);
	*g = (struct uz_mem_grant){ .id = 0 };
}

static struct uz_mem_grant *find(struct uz_grants *t, uint64_t id)
{
	for (int i = 0; i < UZ_GRANTS_MAX; i++)
		if (t->grant[i].id == id)
			return &t->grant[i];
	return NULL;
}

static const struct uz_mem_grant *of(const struct uz_grants *t, const struct uz_wire *owner)
{
	for (int i = 0; i < UZ_GRANTS_MAX; i++)
		if (t->grant[i].id && t->grant[i].owner == owner)
			return &t->grant[i];
	return NULL;
}

/* The lock is held. */
static int alloc(struct uz_server *s, struct uz_mem_grant *g, uint64_t bytes, int *fd,
		 struct uz_error *e)
{
	int err = charge(s, bytes, e);

	if (err)
		return err;
	err = make(bytes, &g->fd, e);
	if (!err) {
		*fd = fcntl(g->fd, F_DUPFD_CLOEXEC, 0);
		if (*fd >= 0)
			return 0;
		err = uz__error(e, errno, "no descriptor for the grant: %s", strerror(errno));
		close(g->fd);
	}
	uz_arena_charge(uz_store_arena(s->store), -(int64_t)bytes);
	return err;
}

int uz__grants_alloc(struct uz_server *s, const struct uz_wire *owner, uint64_t bytes, uint32_t *id,
		     int *fd, struct uz_error *e)
{
	struct uz_grants *t = &s->grants;
	struct uz_mem_grant *g;
	int err;

	bytes = UZ_ALIGN_UP(bytes, (uint64_t)UZ_PAGE_SIZE);
	pthread_mutex_lock(&t->lock);
	g = find(t, 0);
	err = g ? alloc(s, g, bytes, fd, e)
		: uz__error(e, EBUSY, "%d grants are out already: free one", UZ_GRANTS_MAX);
	if (!err) {
		g->bytes = bytes;
		g->since_ns = now_ns();
		g->owner = owner;
		name_owner(g);
		*id = g->id = ++t->last_id;
	}
	pthread_mutex_unlock(&t->lock);
	return err;
}

int uz__grants_free(struct uz_server *s, const struct uz_wire *by, uint64_t id, struct uz_error *e)
{
	struct uz_grants *t = &s->grants;
	struct uz_mem_grant *g;
	int err = 0;

	pthread_mutex_lock(&t->lock);
	g = id ? find(t, id) : NULL;
	if (g) {
		const struct uz_wire *owner = g->owner;

		release(s, g);
		if (owner != by && !of(t, owner))
			shutdown(owner->fd, SHUT_RDWR);
	} else {
		err = uz__error(e, ENOENT, "no grant %" PRIu64 "; 'uzram contig stat' lists them",
				id);
	}
	pthread_mutex_unlock(&t->lock);
	return err;
}

void uz__grants_end(struct uz_server *s, const struct uz_wire *owner)
{
	struct uz_grants *t = &s->grants;
	char text[UZ_SIZE_TEXT];

	pthread_mutex_lock(&t->lock);
	for (int i = 0; i < UZ_GRANTS_MAX; i++) {
		struct uz_mem_grant *g = &t->grant[i];

		if (!g->id || g->owner != owner)
			continue;
		fprintf(stderr, "uzram: grant %u of %s: its client %d (%s) is gone: freed\n", g->id,
			uz__size_exact(g->bytes, text), g->pid, g->comm);
		release(s, g);
	}
	pthread_mutex_unlock(&t->lock);
}

bool uz__grants_held(struct uz_server *s, const struct uz_wire *owner)
{
	bool held;

	pthread_mutex_lock(&s->grants.lock);
	held = of(&s->grants, owner) != NULL;
	pthread_mutex_unlock(&s->grants.lock);
	return held;
}

void uz__grants_report(struct uz_server *s, struct uz_json_out *o)
{
	pthread_mutex_lock(&s->grants.lock);
	uz__json_open(o, "grants", '[');
	for (int i = 0; i < UZ_GRANTS_MAX; i++) {
		const struct uz_mem_grant *g = &s->grants.grant[i];

		if (!g->id)
			continue;
		uz__json_open(o, NULL, '{');
		uz__json_put_u64(o, "id", g->id);
		uz__json_put_u64(o, "bytes", g->bytes);
		uz__json_put_i64(o, "pid", g->pid);
		uz__json_put_text(o, "client", g->comm);
		uz__json_put_u64(o, "age_ms", (now_ns() - g->since_ns) / 1000000);
		uz__json_close(o, '}');
	}
	uz__json_close(o, ']');
	pthread_mutex_unlock(&s->grants.lock);
}
