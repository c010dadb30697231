/* SPDX-License-Identifier: MIT */
/*
 * An arena block of a grant's window moves as a whole where the platform can put its memory at other
 * addresses: the slots of all its objects are taken, all descriptors say the new place, then the memory
 * goes there. Nobody waits for a busy slot with so many held: the arena block is met again, and
 * goes run by run in the end.
 *
 * They are held for about 70 us: most of that is waiting for the cache lines of slots and blocks. (Asking
 * for these ahead did not make it shorter.) With objects so small that there are more than HELD_MAX it
 * would be too long.
 */
#include <uz/san.h>

#include "evacuate.h"

#define HELD_MAX 2048u

struct carriage {
	struct evacuation *ev;
	uint32_t from, to, nr; /* arena blocks; blocks in s->carried */
};

/* A block's number is soon another's, so that it is looked at again when its slots are held. */
static bool lies_there(const struct carriage *c, struct uz_block_id id)
{
	return id.kind != UZ_BLOCK_FREE && uz_ablock_of(id.start) == c->from;
}

/* Frames of the blocks in @map, which become those to move. */
static uint32_t list(struct carriage *c, const uint32_t *map)
{
	struct uz_store *s = c->ev->s;
	uint32_t frames = 0;

	for (uint32_t f = 0; f < UZ_ABLOCK_FRAMES; f++) {
		struct uz_block_id id = uz_block_id(&s->tab, map[f]);

		if (!map[f] || !lies_there(c, id) || id.start % UZ_ABLOCK_FRAMES != f)
			continue;
		s->carried[c->nr++] = (struct uz__carried){ .block = map[f] };
		frames += id.nr_frames;
	}
	return frames;
}

/* Once its slots are let go a block may be gone, or be another: whose it was says what was taken. */
static void let_all(struct carriage *c, uint32_t nr)
{
	uz__release_all(c->ev);
	for (uint32_t k = 0; k < nr; k++)
		uz__block_free(c->ev, c->ev->s->carried[k].block, c->ev->s->carried[k].id);
}

/* False: one is busy, or in use by somebody who has not published it; nothing is taken then. */
static bool take_all(struct carriage *c)
{
	struct evacuation *ev = c->ev;
	uint32_t k, before, frames = 0;

	for (k = 0; k < c->nr; k++) {
		struct uz__carried *b = &ev->s->carried[k];
		struct uz_block_id id = uz_block_id(&ev->s->tab, b->block);

		before = ev->nr;
		if (ev->nr >= HELD_MAX || !lies_there(c, id) || !uz__block_take(ev, b->block, id))
			break;
		b->nr = ev->nr - before;
		b->id = id;
		frames += id.nr_frames;
	}
	if (k == c->nr && frames == uz_ablock_used(ev->w->arena, c->from))
		return true;
	ev->cannot = ev->nr >= HELD_MAX;
	let_all(c, k);
	return false;
}

/* How many descriptors say the new place; all of them, or a pool had an object more. */
static uint32_t switch_all(struct carriage *c)
{
	uint32_t k, at;

	for (k = 0; k < c->nr; k++) {
		const struct uz__carried *b = &c->ev->s->carried[k];

		at = c->to * UZ_ABLOCK_FRAMES + b->id.start % UZ_ABLOCK_FRAMES;
		if (!uz__block_move(c->ev, b->block, b->id, b->nr, at))
			break;
	}
	return k;
}

static void switch_back(struct carriage *c, uint32_t nr)
{
	struct uz_store *s = c->ev->s;

	for (uint32_t k = 0; k < nr; k++)
		uz_block_switch(&s->tab, s->carried[k].block, s->carried[k].id.start);
}

/* All slots are taken. */
static int carry_taken(struct carriage *c)
{
	struct uz_blocktab *tab = &c->ev->s->tab;
	int r = -UZ_EBUSY;
	uint32_t nr;

	tab->carried = true;
	nr = switch_all(c);
	if (nr == c->nr)
		r = uz_window_carry_end(c->ev->w, c->from, c->to);
	else
		uz_window_carry_undo(c->ev->w, c->from, c->to);
	if (r < 0)
		switch_back(c, nr);
	tab->carried = false;
	let_all(c, c->nr);
	return r;
}

static int begin(struct carriage *c)
{
	struct evacuation *ev = c->ev;
	int r;

	do
		r = uz_window_carry_begin(ev->w, c->from, &c->to);
	while (r == -UZ_ENOMEM && uz__window_room(ev));
	ev->cannot = r == -UZ_ENOTSUP;
	return r;
}

bool uz__carry_ablock(struct evacuation *ev, uint32_t i, const uint32_t *map)
{
	struct carriage c = { .ev = ev, .from = i };
	struct uz_store *s = ev->s;
	uint32_t frames = list(&c, map);
	int r = -UZ_EBUSY;

	if (UZ_SAN || frames != uz_ablock_used(ev->w->arena, i) || begin(&c) < 0)
		return false;
	uz__enter(s->bg);
	if (take_all(&c))
		r = carry_taken(&c);
	else
		uz_window_carry_undo(ev->w, i, c.to);
	uz__leave(s->bg);
	ev->cannot |= r < 0 && r != -UZ_EBUSY;
	ev->w->moved += r == 0 ? frames : 0;
	return r == 0;
}
