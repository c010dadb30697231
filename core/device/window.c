/* SPDX-License-Identifier: MIT */
/*
 * Emptying of a grant's window: whole arena blocks where that is possible (carry.c), and what is left
 * block by block as in evacuate.c, but not given up before the deadline:
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
#define SETTLE_PASSES 6
#define CARRY_PASSES 16

struct clearing {
	struct evacuation ev;
	uint64_t since_ns;
	struct uz_contig_failure *why;
	/* culprits of the round before, but those acquitted since */
	struct uz_contig_failure before;
	bool unknown; /* frames are in use by blocks that the map does not have */
};

static struct uz_culprit *culprit(struct uz_contig_failure *why, uint32_t frame)
{
	for (uint32_t i = 0; i < why->nr_culprits; i++)
		if (why->culprit[i].frame == frame)
			return &why->culprit[i];
	return NULL;
}

/* Named once, however often it is met. */
static void blame(struct clearing *c, struct uz_block_id id)
{
	struct uz_contig_failure *why = c->why;
	struct uz_store *s = c->ev.s;
	struct uz_dev *d = id.disk < UZ_DISK_MAX ? uz_load_acquire(&s->disk[id.disk]) : NULL;
	struct uz_culprit *who = culprit(why, id.start);

	if (!who && why->nr_culprits == UZ_CULPRIT_MAX)
		return;
	if (!who)
		who = &why->culprit[why->nr_culprits++];
	*who = (struct uz_culprit){ .frame = id.start, .owner = UINT64_MAX };
	who->age_ns = s->plat->ops->now(s->plat) - c->since_ns;
	if (c->ev.busy_owner != UINT32_MAX)
		who->owner = c->ev.busy_owner;
	if (d)
		memcpy(who->client, d->name, sizeof(d->name));
}

/* It could be moved after all. */
static void acquit(struct uz_contig_failure *why, struct uz_block_id id)
{
	struct uz_culprit *who = culprit(why, id.start);

	if (who)
		*who = why->culprit[--why->nr_culprits];
}

static bool in_window(const struct uz_window *w, struct uz_block_id id)
{
	return id.kind != UZ_BLOCK_FREE && uz_ablock_of(id.start) - w->first < w->nr;
}

static uint32_t *map_at(const struct clearing *c, uint32_t frame)
{
	return &c->ev.s->map[frame - c->ev.w->first * UZ_ABLOCK_FRAMES];
}

/*
 * All blocks of the window, by their frames: one scan of the table for all passes. With what has been
 * moved to a half's target, by where it was, so that it can go back.
 */
static void map_read(struct clearing *c)
{
	struct uz_store *s = c->ev.s;
	struct uz_window *w = c->ev.w;
	uint32_t nr = uz_load_acquire(&s->tab.nr), from, to;
	bool half = uz_window_half(w->arena, &from, &to) && from - w->first < w->nr;

	memset(s->map, 0, (uint64_t)w->nr * UZ_ABLOCK_FRAMES * sizeof(*s->map));
	for (uint32_t b = 1; b < nr; b++) {
		struct uz_block_id id = uz_block_id(&s->tab, b);

		if (half && id.kind != UZ_BLOCK_FREE && uz_ablock_of(id.start) == to)
			id.start += (from - to) * UZ_ABLOCK_FRAMES;
		if (in_window(w, id))
			*map_at(c, id.start) = b;
	}
	c->unknown = false;
}

static bool past(const struct clearing *c, uint64_t ns)
{
	struct uz_plat *pl = c->ev.s->plat;

	return pl->ops->now(pl) >= ns;
}

/*
 * Moves the blocks of arena block @i that are in @at now, itself or its target. False when one is
 * busy, or it is time.
 */
static bool pass(struct clearing *c, uint32_t i, uint32_t at)
{
	struct uz_store *s = c->ev.s;
	bool all = true;

	for (uint32_t f = 0; f < UZ_ABLOCK_FRAMES; f++) {
		uint32_t b = *map_at(c, i * UZ_ABLOCK_FRAMES + f);
		struct uz_block_id id = uz_block_id(&s->tab, b);

		if (!b || id.kind == UZ_BLOCK_FREE || id.start != at * UZ_ABLOCK_FRAMES + f)
			continue;
		if (past(c, c->ev.until_ns))
			return false;
		uz__enter(s->bg);
		if (uz__evacuate_block(&c->ev, b, id)) {
			c->ev.w->moved += id.nr_frames;
			acquit(c->why, id);
			acquit(&c->before, id);
		} else {
			all = false;
			blame(c, id);
		}
		uz__leave(s->bg);
	}
	return all;
}

