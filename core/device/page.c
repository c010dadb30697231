/* SPDX-License-Identifier: MIT */
/*
 * One page: load, store, update in part, clear.
 *
 * A store builds the new object first and swaps the slot's word with one
 * compare-and-swap; what was there stays until then, so a store that fails changed
 * nothing. An update of part of a page holds the slot's lock from the read to
 * the swap: comparing the word again instead would not do, because an object that was
 * freed and allocated again in between can give the same word for other content.
 *
 * A page of zeros is an empty slot: it needs no memory and reads as a hole.
 */
#include "device_i.h"

/* True when the page is one repeated 32-bit word. */
static bool same_filled(const void *src, uint32_t *fill)
{
	const char *p = src;
	uint64_t first, v;

	memcpy(&first, p, sizeof(first));
	if ((uint32_t)first != (uint32_t)(first >> 32))
		return false;
	memcpy(&v, p + UZ_PAGE_SIZE - sizeof(v), sizeof(v));
	for (uint32_t i = 8; v == first && i < UZ_PAGE_SIZE; i += 8)
		memcpy(&v, p + i, sizeof(v));
	*fill = (uint32_t)first;
	return v == first;
}

static void fill_page(void *dst, uint32_t fill)
{
	uint64_t v = (uint64_t)fill << 32 | fill;

	for (uint32_t i = 0; i < UZ_PAGE_SIZE; i += 8)
		memcpy((char *)dst + i, &v, sizeof(v));
}

static int bad_page(struct uz_dev *d, struct uz_stream *st, uint64_t page)
{
	COUNT(uz__count(d, st)->bad_pages, 1);
	uz_store(&d->last_bad, page + 1);
	return -UZ_EIO;
}

/* What the word stands for; the slot is locked if it names memory. */
static int load_word(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page, void *dst)
{
	const void *bytes;
	uint32_t len;

	switch (uz__slot_state(w)) {
	case UZ_SLOT_EMPTY:
		memset(dst, 0, UZ_PAGE_SIZE);
		return 0;
	case UZ_SLOT_FILL:
		fill_page(dst, uz__slot_fill(w));
		return 0;
	case UZ_SLOT_OBJECT:
	case UZ_SLOT_TRIED:
	case UZ_SLOT_RAW:
		bytes = uz__object_bytes(d, w, &len);
		return uz__object_decode(d, st, w, page, bytes, dst);
	case UZ_SLOT_INDIRECT:
		return uz__indirect_load(d, st, w, page, dst);
	case UZ_SLOT_BAD:
		break;
	}
	return -UZ_EIO;
}

int uz__page_load(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page, void *dst)
{
	struct uz_plat *pl = d->store->plat;
	uint64_t w;
	int r;

	if (!slot) {
		memset(dst, 0, UZ_PAGE_SIZE);
		return uz__table_is_bad(d, page) ? bad_page(d, st, page) : 0;
	}
	w = uz__slot_read(pl, slot);
	if (uz__slot_is_kept(w)) {
		if (!uz__slot_trylock(slot, w))
			w = uz__slot_lock(pl, slot);
		r = load_word(d, st, w, page, dst);
		if (UZ_UNLIKELY(uz__slot_age(w) == UZ_AGE_IDLE && uz__slot_is_stored(w)))
			COUNT(uz__count(d, st)->idle_pages, -1);
		uz__slot_unlock(slot, uz__slot_is_stored(w) ? uz__slot_with_age(w, 0) : w);
	} else {
		r = load_word(d, st, w, page, dst);
	}
	return r < 0 ? bad_page(d, st, page) : 0;
}

static int give_up(struct uz_dev *d, struct uz_stream *st, int r)
{
	if (uz__no_room(r))
		COUNT(uz__count(d, st)->enospc, 1);
	return r;
}

/* @w is in the slot where @old was. */
void uz__replaced(struct uz_dev *d, struct uz_stream *st, uint64_t page, uint64_t old, uint64_t w)
{
	if (w == old)
		return;
	if (UZ_UNLIKELY(uz__slot_state(old) == UZ_SLOT_INDIRECT)) {
		uz__clean_forget(d, page);
		uz__punch_note(d, page);
	}
	uz__account(d, st, w, 1);
	uz__account(d, st, old, -1);
	uz__object_drop(d, old);
}

static void publish(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page,
		    uint64_t w)
{
	uz__replaced(d, st, page, uz__slot_swap(d->store->plat, slot, w), w);
}

void uz__page_clear(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page)
{
	uint64_t old;

	if (!slot || !uz_load(slot))
		return;
	old = uz__slot_swap(d->store->plat, slot, 0);
	uz__replaced(d, st, page, old, 0);
	if (!uz_load(&d->tables_hint))
		uz_store(&d->tables_hint, 1);
}

