/* SPDX-License-Identifier: MIT */
/*
 * block: a run of frames that holds objects, named by an index that stays when
 * the run moves. The table of descriptors lives in the store and is shared by
 * all pools and disks of it; beside each descriptor there is volatile memory
 * for the pool that owns the block, rebuilt on attach.
 */
#ifndef UZ_BLOCK_H
#define UZ_BLOCK_H

#include <uz/arena.h>

#define UZ_BLOCK_BITS 26 /* 256 GiB of single frames, 4 TiB of the longest runs */
#define UZ_INDEX_BITS 14
#define UZ_INDEX_NR (1u << UZ_INDEX_BITS)

/* A handle names an object: block index above, object index below. 0 is none (block 0 is). */
static inline uint64_t uz_handle(uint32_t block, uint32_t index)
{
	return (uint64_t)block << UZ_INDEX_BITS | index;
}

static inline uint32_t uz_handle_block(uint64_t handle)
{
	return (uint32_t)(handle >> UZ_INDEX_BITS);
}

static inline uint32_t uz_handle_index(uint64_t handle)
{
	return (uint32_t)handle & (UZ_INDEX_NR - 1);
}

/*
 * The descriptor's word, one atomic store to publish or to switch the run:
 *   start 0..31 | frames-1 32..35 | kind 36..39 | pool entry 40..43 | disk 44..51 | class 52..63
 * All zero is a free descriptor.
 */
enum uz_block_kind { UZ_BLOCK_FREE, UZ_BLOCK_POOL, UZ_BLOCK_RAW, UZ_BLOCK_KINDS };

struct uz_desc {
	uint64_t word;
	uint32_t owner; /* raw frames: the page */
	uint32_t check; /* raw frames: the checksum, if the codec entry has one */
};
static_assert(sizeof(struct uz_desc) == 16, "descriptors are part of the store's format");

struct uz_block_id {
	uint32_t start;
	uint8_t nr_frames, kind, entry, disk;
	uint16_t class_nr;
};

static inline uint64_t uz_desc_pack(struct uz_block_id id)
{
	return id.start | (uint64_t)(id.nr_frames - 1) << 32 | (uint64_t)id.kind << 36 |
	       (uint64_t)id.entry << 40 | (uint64_t)id.disk << 44 | (uint64_t)id.class_nr << 52;
}

static inline struct uz_block_id uz_desc_unpack(uint64_t w)
{
	return (struct uz_block_id){
		.start = (uint32_t)w,
		.nr_frames = (uint8_t)((w >> 32 & 15) + 1),
		.kind = (uint8_t)(w >> 36 & 15),
		.entry = (uint8_t)(w >> 40 & 15),
		.disk = (uint8_t)(w >> 44),
		.class_nr = (uint16_t)(w >> 52),
	};
}

/* Volatile, one a block: list links (block indices, 0 ends) and the owning pool's own words. */
struct uz_block {
	uint32_t next, prev;
	union {
		uint64_t u64[2];
		uint32_t u32[4];
		uint16_t u16[8];
		uint8_t u8[16];
	};
};
static_assert(sizeof(struct uz_block) == 24, "costs 24 bytes a block");

struct uz_blocktab {
	struct uz_arena *arena;
	struct uz_desc *desc; /* [nr_max], in the store */
	struct uz_block *block; /* [nr_max], scratch */
	uint32_t nr_max;
	uint32_t nr; /* descriptors ever used: 1..nr-1 may be in use */
	uint32_t free_head; /* free descriptors, linked through block[].next */
	bool carried; /* memory moves by itself, and with it what uz_block_switch would copy */
	bool closing; /* the store is being closed: uz_block_destroy leaves its content alone */
	struct uz_lock lock; /* below class locks, above the arena's */
	struct uz_area desc_area, block_area;
};

int uz_blocktab_init(struct uz_blocktab *t, struct uz_arena *a);
void uz_blocktab_fini(struct uz_blocktab *t); /* accepts a zeroed table */

/*
 * Allocates a run of id->nr_frames (id->start is ignored) and publishes a descriptor for it.
 * The volatile words are zeroed. @flags as uz_run_alloc, and its errors.
 */
int uz_block_create(struct uz_blocktab *t, struct uz_block_id id, unsigned int flags,
		    uint32_t *block);

/*
 * Copies the block's run to @to, as many frames, and switches the descriptor with one store.
 * Nobody reads or writes the block meanwhile; the caller frees the old run. Or, if its memory is
 * @carried, only switches: it is there when the block is in use again. One such caller at a time.
 */
void uz_block_switch(struct uz_blocktab *t, uint32_t block, uint32_t to);

/* Frees descriptor and run. No slot names it any more. */
void uz_block_destroy(struct uz_blocktab *t, uint32_t block);

/*
 * Attach: finds all descriptors in the store, claims their runs. @each is told of every one;
 * a bad one (run outside or overlapping) is dropped and counted in *nr_bad, @each not called.
 * A failure of @each, or of memory, ends it: nothing in the store has been changed by that.
 */
int uz_blocktab_attach(struct uz_blocktab *t, int (*each)(void *ctx, uint32_t block), void *ctx,
		       uint32_t *nr_bad);

static inline struct uz_block_id uz_block_id(const struct uz_blocktab *t, uint32_t block)
{
	return uz_desc_unpack(uz_load_acquire(&t->desc[block].word));
}

static inline void *uz_block_addr(const struct uz_blocktab *t, uint32_t block)
{
	return uz_frame_addr(t->arena, (uint32_t)uz_load_acquire(&t->desc[block].word));
}

/* A doubly linked list of blocks through their volatile links; the caller holds its lock. */
static inline void uz_block_push(struct uz_blocktab *t, uint32_t *head, uint32_t block)
{
	t->block[block].next = *head;
	t->block[block].prev = 0;
	if (*head)
		t->block[*head].prev = block;
	uz_store(head, block);
}

static inline void uz_block_unlink(struct uz_blocktab *t, uint32_t *head, uint32_t block)
{
	struct uz_block *b = &t->block[block];

	if (b->prev)
		t->block[b->prev].next = b->next;
	else
		uz_store(head, b->next);
	if (b->next)
		t->block[b->next].prev = b->prev;
}

#endif