/* What is in two arena blocks goes where more of it is; if that is not possible, to the other. */
static void settle(struct clearing *c, uint32_t i)
{
	struct uz_window *w = c->ev.w;
	uint32_t from, to;
	bool back;

	c->ev.until_ns = UZ_FOREVER;
	c->ev.hold_ns = HOLD_MIN_NS;
	for (int n = 0; n < SETTLE_PASSES && uz_window_half(w->arena, &from, &to); n++) {
		if (!n)
			back = uz_ablock_used(w->arena, from) > uz_ablock_used(w->arena, to);
		pass(c, i, back ? to : from);
		back = !back;
	}
}

static void rest(struct clearing *c)
{
	struct uz_plat *pl = c->ev.s->plat;
	uint64_t start = pl->ops->now(pl);

	uz__slot_nap(pl, c->ev.w->deadline_ns);
	c->ev.w->stage_ns[UZ_STAGE_PIN] += pl->ops->now(pl) - start;
}

/* Empties the arena block, or leaves it whole; tries again what is busy until @until_ns. */
static bool try_ablock(struct clearing *c, uint32_t i, uint64_t until_ns)
{
	struct uz_window *w = c->ev.w;
	uint32_t left;
	bool all;

	c->ev.hold_ns = 0;
	c->ev.until_ns = w->deadline_ns;
	for (;;) {
		all = pass(c, i, i);
		left = uz_ablock_used(w->arena, i);
		c->ev.hold_ns = UZ_MIN(UZ_MAX(c->ev.hold_ns * 2, HOLD_MIN_NS), HOLD_MAX_NS);
		c->ev.until_ns = UZ_MIN(until_ns, w->deadline_ns);
		if (!left || all || past(c, c->ev.until_ns))
			break;
		rest(c);
	}
	c->unknown |= left && all;
	if (left)
		settle(c, i);
	uz_window_done(w, i);
	if (uz_ablock_used(w->arena, i))
		w->failed += left;
	return !uz_ablock_used(w->arena, i);
}

/* What one call of migrate_pages() gets. */
struct batch {
	uint32_t block[CMA_PAGES];
	uint32_t nr, frames;
};

/* One pass of migrate_pages(): what is left stays in @batch, and is named in @why. */
static void cma_pass(struct clearing *c, struct batch *batch)
{
	struct uz_store *s = c->ev.s;
	uint32_t left = 0;

	c->why->nr_culprits = 0;
	batch->frames = 0;
	for (uint32_t i = 0; i < batch->nr; i++) {
		struct uz_block_id id = uz_block_id(&s->tab, batch->block[i]);

		if (!in_window(c->ev.w, id))
			continue;
		uz__enter(s->bg);
		if (uz__evacuate_block(&c->ev, batch->block[i], id)) {
			c->ev.w->moved += id.nr_frames;
		} else {
			batch->block[left++] = batch->block[i];
			batch->frames += id.nr_frames;
			blame(c, id);
		}
		uz__leave(s->bg);
	}
	batch->nr = left;
}

static int cma_migrate(struct clearing *c, struct batch *batch)
{
	for (unsigned int i = 0; i < CMA_TRIES * CMA_PASSES && batch->nr && !c->ev.no_place; i++)
		cma_pass(c, batch);
	c->ev.w->failed += batch->frames;
	batch->frames = 0;
	return c->ev.no_place ? -UZ_ENOMEM : batch->nr ? -UZ_EBUSY : 0;
}

/*
 * __alloc_contig_migrate_range() of mm/page_alloc.c: what was there when it began, 32 pages at a time;
 * a page that stays ends it. The caller looks whether the window is empty, as test_pages_isolated().
 */
static int cma_clear(struct clearing *c)
{
	struct uz_store *s = c->ev.s;
	uint32_t nr = uz_load_acquire(&s->tab.nr);
	struct batch batch = { .nr = 0 };
	int r = 0;

	for (uint32_t b = 1; b < nr && r == 0; b++) {
		struct uz_block_id id = uz_block_id(&s->tab, b);

		if (!in_window(c->ev.w, id))
			continue;
		batch.block[batch.nr++] = b;
		batch.frames += id.nr_frames;
		if (batch.frames >= CMA_PAGES)
			r = cma_migrate(c, &batch);
	}
	return r < 0 ? r : cma_migrate(c, &batch);
}

static void blame_writer(struct clearing *c, uint32_t i)
{
	struct uz_block_id unknown = { .start = i * UZ_ABLOCK_FRAMES, .disk = UZ_DISK_MAX };

	c->ev.busy_owner = UINT32_MAX;
	if (!c->why->nr_culprits)
		blame(c, unknown);
}

