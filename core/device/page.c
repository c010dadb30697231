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
 * The pages of a request overlap: while one is compressed, memory is fetched for the ones in front
 * of it, which have been compressed but not stored. What a store costs besides the codec is waiting
 * for memory, and that took a fifth to two fifths off it.
 *
 * A page of zeros is an empty slot: it needs no memory and reads as a hole.
 */
#include "device_i.h"
#include "object_i.h"

#define PLACE_AHEAD (32u * UZ_CACHE_LINE) /* of an object's place; more gains nothing */

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

/* What the word stands for; the slot is locked if it names memory. @keep: as uz__indirect_load. */
static int load_word(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page, void *dst,
		     bool keep)
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
		return uz__indirect_load(d, st, w, page, dst, keep);
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
		r = load_word(d, st, w, page, dst, true);
		if (UZ_UNLIKELY(uz__slot_age(w) == UZ_AGE_IDLE && uz__slot_is_stored(w)))
			COUNT(uz__count(d, st)->idle_pages, -1);
		uz__slot_unlock(slot, uz__slot_is_stored(w) ? uz__slot_with_age(w, 0) : w);
	} else {
		r = load_word(d, st, w, page, dst, true);
	}
	return r < 0 ? bad_page(d, st, page) : 0;
}

static int give_up(struct uz_dev *d, struct uz_stream *st, int r)
{
	if (uz__no_room(r))
		COUNT(uz__count(d, st)->enospc, 1);
	return r;
}

/* @w is in the slot where @old was, which is still to be dropped. */
static void note_replaced(struct uz_dev *d, struct uz_stream *st, uint64_t page, uint64_t old,
			  uint64_t w)
{
	if (UZ_UNLIKELY(uz__slot_state(old) == UZ_SLOT_INDIRECT)) {
		uz__clean_forget(d, page);
		uz__punch_note(d, page);
	}
	uz__account(d, st, w, 1);
	uz__account(d, st, old, -1);
}

/* The same, and drops it. */
void uz__replaced(struct uz_dev *d, struct uz_stream *st, uint64_t page, uint64_t old, uint64_t w)
{
	if (w == old)
		return;
	note_replaced(d, st, page, old, w);
	uz__object_drop(d, old);
}

static void publish(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page,
		    uint64_t w)
{
	uz__replaced(d, st, page, uz__slot_swap(d->store->plat, slot, w), w);
}

static void cleared(struct uz_dev *d, struct uz_stream *st, uint64_t page, uint64_t old)
{
	uz__replaced(d, st, page, old, 0);
	if (!uz_load(&d->tables_hint))
		uz_store(&d->tables_hint, 1);
}

void uz__page_clear(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page)
{
	if (slot && uz_load(slot))
		cleared(d, st, page, uz__slot_swap(d->store->plat, slot, 0));
}

