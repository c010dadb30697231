/* SPDX-License-Identifier: MIT */
/*
 * What a slot names: an object in a pool or a raw frame. Making one, reading
 * one, dropping one. The slot itself is the caller's business.
 */
#include <uz/hash.h>
#include <uz/san.h>

#include "device_i.h"
#include "object_i.h"

struct uz_pool *uz__pool_of(struct uz_dev *d, uint64_t handle)
{
	struct uz_pool *only = uz_load_acquire(&d->only_pool);

	if (UZ_LIKELY(only != NULL))
		return only;
	return uz_load_acquire(
		&d->pools[uz_block_id(&d->store->tab, uz_handle_block(handle)).entry]);
}

static uint32_t check_bytes(const struct uz_store *s, unsigned int codec)
{
	return s->codec[codec].checksum ? CHECK_BYTES : 0;
}

uint32_t uz__checksum(const struct uz_dev *d, uint64_t page, const void *bytes, uint32_t size)
{
	return (uint32_t)uz_hash64(bytes, size, (uint64_t)d->index << 32 | page);
}

/*
 * Compresses a page into @out. UZ_PAGE_SIZE: it is to be stored raw, as it is when the codec fails in
 * whatever way: what it cannot compress is no reason to refuse data.
 */
uint32_t uz__encode(struct uz_dev *d, struct uz_stream *st, unsigned int codec, const void *src,
		    void *out)
{
	const struct uz__codec *c = &d->store->codec[codec];
	uint32_t room = uz_load_acquire(&d->pool)->ops->max_object - CHECK_BYTES;
	int n = c->ops->compress(c->shared, st->state[codec], src, out, OUT_BYTES);

	return n > 0 && (uint32_t)n <= UZ_MIN(room, RAW_ABOVE) ? (uint32_t)n : UZ_PAGE_SIZE;
}

static int raw_place(struct uz_dev *d, uint64_t page, unsigned int codec, unsigned int flags,
		     struct uz__place *at)
{
	struct uz_blocktab *tab = &d->store->tab;
	struct uz_block_id id = { .nr_frames = 1, .kind = UZ_BLOCK_RAW, .disk = (uint8_t)d->index };
	uint32_t block;
	int r = uz_block_create(tab, id, flags, &block);

	if (r < 0)
		return r;
	uz_fetch_add(&d->nr_raw, 1);
	uz_store(&tab->desc[block].owner, (uint32_t)page); /* movers look at it at any time */
	at->addr = uz_block_addr(tab, block);
	at->word = uz__slot_make(UZ_SLOT_RAW, codec, UZ_PAGE_SIZE, uz_handle(block, 0));
	return 0;
}

static int pool_place(struct uz_dev *d, struct uz_stream *st, uint64_t page, unsigned int codec,
		      uint32_t size, unsigned int flags, struct uz__place *at)
{
	struct uz_pool *pool = uz_load_acquire(&d->pool);
	uint32_t check = check_bytes(d->store, codec);
	struct uz_object obj;
	int r;

	if (size + check > pool->ops->max_object)
		return -UZ_EAGAIN;
	r = uz_pool_alloc(pool, size + check, (uint32_t)page, flags, st->index, &obj);
	if (r < 0)
		return r;
	at->addr = obj.addr;
	at->word = uz__slot_make(UZ_SLOT_OBJECT, codec, size, obj.handle);
	return 0;
}

/*
 * A place for @size bytes (UZ_PAGE_SIZE: for the page itself, raw), to be filled or dropped.
 * -EAGAIN: the pool was changed for one that cannot hold this size; encode again. -ENOSPC, -ENOMEM:
 * nothing is left behind.
 */
int uz__object_place(struct uz_dev *d, struct uz_stream *st, uint64_t page, unsigned int codec,
		     uint32_t size, unsigned int flags, struct uz__place *at)
{
	int r = size == UZ_PAGE_SIZE ? raw_place(d, page, codec, flags, at)
				     : pool_place(d, st, page, codec, size, flags, at);

	if (r == 0 && UZ_UNLIKELY(uz__disk_over(d, flags))) {
		uz__object_drop(d, at->word);
		r = -UZ_ENOSPC;
	}
	return r;
}

