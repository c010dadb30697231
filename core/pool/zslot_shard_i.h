/* SPDX-License-Identifier: MIT */
/*
 * zslot, a shard: a lock, lists of blocks, and what was learned of the sizes of objects.
 * Everything here is volatile.
 */
#ifndef UZ_ZSLOT_SHARD_I_H
#define UZ_ZSLOT_SHARD_I_H

#include "pool_i.h"

#define UNIT_BYTES 4u
#define UNITS_FRAME (UZ_FRAME_SIZE / UNIT_BYTES)
#define FRAMES_MAX (UZ_INDEX_NR / UNITS_FRAME)
#define WORD_UNITS 2u /* of the head and of a cell */
#define UNITS_OBJECT UNITS_FRAME /* of the largest object */

/* A shard: blocks filed by their largest hole, and once more by free space. */
#define NR_SHARDS 8u
#define SHARD_FRAMES 4096u /* of the pool, for each shard in use beyond the first */
#define BIN_OPEN (UNITS_OBJECT + 4) /* the open block while its hole is larger than any object */
#define NR_BINS (BIN_OPEN + 1) /* 0: not filed; by unit; by power of two above */
#define NR_MAPS UZ_DIV_UP(NR_BINS, 64)
#define NR_LEVELS 64u /* free space in 64ths of the block; 0: not filed */

#define MEAN_SHIFT 6
#define SPREAD_SHIFT 12

struct zslot_shard {
	struct uz_lock lock;
	uint32_t open; /* the block made last: for this shard's threads only, not worth emptying */
	uint32_t mean; /* size of objects: average of the last 64 or so, in units / 64 */
	uint32_t spread; /* how far they are from it: of the last 4096, in units / 4096 */
	uint64_t nr_objects;
	uint64_t free; /* units in holes of blocks that are not isolated */
	uint64_t usable; /* those of use to objects of blocks that might be emptied */
	uint64_t freed; /* units, since init */
	uint64_t map[NR_MAPS + 1]; /* bins in use, and a word of none */
	uint64_t maps; /* words of map with a bin in use */
	uint64_t levels; /* levels in use */
	uint32_t bin[NR_BINS];
	uint32_t level[NR_LEVELS];
} UZ_ALIGNED(UZ_CACHE_LINE);

/*
 * Objects are alike when they are within a 64th of their average. A pool that has seen others is slow
 * to believe it: a file of equal pages among others is no reason for odd lengths, between
 * which frames are hard to use again.
 */
static inline bool zslot_alike(const struct zslot_shard *s)
{
	return uz_load(&s->spread) >> (SPREAD_SHIFT - MEAN_SHIFT) <= uz_load(&s->mean) / 64;
}

#endif