bool uz__page_clear_short(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page)
{
	uint64_t old;

	if (!uz_load(slot))
		return true;
	do {
		old = uz__slot_wait_short(d->store->plat, slot);
		if (old & UZ_SLOT_LOCK)
			return false;
	} while (!uz_cas_acquire(slot, old, 0));
	cleared(d, st, page, old);
	return true;
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

/* A page on its way: compressed into @out, or to be stored raw; then it gets a place. */
struct packed {
	uint64_t page;
	const char *src;
	void *out;
	uint32_t size;
	unsigned int codec;
	uint64_t *slot;
	struct uz__place at;
};

static const void *packed_bytes(const struct packed *p)
{
	return p->size == UZ_PAGE_SIZE ? p->src : p->out;
}

/* The place of the old object may be the next to be filled: the line fetches that by itself. */
static void pack(struct uz_dev *d, struct uz_stream *st, struct packed *p, bool alone)
{
	p->codec = uz_load_acquire(&d->codec);
	uz__object_prefetch(d, uz__slot_at(d, p->page), true, alone);
	p->size = uz__encode(d, st, p->codec, p->src, p->out);
}

/* There was no room for the object; once more, by way of a raw frame. */
static int store_last(struct uz_dev *d, struct uz_stream *st, uint64_t *slot,
		      const struct packed *p)
{
	uint64_t old = uz__slot_lock(d->store->plat, slot), w;
	int r = uz__detour(d, st, slot, &old, p->page, p->codec, p->src, p->out, p->size, &w);

	uz__slot_unlock(slot, r < 0 ? old : w);
	if (r == 0)
		uz__replaced(d, st, p->page, old, w);
	return r;
}

static int try_place(struct uz_dev *d, struct uz_stream *st, struct packed *p, unsigned int flags)
{
	int r = uz__slot_make_at(d, p->page, &p->slot);

	if (r < 0)
		return r;
	return uz__object_place(d, st, p->page, p->codec, p->size,
				uz__flags_for(flags, uz_load(p->slot), p->size), &p->at);
}

/* By all means. 0: it has a place; 1: it is stored already. */
static int place(struct uz_dev *d, struct uz_stream *st, struct packed *p)
{
	struct uz__effort e = { 0 };
	int r;

	while ((r = try_place(d, st, p, e.flags)) < 0) {
		if (r != -UZ_EAGAIN && !(uz__no_room(r) && uz__try_harder(d, &e)))
			break;
		p->size = uz__encode(d, st, p->codec, p->src, p->out);
	}
	if (uz__no_room(r) && uz__slot_at(d, p->page)) {
		r = store_last(d, st, uz__slot_at(d, p->page), p);
		r = r < 0 ? r : 1;
	}
	return give_up(d, st, r);
}

/*
 * Pages on their way, in front of the one that is being compressed: one waits for its place, one
 * for its bytes, one to be published. The copy and the next locked instruction, which
 * would wait until the copy is out of the way, are a page apart. What was replaced is dropped some pages
 * at a time: pages that are written together often were before, and then lie in one block.
 */
#define LINE (OUTS + 1) /* the bytes of one that waits to be published are where they belong */

struct line {
	struct packed p[LINE];
	struct packed *packed, *placed, *filled; /* or NULL */
	uint64_t done;
	uint64_t old[UZ__DROP_MAX];
	uint32_t nr_old;
};

static void drop_old(struct uz_dev *d, struct line *l)
{
	uz__objects_drop(d, l->old, l->nr_old);
	l->nr_old = 0;
}

static void publish_filled(struct uz_dev *d, struct uz_stream *st, struct line *l)
{
	const struct packed *p = l->filled;
	uint64_t old;

	if (!p)
		return;
	old = uz__slot_swap(d->store->plat, p->slot, p->at.word);
	note_replaced(d, st, p->page, old, p->at.word);
	l->old[l->nr_old++] = old;
	if (l->nr_old == UZ__DROP_MAX)
		drop_old(d, l);
	l->filled = NULL;
	l->done++;
}

static void fill_placed(struct uz_dev *d, struct line *l)
{
	struct packed *p = l->placed;

	if (p)
		uz__object_fill(d, p->page, &p->at, packed_bytes(p));
	l->filled = p;
	l->placed = NULL;
}

static void prefetch_place(const struct packed *p)
{
	for (uint32_t i = 0; i < UZ_MIN(p->size, PLACE_AHEAD); i += UZ_CACHE_LINE)
		uz_prefetch_write(p->at.addr + i);
}

/* Everybody goes one step. Where room is short, those in front first give back what they replace. */
static int advance(struct uz_dev *d, struct uz_stream *st, struct line *l)
{
	struct packed *next = l->packed;
	int r = 0;

	l->packed = NULL;
	publish_filled(d, st, l);
	if (next)
		r = try_place(d, st, next, 0);
	fill_placed(d, l);
	if (UZ_UNLIKELY(r < 0)) {
		publish_filled(d, st, l);
		drop_old(d, l);
		r = place(d, st, next);
		l->done += r > 0;
	}
	if (next && r == 0)
		l->placed = next;
	return UZ_MIN(r, 0);
}

/* Until all are stored, or those in front of one that cannot be. */
static int drain(struct uz_dev *d, struct uz_stream *st, struct line *l)
{
	int r = 0;

	while (l->packed || l->placed || l->filled) {
		int e = advance(d, st, l);

		r = r < 0 ? r : e;
	}
	drop_old(d, l);
	return r;
}

/* One page alone has nobody to wait for. */
int uz__page_store(struct uz_dev *d, struct uz_stream *st, uint64_t page, const void *src)
{
	struct packed p = { .page = page, .src = src, .out = st->out };
	uint32_t fill;
	int r;

	if (UZ_UNLIKELY(same_filled(src, &fill)))
		return store_fill(d, st, page, fill);
	pack(d, st, &p, true);
	r = place(d, st, &p);
	if (r == 0) {
		uz__object_fill(d, page, &p.at, packed_bytes(&p));
		publish(d, st, p.slot, page, p.at.word);
	}
	return UZ_MIN(r, 0);
}

/* @nr pages, more than one; *done: how many of them, from the first on, are stored. */
static int store_line(struct uz_dev *d, struct uz_stream *st, uint64_t page, const void *src,
		      uint64_t nr, uint64_t *done)
{
	struct line l = { .done = 0 };
	int r = 0, e;
	uint32_t fill;

	for (uint64_t i = 0; i < nr && r == 0; i++) {
		struct packed *p = &l.p[i % LINE];

		p->page = page + i;
		p->src = (const char *)src + (i << UZ_PAGE_SHIFT);
		p->out = st->out + i % OUTS * OUT_BYTES;
		if (UZ_UNLIKELY(same_filled(p->src, &fill))) {
			r = drain(d, st, &l);
			if (r == 0)
				r = store_fill(d, st, p->page, fill);
			l.done += r == 0;
			continue;
		}
		pack(d, st, p, false);
		r = advance(d, st, &l);
		if (l.placed)
			prefetch_place(l.placed);
		if (r == 0) {
			l.packed = p;
			if (i + 1 < nr)
				uz__object_prepare(d, st, p->size);
		}
	}
	e = drain(d, st, &l);
	*done = l.done;
	return r < 0 ? r : e;
}

int uz__pages_store(struct uz_dev *d, struct uz_stream *st, uint64_t page, const void *src,
		    uint64_t nr, uint64_t *done)
{
	int r;

	if (nr > 1)
		return store_line(d, st, page, src, nr, done);
	r = uz__page_store(d, st, page, src);
	*done = r == 0;
	return r;
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
	r = uz__page_make(d, st, page, codec, flags, *old, &size, w);
	if (uz__no_room(r) && flags & UZ_ALLOC_URGENT)
		r = uz__detour(d, st, slot, old, page, codec, st->page, st->out, size, w);
	return r;
}

/* Reading the page left the request, and the disk may have shrunk: a table would be made anew for it. */
static bool was_cut(struct uz_dev *d, uint64_t old, uint64_t page)
{
	return uz__slot_state(old) == UZ_SLOT_INDIRECT &&
	       page >= uz_load_acquire(&d->size_bytes) >> UZ_PAGE_SHIFT;
}

static int update_locked(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t page,
			 uint64_t *old, uint32_t off, const void *src, uint32_t len,
			 unsigned int flags, uint64_t *w)
{
	if (load_word(d, st, *old, page, st->page, false) < 0)
		return bad_page(d, st, page);
	if (was_cut(d, *old, page))
		return -UZ_EINVAL;
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
