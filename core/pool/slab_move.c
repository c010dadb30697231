/* SPDX-License-Identifier: MIT */
/*
 * slab, moving: which block is worth emptying, and who lives in it.
 *
 * A block can be emptied without new memory when the class has at least a
 * block's worth of free cells: nr_free counts those of the block itself, so the others
 * then have room for all that it holds. Each class keeps a byte that says so, which is
 * what the search reads: three cache lines for all classes.
 *
 * When no class has that, the last, half empty block of a class may still fit into
 * the free cells of the next larger ones: a step lost for each of its objects, a
 * block won. With 150 classes this is worth more than all else while a pool is small:
 * RAM / object bytes of 50 MiB of objects after fill goes from 1.049 to 1.021, of
 * 490 MiB from 1.018 to 1.015, for 800 moves. But a class that is in use would make
 * a new block at once. So, unasked, it is done only to classes that have made none while
 * SLAB_GROWN searches found nothing; with searches every 5,000 writes that costs 0.1
 * moves a write.
 */
#include <uz/san.h>

#include "slab_i.h"

#define LOOK 8 /* blocks of the emptiest bin that are compared */
#define REACH 8 /* classes whose cells an object may be moved to, its own included */

/* Locks and returns the class of @block, if the block is (still) one of this pool's. */
static struct slab_class *lock_class(struct slab *s, uint32_t block, struct uz_block_id *id)
{
	struct slab_class *c;

	if (!uz__pool_owns(&s->pool, block, id))
		return NULL;
	c = uz__slab_class(s, *id);
	if (!c)
		return NULL;
	uz_lock(s->plat, &c->lock);
	if (uz__pool_owns(&s->pool, block, id) && uz__slab_class(s, *id) == c)
		return c;
	uz_unlock(s->plat, &c->lock);
	return NULL;
}

static void isolate_locked(struct slab *s, struct slab_class *c, uint32_t block,
			   enum uz__isolator by)
{
	struct uz_block *b = &s->pool.tab->block[block];

	slab_unlink(s, c, block);
	b->u8[SLAB_BIN] = SLAB_NO_BIN;
	b->u8[SLAB_ISOLATED] = (uint8_t)by;
	c->nr_free -= c->nr - b->u8[SLAB_USED];
	slab_note_worth(s, c);
}

int uz__slab_isolate(struct uz_pool *p, uint32_t block)
{
	struct slab *s = slab_of(p);
	struct uz_block_id id;
	struct slab_class *c = lock_class(s, block, &id);
	bool already;

	if (!c)
		return -UZ_ESTALE;
	already = p->tab->block[block].u8[SLAB_ISOLATED];
	if (!already)
		isolate_locked(s, c, block, UZ__BY_CALLER);
	uz_unlock(s->plat, &c->lock);
	return already ? -UZ_EBUSY : 0;
}

int uz__slab_move(struct uz_pool *p, uint32_t block, uint32_t nr, uint32_t to)
{
	struct slab *s = slab_of(p);
	struct uz_block_id id;
	struct slab_class *c = lock_class(s, block, &id);
	bool all;

	if (!c)
		return -UZ_ESTALE;
	all = p->tab->block[block].u8[SLAB_USED] == nr;
	uz_unlock(s->plat, &c->lock);
	if (all)
		uz_block_switch(p->tab, block, to);
	return all ? 0 : -UZ_EBUSY;
}

static void end_isolation(struct uz_pool *p, uint32_t block, enum uz__isolator by)
{
	struct slab *s = slab_of(p);
	struct uz_block *b = &p->tab->block[block];
	struct uz_block_id id;
	struct slab_class *c = lock_class(s, block, &id);

	if (!c)
		return;
	if (b->u8[SLAB_ISOLATED] == by) {
		uint32_t used = b->u8[SLAB_USED];

		b->u8[SLAB_ISOLATED] = 0;
		c->nr_free += c->nr - used;
		slab_link(s, c, block, used == c->nr ? SLAB_NO_BIN : slab_bin(c, used));
		slab_note_worth(s, c);
	}
	uz_unlock(s->plat, &c->lock);
}