/* One after the other; how many are not empty. What is in two halves comes before all others. */
static uint32_t try_all(struct clearing *c, uint64_t patience_ns)
{
	struct uz_window *w = c->ev.w;
	struct uz_plat *pl = c->ev.s->plat;
	uint32_t left = 0, half, to;

	for (uint32_t i = w->first; i < w->first + w->nr; i++) {
		bool other = uz_window_half(w->arena, &half, &to) && half != i;

		if (!uz_ablock_used(w->arena, i))
			continue;
		if (!other && try_ablock(c, i, pl->ops->now(pl) + patience_ns))
			continue;
		left++;
		if (c->unknown)
			blame_writer(c, i);
	}
	return left;
}

/* Arena blocks that can move as a whole; how many of the others are not empty. */
static uint32_t carry_pass(struct clearing *c)
{
	struct uz_window *w = c->ev.w;
	uint32_t left = 0;

	c->ev.hold_ns = 0;
	for (uint32_t i = w->first; i < w->first + w->nr && !c->ev.cannot; i++) {
		if (!uz_ablock_used(w->arena, i))
			continue;
		if (past(c, w->deadline_ns))
			return 0;
		left += !uz__carry_ablock(&c->ev, i, map_at(c, i * UZ_ABLOCK_FRAMES));
	}
	return c->ev.cannot ? 0 : left;
}

/* Those with a busy page again, for a while: one page of 700 is soon let go of. */
static void carry_all(struct clearing *c)
{
	for (int n = 0; n < CARRY_PASSES && carry_pass(c); n++)
		rest(c);
}

static int clear(struct clearing *c)
{
	uint64_t patience_ns = 0, deadline_ns = c->ev.w->deadline_ns;
	uint32_t left;

	map_read(c);
	carry_all(c);
	for (;;) {
		c->before = *c->why;
		c->why->nr_culprits = 0;
		c->ev.no_place = false;
		left = try_all(c, patience_ns);
		if (!left)
			return 0;
		if (past(c, deadline_ns)) {
			if (!c->why->nr_culprits) /* the time was up before it came to them again */
				*c->why = c->before;
			return c->ev.no_place ? -UZ_ENOMEM : -UZ_EBUSY;
		}
		rest(c);
		patience_ns = UZ_MIN(UZ_MAX(patience_ns * 2, HOLD_MIN_NS), HOLD_MAX_NS);
		if (c->unknown)
			map_read(c);
	}
}

uint64_t uz__window_drop(struct uz_borrower *b, uint64_t bytes)
{
	return uz__clean_shrink(UZ_CONTAINER_OF(b, struct uz_store, borrower), bytes);
}

/* Any thread: the items are those of the batch that is being written, or of none. */
uint64_t uz__window_spill(struct uz_borrower *b, uint32_t first_ablock, uint32_t nr_ablocks)
{
	struct uz_store *s = UZ_CONTAINER_OF(b, struct uz_store, borrower);
	uint64_t nr = 0;

	for (uint32_t i = 0; i < UZ__WB_BATCH; i++) {
		uint32_t at = uz_load(&s->wb.ablock[i]);

		nr += at && at - first_ablock < nr_ablocks;
	}
	return nr;
}

/* Background lock held. */
int uz__window_clear(struct uz_borrower *b, struct uz_window *w, struct uz_contig_failure *why)
{
	struct uz_store *s = UZ_CONTAINER_OF(b, struct uz_store, borrower);
	struct clearing c = { .ev = { .s = s, .w = w }, .why = why };

	c.since_ns = s->plat->ops->now(s->plat);
	uz__clean_drop(s, w->first, w->nr);
	w->stage_ns[UZ_STAGE_DROP] += s->plat->ops->now(s->plat) - c.since_ns;
	return w->policy == UZ_CONTIG_CMA ? cma_clear(&c) : clear(&c);
}

bool uz__half_join(struct uz_store *s)
{
	struct uz_window w = { .arena = s->arena, .nr = 1 };
	struct evacuation ev = { .s = s, .w = &w, .until_ns = UZ_FOREVER };
	uint32_t from, to, at, nr = uz_load_acquire(&s->tab.nr);

	for (int n = 0; n < 2 && uz_window_half(s->arena, &from, &to); n++) {
		at = !n == (uz_ablock_used(s->arena, from) > uz_ablock_used(s->arena, to)) ? to
											   : from;
		w.first = at;
		for (uint32_t b = 1; b < nr; b++) {
			struct uz_block_id id = uz_block_id(&s->tab, b);

			if (!in_window(&w, id))
				continue;
			uz__enter(s->bg);
			uz__evacuate_block(&ev, b, id);
			uz__leave(s->bg);
		}
	}
	return !uz_window_half(s->arena, &from, &to);
}
