/* SPDX-License-Identifier: MIT */
/*
 * slab: the engine of the pools whose blocks are cut into equal cells. A cell
 * is a 4-byte owner and the object behind it; a class is the cells of one
 * stride. zsmalloc and zblock are two ways to choose the classes.
 *
 *   block:  nr * stride <= frames * 4096 < (nr + 1) * stride;  nr <= 64
 *   block:  used == bits set in live;  0 < used <= nr
 *   class:  nr_free == sum of (nr - used) over its blocks that are not isolated
 *   class:  every block with used < nr that is not isolated is in bin used * 8 / nr
 *
 * Which cells are live is a bit each in the block's volatile words, so a free
 * touches no byte of the object, which is cold by then. With free cells linked through
 * themselves a free took 550 ns at p50 instead of 220 (random pages of 64 MiB of
 * objects, 4 KiB pages), and alloc, copy and free together 10% more. On attach the same
 * bits say which cells a slot has named.
 *
 * The descriptor's class is stride / 4: a read needs the descriptor and nothing
 * else, and needs no lock, since a block that holds a live object stays.
 *
 * Lock order: one class lock at a time; block table and arena below it. A block
 * is destroyed with its class lock held, so whoever holds that lock and has then seen
 * the descriptor may touch the block.
 */
#ifndef UZ_SLAB_I_H
#define UZ_SLAB_I_H

#include "pool_i.h"

#define SLAB_OWNER 4u /* bytes in front of an object */
#define SLAB_CELLS 64u /* most of a block */
#define SLAB_STRIDE_MIN (UZ_FRAME_SIZE / SLAB_CELLS)
#define SLAB_STRIDE_MAX 4096u
#define SLAB_OBJECT_MAX (SLAB_STRIDE_MAX - SLAB_OWNER)
#define SLAB_CLASSES 160u
#define SLAB_BINS 8u
#define SLAB_AHEAD (8u * UZ_CACHE_LINE) /* of an object; the hardware brings the rest */
#define SLAB_NO_BIN SLAB_BINS /* full, or isolated */

struct slab_class {
	struct uz_lock lock;
	uint32_t bins; /* bit i: head[i] is not empty */
	uint16_t stride, nr;
	uint32_t nr_frames;
	uint32_t bin_mul; /* bin = used * bin_mul >> 16, instead of a division */
	uint32_t nr_live;
	uint32_t nr_free;
	uint32_t head[SLAB_BINS];
} UZ_ALIGNED(UZ_CACHE_LINE);
static_assert(sizeof(struct slab_class) == UZ_CACHE_LINE, "a class is one cache line");

struct slab {
	struct uz_pool pool;
	struct uz_plat *plat;
	uint32_t nr_classes;
	uint32_t cursor; /* class at which the search for a victim goes on */
	uint8_t worth[SLAB_CLASSES]; /* enum slab_worth; written under the class lock */
	uint8_t grown
		[SLAB_CLASSES]; /* set when a block is made, worn off by searches for a victim */
	uint8_t map[SLAB_STRIDE_MAX / 4 + 1]; /* class by bytes of a cell / 4, rounded up */
	struct slab_class class[SLAB_CLASSES];
};

#define SLAB_GROWN 4 /* searches for which a class that grew is left alone */

/* Could a block of this class be emptied into the others, and is it worth it unasked? */
enum slab_worth { SLAB_NOTHING, SLAB_HARD, SLAB_SOFT };

/* Where the words of struct uz_block are used by a slab. */
#define SLAB_LIVE 0 /* u64[]: bit i: cell i is live */
enum { SLAB_USED = 8, SLAB_BIN, SLAB_ISOLATED, SLAB_CLASS }; /* u8[] */

static inline struct slab *slab_of(struct uz_pool *p)
{
	return (struct slab *)(void *)p;
}

static inline uint32_t *slab_cell(char *base, const struct slab_class *c, uint32_t index)
{
	return (uint32_t *)(void *)(base + (size_t)index * c->stride);
}

static inline uint32_t slab_bin(const struct slab_class *c, uint32_t used)
{
	return used * c->bin_mul >> 16;
}

