/* SPDX-License-Identifier: MIT */
/*
 * The volatile state of a store: its codecs, streams and disks, and what they count.
 */
#ifndef UZ_STATE_H
#define UZ_STATE_H

#include <uz/backing.h>
#include <uz/contig.h>

#include "backing_state.h"
#include "counters.h"
#include "evacuate_state.h"
#include "meta.h"
#include "slot.h"
#include "table_state.h"

#define CHECK_BYTES 4u /* behind an object, where the codec entry has checksums */
/*
 * Objects above this stay uncompressed. Measured on pages of /usr/lib that lz4 brings to 3584..3711
 * bytes: a raw read takes 85 ns, a decompression 544 ns, for an eighth of the memory.
 */
#define RAW_ABOVE (UZ_PAGE_SIZE - UZ_PAGE_SIZE / 8)
/*
 * Room for a compressor's output: more than the longest, since liblz4 takes up to a quarter longer over
 * pages of long literals when it has to look at the end; and apart in the cache from the next one's.
 */
#define OUTS 3u /* of pages on their way */
#define OUT_BYTES (UZ_PAGE_SIZE + 21 * UZ_CACHE_LINE)
#define NR_POOLS META_POOLS

struct uz__codec {
	const struct uz_codec_ops *ops; /* NULL: entry not in use */
	void *shared;
	uint64_t shared_bytes;
	uint64_t state_bytes;
	uint32_t held; /* control lock: by who uses it, or is about to */
	bool checksum;
};

struct uz_stream {
	struct uz_store *store;
	unsigned int index;
	void *state[UZ_CODEC_MAX]; /* of each codec entry */
	unsigned char *page; /* a page being built or taken apart */
	unsigned char *out; /* compressor output */
	unsigned char *copy; /* stored bytes being looked at outside the lock */
};

/* NOTHING: the last try found nothing, and nothing was freed since it began. */
enum uz__reclaim_state { UZ__RECLAIM_MAYBE, UZ__RECLAIM_TRYING, UZ__RECLAIM_NOTHING };

/* One stream's: the grace counter when its request began, 0 when quiet. */
struct uz__seen {
	uint64_t grace;
} UZ_ALIGNED(UZ_CACHE_LINE);

/* What one write has done for room. */
struct uz__effort {
	unsigned int flags; /* UZ_ALLOC_ */
	unsigned int shrinks, squeezes;
	bool background; /* with the background lock held, for which commands and grants wait */
};

/* Recompression by writes that found no room: recompress.c. */
struct uz__squeeze {
	struct uz_lock lock; /* below background, above slots; no grace period inside */
	struct uz_stream *st; /* NULL: no disk ever had a second codec */
	uint32_t wins; /* atomic: raised when there may be room */
};

/* An extent of roots that nobody finds any more, until its grace period is over; none: 0 bytes. */
struct uz__old_root {
	uint64_t off, bytes;
};

struct uz_store {
	struct uz_arena *arena;
	struct uz_plat *plat;
	const struct uz_registry *registry;
	struct uz_blocktab tab;
	struct uz_area meta_area, root_area;
	struct uz__meta *meta;

	struct uz_lock control; /* streams, codec entries and their use, the set of disks */
	/* below it: whether a codec entry is valid, for who looks at its record */
	struct uz_lock entries;
	struct uz__codec codec[UZ_CODEC_MAX];
	struct uz_stream *stream[UZ_STREAM_MAX];
	struct uz_dev *disk[UZ_DISK_MAX];
	/* control lock; where there is one, the index is taken */
	struct uz__old_root old_root[UZ_DISK_MAX];
	uint64_t grace;
	struct uz__seen seen[UZ_STREAM_MAX]; /* not in the stream: a stream may close meanwhile */

