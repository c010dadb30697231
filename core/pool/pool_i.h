/* SPDX-License-Identifier: MIT */
/* What the pools of this folder share. */
#ifndef UZ_POOL_I_H
#define UZ_POOL_I_H

#include <uz/pool.h>

static inline struct uz_plat *uz__pool_plat(const struct uz_pool *p)
{
	return p->tab->arena->plat;
}

/*
 * Who keeps a block out of allocation. Whoever ends that must be the one who began it: an index may be
 * another block's meanwhile, whose slots a grant has taken.
 */
enum uz__isolator { UZ__BY_NONE, UZ__BY_VICTIM, UZ__BY_CALLER };

static inline bool uz__mover_stops(struct uz_mover *m)
{
	return m->stops && m->stops(m);
}

/* uz_block_create and uz_block_destroy that keep p->nr_frames. */
int uz__pool_block_create(struct uz_pool *p, uint32_t nr_frames, uint32_t class, unsigned int flags,
			  uint32_t *block);
void uz__pool_block_destroy(struct uz_pool *p, uint32_t block);

/*
 * True if @block is one of this pool's, which *id then describes. Without the lock that keeps
 * the pool's blocks from being destroyed this is a guess: lock, then ask again.
 */
bool uz__pool_owns(const struct uz_pool *p, uint32_t block, struct uz_block_id *id);

/* The next block of this pool after @block (0: the first); 0 at the end. Reads the whole table. */
uint32_t uz__pool_next(const struct uz_pool *p, uint32_t block, struct uz_block_id *id);

/* A fini that knows no more than the table: destroys every block of the pool. */
void uz__pool_destroy_blocks(struct uz_pool *p);

/* Fills what the head knows: frames, moved. */
void uz__pool_head_stats(const struct uz_pool *p, struct uz_pool_stats *st);

#endif
