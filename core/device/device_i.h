/* SPDX-License-Identifier: MIT */
/*
 * What the device layer's files share.
 *
 * Lock order: control -> background -> root -> slot -> (pool) class -> block
 * table -> arena. A slot is never waited for with a class lock held.
 *
 * Grace periods: a stream announces itself at the start of a request and
 * withdraws at its end. What readers may still look at (table frames, roots,
 * pool instances) is freed only when every stream has been quiet once since it was unlinked.
 */
#ifndef UZ_DEVICE_I_H
#define UZ_DEVICE_I_H

#include <uz/device.h>

#include "meta.h"
#include "slot.h"

#define SLOTS_SHIFT 9
#define SLOTS_PER_TABLE (1u << SLOTS_SHIFT)
#define TABLE_BAD UINT32_MAX /* root entry whose table frame was damaged */
#define CHECK_BYTES 4u /* behind an object, where the codec entry has checksums */
/* Objects above this stay uncompressed; docs/benchmarks.md has the measurement behind it. */
#define RAW_ABOVE (UZ_PAGE_SIZE - UZ_PAGE_SIZE / 8)
#define NR_POOLS META_POOLS

struct uz__counters {
	int64_t pages; /* stored: objects and raw */
	int64_t compressed_bytes;
	int64_t same_pages, huge_pages, idle_pages;
	/* from here to codec_pages: since creation or reset */
	uint64_t huge_since, notify_free, enospc, bad_pages, recompressed;
	uint64_t failed_reads, failed_writes, invalid_io;
	uint64_t reads, writes, read_bytes, write_bytes;
	int64_t codec_pages[UZ_CODEC_MAX]; /* stored pages by codec entry */
};

/* Values in buckets of 1/8 octave: 8 * 40 covers 1 ns to 18 minutes. */
#define HIST_SUB 8
#define HIST_BUCKETS (HIST_SUB * 40)

struct uz__hist {
	uint32_t bucket[HIST_BUCKETS];
	uint64_t max_ns;
};

/* One stream's counters of one disk: written by that stream only, read by all. */
struct uz__shard {
	struct uz__counters c;
	struct uz__hist hist[UZ_OP_NR];
};

struct uz__codec {
	const struct uz_codec_ops *ops; /* NULL: entry not in use */
	void *shared;
	uint64_t shared_bytes;
	uint64_t state_bytes;
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

/* Slots that evacuation holds at once: the objects of one block. Blocks with more are left. */
#define UZ__TAKEN_MAX 256u

struct uz__taken {
	uint64_t *slot, word;
};

/* One stream's: the grace counter when its request began, 0 when quiet. */
struct uz__seen {
	uint64_t grace;
} UZ_ALIGNED(UZ_CACHE_LINE);

struct uz_store {
	struct uz_arena *arena;
	struct uz_plat *plat;
	const struct uz_registry *registry;
	struct uz_blocktab tab;
	struct uz_area meta_area, root_area;
	struct uz__meta *meta;

	struct uz_lock control; /* streams, codec entries, the set of disks */
	struct uz__codec codec[UZ_CODEC_MAX];
	struct uz_stream *stream[UZ_STREAM_MAX];
	struct uz_dev *disk[UZ_DISK_MAX];
	uint64_t grace;
	struct uz__seen seen[UZ_STREAM_MAX]; /* not in the stream: a stream may close meanwhile */

	struct uz_lock background; /* one background step at a time; owns the stream below */
	struct uz_stream *bg;
	struct uz__taken taken[UZ__TAKEN_MAX];
	uint32_t reclaim; /* enum uz__reclaim_state */
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
	uint64_t mem_limit_bytes, mem_used_max;
	struct uz_lock control; /* control operations */
	struct uz_lock root_lock; /* changes of root entries and of the root itself */
	uint32_t *root;
	uint64_t nr_root; /* entries */
	uint64_t root_off, root_bytes;

	struct uz_pool *pool; /* takes new objects */
	struct uz_pool *only_pool; /* == pool when no other has objects, else NULL */
	struct uz_pool *pools[NR_POOLS]; /* by persistent entry */
	unsigned int codec;
	struct uz__shard *shard[UZ_STREAM_MAX];

	uint64_t nr_tables, nr_raw; /* frames */
	uint64_t moved, compacted; /* objects and frames, by compaction and migration */
	uint64_t last_bad; /* page + 1 */