static int store_fill(struct uz_dev *d, struct uz_stream *st, uint64_t page, uint32_t fill)
{
	struct uz__effort e = { 0 };
	uint64_t *slot;
	int r;

	if (!fill && !uz__table_is_bad(d, page)) {
		uz__page_clear(d, st, uz__slot_at(d, page), page);
		return 0;
	}
	do
		r = uz__slot_make_at(d, page, &slot);
	while (uz__no_room(r) && uz__try_harder(d, &e));
	if (r == 0)
		publish(d, st, slot, page, uz__slot_make_fill(fill, page));
	return give_up(d, st, r);
}

/* There was no room for the object in st->out; once more, by way of a raw frame. */
static int store_last(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page,
		      unsigned int codec, const void *src, uint32_t size)
{
	uint64_t old = uz__slot_lock(d->store->plat, slot), w;
	int r = uz__detour(d, st, slot, &old, page, codec, src, size, &w);

	uz__slot_unlock(slot, r < 0 ? old : w);
	if (r == 0)
		uz__replaced(d, st, page, old, w);
	return r;
}

int uz__page_store(struct uz_dev *d, struct uz_stream *st, uint64_t page, const void *src)
{
	unsigned int codec = uz_load_acquire(&d->codec);
	struct uz__effort e = { 0 };
	uint32_t fill, size;
	uint64_t *slot, w;
	int r;

	if (UZ_UNLIKELY(same_filled(src, &fill)))
		return store_fill(d, st, page, fill);
	uz__object_prefetch(d, uz__slot_at(d, page), true);
	do {
		r = uz__encode(d, st, codec, src, &size);
		if (r == 0)
			r = uz__slot_make_at(d, page, &slot);
		if (r == 0)
			r = uz__object_make(d, st, page, codec,
					    size == UZ_PAGE_SIZE ? src : st->out, size,
					    uz__flags_for(e.flags, uz_load(slot), size), &w);
	} while (r == -UZ_EAGAIN || (uz__no_room(r) && uz__try_harder(d, &e)));
	if (r == 0)
		publish(d, st, slot, page, w);
	else if (uz__no_room(r) && uz__slot_at(d, page))
		r = store_last(d, st, uz__slot_at(d, page), page, codec, src, size);
	return give_up(d, st, r);
}

/* The word for st->page in place of *old; the slot is locked, so nothing is reclaimed here. */
static int make_word(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page,
		     uint64_t *old, unsigned int flags, uint64_t *w)
{
	unsigned int codec = uz_load_acquire(&d->codec);
	uint32_t fill, size;
	int r;

	if (same_filled(st->page, &fill)) {
		*w = fill ? uz__slot_make_fill(fill, page) : 0;
		return 0;
	}
	do {
		r = uz__encode(d, st, codec, st->page, &size);
		if (r == 0)
			r = uz__object_make(d, st, page, codec,
					    size == UZ_PAGE_SIZE ? st->page : st->out, size,
					    uz__flags_for(flags, *old, size), w);
	} while (r == -UZ_EAGAIN);
	if (uz__no_room(r) && flags & UZ_ALLOC_URGENT)
		r = uz__detour(d, st, slot, old, page, codec, st->page, size, w);
	return r;
}

static int update_locked(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page,
			 uint64_t *old, uint32_t off, const void *src, uint32_t len,
			 unsigned int flags, uint64_t *w)
{
	if (load_word(d, st, *old, page, st->page) < 0)
		return bad_page(d, st, page);
	if (src)
		memcpy(st->page + off, src, len);
	else
		memset(st->page + off, 0, len);
	return make_word(d, st, slot, page, old, flags, w);
}

/* @len bytes at @off of the page from @src, or zeros if it is NULL. */
int uz__page_update(struct uz_dev *d, struct uz_stream *st, uint64_t page, uint32_t off,
		    const void *src, uint32_t len)
{
	struct uz__effort e = { 0 };
	uint64_t *slot, old = 0, w = 0;
	int r;

	do {
		if (!src && !uz__slot_at(d, page) && !uz__table_is_bad(d, page))
			return 0;
		r = uz__slot_make_at(d, page, &slot);
		if (r < 0)
			continue;
		old = uz__slot_lock(d->store->plat, slot);
		r = update_locked(d, st, slot, page, &old, off, src, len, e.flags, &w);
		uz__slot_unlock(slot, r < 0 ? old : w);
	} while (uz__no_room(r) && uz__try_harder(d, &e));
	if (r == 0)
		uz__replaced(d, st, page, old, w);
	return give_up(d, st, r);
}
