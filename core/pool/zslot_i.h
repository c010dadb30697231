/* SPDX-License-Identifier: MIT */
/*
 * zslot, what its files share. Lengths and offsets inside a block are counted in units of
 * 4 bytes, so that the 14 bits of a handle's index name any place in a block of 16 frames.
 *
 *	0 .. cap      objects and holes
 *	cap ..        list of the holes, one unit each, upwards, in no order
 *	.. units - 2  cells, one word an object, downwards, in no order
 *	last 2 units  foot
 *
 *	cap + nr_holes + 2 * (1 + nr_objects) <= units
 *	units of all objects + units of all holes == cap
 *	no two holes touch
 *
 * A block is known by the address of its foot.
 */
#ifndef UZ_ZSLOT_I_H
#define UZ_ZSLOT_I_H

#include "zslot_shard_i.h"

#define ZSLOT_MAGIC 0x5a

/* The last word; a block made by a process that died before it wrote one has no magic. */
struct zslot_foot {
	uint16_t nr_objects; /* after a crash this, cap and the cells must be right, no more */
	uint16_t nr_holes;
	uint16_t cap;
	uint8_t nr_frames;
	uint8_t magic;
};
static_assert(sizeof(struct zslot_foot) == WORD_UNITS * UNIT_BYTES,
	      "the foot is part of the store's format");

/* Cell: offset 50..63 | units 36..49 | seen 32 | owner 0..31 */
#define CELL_OFF_SHIFT 50
#define CELL_LEN_SHIFT 36
struct zslot_cell {
	uint32_t off, len, owner;
};
#define CELL_SEEN (1ull << 32) /* during attach: a slot names it */

/* What a block has to offer. */
struct zslot_room {
	uint32_t largest; /* units of the largest hole; 0 when there is no place for a cell */
	uint32_t free; /* units of all holes */
};

static inline uint32_t zslot_units(uint32_t bytes)
{
	return UZ_DIV_UP(bytes, UNIT_BYTES);
}

static inline uint64_t zslot_cell_pack(uint32_t off, uint32_t len, uint32_t owner)
{
	return (uint64_t)off << CELL_OFF_SHIFT | (uint64_t)len << CELL_LEN_SHIFT | owner;
}

static inline struct zslot_cell zslot_cell_unpack(uint64_t w)
{
	return (struct zslot_cell){
		.off = (uint32_t)(w >> CELL_OFF_SHIFT),
		.len = (uint32_t)(w >> CELL_LEN_SHIFT & 0x3fff),
		.owner = (uint32_t)w,
	};
}

static inline struct zslot_foot *zslot_foot_at(void *start, uint32_t nr_frames)
{
	return (struct zslot_foot *)start + nr_frames * UNITS_FRAME / WORD_UNITS - 1;
}

static inline struct zslot_foot *zslot_foot(const struct uz_blocktab *t, uint32_t block)
{
	struct uz_block_id id = uz_block_id(t, block);

	return zslot_foot_at(uz_frame_addr(t->arena, id.start), id.nr_frames);
}

/* Cells and holes of most blocks are in four cache lines: one wait for memory instead of four. */
static inline void zslot_prefetch_foot(const struct zslot_foot *f)
{
	for (uint32_t i = 0; i < 4; i++)
		uz_prefetch((const char *)f - i * UZ_CACHE_LINE);
}

static inline uint32_t zslot_foot_units(const struct zslot_foot *f)
{
	return f->nr_frames * UNITS_FRAME;
}

/* Unit 0. */
static inline uint32_t *zslot_start(const struct zslot_foot *f)
{
	return (uint32_t *)(uintptr_t)(f + 1) - zslot_foot_units(f);
}

/* Cells are counted from 1. */
static inline uint64_t *zslot_cell(const struct zslot_foot *f, uint32_t i)
{
	return (uint64_t *)(uintptr_t)f - i;
}

static inline uint32_t zslot_hole(uint32_t off, uint32_t len)
{
	return off << 16 | len;
}

static inline uint32_t zslot_hole_off(uint32_t hole)
{
	return hole >> 16;
}

static inline uint32_t zslot_hole_len(uint32_t hole)
{
	return hole & 0xffff;
}

static inline uint32_t *zslot_holes(const struct zslot_foot *f)
{
	return zslot_start(f) + f->cap;
}