	struct uz__walk migrate, tables, aging, recompress;
	uint32_t tables_hint; /* something was freed that may have emptied a table */
	uint64_t age_tick, age_next_ns;
	int recompress_codec; /* -1: off */
	uint32_t recompress_idle_s, recompress_min_bytes, recompress_cpu;
	uint64_t recompress_next_ns;
};

static inline struct uz__counters *uz__count(struct uz_dev *d, const struct uz_stream *st)
{
	return &d->shard[st->index]->c;
}

/* A counter with one writer: no locked instruction. */
#define COUNT(field, n) uz_store(&(field), uz_load(&(field)) + (n))

/* stream.c */
int uz__stream_states(struct uz_store *s, unsigned int entry); /* for all streams, a new entry */
void uz__stream_states_close(struct uz_store *s, unsigned int entry);
int uz__shard_make(struct uz_dev *d, struct uz_stream *st);
uint64_t uz__grace_begin(struct uz_store *s);
bool uz__grace_over(struct uz_store *s, uint64_t g);
void uz__grace_wait(struct uz_store *s);

static inline void uz__enter(struct uz_stream *st)
{
	__atomic_exchange_n(&st->store->seen[st->index].grace, uz_load(&st->store->grace),
			    __ATOMIC_SEQ_CST);
}

static inline void uz__leave(struct uz_stream *st)
{
	uz_store_release(&st->store->seen[st->index].grace, 0);
}

/* codec_entry.c */
int uz__codec_attach(struct uz_store *s, struct uz_store_error *err);
void uz__codec_close_all(struct uz_store *s);

/* table.c: between enter and leave */
uint64_t *uz__slot_at(struct uz_dev *d, uint64_t page); /* NULL: no table */
int uz__slot_make_at(struct uz_dev *d, uint64_t page, uint64_t **slot);
bool uz__table_is_bad(struct uz_dev *d, uint64_t page);
bool uz__tables_step(struct uz_dev *d, uint64_t end_ns);

/* root.c */
int uz__root_alloc(struct uz_store *s, uint64_t size_bytes, uint64_t *off, uint64_t *bytes);
void uz__root_free(struct uz_store *s, uint64_t off, uint64_t bytes);
int uz__root_settle(struct uz_store *s);
int uz__root_set(struct uz_dev *d, uint64_t size_bytes); /* grow or shrink; control held */

/* page.c: one page; between enter and leave */
int uz__page_load(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page, void *dst);
int uz__page_store(struct uz_dev *d, struct uz_stream *st, uint64_t page, const void *src);
int uz__page_update(struct uz_dev *d, struct uz_stream *st, uint64_t page, uint32_t off,
		    const void *src, uint32_t len);
void uz__replaced(struct uz_dev *d, struct uz_stream *st, uint64_t old, uint64_t w);
void uz__page_clear(struct uz_dev *d, struct uz_stream *st, uint64_t *slot);

/* detour.c */
int uz__detour(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t *old, uint64_t page,
	       unsigned int codec, const void *bytes, uint32_t size, uint64_t *w);

/* object.c: what a slot names */
struct uz_pool *uz__pool_of(struct uz_dev *d, uint64_t handle);
int uz__encode(struct uz_dev *d, struct uz_stream *st, unsigned int codec, const void *src,
	       uint32_t *size);
int uz__object_make(struct uz_dev *d, struct uz_stream *st, uint64_t page, unsigned int codec,
		    const void *bytes, uint32_t size, unsigned int flags, uint64_t *word);
void uz__object_drop(struct uz_dev *d, uint64_t word);
const void *uz__object_bytes(struct uz_dev *d, uint64_t w, uint32_t *bytes);
int uz__object_decode(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page,
		      const void *bytes, void *dst);
void uz__account(struct uz_dev *d, struct uz_stream *st, uint64_t word, int sign);

/* mover.c */
struct uz__mover {
	struct uz_mover m;
	struct uz_dev *dev;
	uint64_t *slot;
	uint64_t word;
};
void uz__mover_init(struct uz__mover *mv, struct uz_dev *d);

/* rewrite.c: one page into another pool or codec; 1 done, 0 nothing to do or lost a race */
int uz__page_rewrite(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page,
		     unsigned int codec, bool only_smaller);

static inline bool uz__no_room(int r)
{
	return r == -UZ_ENOSPC || r == -UZ_ENOMEM;
}

/* reclaim.c, migrate.c, recompress.c, age.c: steps of background work; true: more to do */
bool uz__reclaim(struct uz_store *s);
bool uz__try_harder(struct uz_dev *d, unsigned int *flags);
unsigned int uz__flags_for(unsigned int flags, uint64_t old, uint32_t size);
uint64_t uz__compact(struct uz_dev *d, uint32_t nr_blocks, bool hard);
bool uz__migrate_step(struct uz_dev *d, struct uz_stream *st, uint64_t end_ns);
bool uz__evacuate_step(struct uz_store *s);
void uz__migrate_start(struct uz_dev *d);
uint64_t uz__migrate_left(struct uz_dev *d);
bool uz__recompress_step(struct uz_dev *d, struct uz_stream *st, uint64_t now_ns, uint64_t end_ns);
bool uz__age_step(struct uz_dev *d, uint64_t now_ns, uint64_t end_ns);
unsigned int uz__age_bucket(uint32_t idle_s);

/* disk.c */
int uz__disk_open(struct uz_store *s, unsigned int index, const struct uz__disk_record *rec,
		  struct uz_dev **out);
void uz__disk_close(struct uz_dev *d);
void uz__disk_save(struct uz_dev *d);
int uz__disk_pool(struct uz_dev *d, unsigned int entry);
uint64_t uz__disk_used_bytes(struct uz_dev *d); /* mem_used_total */
bool uz__disk_over(struct uz_dev *d, unsigned int flags); /* mem_limit */
int uz__pool_entry(struct uz_store *s, const struct uz_pool_ops *ops);

/* attach.c */
int uz__attach(struct uz_store *s, struct uz_store_error *err);

/* stats.c, latency.c */
void uz__count_sum(struct uz_dev *d, struct uz__counters *out);
void uz__count_reset(struct uz_dev *d);
void uz__latency_add(struct uz_dev *d, struct uz_stream *st, enum uz_op op, uint64_t ns);

/*
 * walk.c: the slots from w->page on that have a table; @visit returns false to stop before the
 * page (it is the next one then). True when the end of the disk was reached.
 */
typedef bool uz__visit(void *ctx, uint64_t *slot, uint64_t page);
bool uz__walk(struct uz_dev *d, struct uz__walk *w, uint64_t end_ns, uz__visit *visit, void *ctx);

/* An error's words, when somebody wants them. */
void uz__explain(struct uz_store_error *err, const char *what, const char *name);

#endif
