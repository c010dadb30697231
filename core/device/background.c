/* SPDX-License-Identifier: MIT */
/*
 * Background work of a disk, in the order of what it gives back for its time.
 * Each kind keeps its own cursor, so that a budget may end anywhere.
 */
#include "device_i.h"

#define TIDY_OBJECTS 64
#define NAP_NS 100000ull
#define NAPS 100

static bool tidy(struct uz_dev *d)
{
	struct uz__mover mv;
	struct uz_pool *p = d->pool;
	uint32_t moved;

	if (!p->ops->tidy)
		return false;
	uz__mover_init(&mv, d);
	uz__enter(d->store->bg);
	mv.gives_way = true;
	moved = p->ops->tidy(p, TIDY_OBJECTS, &mv.m);
	uz__leave(d->store->bg);
	return moved == TIDY_OBJECTS;
}

static bool compact(struct uz_dev *d)
{
	uint64_t freed;

	uz__enter(d->store->bg);
	freed = uz__compact(d, false, true);
	uz__leave(d->store->bg);
	return freed != 0;
}

/* Lets those go first whom @word counts, unless they go on and on. */
static void behind(struct uz_store *s, const uint32_t *word)
{
	struct uz_plat *pl = s->plat;

	for (int i = 0; i < NAPS && uz_load(word); i++)
		uz_nap(pl, pl->ops->now(pl) + NAP_NS);
}

/*
 * The lock for a command. The lock alone is not fair: whoever does background work in a loop has
 * it again before a sleeper has woken up; so it looks here first.
 */
void uz__claim_background(struct uz_store *s)
{
	uz_fetch_add(&s->claims, 1);
	behind(s, &s->grants);
	uz_lock(s->plat, &s->background);
	uz_fetch_sub(&s->claims, 1);
}

/* The lock for background work, which lets commands go first. */
static void lock_behind(struct uz_store *s)
{
	behind(s, &s->claims);
	uz_lock(s->plat, &s->background);
}

/* Background lock held. */
static bool step(struct uz_dev *d, uint64_t now_ns, uint64_t end)
{
	struct uz_store *s = d->store;
	struct uz_plat *pl = s->plat;
	bool more = false;

	if (uz_load(&d->gone))
		return false;
	if (uz__give_way(s))
		return true;
	uz__note_used(d);
	while (!more && compact(d))
		more = uz__give_way(s) || pl->ops->now(pl) >= end;
	while (!uz__give_way(s) && pl->ops->now(pl) < end && tidy(d))
		;
	if (uz__give_way(s))
		return true;
	more |= uz__tables_step(d, end);
	more |= uz__migrate_step(d, s->bg, end);
	more |= uz__recompress_step(d, s->bg, now_ns, end);
	more |= uz__age_step(d, now_ns, end);
	return more;
}

/* The last step. Background lock held, and let go of. */
static bool evacuate(struct uz_store *s)
{
	bool trim = false, more = uz__evacuate_step(s, &trim);

	uz_unlock(s->plat, &s->background);
	if (trim)
		uz_arena_trim(s->arena);
	return more;
}

/*
 * Pages that leave for a backing free their objects. A thread of low priority that is put aside with
 * a pool's lock would keep a grant waiting, with slots held that clients wait for.
 */
static bool leave_for_backing(struct uz_store *s, uint64_t now_ns, uint64_t end)
{
	if (s->plat->ops->now(s->plat) < uz_load(&s->calm_until_ns))
		return false;
	return uz__wb_step(s, now_ns, end);
}

bool uz_dev_background(struct uz_dev *d, uint64_t now_ns, uint64_t budget_ns)
{
	struct uz_store *s = d->store;
	struct uz_plat *pl = s->plat;
	uint64_t end = pl->ops->now(pl) + budget_ns;
	bool more = uz_arena_background(s->arena, budget_ns / 4);

	more |= leave_for_backing(s, now_ns, end);
	lock_behind(s);
	more |= step(d, now_ns, end);
	more |= evacuate(s);
	return more;
}

/* The lock is taken for each disk anew: a disk may be destroyed in between. */
bool uz_store_background(struct uz_store *s, uint64_t now_ns, uint64_t budget_ns)
{
	struct uz_plat *pl = s->plat;
	bool more = uz_arena_background(s->arena, budget_ns);

	more |= leave_for_backing(s, now_ns, pl->ops->now(pl) + budget_ns);
	for (unsigned int i = 0; i < UZ_DISK_MAX; i++) {
		struct uz_dev *d;

		if (!uz_load_acquire(&s->disk[i]))
			continue;
		lock_behind(s);
		d = uz_load_acquire(&s->disk[i]);
		if (d)
			more |= step(d, now_ns, pl->ops->now(pl) + budget_ns);
		uz_unlock(pl, &s->background);
	}
	lock_behind(s);
	more |= evacuate(s);
	return more;
}

int64_t uz_dev_compact(struct uz_dev *d)
{
	struct uz_store *s = d->store;
	uint64_t freed = 0, n;
	bool left;

	uz_lock(s->plat, &d->control);
	do {
		uz__claim_background(s);
		uz__enter(s->bg);
		n = uz__compact(d, true, true);
		uz__leave(s->bg);
		left = uz__give_way(s);
		uz_unlock(s->plat, &s->background);
		freed += n;
	} while ((n || left) && !uz_load(&s->stopping));
	uz_unlock(s->plat, &d->control);
	return (int64_t)freed;
}
