/* SPDX-License-Identifier: MIT */
/*
 * zslot, moving. A block is worth emptying when a 32nd of it is free: its
 * objects go into holes of other blocks, or side by side into a new one, and either way
 * that free space is won. The emptiest goes first. So a disk that has lost half of its
 * pages at random comes down to about 1.02 times its data with every second object
 * left where it is. Holes alone, with no new block for what is moved, would end at 1.03.
 *
 * Objects of one awkward size (three eighths of a block, say) leave the same free space wherever
 * they go. So emptying stops when IN_VAIN blocks have been emptied and the pool
 * is no smaller than before, be it for what moves or what writers made, until a 64th of it has
 * been freed.
 *
 * tidy joins holes inside a block: an object with a hole beside it goes to another
 * hole of the block, if that makes the largest one larger.
 */
#include "zslot_i.h"

#define LEVEL_SOFT 2u
#define LEVEL_HARD 1u
#define IN_VAIN 128u
#define SPARE_UNITS (2u * FRAMES_MAX * UNITS_FRAME)
#define TIDY_LOOK 16u /* blocks looked at for each object that may be moved */
#define TIDY_SCAN 64u /* entries of the table looked at for each block: most may be others' */

int uz__zslot_isolate(struct uz_pool *p, uint32_t block)
{
	struct zslot *z = zslot_of(p);
	struct zslot_shard *s = uz__zslot_lock_block(z, block);
	bool already;

	if (!s)
		return -UZ_ESTALE;
	already = p->tab->block[block].u8[B_ISOLATED];
	if (!already) {
		uz__zslot_unfile(z, s, block);
		p->tab->block[block].u8[B_ISOLATED] = UZ__BY_CALLER;
	}
	uz_unlock(z->plat, &s->lock);
	return already ? -UZ_EBUSY : 0;
}

int uz__zslot_move(struct uz_pool *p, uint32_t block, uint32_t nr, uint32_t to)
{
	struct zslot *z = zslot_of(p);
	struct zslot_shard *s = uz__zslot_lock_block(z, block);
	bool all;

	if (!s)
		return -UZ_ESTALE;
	all = zslot_foot(p->tab, block)->nr_objects == nr;
	uz_unlock(z->plat, &s->lock);
	if (all)
		uz_block_switch(p->tab, block, to);
	return all ? 0 : -UZ_EBUSY;
}

static void end_isolation(struct uz_pool *p, uint32_t block, enum uz__isolator by)
{
	struct zslot *z = zslot_of(p);
	struct zslot_shard *s = uz__zslot_lock_block(z, block);

	if (!s)
		return;
	if (p->tab->block[block].u8[B_ISOLATED] == by) {
		p->tab->block[block].u8[B_ISOLATED] = UZ__BY_NONE;
		uz__zslot_file(z, s, block, uz__zslot_room(zslot_foot(z->pool.tab, block)));
	}
	uz_unlock(z->plat, &s->lock);
}

void uz__zslot_undo(struct uz_pool *p, uint32_t block)
{
	end_isolation(p, block, UZ__BY_CALLER);
}

void uz__zslot_spare(struct uz_pool *p, uint32_t block)
{
	end_isolation(p, block, UZ__BY_VICTIM);
}

/* Keeps out[] sorted by index, at most @nr; how many now. */
static uint32_t insert(struct uz_resident *out, uint32_t found, uint32_t nr, struct zslot_cell c)
{
	uint32_t i = found;

	if (found == nr && c.off > out[nr - 1].index)
		return nr;
	if (found == nr)
		i = nr - 1;
	for (; i && out[i - 1].index > c.off; i--)
		out[i] = out[i - 1];
	out[i] = (struct uz_resident){ .index = c.off, .owner = c.owner };
	return UZ_MIN(found + 1, nr);
}

uint32_t uz__zslot_residents(struct uz_pool *p, uint32_t block, uint32_t from,
			     struct uz_resident *out, uint32_t nr)
{
	struct zslot *z = zslot_of(p);
	struct zslot_shard *s = uz__zslot_lock_block(z, block);
	uint32_t found = 0;
	const struct zslot_foot *f;

	if (!s)
		return 0;
	f = zslot_foot(p->tab, block);
	for (uint32_t i = f->nr_objects; i && nr; i--) {
		struct zslot_cell c = zslot_cell_unpack(*zslot_cell(f, i));

		if (c.off >= from)
			found = insert(out, found, nr, c);
	}
	uz_unlock(z->plat, &s->lock);
	return found;
}

static uint64_t total_freed(const struct zslot *z)
{
	uint64_t sum = 0;

	for (const struct zslot_shard *s = z->shard; s < &z->shard[NR_SHARDS]; s++)
		sum += uz_load(&s->freed);
	return sum;
}

static uint64_t total_usable(const struct zslot *z)
{
	uint64_t sum = 0;

	for (const struct zslot_shard *s = z->shard; s < &z->shard[NR_SHARDS]; s++)
		sum += uz_load(&s->usable);
	return sum;
}

