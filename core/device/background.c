/* SPDX-License-Identifier: MIT */
/*
 * Background work of a disk, in the order of what it gives back for its time.
 * Each kind keeps its own cursor, so that a budget may end anywhere.
 *
 * Who has the background lock, a command or background work, lets it go after a slice of time and gets
 * in line again. A grant does not wait in line.
 */
#include "device_i.h"

#define SLICE_NS 5000000ull /* of a command */
#define TIDY_OBJECTS 64
#define PUT_OFF_NS 1000000000ull
#define NAP_NS 100000ull
#define NAPS 100

static bool tidy(struct uz_dev *d, uint64_t end_ns)
{
	struct uz__mover mv;
	struct uz_pool *p = d->pool;
	uint32_t moved;

	if (!p->ops->tidy)
		return false;
	uz__mover_init(&mv, d, end_ns);
	uz__enter(d->store->bg);
	moved = p->ops->tidy(p, TIDY_OBJECTS, &mv.m);
	uz__leave(d->store->bg);
	return moved == TIDY_OBJECTS;
}

static uint64_t compact(struct uz_dev *d, bool hard, uint64_t end_ns)
{
	uint64_t freed;

	uz__enter(d->store->bg);
	freed = uz__compact(d, hard, end_ns);
	uz__leave(d->store->bg);
	return freed;
}

static bool is_over(struct uz_store *s, uint64_t end_ns)
{
	return uz__give_way(s) || s->plat->ops->now(s->plat) >= end_ns;
}

/* Grants go first, unless they go on and on. */
static void behind_grants(struct uz_store *s)
{
	struct uz_plat *pl = s->plat;

	for (int i = 0; i < NAPS && uz_load(&s->grants); i++)
		uz_nap(pl, pl->ops->now(pl) + NAP_NS);
}

void uz__claim_background(struct uz_store *s)
{
	uint32_t mine = uz_line_wait(s->plat, &s->line);

	behind_grants(s);
	uz_lock(s->plat, &s->background);
	uz_line_next(s->plat, &s->line, mine);
}

uint64_t uz__claim_slice(struct uz_store *s)
{
	uz__claim_background(s);
	return s->plat->ops->now(s->plat) + SLICE_NS;
}

/* Background lock held. */
static bool step(struct uz_dev *d, uint64_t now_ns, uint64_t end)
{
	struct uz_store *s = d->store;
	bool more = false;

	if (uz_load(&d->gone))
		return false;
	if (uz__give_way(s))
		return true;
	uz__note_used(d);
	while (!more && compact(d, false, end))
		more = is_over(s, end);
	while (!is_over(s, end) && tidy(d, end))
		;
	if (uz__give_way(s))
		return true;
	more |= uz__tables_step(d, end);
	more |= uz__migrate_step(d, s->bg, end);
	more |= uz__recompress_step(d, s->bg, now_ns, end);
	uz_store(&s->due_ns, UZ_MIN(uz_load(&s->due_ns), uz__recompress_due(d)));
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
 * a pool's lock would keep a grant waiting, with slots held that clients wait for. Grants one after the
 * other do not put it off for ever.
 */
static bool leave_for_backing(struct uz_store *s, uint64_t now_ns, uint64_t end)
{
	uint64_t now = s->plat->ops->now(s->plat);

	if (now < uz_load(&s->calm_until_ns) && now - uz_load(&s->left_ns) < PUT_OFF_NS)
		return false;
	uz_store(&s->left_ns, now);
	return uz__wb_step(s, now_ns, end);
}

bool uz_dev_background(struct uz_dev *d, uint64_t now_ns, uint64_t budget_ns)
{
	struct uz_store *s = d->store;
	struct uz_plat *pl = s->plat;
	uint64_t end = pl->ops->now(pl) + budget_ns;
	bool more = uz_arena_background(s->arena, budget_ns / 4);

	more |= leave_for_backing(s, now_ns, end);
	uz__claim_background(s);
	more |= step(d, now_ns, end);
	more |= evacuate(s);
	return more;
}

/* The lock is taken for each disk anew: a disk may be destroyed in between. */
bool uz_store_background(struct uz_store *s, uint64_t now_ns, uint64_t budget_ns)
{
	struct uz_plat *pl = s->plat;
	bool more = uz_arena_background(s->arena, budget_ns);

	uz_store(&s->due_ns, UZ_FOREVER);
	more |= leave_for_backing(s, now_ns, pl->ops->now(pl) + budget_ns);
	for (unsigned int i = 0; i < UZ_DISK_MAX; i++) {
		struct uz_dev *d;

		if (!uz_load_acquire(&s->disk[i]))
			continue;
		uz__claim_background(s);
		d = uz_load_acquire(&s->disk[i]);
		if (d)
			more |= step(d, now_ns, pl->ops->now(pl) + budget_ns);
		uz_unlock(pl, &s->background);
	}
	uz__claim_background(s);
	more |= evacuate(s);
	return more;
}

uint64_t uz_store_due(const struct uz_store *s)
{
	return uz_load(&s->due_ns);
}

int64_t uz_dev_compact(struct uz_dev *d)
{
	struct uz_store *s = d->store;
	uint64_t freed = 0, n, end;
	bool left;

	do {
		end = uz__claim_slice(s);
		do {
			n = compact(d, true, end);
			left = is_over(s, end);
			freed += n;
		} while (n && !left);
		uz_unlock(s->plat, &s->background);
	} while (left && !uz__stopping(d));
	return (int64_t)freed;
}