/* zslot_block.c: one block's image. Lock held. */
void uz__zslot_format(struct zslot_foot *f, uint32_t nr_frames);
void uz__zslot_hole_add(struct zslot_foot *f, uint32_t off, uint32_t len);
struct zslot_room uz__zslot_room(const struct zslot_foot *f);
/* The smallest hole that fits; there must be one, and place for a cell. *room: what is left. */
uint32_t uz__zslot_carve(struct zslot_foot *f, uint32_t len, uint32_t owner,
			 struct zslot_room *room);
/* Frees the object at @off, which must be there. */
void uz__zslot_release(struct zslot_foot *f, uint32_t off, struct zslot_room *room);
/* A better place in the same block for an object that has holes beside it: carved; false if none. */
bool uz__zslot_gather(struct zslot_foot *f, struct zslot_cell *from, uint32_t *to);

/* A bit a unit of one block: too large for the stack. */
struct zslot_map {
	uint64_t w[UZ_INDEX_NR / 64];
};

struct zslot {
	struct uz_pool pool; /* first */
	struct uz_plat *plat;
	/* Emptying that gains nothing comes to rest until enough has been freed; all atomic. */
	uint64_t best_frames; /* least frames since emptying began */
	uint32_t in_vain; /* blocks given out since then */
	uint32_t sweep; /* level of the last block given out: the next one is not above it */
	uint32_t turn; /* the shard to be looked at first */
	uint32_t tidy_at; /* block */
	uint64_t rest_until; /* sum of the shards' freed units */
	struct zslot_map map; /* for attach and check, while nobody else is inside */
	struct zslot_shard shard[NR_SHARDS];
};

/* The pool's words of struct uz_block. */
enum { B_LEVEL_NEXT, B_LEVEL_PREV }; /* u32 */
enum { B_FREE = 4, B_BIN }; /* u16: units; bin */
enum { B_LEVEL = 12, B_ISOLATED, B_READY, B_USABLE }; /* u8; ready: not before its shard knows it */

static inline struct zslot *zslot_of(struct uz_pool *p)
{
	return UZ_CONTAINER_OF(p, struct zslot, pool);
}

/* A block's shard is its descriptor's class. */
static inline struct zslot_shard *zslot_shard(struct zslot *z, struct uz_block_id id)
{
	return &z->shard[id.class_nr % NR_SHARDS];
}

/* zslot_shard.c: the lists. Lock held, but for peek. */
void uz__zslot_file(struct zslot *z, struct zslot_shard *s, uint32_t block, struct zslot_room r);
void uz__zslot_unfile(struct zslot *z, struct zslot_shard *s, uint32_t block);
/* Makes a new block the open one; forgets a block and destroys it. */
void uz__zslot_open(struct zslot *z, struct zslot_shard *s, uint32_t block);
void uz__zslot_drop(struct zslot *z, struct zslot_shard *s, uint32_t block);
/* The bin with the tightest fit, NR_BINS if there is none; without the lock a guess. */
uint32_t uz__zslot_peek(const struct zslot_shard *s, uint32_t len);
/* Locks and returns the shard of any block, NULL if it is not (any more) one of the pool's. */
struct zslot_shard *uz__zslot_lock_block(struct zslot *z, uint32_t block);
bool uz__zslot_lists_ok(struct zslot *z);

/* zslot_move.c */
int uz__zslot_isolate(struct uz_pool *p, uint32_t block);
int uz__zslot_move(struct uz_pool *p, uint32_t block, uint32_t nr, uint32_t to);
void uz__zslot_undo(struct uz_pool *p, uint32_t block);
void uz__zslot_spare(struct uz_pool *p, uint32_t block);
uint32_t uz__zslot_residents(struct uz_pool *p, uint32_t block, uint32_t from,
			     struct uz_resident *out, uint32_t nr);
uint32_t uz__zslot_victim(struct uz_pool *p, bool hard);
uint32_t uz__zslot_tidy(struct uz_pool *p, uint32_t nr, struct uz_mover *m);

/* zslot_attach.c */
int uz__zslot_attach_block(struct uz_pool *p, uint32_t block);
int uz__zslot_attach_object(struct uz_pool *p, uint64_t handle, uint32_t size, uint32_t owner);
void uz__zslot_attach_done(struct uz_pool *p);
int uz__zslot_check(struct uz_pool *p);

#endif
