/* SPDX-License-Identifier: MIT */
/*
 * Emptying of a grant's window, block by block as in evacuate.c, but not given up before the deadline:
 * passes over what is left wait longer for a busy slot each time, with the slots taken so far
 * held. That cannot deadlock: readers and writers hold one slot and wait for no other, and only the
 * holder of the background lock takes several.
 *
 * UZ_CONTIG_CMA imitates the kernel (Linux 6.1) instead: alloc_contig_range() isolates COMPACT_CLUSTER_MAX
 * pages at a time, gives them to migrate_pages() up to 5 times, which passes over them up to 10 times
 * (NR_MAX_MIGRATE_PAGES_RETRY), and gives up with -EBUSY when one is left; it does not wait for who has
 * a reference to a page. Targets are allocated as any page is (alloc_migration_target), reclaim of
 * clean pages included; without one it is -ENOMEM at once.
 */
#include "evacuate.h"

#define HOLD_MIN_NS 50000ull
#define HOLD_MAX_NS 20000000ull
#define CMA_TRIES 5
#define CMA_PASSES 10
#define CMA_PAGES 32

static void blame(struct evacuation *ev, struct uz_block_id id, uint64_t since,
		  struct uz_contig_failure *why)
{
	struct uz_store *s = ev->s;
	struct uz_dev *d = id.disk < UZ_DISK_MAX ? uz_load_acquire(&s->disk[id.disk]) : NULL;
	struct uz_culprit *c;

	if (why->nr_culprits == UZ_CULPRIT_MAX)
		return;
	c = &why->culprit[why->nr_culprits++];
	*c = (struct uz_culprit){ .frame = id.start, .owner = UINT64_MAX };
	c->age_ns = s->plat->ops->now(s->plat) - since;
	if (ev->busy_owner != UINT32_MAX)
		c->owner = ev->busy_owner;
	if (d)
		memcpy(c->client, d->name, sizeof(d->name));
}

static bool in_window(const struct uz_window *w, struct uz_block_id id)
{
	return id.kind != UZ_BLOCK_FREE && uz_ablock_of(id.start) - w->first < w->nr;
}

/* One pass over all blocks; -ENOMEM when there is no place to move to. */
static int window_pass(struct evacuation *ev, uint64_t since, struct uz_contig_failure *why)
{
	struct uz_store *s = ev->s;
	uint32_t nr = uz_load_acquire(&s->tab.nr);

	why->nr_culprits = 0;
	ev->no_place = false;
	for (uint32_t b = 1; b < nr; b++) {
		struct uz_block_id id = uz_block_id(&s->tab, b);

		if (!in_window(ev->w, id))
			continue;
		uz__enter(s->bg);
		if (uz__evacuate_block(ev, b, id))
			ev->w->moved += id.nr_frames;
		else
			blame(ev, id, since, why);
		uz__leave(s->bg);
		if (s->plat->ops->now(s->plat) >= ev->w->deadline_ns)
			break;
	}
	return ev->no_place ? -UZ_ENOMEM : 0;
}

static bool window_empty(struct uz_window *w)
{
	bool empty = true;

	for (uint32_t i = w->first; i < w->first + w->nr; i++) {
		if (uz_ablock_used(w->arena, i))
			empty = false;
		else
			uz_window_done(w, i);
	}
	return empty;
}

uint64_t uz__window_drop(struct uz_borrower *b, uint64_t bytes)
{
	return uz__clean_shrink(UZ_CONTAINER_OF(b, struct uz_store, borrower), bytes);
}

/* What one call of migrate_pages() gets. */
struct batch {
	uint32_t block[CMA_PAGES];
	uint32_t nr, frames;
};

/* One pass of migrate_pages(): what is left stays in @batch, and is named in @why. */
static void cma_pass(struct evacuation *ev, struct batch *batch, uint64_t since,
		     struct uz_contig_failure *why)
{
	struct uz_store *s = ev->s;
	uint32_t left = 0;

	why->nr_culprits = 0;
	for (uint32_t i = 0; i < batch->nr; i++) {
		struct uz_block_id id = uz_block_id(&s->tab, batch->block[i]);

		if (!in_window(ev->w, id))
			continue;
		uz__enter(s->bg);
		if (uz__evacuate_block(ev, batch->block[i], id)) {
			ev->w->moved += id.nr_frames;
		} else {
			batch->block[left++] = batch->block[i];
			blame(ev, id, since, why);
		}
		uz__leave(s->bg);
	}
	batch->nr = left;
}

static int cma_migrate(struct evacuation *ev, struct batch *batch, uint64_t since,
		       struct uz_contig_failure *why)
{
	for (unsigned int i = 0; i < CMA_TRIES * CMA_PASSES && batch->nr && !ev->no_place; i++)
		cma_pass(ev, batch, since, why);
	batch->frames = 0;
	return ev->no_place ? -UZ_ENOMEM : batch->nr ? -UZ_EBUSY : 0;
}

/*
 * __alloc_contig_migrate_range() of mm/page_alloc.c: what was there when it began, 32 pages at a time;
 * a page that stays ends it. The caller looks whether the window is empty, as test_pages_isolated().
 */
static int cma_clear(struct evacuation *ev, uint64_t since, struct uz_contig_failure *why)
{
	struct uz_store *s = ev->s;
	uint32_t nr = uz_load_acquire(&s->tab.nr);
	struct batch batch = { .nr = 0 };
	int r = 0;

	for (uint32_t b = 1; b < nr && r == 0; b++) {
		struct uz_block_id id = uz_block_id(&s->tab, b);

		if (!in_window(ev->w, id))
			continue;
		batch.block[batch.nr++] = b;
		batch.frames += id.nr_frames;
		if (batch.frames >= CMA_PAGES)
			r = cma_migrate(ev, &batch, since, why);
	}
	return r < 0 ? r : cma_migrate(ev, &batch, since, why);
}

/* Background lock held. */
int uz__window_clear(struct uz_borrower *b, struct uz_window *w, struct uz_contig_failure *why)
{
	struct uz_store *s = UZ_CONTAINER_OF(b, struct uz_store, borrower);
	struct evacuation ev = { .s = s, .w = w };
	uint64_t since = s->plat->ops->now(s->plat);
	int r = 0;

	uz__clean_drop(s, w->first, w->nr);
	if (w->policy == UZ_CONTIG_CMA)
		return cma_clear(&ev, since, why);
	while (!window_empty(w)) {
		if (ev.hold_ns && s->plat->ops->now(s->plat) >= w->deadline_ns)
			return r < 0 ? r : -UZ_EBUSY;
		r = window_pass(&ev, since, why);
		ev.hold_ns = UZ_MIN(UZ_MAX(ev.hold_ns * 2, HOLD_MIN_NS), HOLD_MAX_NS);
		if (why->nr_culprits)
			uz__slot_nap(s->plat, w->deadline_ns);
	}
	return 0;
}