/* The copy is a call: gcc would make `rep movsq` of it, which waits for every line that it fills. */
void uz__object_fill(struct uz_dev *d, uint64_t page, const struct uz__place *at, const void *bytes)
{
	uint32_t size = uz__slot_size(at->word), sum;

	(memcpy)(at->addr, bytes, size);
	if (!check_bytes(d->store, uz__slot_codec(at->word)))
		return;
	sum = uz__checksum(d, page, bytes, size);
	if (size < UZ_PAGE_SIZE)
		memcpy((char *)at->addr + size, &sum, sizeof(sum));
	else
		uz_store(&d->store->tab.desc[uz_handle_block(uz__slot_handle(at->word))].check,
			 sum);
}

/* Place and fill at once. */
int uz__object_make(struct uz_dev *d, struct uz_stream *st, uint64_t page, unsigned int codec,
		    const void *bytes, uint32_t size, unsigned int flags, uint64_t *word)
{
	struct uz__place at;
	int r = uz__object_place(d, st, page, codec, size, flags, &at);

	if (r < 0)
		return r;
	uz__object_fill(d, page, &at, bytes);
	*word = at.word;
	return 0;
}

/* Encodes st->page and makes an object of it, in place of @old. *size as from uz__encode; st->out is used. */
int uz__page_make(struct uz_dev *d, struct uz_stream *st, uint64_t page, unsigned int codec,
		  unsigned int flags, uint64_t old, uint32_t *size, uint64_t *word)
{
	const void *bytes;
	int r;

	do {
		*size = uz__encode(d, st, codec, st->page, st->out);
		bytes = *size == UZ_PAGE_SIZE ? st->page : st->out;
		r = uz__object_make(d, st, page, codec, bytes, *size,
				    uz__flags_for(flags, old, *size), word);
	} while (r == -UZ_EAGAIN);
	return r;
}

/* The checksum behind it included. */
static uint32_t object_bytes(const struct uz_dev *d, uint64_t word)
{
	return uz__slot_size(word) + check_bytes(d->store, uz__slot_codec(word));
}

static void room_was_made(struct uz_dev *d)
{
	if (UZ_UNLIKELY(uz_load(&d->store->reclaim) != UZ__RECLAIM_MAYBE))
		uz_store(&d->store->reclaim, UZ__RECLAIM_MAYBE);
}

/* No slot names it any more. Words that name no memory are fine. */
void uz__object_drop(struct uz_dev *d, uint64_t word)
{
	uint64_t handle = uz__slot_handle(word);

	if (uz__slot_is_object(word)) {
		uz_pool_free(uz__pool_of(d, handle), handle, object_bytes(d, word));
	} else if (uz__slot_state(word) == UZ_SLOT_RAW) {
		uz_block_destroy(&d->store->tab, uz_handle_block(handle));
		uz_fetch_sub(&d->nr_raw, 1);
	}
	room_was_made(d);
}

/* The same for at most UZ__DROP_MAX words, at less cost. */
void uz__objects_drop(struct uz_dev *d, const uint64_t *word, uint32_t nr)
{
	struct uz_pool *only = uz_load_acquire(&d->only_pool);
	struct uz_freed freed[UZ__DROP_MAX];
	uint32_t nr_freed = 0;

	for (uint32_t i = 0; i < nr; i++) {
		if (only && uz__slot_is_object(word[i]))
			freed[nr_freed++] = (struct uz_freed){ uz__slot_handle(word[i]),
							       object_bytes(d, word[i]) };
		else
			uz__object_drop(d, word[i]);
	}
	if (nr_freed)
		uz_pool_free_many(only, freed, nr_freed);
	room_was_made(d);
}

/* An object of @size bytes will be made next by the stream: a hint. */
void uz__object_prepare(struct uz_dev *d, struct uz_stream *st, uint32_t size)
{
	struct uz_pool *pool = uz_load_acquire(&d->pool);

	if (size < UZ_PAGE_SIZE && pool->ops->prepare)
		pool->ops->prepare(pool, size, st->index);
}

/*
 * What is in the slot will be read soon, or dropped; @bytes: its bytes are of use too. The slot is
 * not locked: a hint.
 */
void uz__object_prefetch(struct uz_dev *d, const uint64_t *slot, bool drop, bool bytes)
{
	uint64_t w = slot ? uz_load(slot) : 0, handle = uz__slot_handle(w);
	struct uz_pool *pool;

	if (!uz__slot_is_object(w))
		return;
	pool = uz__pool_of(d, handle);
	if (pool && pool->ops->prefetch)
		pool->ops->prefetch(pool, handle, bytes ? uz__slot_size(w) : 0, drop);
}