/* True if emptying should not begin, or not go on. */
static bool resting(struct zslot *z)
{
	uint64_t frames = uz_load(&z->pool.nr_frames), rest = uz_load(&z->rest_until);

	if (rest && total_freed(z) < rest)
		return true;
	if (rest || frames < uz_load(&z->best_frames) || !uz_load(&z->best_frames)) {
		uz_store(&z->best_frames, frames);
		uz_store(&z->in_vain, 0u);
	}
	rest = total_freed(z) + frames * UNITS_FRAME / 64 + 1;
	uz_store(&z->rest_until, uz_load(&z->in_vain) < IN_VAIN ? 0 : rest);
	return uz_load(&z->rest_until) != 0;
}

/* The shard with the highest level among those of @mask; each in its turn among equals. */
static struct zslot_shard *sparsest(struct zslot *z, uint64_t mask)
{
	uint32_t turn = uz_load(&z->turn);
	struct zslot_shard *best = NULL;
	uint64_t most = 0;

	for (uint32_t i = 0; i < NR_SHARDS; i++) {
		struct zslot_shard *s = &z->shard[(turn + i) % NR_SHARDS];
		uint64_t levels = uz_load(&s->levels) & mask;

		if (levels > most)
			best = s;
		most = UZ_MAX(most, levels);
	}
	return best;
}

/* The emptiest block among the levels of @mask, 0 if there is none. Shard locked. */
static uint32_t emptiest(const struct zslot_shard *s, uint64_t mask)
{
	mask &= s->levels;
	return mask ? s->level[63 - (uint32_t)__builtin_clzll(mask)] : 0;
}

/*
 * Free space elsewhere for all that the block holds, and unasked some more: objects that find no
 * hole begin a new block, which the next victims fill.
 */
static bool pays(const struct zslot *z, uint32_t block, bool hard)
{
	uint32_t units = uz_block_id(z->pool.tab, block).nr_frames * UNITS_FRAME;

	return total_usable(z) >= units + (hard ? 0 : SPARE_UNITS);
}

static uint32_t isolate_emptiest(struct zslot *z, uint64_t mask, bool hard)
{
	struct zslot_shard *s = sparsest(z, mask);
	uint32_t block;

	if (!s)
		return 0;
	uz_lock(z->plat, &s->lock);
	block = emptiest(s, mask);
	if (block && !pays(z, block, hard))
		block = 0;
	if (block) {
		uz_store(&z->turn, (uint32_t)(s - z->shard) + 1);
		uz_store(&z->sweep, z->pool.tab->block[block].u8[B_LEVEL]);
		uz__zslot_unfile(z, s, block);
		z->pool.tab->block[block].u8[B_ISOLATED] = UZ__BY_VICTIM;
		uz_fetch_add(&z->in_vain, 1u);
	}
	uz_unlock(z->plat, &s->lock);
	return block;
}

uint32_t uz__zslot_victim(struct uz_pool *p, bool hard)
{
	struct zslot *z = zslot_of(p);
	uint64_t mask = ~0ull << (hard ? LEVEL_HARD : LEVEL_SOFT);
	uint32_t block;

	if (!sparsest(z, mask) || resting(z))
		return 0;
	block = isolate_emptiest(z, mask & ((2ull << uz_load(&z->sweep)) - 1), hard);
	return block ? block : isolate_emptiest(z, mask, hard);
}

/* A move inside the block that is worth it: the new place is taken. */
static bool plan(struct zslot *z, uint32_t block, struct zslot_cell *from, uint32_t *to)
{
	struct zslot_shard *s = uz__zslot_lock_block(z, block);
	struct uz_block *b = &z->pool.tab->block[block];
	bool found;

	if (!s)
		return false;
	found = !b->u8[B_ISOLATED] && b->u16[B_FREE] > b->u16[B_BIN] &&
		uz__zslot_gather(zslot_foot(z->pool.tab, block), from, to);
	if (found) {
		s->nr_objects++;
		uz__zslot_file(z, s, block, uz__zslot_room(zslot_foot(z->pool.tab, block)));
	}
	uz_unlock(z->plat, &s->lock);
	return found;
}

static bool move_inside(struct zslot *z, uint32_t block, struct uz_mover *m)
{
	struct uz_pool *p = &z->pool;
	struct zslot_cell from;
	uint64_t old, new;
	uint32_t to, size;
	char *base;

	if (!plan(z, block, &from, &to))
		return false;
	base = uz_block_addr(p->tab, block);
	old = uz_handle(block, from.off);
	new = uz_handle(block, to);
	if (!m->lock(m, from.owner, old, &size)) {
		p->ops->free(p, new, from.len * UNIT_BYTES);
		return false;
	}
	memcpy(base + to * UNIT_BYTES, base + from.off * UNIT_BYTES, size);
	m->publish(m, from.owner, new);
	p->ops->free(p, old, size);
	uz_fetch_add(&p->nr_moved, 1);
	return true;
}

uint32_t uz__zslot_tidy(struct uz_pool *p, uint32_t nr, struct uz_mover *m)
{
	struct zslot *z = zslot_of(p);
	uint32_t block = uz_load(&z->tidy_at), moved = 0, look = nr * TIDY_LOOK,
		 scan = look * TIDY_SCAN;
	struct uz_block_id id;

	for (; scan && look && moved < nr; scan--) {
		if (++block >= uz_load(&p->tab->nr)) {
			block = 0;
			break;
		}
		if (!uz__pool_owns(p, block, &id))
			continue;
		if (uz__mover_stops(m))
			break;
		look--;
		while (moved < nr && move_inside(z, block, m))
			moved++;
	}
	uz_store(&z->tidy_at, block);
	return moved;
}
