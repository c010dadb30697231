/* SPDX-License-Identifier: MIT */
/*
 * The volatile state of backings, clean copies and the engine of write-back, and what its files share.
 */
#ifndef UZ_BACKING_STATE_H
#define UZ_BACKING_STATE_H

#include <uz/backing.h>

/* Clean copies: clean.c. */
struct uz__segment {
	uint32_t users; /* atomic: who looks into it now; outlives the content */
	uint32_t birth; /* atomic; 0: not in use */
	uint32_t live; /* atomic: copies that a page's location names */
	uint32_t frame;
	uint32_t used_bytes, disk;
	uint32_t next, prev; /* by birth, oldest first; next: in the free list too */
};

struct uz__clean {
	struct uz_lock lock; /* below slots, above the arena's */
	struct uz_area area;
	struct uz__segment *seg; /* [nr], 0 is none */
	uint32_t nr, free_head, oldest, newest, births;
	uint64_t nr_frames; /* atomic */
};

/* Where each page's clean copy is, 0: it has none. */
struct uz__where {
	struct uz_area area;
	uint64_t nr; /* pages */
	uint64_t *there; /* a bit for each 512 pages: their locations are committed */
	/* the same: pages of them have left the backing since it was looked through */
	uint64_t *stale;
	uint64_t *loc;
	uint64_t charged_bytes;
};

#define UZ__WB_BATCH 32u

struct uz__wb_item {
	uint64_t *slot, page, word;
	uint32_t hash;
};

/* The engine of write-back, one for the store: writeback.c. */
struct uz__wb {
	struct uz_line line; /* for the lock */
	struct uz_lock lock; /* all below; below background, above slots; no grace period inside */
	struct uz_stream *st; /* NULL: no disk ever had a backing */
	unsigned char *buf;
	struct uz__wb_item item[UZ__WB_BATCH];
	uint32_t ablock[UZ__WB_BATCH]; /* atomic: that the item is in, 0: none is being written */
	uint32_t nr;
	uint32_t nr_backed; /* atomic: disks with a backing */
	uint32_t reliefs; /* atomic: raised when memory was won */
};

/* clean.c: copies in memory of pages that are on the backing. The page's slot is locked in keep. */
int uz__clean_init(struct uz_dev *d);
void uz__clean_fini(struct uz_dev *d);
void uz__clean_close(struct uz_store *s);
void uz__clean_keep(struct uz_dev *d, uint64_t page, uint64_t w, const void *bytes);
bool uz__clean_read(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page, void *dst);
void uz__clean_forget(struct uz_dev *d, uint64_t page);
uint64_t uz__clean_drop(struct uz_store *s, uint32_t first_ablock,
			uint32_t nr_ablocks); /* frames */
uint64_t uz__clean_shrink(struct uz_store *s, uint64_t bytes); /* bytes freed */
int uz__clean_check(struct uz_store *s);

/* backing.c, indirect.c, writeback.c */
bool uz__backing_known(const struct uz_dev *d);
void uz__backing_release(struct uz_dev *d);
void uz__backing_give_up(struct uz_dev *d); /* the same, before its record goes */
void uz__backing_leave(struct uz_dev *d); /* the disk is being destroyed */
int uz__indirect_load(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page, void *dst,
		      bool keep);
int uz__wb_init(struct uz_store *s);
void uz__wb_lock(struct uz_store *s);
void uz__wb_close(struct uz_store *s);
uint64_t uz__wb_slack(struct uz_store *s);
bool uz__wb_relief(struct uz_store *s, struct uz_dev *only);
bool uz__wb_step(struct uz_store *s, uint64_t now_ns, uint64_t end_ns);

static inline uint64_t uz__backing_off(uint64_t page)
{
	return (page + 1) << UZ_PAGE_SHIFT;
}

/* punch.c */
void uz__punch_note(struct uz_dev *d, uint64_t page); /* it was on the backing */
void uz__punch_all(struct uz_dev *d);
void uz__punch_step(struct uz_dev *d, uint64_t now_ns, uint64_t end_ns);

#endif