void uz__slab_undo(struct uz_pool *p, uint32_t block)
{
	end_isolation(p, block, UZ__BY_CALLER);
}

void uz__slab_spare(struct uz_pool *p, uint32_t block)
{
	end_isolation(p, block, UZ__BY_VICTIM);
}

uint32_t uz__slab_residents(struct uz_pool *p, uint32_t block, uint32_t from,
			    struct uz_resident *out, uint32_t nr)
{
	struct slab *s = slab_of(p);
	struct uz_block_id id;
	struct slab_class *c = lock_class(s, block, &id);
	uint32_t found = 0;
	uint64_t live;
	char *base;

	if (!c)
		return 0;
	base = uz_frame_addr(p->tab->arena, id.start);
	live = from < SLAB_CELLS ? p->tab->block[block].u64[SLAB_LIVE] >> from << from : 0;
	for (; live && found < nr; live &= live - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(live);
		uint32_t owner = uz_load(slab_cell(base, c, i));

		/* Not written yet by an allocation that goes on: lock() refuses it. */
		uz_san_unpoison(&owner, sizeof(owner));
		out[found++] = (struct uz_resident){ .index = i, .owner = owner };
	}
	uz_unlock(s->plat, &c->lock);
	return found;
}

static uint32_t emptiest(const struct slab *s, const struct slab_class *c)
{
	const struct uz_block *block = s->pool.tab->block;
	uint32_t best = c->head[__builtin_ctz(c->bins)];
	uint32_t b = best;

	for (int i = 1; i < LOOK && (b = block[b].next); i++)
		if (block[b].u8[SLAB_USED] < block[best].u8[SLAB_USED])
			best = b;
	return best;
}

/* A block that its own class has room for. */
static bool sparse(struct slab *s, uint32_t k, bool hard)
{
	return uz_load(&s->worth[k]) >= (hard ? SLAB_HARD : SLAB_SOFT);
}

static uint32_t nr_free(struct slab *s, uint32_t k)
{
	uint32_t nr;

	uz_lock(s->plat, &s->class[k].lock);
	nr = s->class[k].nr_free;
	uz_unlock(s->plat, &s->class[k].lock);
	return nr;
}

/* A block that the class and the next larger ones have room for. */
static bool mergeable(struct slab *s, uint32_t k, bool hard)
{
	uint32_t need = s->class[k].nr, end = UZ_MIN(k + REACH, s->nr_classes),
		 have = nr_free(s, k);

	if (!have || (!hard && uz_load(&s->grown[k])))
		return false;
	while (have < need && ++k < end)
		have += nr_free(s, k);
	return have >= need;
}

static uint32_t search(struct slab *s, bool hard,
		       bool (*want)(struct slab *s, uint32_t k, bool hard))
{
	uint32_t k = uz_load(&s->cursor), block = 0;

	for (uint32_t i = 0; i < s->nr_classes && !block; i++) {
		k = k + 1 < s->nr_classes ? k + 1 : 0;
		if (!want(s, k, hard))
			continue;
		uz_lock(s->plat, &s->class[k].lock);
		if (s->class[k].bins) {
			block = emptiest(s, &s->class[k]);
			isolate_locked(s, &s->class[k], block, UZ__BY_VICTIM);
		}
		uz_unlock(s->plat, &s->class[k].lock);
	}
	uz_store(&s->cursor, k);
	return block;
}

static void wear_off(struct slab *s)
{
	for (uint32_t k = 0; k < s->nr_classes; k++) {
		uint8_t grown = uz_load(&s->grown[k]);

		if (grown)
			uz_store(&s->grown[k], (uint8_t)(grown - 1));
	}
}

uint32_t uz__slab_victim(struct uz_pool *p, bool hard)
{
	struct slab *s = slab_of(p);
	uint32_t block = search(s, hard, sparse);

	if (!block)
		block = search(s, hard, mergeable);
	if (!block && !hard)
		wear_off(s);
	return block;
}
