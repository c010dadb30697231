/* SPDX-License-Identifier: MIT */
/*
 * Which backing belongs to which disk. The header on it has a random number that the disk's
 * backing record has too. Before anything is overwritten it must be blank, free, left by a store
 * that is gone, or the caller must insist. The record is published before the header is written,
 * so a crash in between leaves a blank backing and a disk without pages on it.
 */
#include <uz/hash.h>

#include "device_i.h"

#define MAGIC "uzbackng"
#define VERSION 1u
#define BLANK_BYTES (1ull << 20) /* superblocks of all file systems are in the first MiB */

enum use { FREE, LOST_WITH_PROCESS, KEPT };

struct header {
	char magic[8];
	uint32_t version, use;
	uint64_t id, size_bytes;
	char disk[UZ_DISK_NAME_MAX];
	uint64_t check;
};
static_assert(sizeof(struct header) == 72, "format of the backing");

static bool header_ok(const struct header *h)
{
	return memcmp(h->magic, MAGIC, sizeof(h->magic)) == 0 && h->version == VERSION &&
	       uz__record_ok(h, sizeof(*h));
}

/* @page is a whole, aligned one. */
static int header_write(struct uz_backing_dev *b, void *page, const struct uz_dev *d, enum use use)
{
	struct header h = { .version = VERSION, .use = use };

	memcpy(h.magic, MAGIC, sizeof(h.magic));
	if (d) {
		h.id = b->id;
		h.size_bytes = uz_dev_size(d);
		memcpy(h.disk, d->name, sizeof(h.disk));
	}
	uz__record_seal(&h, sizeof(h));
	memset(page, 0, UZ_PAGE_SIZE);
	memcpy(page, &h, sizeof(h));
	return b->ops->write(b, 0, page, UZ_PAGE_SIZE);
}

int uz_backing_free(struct uz_backing_dev *b, void *page)
{
	return header_write(b, page, NULL, FREE);
}

/* The save lock or the control lock is held: both are, when it changes. */
static const struct uz__backing_record *record(const struct uz_dev *d)
{
	const struct uz__backing_record *rec = &d->store->meta->backing[d->index];

	return rec->valid == META_VALID && uz__record_ok(rec, sizeof(*rec)) ? rec : NULL;
}

bool uz__backing_known(const struct uz_dev *d)
{
	return record(d) != NULL;
}

static uint64_t pages_on(struct uz_dev *d)
{
	struct uz__counters c;

	uz__count_sum(d, &c);
	return (uint64_t)UZ_MAX(c.bd_pages, 0);
}

void uz_dev_backing(struct uz_dev *d, struct uz_backing_info *out)
{
	const struct uz__backing_record *rec;

	*out = (struct uz_backing_info){ .attached = uz_load_acquire(&d->backing) != NULL,
					 .pages = pages_on(d) };
	uz_lock(d->store->plat, &d->save_lock);
	rec = record(d);
	if (rec) {
		out->id = rec->id;
		memcpy(out->hint, rec->hint, sizeof(out->hint) - 1);
	}
	uz_unlock(d->store->plat, &d->save_lock);
}

/* 1: blank, 0: not. */
static int is_blank(struct uz_backing_dev *b, unsigned char *buf)
{
	const uint64_t step = UZ__WB_BATCH << UZ_PAGE_SHIFT;
	uint64_t end = UZ_MIN(BLANK_BYTES, b->size_bytes);

	for (uint64_t off = 0; off < end; off += step) {
		uint64_t len = UZ_MIN(step, end - off) & ~(uint64_t)(UZ_PAGE_SIZE - 1);
		int r = b->ops->read(b, off, buf, len);

		if (r < 0)
			return r;
		for (uint64_t i = 0; i < len; i++)
			if (buf[i])
				return 0;
	}
	return 1;
}

/* 1: it needs a new header, 0: it is this disk's, or why not. */
static int judge(struct uz_dev *d, struct uz_backing_dev *b, unsigned char *buf, unsigned int flags)
{
	const struct uz__backing_record *rec = record(d);
	struct header h;
	bool ok;
	int r;

	if (b->size_bytes < uz_dev_size(d) + UZ_PAGE_SIZE)
		return -UZ_EOVERFLOW;
	r = b->ops->read(b, 0, buf, UZ_PAGE_SIZE);
	if (r < 0)
		return r;
	memcpy(&h, buf, sizeof(h));
	ok = header_ok(&h);
	if (ok && rec && h.use != FREE && h.id == rec->id)
		return 0;
	if (pages_on(d))
		return ok ? -UZ_ESTALE : -UZ_EBADMSG;
	if (flags & UZ_BACKING_FORMAT || (ok && h.use != KEPT))
		return 1;
	if (ok)
		return -UZ_ESTALE;
	r = is_blank(b, buf);
	return r == 0 ? -UZ_EEXIST : r;
}