	struct uz_lock background; /* one background step at a time; owns the stream below */
	struct uz_stream *bg;
	struct uz_line line; /* for it */
	uint32_t grants; /* atomic: that wait for it, which every step gives way to */
	/* atomic: a grant is at work, beside which nothing leaves for a backing */
	uint64_t calm_until_ns;
	uint64_t left_ns; /* atomic: when something last could */
	struct uz__taken taken[UZ__TAKEN_MAX];
	struct uz__carried carried[UZ_ABLOCK_FRAMES];
	uint64_t evacuate_next_ns;
	uint64_t due_ns; /* atomic: when background work that rests is to go on */
	struct uz_borrower borrower;
	uint32_t nr_regions; /* atomic */
	uint32_t *map; /* frames of a window to blocks; background lock */
	uint64_t map_bytes; /* enough for the largest region */
	uint32_t reclaim; /* enum uz__reclaim_state */
	uint32_t stopping; /* atomic: commands shall end */
	struct uz__clean clean;
	struct uz__wb wb;
	struct uz__squeeze squeeze;
};

/* Moves an object inside its pool: mover.c. */
struct uz__mover {
	struct uz_mover m;
	struct uz_dev *dev;
	uint64_t *slot;
	uint64_t word;
	uint64_t end_ns; /* begins nothing after it, nor while a grant waits; UZ_FOREVER: goes on */
};

/* Pools without objects, which somebody may still look at: migrate.c. Background lock. */
struct uz__leaving {
	struct uz_pool *pool[NR_POOLS];
	uint32_t nr;
	uint64_t grace; /* the period to wait for */
};

/* A cursor of background work over the slots of a disk. */
struct uz__walk {
	uint64_t page;
	uint64_t end; /* 0: the end of the disk */
	bool active;
};

struct uz_dev {
	struct uz_store *store;
	unsigned int index; /* in store->disk and the persistent table */
	char name[UZ_DISK_NAME_MAX];
	uint64_t size_bytes;
	uint64_t record_bytes; /* atomic; the size that the record has */
	/* atomic; pages may be there up to here: more than the size during a cut */
	uint64_t held_bytes;
	uint64_t mem_limit_bytes, mem_used_max;
	struct uz_lock control; /* control operations */
	struct uz_lock root_lock; /* changes of root entries and of the root itself */
	struct uz_lock save_lock; /* below it: the record is written by control and background */
	bool stopping; /* atomic; commands shall end */
	bool gone; /* atomic; being destroyed: it has no record any more */
	uint32_t *root;
	uint64_t nr_root; /* entries */
	uint64_t root_off, root_bytes;

	struct uz_pool *pool; /* takes new objects */
	struct uz_pool *only_pool; /* == pool when no other has objects, else NULL */
	struct uz_pool *pools[NR_POOLS]; /* by persistent entry */
	struct uz_lock pools_lock; /* none of them goes; above classes */
	struct uz__leaving leaving;
	bool switching; /* background lock: to another pool, which none may take for one that leaves */
	unsigned int codec;
	struct uz__shard *shard[UZ_STREAM_MAX];

	uint64_t nr_tables, nr_raw; /* frames */
	uint64_t moved, compacted; /* objects and frames, by compaction and migration */
	uint64_t last_bad; /* page + 1 */

	struct uz__walk migrate, tables, aging, recompress;
	struct uz__closing closing;
	uint32_t tables_hint; /* something was freed that may have emptied a table */
	uint64_t age_tick, age_next_ns, recompress_next_ns, migrate_next_ns;
	bool migrate_won; /* this pass found something to move */
	int recompress_codec; /* -1: off; atomic */
	uint32_t recompress_idle_s, recompress_min_bytes, recompress_cpu;
	struct uz__walk squeeze; /* from here on under squeeze.lock */
	bool squeeze_any, squeeze_won;
	uint64_t squeeze_vain; /* bytes written + 1 when nothing was left to win */

	struct uz_backing_dev *backing;
	struct uz__where where;
	uint32_t fill_segment; /* clean.lock */
	uint64_t clean_frames, clean_pages; /* atomic */
	uint32_t wb_idle_s; /* from here on under wb.lock */
	uint32_t wb_limited; /* bool, atomic */
	uint64_t wb_left; /* pages, atomic */
	bool wb_leaving;
	uint64_t wb_page, wb_next_ns; /* by age */
	uint64_t punch_chunk, punch_next_ns;
	uint32_t punch_hint; /* atomic: there are stale pages */
	uint64_t relief_page, relief_next_ns;
	uint32_t relief_level;
	bool relief_found;
	bool relief_wanted; /* atomic: background work found no room, and waits for nothing */
};

#endif