/* The stored bytes, checksum behind them included in *bytes. The slot is locked. */
const void *uz__object_bytes(struct uz_dev *d, uint64_t w, uint32_t *bytes)
{
	uint64_t handle = uz__slot_handle(w);
	struct uz_pool *pool;

	*bytes = uz__slot_size(w);
	if (uz__slot_state(w) == UZ_SLOT_RAW)
		return uz_block_addr(&d->store->tab, uz_handle_block(handle));
	*bytes += check_bytes(d->store, uz__slot_codec(w));
	pool = uz__pool_of(d, handle);
	return pool->ops->read_begin(pool, handle, *bytes);
}

/*
 * Whether a slot, which is locked and holds @now, still has what @w named when @bytes were copied: the
 * word alone can be the same for other content, when the object was freed and allocated again.
 */
bool uz__object_same(struct uz_dev *d, uint64_t w, uint64_t now, const void *bytes, uint32_t len)
{
	uint32_t all;

	return uz__slot_same(w, now) && memcmp(uz__object_bytes(d, now, &all), bytes, len) == 0;
}

/*
 * Whether the checksum that is kept with the object, if there is one, is @sum. @bytes as from
 * uz__object_bytes, or a copy of it. The checksum beside a raw frame may be another's by the time a copy
 * is looked at: then the copy is of no use to anybody.
 */
bool uz__object_sum_is(struct uz_dev *d, uint64_t w, const void *bytes, uint32_t sum)
{
	uint32_t want;

	if (!d->store->codec[uz__slot_codec(w)].checksum)
		return true;
	if (uz__slot_state(w) == UZ_SLOT_RAW)
		want = uz_load(&d->store->tab.desc[uz_handle_block(uz__slot_handle(w))].check);
	else
		memcpy(&want, (const char *)bytes + uz__slot_size(w), sizeof(want));
	return sum == want;
}

/* @bytes as in uz__object_sum_is. */
bool uz__object_intact(struct uz_dev *d, uint64_t w, uint64_t page, const void *bytes)
{
	return !d->store->codec[uz__slot_codec(w)].checksum ||
	       uz__object_sum_is(d, w, bytes, uz__checksum(d, page, bytes, uz__slot_size(w)));
}

int uz__object_decode(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page,
		      const void *bytes, void *dst)
{
	return uz__object_intact(d, w, page, bytes) ? uz__object_expand(d, st, w, bytes, dst)
						    : -UZ_EIO;
}

/* The page from its stored bytes, wherever they came from; they have been checked. */
int uz__object_expand(struct uz_dev *d, struct uz_stream *st, uint64_t w, const void *bytes,
		      void *dst)
{
	unsigned int codec = uz__slot_codec(w);
	const struct uz__codec *c = &d->store->codec[codec];

	if (uz__slot_size(w) == UZ_PAGE_SIZE) {
		memcpy(dst, bytes, UZ_PAGE_SIZE);
		return 0;
	}
	uz_san_poison(dst, UZ_PAGE_SIZE);
	return c->ops->decompress(c->shared, st->state[codec], bytes, uz__slot_size(w), dst) < 0
		       ? -UZ_EIO
		       : 0;
}

/* Adds a word to the disk's counters, or takes it out. */
void uz__account(struct uz_dev *d, struct uz_stream *st, uint64_t word, int sign)
{
	struct uz__counters *c = uz__count(d, st);

	if (uz__slot_is_stored(word)) {
		COUNT(c->pages, sign);
		COUNT(c->compressed_bytes, sign * (int64_t)uz__slot_size(word));
		COUNT(c->codec_pages[uz__slot_codec(word)], sign);
		if (uz__slot_state(word) == UZ_SLOT_RAW) {
			COUNT(c->huge_pages, sign);
			COUNT(c->huge_since, sign > 0);
		}
		if (uz__slot_age(word) == UZ_AGE_IDLE)
			COUNT(c->idle_pages, sign);
	} else if (uz__slot_state(word) == UZ_SLOT_FILL) {
		COUNT(c->same_pages, sign);
	} else if (uz__slot_state(word) == UZ_SLOT_INDIRECT) {
		COUNT(c->pages, sign);
		COUNT(c->bd_pages, sign);
		COUNT(c->bd_codec_pages[uz__slot_codec(word)], sign);
	}
}