/* @rec is sealed as a valid one, or is none. */
static void record_publish(struct uz_dev *d, struct uz__backing_record rec)
{
	struct uz__backing_record *at = &d->store->meta->backing[d->index];
	uint32_t valid = rec.valid;

	uz_lock(d->store->plat, &d->save_lock);
	uz_store_release(&at->valid, 0);
	rec.valid = 0;
	*at = rec;
	uz_store_release(&at->valid, valid);
	uz_unlock(d->store->plat, &d->save_lock);
	uz__disk_save(d);
}

static struct uz__backing_record record_make(uint64_t id, const char *hint)
{
	struct uz__backing_record rec = { .valid = META_VALID, .id = id };
	size_t n = 0;

	while (hint[n])
		n++;
	hint += n - UZ_MIN(n, sizeof(rec.hint) - 1);
	for (n = 0; hint[n]; n++)
		rec.hint[n] = hint[n];
	uz__record_seal(&rec, sizeof(rec));
	return rec;
}

/*
 * The engine's lock is held. A record that names pages is not touched: it is published once. One whose
 * header cannot be written goes, and the one before it, which names no page, comes back.
 */
static int take(struct uz_dev *d, struct uz_backing_dev *b, const char *hint, unsigned int flags)
{
	struct uz__wb *wb = &d->store->wb;
	struct uz__backing_record was = d->store->meta->backing[d->index];
	int r = judge(d, b, wb->buf, flags);
	bool used = r == 0;

	if (r < 0)
		return r;
	if (used)
		b->id = was.id;
	else
		record_publish(d, record_make(b->id, hint));
	r = header_write(b, wb->buf, d, flags & UZ_BACKING_KEPT ? KEPT : LOST_WITH_PROCESS);
	if (r < 0) {
		if (!used)
			record_publish(d, was);
		return r;
	}
	if (used || flags & UZ_BACKING_FORMAT)
		uz__punch_all(d);
	uz_store_release(&d->backing, b);
	uz_fetch_add(&wb->nr_backed, 1);
	return 0;
}

int uz_dev_set_backing(struct uz_dev *d, struct uz_backing_dev *b, const char *hint,
		       unsigned int flags)
{
	struct uz_store *s = d->store;
	int r = -UZ_EBUSY;

	uz_lock(s->plat, &d->control);
	if (!d->backing) {
		r = uz__wb_init(s);
		if (r == 0)
			r = uz__clean_init(d);
		if (r == 0) {
			uz__wb_lock(s);
			r = take(d, b, hint, flags);
			uz_unlock(s->plat, &s->wb.lock);
		}
	}
	uz_unlock(s->plat, &d->control);
	return r;
}

/*
 * The disk is about to go, and its pages with it. Killed before the disk's record is gone, the header
 * still has the number that the disk has; killed after, nobody needs the backing any more.
 */
void uz__backing_give_up(struct uz_dev *d)
{
	struct uz_store *s = d->store;

	uz__wb_lock(s);
	if (d->backing)
		header_write(d->backing, s->wb.buf, d, LOST_WITH_PROCESS);
	uz_unlock(s->plat, &s->wb.lock);
}

/*
 * No page is on it any more: it is anybody's before the disk forgets it, so that whoever is killed in
 * between can give it again. One that does not take that will be refused.
 */
void uz__backing_release(struct uz_dev *d)
{
	struct uz_store *s = d->store;

	uz__wb_lock(s);
	uz_backing_free(d->backing, s->wb.buf);
	uz_unlock(s->plat, &s->wb.lock);
}

/* From now on nothing is written back; nothing is there any more, or it is about to be cleared. */
void uz__backing_leave(struct uz_dev *d)
{
	struct uz_store *s = d->store;

	uz__wb_lock(s);
	if (d->backing) {
		uz_fetch_sub(&s->wb.nr_backed, 1);
		uz_store_release(&d->backing, NULL);
	}
	d->wb_idle_s = 0;
	uz_unlock(s->plat, &s->wb.lock);
	uz_lock(s->plat, &d->save_lock);
	uz_store_release(&s->meta->backing[d->index].valid, 0);
	uz_unlock(s->plat, &d->save_lock);
}
