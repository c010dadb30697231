/* SPDX-License-Identifier: MIT */
/*
 * What the device layer's files share.
 *
 * Lock order: control -> background -> pools, root, write-back -> slot -> (pool) class, clean -> block
 * table -> arena; control -> entries. A slot is never waited for with a class lock held.
 *
 * Grace periods: a stream announces itself at the start of a request and
 * withdraws at its end. What readers may still look at (table frames, roots,
 * pool instances) is freed only when every stream has been quiet once since it was unlinked.
 */
#ifndef UZ_DEVICE_I_H
#define UZ_DEVICE_I_H

#include "state.h"

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
	uz_exchange_seq(&st->store->seen[st->index].grace, uz_load(&st->store->grace));
	uz_fence_after_exchange();
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
bool uz__tables_step(struct uz_dev *d, uint64_t end_ns); /* background lock held */
void uz__tables_tidy(struct uz_dev *d); /* all that are empty now; as uz__cut */

/* root.c */
int uz__root_alloc(struct uz_store *s, uint64_t size_bytes, uint64_t *off, uint64_t *bytes);
void uz__root_free(struct uz_store *s, uint64_t off, uint64_t bytes);
void uz__root_leave(struct uz_dev *d); /* control lock held: the disk's is an old one from now on */
void uz__root_left(struct uz_store *s, unsigned int disk); /* nobody looks at it any more */
int uz__root_settle(struct uz_store *s);
bool uz__root_sane(struct uz_store *s, uint64_t off, uint64_t bytes);
int uz__root_set(struct uz_dev *d, uint64_t size_bytes); /* grow or shrink; control held */
void uz__cut(struct uz_dev *d, uint64_t page, uint64_t end); /* no lock of the store held */

/* page.c: one page; between enter and leave */
int uz__page_load(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page, void *dst);
int uz__page_store(struct uz_dev *d, struct uz_stream *st, uint64_t page, const void *src);
int uz__pages_store(struct uz_dev *d, struct uz_stream *st, uint64_t page, const void *src,
		    uint64_t nr, uint64_t *done);
int uz__page_update(struct uz_dev *d, struct uz_stream *st, uint64_t page, uint32_t off,
		    const void *src, uint32_t len);
void uz__replaced(struct uz_dev *d, struct uz_stream *st, uint64_t page, uint64_t old, uint64_t w);
void uz__page_clear(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page);
/* False: it is being fetched from the backing, and is as it was. */
bool uz__page_clear_short(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page);

/* detour.c */
int uz__detour(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t *old, uint64_t page,
	       unsigned int codec, const void *bytes, const void *out, uint32_t size, uint64_t *w);

/* mover.c */
void uz__mover_init(struct uz__mover *mv, struct uz_dev *d, uint64_t end_ns);

/* rewrite.c: a page into another pool or codec; 1 done, 0 nothing to do, lost a race; -EAGAIN: give way */
#define UZ__REWRITE_SMALLER 1u /* only if it gets smaller */
#define UZ__REWRITE_URGENT 2u /* for a write that found no room: from the emergency reserve */
int uz__page_rewrite(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page,
		     unsigned int codec, unsigned int how);

static inline bool uz__no_room(int r)
{
	return r == -UZ_ENOSPC || r == -UZ_ENOMEM;
}

/* background.c: s->background in turn; for a slice, which ends at the time that is returned */
void uz__claim_background(struct uz_store *s);
uint64_t uz__claim_slice(struct uz_store *s);

/*
 * A slice of work whose pieces take long. So that there is an end, each slice does one piece at least.
 */
struct uz__slice {
	uint64_t end_ns;
	bool begun;
};

static inline bool uz__slice_over(const struct uz_store *s, struct uz__slice *sl)
{
	bool over = sl->begun && s->plat->ops->now(s->plat) >= sl->end_ns;

	sl->begun = true;
	return over;
}

/* Commands that may take long end here. */
static inline bool uz__stopping(const struct uz_dev *d)
{
	return uz_load(&d->store->stopping) || uz_load(&d->stopping);
}

/* A grant has a deadline: who holds s->background for work that can be left at any page leaves it. */
static inline bool uz__give_way(const struct uz_store *s)
{
	return UZ_UNLIKELY(uz_load(&s->grants) != 0);
}

/* reclaim.c, migrate.c, recompress.c, age.c: steps of background work; true: more to do */
bool uz__reclaim(struct uz_store *s);
bool uz__try_harder(struct uz_dev *d, struct uz__effort *e);
bool uz__squeeze(struct uz_store *s, struct uz_dev *only);
unsigned int uz__flags_for(unsigned int flags, uint64_t old, uint32_t size);
uint64_t uz__compact(struct uz_dev *d, bool hard, uint64_t end_ns);
bool uz__pools_settle(
	struct uz_dev *d); /* frees those that left; false: not yet. Background lock */
bool uz__migrate_step(struct uz_dev *d, struct uz_stream *st, uint64_t end_ns);
bool uz__evacuate_step(struct uz_store *s, bool *trim); /* *trim: in pieces, without the lock */
void uz__migrate_start(struct uz_dev *d);
uint64_t uz__migrate_left(struct uz_dev *d);
bool uz__recompress_step(struct uz_dev *d, struct uz_stream *st, uint64_t now_ns, uint64_t end_ns);
uint64_t uz__recompress_due(const struct uz_dev *d);
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
bool uz__disk_near_limit(struct uz_dev *d);
bool uz__name_ok(const char *name); /* looks at UZ_DISK_NAME_MAX bytes at most */
int uz__pool_entry(struct uz_store *s, const struct uz_pool_ops *ops);

/* contig.c: whether a disk of the store may use that pool */
bool uz__pool_lends(struct uz_store *s, const struct uz_pool_ops *ops);

/* attach.c */
int uz__attach(struct uz_store *s, struct uz_store_error *err);

/* stats.c, latency.c */
void uz__count_sum(struct uz_dev *d, struct uz__counters *out);
void uz__count_reset(struct uz_dev *d);
void uz__note_used(struct uz_dev *d);
void uz__latency_add(struct uz_dev *d, struct uz_stream *st, enum uz_op op, uint64_t ns);

/*
 * walk.c: the slots from w->page on that have a table; @visit returns false to stop before the
 * page (it is the next one then). True when the end of the disk was reached. One of the background
 * stream with an end in time gives way to grants.
 */
typedef bool uz__visit(void *ctx, uint64_t *slot, uint64_t page);
bool uz__walk(struct uz_dev *d, struct uz__walk *w, uint64_t end_ns, uz__visit *visit, void *ctx);
bool uz__walk_in(struct uz_dev *d, struct uz_stream *st, struct uz__walk *w, uint64_t end_ns,
		 uz__visit *visit, void *ctx); /* uz__walk: with the background stream */
/* uz__walk for a command: a slice of it, with the background lock, which it takes and lets go. */
bool uz__walk_slice(struct uz_dev *d, struct uz__walk *w, uz__visit *visit, void *ctx);

/* An error's words, when somebody wants them. */
void uz__explain(struct uz_store_error *err, const char *what, const char *name);

#endif
