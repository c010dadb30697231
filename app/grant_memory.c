/* SPDX-License-Identifier: MIT */
/*
 * The memory of a grant is charged to the store's budget before it is made and committed before it is
 * handed out, so a client that has it never meets SIGBUS. It is made empty for each grant: no byte of
 * the store was or will be in it. A region's window is emptied and given back to the system first; its
 * bytes stay charged for the grant, so nothing is charged twice. When a grant ends its pages are
 * taken out of the memfd, whoever still has a descriptor, since what is no longer charged must not be
 * there; such a descriptor reads zeros.
 *
 * A region on memory that has a descriptor is granted in place: a copy of that descriptor and an offset,
 * nothing is made, cleared or taken out. Nothing holds its client to its window, or to the time
 * that it has it.
 */
#include "grant.h"

#include "cleanup.h"
#include "clock.h"
#include "cma_text.h"
#include "server.h"
#include "size.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define PART_BYTES (8ull << 20)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static uint64_t total(struct uz_server *s, uint64_t *limit)
{
	struct uz_arena_stats st;

	uz_arena_stats(uz_store_arena(s->store), &st);
	*limit = st.limit_bytes;
	return st.ram_total_bytes;
}

static int no_budget(struct uz_server *s, uint64_t bytes, uint64_t used, uint64_t limit,
		     struct uz_error *e)
{
	char want[UZ_SIZE_TEXT], has[UZ_SIZE_TEXT], max[UZ_SIZE_TEXT], promised[UZ_SIZE_TEXT];
	bool regions = s->nr_regions > 0;

	return uz__error(
		e, ENOSPC,
		"%s cannot be granted: %s of the RAM budget of %s are in use%s%s%s: discard data, or "
		"raise it with 'uzram set ram=SIZE'",
		uz__size_human(bytes, want), uz__size_human(UZ_MIN(used, limit), has),
		uz__size_human(limit, max), regions ? ", and regions are promised " : "",
		regions ? uz__size_human(uz__server_promised(s), promised) : "",
		regions ? ", grants out of them included" : "");
}

/* Charged first and then looked at again, since writers do not wait for us. */
static int charge(struct uz_server *s, uint64_t bytes, struct uz_error *e)
{
	struct uz_arena *a = uz_store_arena(s->store);
	uint64_t limit, now = total(s, &limit);

	if (bytes <= limit && now + bytes > limit) {
		uz_arena_trim(a);
		uz_arena_pay(a, UINT64_MAX); /* and what others are giving back just now */
		now = total(s, &limit);
	}
	if (bytes <= limit && now + bytes <= limit) {
		int err = uz_arena_charge(a, (int64_t)bytes);

		now = total(s, &limit);
		if (!err && now <= limit)
			return 0;
		if (!err)
			uz_arena_charge(a, -(int64_t)bytes);
	}
	return no_budget(s, bytes, now, limit, e);
}

int uz__grant_no_room(const struct uz_mem_grant *g, uint64_t until_ns, struct uz_error *e)
{
	struct uz_contig_failure why = { .error = -ENOMEM };

	uz_contig_missed(g->region->region, g->bytes, uz__now_ns() - g->since_ns);
	return uz__cma_failed(g->region, g->bytes, until_ns - g->since_ns, &why, e);
}

bool uz__grant_in_place(const struct uz_mem_grant *g)
{
	return g->region && g->region->fd >= 0;
}

static int evacuate(struct uz_server *s, struct uz_mem_grant *g, uint64_t until_ns,
		    struct uz_error *e)
{
	struct uz_plat *pl = uz_host_plat(s->host);
	uint64_t now = uz__now_ns(), left = until_ns > now ? until_ns - now : 0;
	struct uz_contig_failure why;
	struct uz_grant window;
	int err = uz_store_contig_alloc(s->store, g->region->region, g->bytes,
					pl->ops->now(pl) + left, &window, &why);

	if (err)
		return uz__cma_failed(g->region, g->bytes, until_ns - g->since_ns, &why, e);
	g->window = window.id;
	if (uz__grant_in_place(g))
		g->offset_bytes = g->region->spec.offset_bytes + window.offset_bytes;
	return 0;
}

/* What the budget is charged with. */
static int take_budget(struct uz_server *s, struct uz_mem_grant *g, uint64_t until_ns,
		       struct uz_error *e)
{
	return g->region ? evacuate(s, g, until_ns, e) : charge(s, g->bytes, e);
}

static void drop_budget(struct uz_server *s, struct uz_mem_grant *g)
{
	if (g->region)
		uz_contig_free(g->region->region, g->window);
	else
		uz_arena_charge(uz_store_arena(s->store), -(int64_t)g->bytes);
}

/*
 * In parts, each after as much of what was given up for it has gone back to the system: the process and
 * its grants never have more than the budget together. Background work gives back beside it.
 */
static int commit(struct uz_arena *a, int f, uint64_t bytes)
{
	int err = 0;

	for (uint64_t at = 0; at < bytes && !err; at += PART_BYTES) {
		uint64_t part = UZ_MIN(bytes - at, PART_BYTES);

		uz_arena_pay(a, part);
		err = fallocate(f, 0, (off_t)at, (off_t)part);
	}
	return err;
}

static int make(struct uz_arena *a, uint64_t bytes, int *fd, struct uz_error *e)
{
	char text[UZ_SIZE_TEXT];
	int f = memfd_create("uzram-grant", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (f >= 0 && !ftruncate(f, (off_t)bytes) && !commit(a, f, bytes) &&
	    !fcntl(f, F_ADD_SEALS, SEALS)) {
		*fd = f;
		return 0;
	}
	uz__error(e, errno, "%s cannot be granted: the system gives no memory: %s",
		  uz__size_human(bytes, text), strerror(errno));
	uz__close_fd(&f);
	return -e->code;
}

static int copy(const struct uz_server_region *r, int *fd, struct uz_error *e)
{
	*fd = fcntl(r->fd, F_DUPFD_CLOEXEC, 0);
	return *fd < 0 ? uz__error(e, errno, "no descriptor for a grant of region %s: %s",
				   r->spec.name, strerror(errno))
		       : 0;
}

int uz__grant_memory_take(struct uz_server *s, struct uz_mem_grant *g, uint64_t until_ns,
			  struct uz_error *e)
{
	int err = take_budget(s, g, until_ns, e);
	uint64_t emptied;

	if (err)
		return err;
	emptied = uz__now_ns();
	err = uz__grant_in_place(g) ? copy(g->region, &g->fd, e)
				    : make(uz_store_arena(s->store), g->bytes, &g->fd, e);
	if (err)
		drop_budget(s, g);
	g->evacuate_ns = emptied - g->since_ns;
	g->commit_ns = uz__now_ns() - emptied;
	return err;
}

void uz__grant_memory_drop(struct uz_server *s, struct uz_mem_grant *g)
{
	if (!uz__grant_in_place(g))
		fallocate(g->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)g->bytes);
	close(g->fd);
	drop_budget(s, g);
}
