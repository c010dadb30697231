/* SPDX-License-Identifier: MIT */
/*
 * Taking a backing away from a live disk: nothing is written to it any more, every page that is on
 * it comes back into memory, then the disk forgets it. I/O goes on. A page is on the backing until its
 * slot names memory, so a crash finds it, and an end half-way (no room, a page that cannot be read)
 * leaves a disk with its backing and fewer pages on it.
 */
#include "device_i.h"
#include "object_i.h"

struct recall {
	struct uz_dev *d;
	struct uz_stream *st;
	int error;
};

/* The page on the backing that @w names, in memory again, in its own codec. The slot is locked. */
static int bring_back(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page,
		      uint64_t *neu)
{
	unsigned int codec = uz__slot_codec(w);
	int r = uz__indirect_load(d, st, w, page, st->page, false);
	uint32_t size;

	if (r < 0)
		return r;
	return uz__page_make(d, st, page, codec, 0, w, &size, neu);
}

static int recall(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page)
{
	uint64_t w = uz__slot_lock(d->store->plat, slot), neu = w;
	int r = 0;

	if (uz__slot_state(w) == UZ_SLOT_INDIRECT)
		r = bring_back(d, st, w, page, &neu);
	uz__slot_unlock(slot, r < 0 ? w : neu);
	if (r == 0)
		uz__replaced(d, st, page, w, neu);
	return r;
}

static bool visit(void *ctx, uint64_t *slot, uint64_t page)
{
	struct recall *c = ctx;
	struct uz__effort e = { 0 };

	if (uz__slot_state(uz_load(slot)) != UZ_SLOT_INDIRECT)
		return true;
	do
		c->error = uz__stopping(c->d) ? -UZ_EINTR : recall(c->d, c->st, slot, page);
	while (uz__no_room(c->error) && uz__try_harder(c->d, &e));
	return c->error == 0;
}

/* From when this returns with @on nobody takes a page of the disk to the backing. */
static void set_leaving(struct uz_dev *d, bool on)
{
	uz__wb_lock(d->store);
	d->wb_leaving = on;
	uz_unlock(d->store->plat, &d->store->wb.lock);
}

static int recall_all(struct uz_dev *d)
{
	struct recall c = { .d = d };
	struct uz__walk w = { 0 };
	int r = uz_stream_open(d->store, &c.st);

	if (r < 0)
		return r;
	uz__walk_in(d, c.st, &w, UZ_FOREVER, visit, &c);
	uz_stream_close(c.st);
	return c.error;
}

int uz_dev_drop_backing(struct uz_dev *d)
{
	struct uz_store *s = d->store;
	int r = -UZ_ENOENT;

	uz_lock(s->plat, &d->control);
	if (d->backing) {
		set_leaving(d, true);
		r = recall_all(d);
		if (r == 0) {
			uz__backing_release(d);
			uz__backing_leave(d);
			uz__disk_save(d);
			uz__grace_wait(s);
		}
		set_leaving(d, false);
	}
	uz_unlock(s->plat, &d->control);
	return r;
}