static inline void slab_link(struct slab *s, struct slab_class *c, uint32_t block, uint32_t bin)
{
	s->pool.tab->block[block].u8[SLAB_BIN] = (uint8_t)bin;
	if (bin == SLAB_NO_BIN)
		return;
	uz_block_push(s->pool.tab, &c->head[bin], block);
	c->bins |= 1u << bin;
}

static inline void slab_unlink(struct slab *s, struct slab_class *c, uint32_t block)
{
	uint32_t bin = s->pool.tab->block[block].u8[SLAB_BIN];

	if (bin == SLAB_NO_BIN)
		return;
	uz_block_unlink(s->pool.tab, &c->head[bin], block);
	if (!c->head[bin])
		c->bins &= ~(1u << bin);
}

/*
 * The bound under which compaction starts unasked: free cells for a block and for
 * one in 128 of the live ones. Measured on 490 MiB of objects while all was
 * overwritten three times, RAM / object bytes and bytes moved for each write:
 *
 *   1 block, 1 / 256     1.020    74 B
 *   1 block, 1 / 128     1.022    42 B
 *   1 block, 1 / 64      1.026    19 B
 *   2 blocks, 1 / 32     1.035     3 B
 */
static inline enum slab_worth slab_worth(const struct slab_class *c)
{
	if (c->nr_free < c->nr || c->nr == 1)
		return SLAB_NOTHING;
	return c->nr_free >= c->nr + c->nr_live / 128 ? SLAB_SOFT : SLAB_HARD;
}

/* After each change of nr_free or nr_live. */
static inline void slab_note_worth(struct slab *s, const struct slab_class *c)
{
	uint8_t *worth = &s->worth[c - s->class];
	uint8_t now = (uint8_t)slab_worth(c);

	if (*worth != now)
		uz_store(worth, now);
}

/* Puts the words of a block without objects in order. */
static inline void slab_reset(struct slab *s, const struct slab_class *c, uint32_t block)
{
	s->pool.tab->block[block] = (struct uz_block){ 0 };
	s->pool.tab->block[block].u8[SLAB_BIN] = SLAB_NO_BIN;
	s->pool.tab->block[block].u8[SLAB_CLASS] = (uint8_t)(c - s->class);
}

/*
 * Adds the class of the largest cell of which @nr_frames hold as many as they hold of
 * @stride, at most SLAB_CELLS. Strides must grow from call to call, from SLAB_STRIDE_MIN to
 * SLAB_STRIDE_MAX.
 */
void uz__slab_add_class(struct slab *s, uint32_t stride, uint32_t nr_frames);

size_t uz__slab_bytes(void);
int uz__slab_alloc(struct uz_pool *p, uint32_t size, uint32_t owner, unsigned int flags,
		   unsigned int hint, struct uz_object *out);
void uz__slab_free(struct uz_pool *p, uint64_t handle, uint32_t size);
const void *uz__slab_read(struct uz_pool *p, uint64_t handle, uint32_t size);
void uz__slab_prefetch(struct uz_pool *p, uint64_t handle, uint32_t size, bool drop);
void uz__slab_prepare(struct uz_pool *p, uint32_t size, unsigned int hint);
int uz__slab_isolate(struct uz_pool *p, uint32_t block);
int uz__slab_move(struct uz_pool *p, uint32_t block, uint32_t nr, uint32_t to);
void uz__slab_undo(struct uz_pool *p, uint32_t block);
void uz__slab_spare(struct uz_pool *p, uint32_t block);
uint32_t uz__slab_residents(struct uz_pool *p, uint32_t block, uint32_t from,
			    struct uz_resident *out, uint32_t nr);
uint32_t uz__slab_victim(struct uz_pool *p, bool hard);
int uz__slab_attach_block(struct uz_pool *p, uint32_t block);
int uz__slab_attach_object(struct uz_pool *p, uint64_t handle, uint32_t size, uint32_t owner);
void uz__slab_attach_done(struct uz_pool *p);
void uz__slab_stats(struct uz_pool *p, struct uz_pool_stats *st);
int uz__slab_check(struct uz_pool *p);

/* The class of a block of this pool as its descriptor has it, NULL if there is none such. */
struct slab_class *uz__slab_class(struct slab *s, struct uz_block_id id);

#endif
