/* SPDX-License-Identifier: MIT */
/*
 * device: the disk. Pages of 4 KiB, each compressed on its own; any offset and
 * length is allowed. Disk size (what a client sees) and RAM budget (what it may cost)
 * are two numbers.
 *
 * Threads: all functions that take a stream may run at once with each other and
 * with background work on different streams. A page is read whole as of one
 * moment; a request of many pages is not atomic as a whole. Functions marked
 * (control) are serialised by the device itself and may run beside I/O.
 *
 * A write that fails leaves the failing page and all after it as they were; pages
 * before it may have been written.
 */
#ifndef UZ_DEVICE_H
#define UZ_DEVICE_H

#include <uz/stats.h>
#include <uz/store.h>

#define UZ_DISK_SIZE_MAX ((uint64_t)UZ_OWNER_MAX << UZ_PAGE_SHIFT) /* just under 8 TiB */

struct uz_dev_config {
	const char *name; /* 1..UZ_DISK_NAME_MAX-1 bytes, [A-Za-z0-9._-]; unique in the store */
	uint64_t size_bytes; /* multiple of UZ_PAGE_SIZE, at most UZ_DISK_SIZE_MAX */
	uint64_t mem_limit_bytes; /* most that this disk's own frames may take; 0: no limit */
	const struct uz_pool_ops *pool;
	unsigned int codec; /* entry, from uz_store_codec */
};

/*
 * -EEXIST: the name; -EINVAL: name or size; -ENOTSUP: the store has a region (<uz/contig.h>), and the
 * pool cannot move its blocks; -ENOSPC, -ENOMEM. (control)
 */
int uz_dev_create(struct uz_store *s, const struct uz_dev_config *c, struct uz_dev **out);

/*
 * Frees all the disk holds and forgets it; its name is free when this returns. Other disks, their
 * commands and grants go on meanwhile. No thread may be inside the disk. (control)
 */
void uz_dev_destroy(struct uz_dev *d);

/*
 * For a disk that is about to be destroyed: its commands, as in uz_store_stop, end soon from now on. Any
 * thread.
 */
void uz_dev_stop(struct uz_dev *d);

const char *uz_dev_name(const struct uz_dev *d);
uint64_t uz_dev_size(const struct uz_dev *d);
struct uz_store *uz_dev_store(const struct uz_dev *d);

#define UZ_IO_SHARED 1u /* the buffer may change under us: copy once before looking at it */

/*
 * off + len <= size, else -EINVAL. -EIO: a page is damaged or quarantined, or fails its
 * checksum; it is named by uz_dev_last_bad. write and zero (at unaligned edges): -ENOSPC, -ENOMEM.
 * len 0 is 0.
 */
int uz_dev_read(struct uz_dev *d, struct uz_stream *st, uint64_t off, void *buf, size_t len,
		unsigned int flags);
int uz_dev_write(struct uz_dev *d, struct uz_stream *st, uint64_t off, const void *buf, size_t len,
		 unsigned int flags);

/*
 * Hints, at any @off: the page there will be read next. That waits for its slot, if it is not in a
 * cache; prefetch_slot waits for nothing, so it is for many pages that will be read in a while.
 */
void uz_dev_prefetch_slot(struct uz_dev *d, struct uz_stream *st, uint64_t off);
void uz_dev_prefetch(struct uz_dev *d, struct uz_stream *st, uint64_t off);

/* The range reads as zeros from now on and its memory goes back to the pool at once. */
int uz_dev_zero(struct uz_dev *d, struct uz_stream *st, uint64_t off, uint64_t len);

/* The same: a discarded range reads as zeros, unaligned edges are zeroed. Counted as notify_free. */
int uz_dev_discard(struct uz_dev *d, struct uz_stream *st, uint64_t off, uint64_t len);

/*
 * The extent that starts at @off: *len bytes (at most @max) that all hold data or all do not
 * (*hole; they read as zeros). Allocates nothing. -EINVAL when off >= size.
 */
int uz_dev_extent(struct uz_dev *d, struct uz_stream *st, uint64_t off, uint64_t max, uint64_t *len,
		  bool *hole);

/* (control) New writes use it at once; background work moves the rest. Errors as in create. */
int uz_dev_set_pool(struct uz_dev *d, const struct uz_pool_ops *pool);
int uz_dev_set_codec(struct uz_dev *d, unsigned int codec);
const struct uz_pool_ops *uz_dev_pool(const struct uz_dev *d);
unsigned int uz_dev_codec(const struct uz_dev *d);

/* (control) Cut-off pages are freed. -EINVAL as in create, -ENOSPC. I/O past the end ends in -EINVAL. */
int uz_dev_resize(struct uz_dev *d, uint64_t size_bytes);
/* (control) Every page reads as zeros, counters start again. */
int uz_dev_reset(struct uz_dev *d);
void uz_dev_set_mem_limit(struct uz_dev *d, uint64_t bytes);

/*
 * Compaction now, until nothing more can be gained; frames freed, or -errno. As all that may take long
 * and changes no setting, it runs beside the commands marked (control).
 */
int64_t uz_dev_compact(struct uz_dev *d);

/*
 * Recompression. Pages to take: those idle for @idle_s seconds (0: any age), at least @min_bytes
 * long now (0: any; UZ_PAGE_SIZE: raw only), at most @max_pages (0: all). An object is replaced only
 * when the new one is smaller. Returns pages replaced, or -errno.
 */
struct uz_recompress {
	unsigned int codec; /* entry */
	uint32_t idle_s, min_bytes;
	uint64_t max_pages;
};
int64_t uz_dev_recompress(struct uz_dev *d, const struct uz_recompress *r);

/*
 * The same in the background, for ever: codec < 0 turns it off. @cpu_percent of one CPU, 1..100. A
 * write that finds no room recompresses too, idle pages first, before it fails: for 20 ms at a time, a
 * third of a second for one page at most. The first call opens a stream for that: -ENOSPC, -ENOMEM as
 * uz_stream_open. -EINVAL. (control)
 */
int uz_dev_set_recompress(struct uz_dev *d, int codec, uint32_t idle_s, uint32_t min_bytes,
			  uint32_t cpu_percent);

/* Marks pages not touched for @age_s seconds (0: all) as idle; how many. */
uint64_t uz_dev_idle(struct uz_dev *d, uint32_t age_s);

/* Copies up to @nr pages of the disk, spread evenly, to @pages; how many. For training. */
uint32_t uz_dev_sample(struct uz_dev *d, struct uz_stream *st, void *pages, uint32_t nr);

/*
 * Compaction, migration after a change of pool or codec, recompression by age, freeing of empty
 * table frames, the arena's reserve: for about @budget_ns. @now_ns: the platform's now(), the clock
 * by which pages age; no other will do. True when there is more to do at once. Call it a few times a
 * second, more often while it returns true. One thread at a time.
 */
bool uz_dev_background(struct uz_dev *d, uint64_t now_ns, uint64_t budget_ns);

/* Counters now, without waiting for work on the disk; names, units, help: <uz/stats.h>. Any thread. */
void uz_dev_stats(struct uz_dev *d, struct uz_dev_stats *out);
void uz_dev_latency(struct uz_dev *d, enum uz_op op, struct uz_latency *out);

/* The last page that gave -EIO (page number), false when none has. */
bool uz_dev_last_bad(struct uz_dev *d, uint64_t *page);

/* Recounts this disk: 0 or -EBADMSG. No thread may be inside. */
int uz_dev_check(struct uz_dev *d);

#endif
