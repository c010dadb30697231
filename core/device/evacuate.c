/* SPDX-License-Identifier: MIT */
/*
 * Emptying of arena blocks, so that whole ones can go back to the system:
 * after discards and compaction free frames lie scattered, and runs that are in use
 * keep the pieces around them. Each run moves as a whole: the slots of all its objects
 * are taken (nobody reads or replaces them then), the pool copies the run and switches
 * its descriptor with one store. A run with a slot that is busy, or with an object that its
 * writer has not published yet, stays; then the arena block goes back into use half
 * emptied, and is met again.
 *
 * Free frames may lie in gaps that are all too short for the run: of 260 MiB of equal objects half of
 * which were discarded, 3% in the end. Then its objects are moved one by one, until one finds no
 * room: what has been moved has left room for those that follow, who would take it for ever.
 */
#include "evacuate.h"

#define BATCH 32
#define REST_NS 100000000ull /* after one that could not be emptied */
#define STEP_NS 5000000ull /* others wait for the lock */

void uz__release_all(struct evacuation *ev)
{
	while (ev->nr) {
		ev->nr--;
		uz__slot_unlock(ev->s->taken[ev->nr].slot, ev->s->taken[ev->nr].word);
	}
}

static bool take_late(struct evacuation *ev, struct uz__mover *mv, uint32_t owner, uint64_t handle)
{
	struct uz_plat *pl = ev->s->plat;
	uint64_t start = pl->ops->now(pl), end = UZ_MIN(start + ev->hold_ns, ev->until_ns);
	bool locked = false, known;
	uint32_t size;

	while (ev->hold_ns && !locked && pl->ops->now(pl) < end) {
		uz__slot_nap(pl, end);
		locked = mv->m.lock(&mv->m, owner, handle, &size);
	}
	known = owner < uz_load(&mv->dev->held_bytes) >> UZ_PAGE_SHIFT; /* or not written yet */
	ev->busy_owner = !locked && known ? owner : UINT32_MAX;
	if (ev->w)
		ev->w->stage_ns[UZ_STAGE_PIN] += pl->ops->now(pl) - start;
	return locked;
}

static bool take(struct evacuation *ev, struct uz__mover *mv, uint32_t owner, uint64_t handle)
{
	uint32_t size;

	if (ev->nr == UZ__TAKEN_MAX)
		return false;
	if (!mv->m.lock(&mv->m, owner, handle, &size) && !take_late(ev, mv, owner, handle))
		return false;
	ev->s->taken[ev->nr++] = (struct uz__taken){ mv->slot, mv->word };
	return true;
}

/* Takes the slots of all objects of the block. */
static bool take_residents(struct evacuation *ev, struct uz__mover *mv, struct uz_pool *p,
			   uint32_t block)
{
	struct uz_resident r[BATCH];
	uint32_t from = 0, nr;

	while ((nr = p->ops->residents(p, block, from, r, BATCH))) {
		for (uint32_t i = 0; i < nr; i++)
			if (!take(ev, mv, r[i].owner, uz_handle(block, r[i].index)))
				return false;
		from = r[nr - 1].index + 1;
	}
	return true;
}

/*
 * Whether the block is still the one that @id describes, and not another that was given its index
 * since. With one of its objects held it stays what it is.
 */
static bool still(struct uz_store *s, uint32_t block, struct uz_block_id id)
{
	return uz_load_acquire(&s->tab.desc[block].word) == uz_desc_pack(id);
}

static struct uz_dev *disk_of(struct evacuation *ev, struct uz_block_id id)
{
	return id.disk < UZ_DISK_MAX ? uz_load_acquire(&ev->s->disk[id.disk]) : NULL;
}

static bool take_pool_block(struct evacuation *ev, struct uz_dev *d, uint32_t block,
			    struct uz_block_id id)
{
	struct uz_pool *p = uz_load_acquire(&d->pools[id.entry]);
	uint32_t before = ev->nr;
	struct uz__mover mv;

	if (!p || !p->ops->move || p->ops->isolate(p, block) < 0)
		return false;
	uz__mover_init(&mv, d, UZ_FOREVER);
	if (take_residents(ev, &mv, p, block) && ev->nr > before && still(ev->s, block, id))
		return true;
	p->ops->undo(p, block);
	return false;
}

static bool take_raw(struct evacuation *ev, struct uz_dev *d, uint32_t block, struct uz_block_id id)
{
	struct uz_blocktab *tab = &d->store->tab;
	uint64_t *slot, page = uz_load(&tab->desc[block].owner), w;

	if (page >= uz_load_acquire(&d->held_bytes) >> UZ_PAGE_SHIFT || ev->nr == UZ__TAKEN_MAX)
		return false;
	ev->busy_owner = (uint32_t)page;
	slot = uz__slot_at(d, page);
	w = slot ? uz_load_acquire(slot) : 0;
	if (uz__slot_state(w) != UZ_SLOT_RAW || uz__slot_handle(w) != uz_handle(block, 0) ||
	    (w & UZ_SLOT_LOCK) || !uz__slot_trylock(slot, w))
		return false;
	ev->s->taken[ev->nr++] = (struct uz__taken){ slot, w };
	return still(d->store, block, id);
}

