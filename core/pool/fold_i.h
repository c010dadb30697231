/* SPDX-License-Identifier: MIT */
/*
 * fold: the engine of the pools that put a few objects of any length into one
 * frame: zbud (two) and z3fold (three). All lengths are in units of 4 bytes; an object
 * is a word with its owner and its bytes behind it.
 *
 *   frame:  sum of objects + sum of gaps == 1024;  1 <= count <= max
 *   hole == count < max ? the longest gap : 0
 *   every frame that is not isolated is in bin hole / 16 of its shard, full ones too;
 *   those with a single object in bins of their own, since only they are worth emptying
 *
 * The index in the handle is where the object starts, so nothing in the frame says
 * what is where: a read adds two numbers, there is no directory to keep safe from
 * crashes, and a frame is ready for use as it comes. What is where is known by the
 * volatile words, and on attach by the slots.
 *
 * An object is put at the wall of the longest gap: the frame's start, else its end,
 * else beside the object before it. So what is left is one hole.
 *
 * A frame belongs to a shard, as its descriptor's class says. A thread allocates from the
 * shard of its hint and frees to any. Lock order: one shard lock at a time; block
 * table and arena below it. A frame is destroyed with its shard locked.
 */
#ifndef UZ_FOLD_I_H
#define UZ_FOLD_I_H

#include "pool_i.h"

#define FOLD_UNIT 4u
#define FOLD_UNITS (UZ_FRAME_SIZE / FOLD_UNIT)
#define FOLD_OBJECTS 3u /* most that the words of a block have room for */
#define FOLD_OBJECT_MAX (UZ_FRAME_SIZE - FOLD_UNIT)
#define FOLD_BINS 64u
#define FOLD_BIN_UNITS (FOLD_UNITS / FOLD_BINS)
#define FOLD_SHARDS 4u

struct fold_shard {
	struct uz_lock lock;
	uint32_t nr_frames, nr_single; /* not isolated; with one object */
	uint32_t nr_objects; /* in all frames */
	uint64_t free_units; /* sum of holes, isolated ones left out */
	uint64_t bins[2]; /* bit i: head[.][i] is not empty; [1]: frames with a single object */
	uint32_t head[2][FOLD_BINS];
} UZ_ALIGNED(UZ_CACHE_LINE);

struct fold {
	struct uz_pool pool;
	struct uz_plat *plat;
	uint32_t max; /* objects a frame */
	uint32_t cursor; /* shard at which the search for a victim goes on */
	struct fold_shard shard[FOLD_SHARDS];
};

/* Where the words of struct uz_block are used: u16[]. Objects are in order of their start. */
enum {
	FOLD_START,
	FOLD_LEN = FOLD_START + FOLD_OBJECTS,
	FOLD_COUNT = FOLD_LEN + FOLD_OBJECTS,
	FOLD_HOLE, /* and FOLD_ISOLATED */
};
#define FOLD_ISOLATED 0x8000u

static inline struct fold *fold_of(struct uz_pool *p)
{
	return (struct fold *)(void *)p;
}

static inline uint32_t fold_units(uint32_t size)
{
	return 1 + UZ_DIV_UP(size, FOLD_UNIT);
}

static inline uint32_t *fold_at(const struct fold *f, uint32_t block, uint32_t start)
{
	return (uint32_t *)uz_block_addr(f->pool.tab, block) + start;
}

/* The unfilled stretch before object @i (count: behind the last). */
static inline uint32_t fold_gap(const struct uz_block *b, uint32_t i, uint32_t *start)
{
	*start = i ? b->u16[FOLD_START + i - 1] + b->u16[FOLD_LEN + i - 1] : 0u;
	return (i < b->u16[FOLD_COUNT] ? b->u16[FOLD_START + i] : FOLD_UNITS) - *start;
}

/* The longest gap, the first of equals. */
static inline uint32_t fold_hole(const struct uz_block *b, uint32_t *start)
{
	uint32_t best = fold_gap(b, 0, start), at, len;

	for (uint32_t i = 1; i <= b->u16[FOLD_COUNT]; i++) {
		len = fold_gap(b, i, &at);
		if (len > best) {
			best = len;
			*start = at;
		}
	}
	return best;
}

/* Takes a frame out of its shard's books, and puts it back by what it has become. */
void uz__fold_unfile(struct fold *f, struct fold_shard *sh, uint32_t block);
void uz__fold_file(struct fold *f, struct fold_shard *sh, uint32_t block);

/* Puts an object where the slot says that it is: false if it does not fit there. */
bool uz__fold_insert(struct uz_block *b, uint32_t start, uint32_t len);

/* The frame of @sh with the smallest hole that takes @len units; 0 if there is none. */
uint32_t uz__fold_fit(const struct fold_shard *sh, uint32_t len);

size_t uz__fold_bytes(void);
int uz__fold_init(struct uz_pool *p, uint32_t max);
int uz__fold_alloc(struct uz_pool *p, uint32_t size, uint32_t owner, unsigned int flags,
		   unsigned int hint, struct uz_object *out);
void uz__fold_free(struct uz_pool *p, uint64_t handle, uint32_t size);
const void *uz__fold_read(struct uz_pool *p, uint64_t handle, uint32_t size);
int uz__fold_isolate(struct uz_pool *p, uint32_t block);
int uz__fold_move(struct uz_pool *p, uint32_t block, uint32_t nr, uint32_t to);
void uz__fold_undo(struct uz_pool *p, uint32_t block);
void uz__fold_spare(struct uz_pool *p, uint32_t block);
uint32_t uz__fold_residents(struct uz_pool *p, uint32_t block, uint32_t from,
			    struct uz_resident *out, uint32_t nr);
uint32_t uz__fold_victim(struct uz_pool *p, bool hard);
int uz__fold_attach_block(struct uz_pool *p, uint32_t block);
int uz__fold_attach_object(struct uz_pool *p, uint64_t handle, uint32_t size, uint32_t owner);
void uz__fold_attach_done(struct uz_pool *p);
void uz__fold_stats(struct uz_pool *p, struct uz_pool_stats *st);
int uz__fold_check(struct uz_pool *p);

#endif
