/* SPDX-License-Identifier: MIT */
/*
 * One page into another pool or codec, beside I/O. The stored bytes are copied
 * under the lock and worked on outside it. Before the swap the word and the
 * bytes are compared again: the word alone can be the same for other content,
 * when the object was freed and allocated again in between. Bytes that were damaged stay where
 * they are: a new checksum would make them good.
 */
#include "device_i.h"
#include "object_i.h"

static uint64_t copy_out(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint32_t *bytes)
{
	const void *p;
	uint64_t w;

	do {
		w = uz__slot_wait_short(d->store->plat, slot);
		if (!uz__slot_is_stored(w))
			return w;
	} while (!uz__slot_trylock(slot, w));
	p = uz__object_bytes(d, w, bytes);
	memcpy(st->copy, p, *bytes);
	uz__slot_unlock(slot, w);
	return w;
}

static bool fits(struct uz_dev *d, uint32_t size)
{
	return size == UZ_PAGE_SIZE ||
	       size + CHECK_BYTES <= uz_load_acquire(&d->pool)->ops->max_object;
}

/* What to store for the copied object: *from is st->copy, st->page or st->out. */
static int recode(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page,
		  unsigned int codec, const void **from, uint32_t *size)
{
	int r;

	*from = st->copy;
	*size = uz__slot_size(w);
	if (codec == uz__slot_codec(w) && fits(d, *size))
		return uz__object_intact(d, w, page, st->copy) ? 0 : -UZ_EIO;
	r = uz__object_decode(d, st, w, page, st->copy, st->page);
	if (r == 0)
		*size = uz__encode(d, st, codec, st->page, st->out);
	*from = *size == UZ_PAGE_SIZE ? st->page : st->out;
	return r;
}

/* Remembers that @codec did not help, so that nobody tries again. */
static void mark_tried(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t w,
		       unsigned int codec)
{
	uint64_t handle = uz__slot_handle(w), tried;
	uint32_t size = uz__slot_size(w);

	if (uz__slot_is_object(w))
		tried = uz__slot_make(UZ_SLOT_TRIED, uz__slot_codec(w), size, handle);
	else if (d->store->codec[codec].checksum == d->store->codec[uz__slot_codec(w)].checksum)
		tried = uz__slot_make(UZ_SLOT_RAW, codec, size, handle);
	else
		return;
	tried = uz__slot_with_age(tried, uz__slot_age(w));
	if (uz_cas_acquire(slot, w, tried)) {
		uz__account(d, st, tried, 1);
		uz__account(d, st, w, -1);
	}
}

static int replace(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t w,
		   uint32_t bytes, uint64_t neu)
{
	uint64_t now;
	bool ok;

	do
		now = uz__slot_wait_short(d->store->plat, slot);
	while (uz__slot_same(w, now) && !uz__slot_trylock(slot, now));
	ok = uz__slot_same(w, now);
	if (ok) {
		ok = uz__object_same(d, w, now, st->copy, bytes);
		neu = uz__slot_with_age(neu, uz__slot_age(now));
		uz__slot_unlock(slot, ok ? neu : now);
	}
	uz__object_drop(d, ok ? now : neu);
	if (ok) {
		uz__account(d, st, neu, 1);
		uz__account(d, st, now, -1);
	}
	return ok;
}

/* With the background lock held, which a grant may wait for. */
static bool more_room(struct uz_dev *d, struct uz__effort *e)
{
	return !uz__give_way(d->store) && uz__try_harder(d, e);
}

int uz__page_rewrite(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page,
		     unsigned int codec, unsigned int how)
{
	bool urgent = how & UZ__REWRITE_URGENT;
	struct uz__effort e = { .flags = urgent ? UZ_ALLOC_URGENT | UZ_ALLOC_THRIFTY : 0,
				.background = true };
	uint32_t bytes, size;
	const void *from;
	uint64_t w = copy_out(d, st, slot, &bytes), neu;
	int r;

	if (!uz__slot_is_stored(w))
		return 0;
	r = recode(d, st, w, page, codec, &from, &size);
	if (r < 0)
		return 0;
	if (how & UZ__REWRITE_SMALLER && size >= uz__slot_size(w)) {
		mark_tried(d, st, slot, w, codec);
		return 0;
	}
	do
		r = uz__object_make(d, st, page, codec, from, size, uz__flags_for(e.flags, w, size),
				    &neu);
	while (uz__no_room(r) && (urgent ? uz__reclaim(d->store) : more_room(d, &e)));
	if (r == -UZ_EAGAIN)
		return 0;
	if (uz__no_room(r) && !urgent && uz__give_way(d->store))
		return -UZ_EAGAIN;
	if (uz__no_room(r) && !urgent)
		uz_store(&d->relief_wanted, true);
	return r < 0 ? r : replace(d, st, slot, w, bytes, neu);
}