bool uz__block_take(struct evacuation *ev, uint32_t block, struct uz_block_id id)
{
	struct uz_dev *d = disk_of(ev, id);

	ev->busy_owner = UINT32_MAX;
	if (!d)
		return false;
	return id.kind == UZ_BLOCK_RAW ? take_raw(ev, d, block, id)
				       : take_pool_block(ev, d, block, id);
}

bool uz__block_move(struct evacuation *ev, uint32_t block, struct uz_block_id id, uint32_t nr,
		    uint32_t to)
{
	struct uz_pool *p;

	if (id.kind == UZ_BLOCK_RAW) {
		uz_block_switch(&ev->s->tab, block, to);
		return true;
	}
	p = disk_of(ev, id)->pools[id.entry];
	return p->ops->move(p, block, nr, to) == 0;
}

void uz__block_free(struct evacuation *ev, uint32_t block, struct uz_block_id id)
{
	struct uz_pool *p;

	if (id.kind == UZ_BLOCK_RAW)
		return;
	p = disk_of(ev, id)->pools[id.entry];
	p->ops->undo(p, block);
}

bool uz__window_room(struct evacuation *ev)
{
	struct uz_plat *pl = ev->s->plat;
	uint64_t start = pl->ops->now(pl);
	bool won = uz__clean_shrink(ev->s, UZ_ABLOCK_FRAMES << UZ_FRAME_SHIFT) != 0;

	ev->w->stage_ns[UZ_STAGE_DROP] += pl->ops->now(pl) - start;
	return won;
}

/* Copies of what is on a backing are in nobody's way. */
static int find_target(struct evacuation *ev, struct uz_block_id id, uint32_t *to)
{
	int r;

	if (!ev->w) {
		r = uz_run_alloc(ev->s->arena, id.nr_frames, UZ_ALLOC_RESIDENT, to);
		ev->no_place = r < 0;
		return r;
	}
	do
		r = ev->w->policy == UZ_CONTIG_CMA
			    ? uz_run_alloc(ev->s->arena, id.nr_frames, 0, to)
			    : uz_window_target(ev->w, id.start, id.nr_frames, to);
	while (r < 0 && uz__window_room(ev));
	ev->no_place |= r < 0;
	return r;
}

bool uz__evacuate_block(struct evacuation *ev, uint32_t block, struct uz_block_id id)
{
	struct uz_store *s = ev->s;
	bool taken, moved;
	uint32_t to;

	ev->busy_owner = UINT32_MAX;
	if (!disk_of(ev, id) || find_target(ev, id, &to) < 0)
		return false;
	taken = uz__block_take(ev, block, id);
	moved = taken && uz__block_move(ev, block, id, ev->nr, to);
	uz__release_all(ev);
	if (taken)
		uz__block_free(ev, block, id);
	uz_run_free(s->arena, moved ? id.start : to, id.nr_frames);
	return moved;
}

/* The block's objects one by one, into free space of others and shorter blocks where frames lie free. */
static bool spread(struct evacuation *ev, uint32_t block, struct uz_block_id id, uint64_t end_ns)
{
	struct uz_dev *d = disk_of(ev, id);
	struct uz_pool *p = d ? uz_load_acquire(&d->pools[id.entry]) : NULL;
	struct uz__mover mv;

	if (!p || id.kind != UZ_BLOCK_POOL)
		return false;
	uz__mover_init(&mv, d, end_ns);
	return uz_pool_empty(p, block, UZ_ALLOC_RESIDENT, &mv.m);
}

/*
 * Empties one arena block, or begins to; false when none is worth it or not all of it could be moved.
 * Background lock held. The table of blocks is read once for each: 16 bytes a block.
 */
bool uz__evacuate_step(struct uz_store *s, bool *trim)
{
	struct evacuation ev = { .s = s };
	uint32_t ablock, left, nr = uz_load_acquire(&s->tab.nr);
	uint64_t now = s->plat->ops->now(s->plat), end = now + STEP_NS;
	bool over = false, full = false, gone, any = false;

	if (uz__give_way(s))
		return true;
	if (now < s->evacuate_next_ns || !uz__half_join(s) ||
	    !uz_ablock_sparse(s->arena, &ablock, &left))
		return false;
	left -= (uint32_t)UZ_MIN(uz__clean_drop(s, ablock, 1), (uint64_t)left);
	uz__enter(s->bg);
	for (uint32_t b = 1; b < nr && left && !full && !over; b++) {
		struct uz_block_id id = uz_block_id(&s->tab, b);

		if (id.kind == UZ_BLOCK_FREE || uz_ablock_of(id.start) != ablock)
			continue;
		ev.no_place = false;
		gone = uz__evacuate_block(&ev, b, id) || (ev.no_place && spread(&ev, b, id, end));
		left -= gone ? UZ_MIN(left, id.nr_frames) : 0;
		any |= gone;
		over = uz__give_way(s) || (any && s->plat->ops->now(s->plat) >= end);
		full = !gone && ev.no_place && !over;
	}
	uz__leave(s->bg);
	uz_ablock_undo(s->arena, ablock);
	if (left && !over) {
		s->evacuate_next_ns = now + REST_NS;
		*trim = true;
	}
	return !left || over;
}
