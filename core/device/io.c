/* SPDX-License-Identifier: MIT */
/*
 * Requests: any offset and length, cut into whole pages and edges. One clock
 * reading at each end for the latency histogram.
 */
#include "device_i.h"
#include "object_i.h"

/* The part of a request that lies in one page. */
struct piece {
	uint64_t page;
	uint32_t off, len;
};

static struct piece first_piece(uint64_t off, uint64_t len)
{
	uint32_t in = (uint32_t)(off & (UZ_PAGE_SIZE - 1));

	return (struct piece){ off >> UZ_PAGE_SHIFT, in,
			       (uint32_t)UZ_MIN(len, (uint64_t)(UZ_PAGE_SIZE - in)) };
}

static bool in_range(struct uz_dev *d, uint64_t off, uint64_t len)
{
	uint64_t size = uz_load_acquire(&d->size_bytes);

	return off <= size && len <= size - off;
}

struct request {
	struct uz_dev *d;
	struct uz_stream *st;
	uint64_t start_ns;
	enum uz_op op;
};

static int begin(struct request *rq, uint64_t off, uint64_t len)
{
	struct uz_plat *pl = rq->d->store->plat;

	rq->start_ns = pl->ops->now(pl);
	uz__enter(rq->st);
	if (in_range(rq->d, off, len))
		return 0;
	uz__leave(rq->st);
	COUNT(uz__count(rq->d, rq->st)->invalid_io, 1);
	return -UZ_EINVAL;
}

static int finish(struct request *rq, int r, uint64_t len)
{
	struct uz__counters *c = uz__count(rq->d, rq->st);
	struct uz_plat *pl = rq->d->store->plat;
	bool read = rq->op == UZ_OP_READ;

	uz__leave(rq->st);
	uz__latency_add(rq->d, rq->st, rq->op, pl->ops->now(pl) - rq->start_ns);
	if (read) {
		COUNT(c->reads, 1);
		COUNT(c->read_bytes, len);
		COUNT(c->failed_reads, r < 0);
	} else {
		COUNT(c->writes, rq->op == UZ_OP_WRITE);
		COUNT(c->write_bytes, rq->op == UZ_OP_WRITE ? len : 0);
		COUNT(c->failed_writes, r < 0);
	}
	return r;
}

/* What lies right behind what is read now comes by itself, and asking for it only delays. */
static bool is_close(uint64_t handle, uint64_t next)
{
	return next - handle <= UZ_PAGE_SIZE / 4;
}

static void look_ahead(struct uz_dev *d, const uint64_t *slot, uint64_t page)
{
	const uint64_t *next = uz__slot_at(d, page + 1);

	if (slot && next &&
	    !is_close(uz__slot_handle(uz_load(slot)), uz__slot_handle(uz_load(next))))
		uz__object_prefetch(d, next, false, true);
}

static int read_piece(struct uz_dev *d, struct uz_stream *st, struct piece p, bool more, void *dst)
{
	uint64_t *slot = uz__slot_at(d, p.page);
	int r;

	if (more)
		look_ahead(d, slot, p.page);

	if (p.len == UZ_PAGE_SIZE)
		return uz__page_load(d, st, slot, p.page, dst);
	r = uz__page_load(d, st, slot, p.page, st->page);
	if (r == 0)
		memcpy(dst, st->page + p.off, p.len);
	return r;
}

int uz_dev_read(struct uz_dev *d, struct uz_stream *st, uint64_t off, void *buf, size_t len,
		unsigned int flags)
{
	struct request rq = { .d = d, .st = st, .op = UZ_OP_READ };
	char *dst = buf;
	size_t left = len;
	int r = begin(&rq, off, len);

	(void)flags;
	if (r < 0)
		return r;
	while (left) {
		struct piece p = first_piece(off, left);

		r = read_piece(d, st, p, left > p.len, dst);
		if (r < 0)
			break;
		off += p.len;
		dst += p.len;
		left -= p.len;
	}
	return finish(&rq, r, len - left);
}

void uz_dev_prefetch_slot(struct uz_dev *d, struct uz_stream *st, uint64_t off)
{
	uint64_t *slot = NULL;

	uz__enter(st);
	if (in_range(d, off, 1))
		slot = uz__slot_at(d, off >> UZ_PAGE_SHIFT);
	if (slot)
		uz_prefetch(slot);
	uz__leave(st);
}

void uz_dev_prefetch(struct uz_dev *d, struct uz_stream *st, uint64_t off)
{
	uz__enter(st);
	if (in_range(d, off, 1))
		uz__object_prefetch(d, uz__slot_at(d, off >> UZ_PAGE_SHIFT), false, true);
	uz__leave(st);
}

/*
 * A part of a page may have been waited for outside of the request, and the disk may have shrunk: what
 * is left must not be stored where nobody reads or frees it.
 */
static int range_left(struct uz_dev *d, struct piece p, uint64_t off, uint64_t left)
{
	return p.len == UZ_PAGE_SIZE || !left || in_range(d, off, left) ? 0 : -UZ_EINVAL;
}

static int write_piece(struct uz_dev *d, struct uz_stream *st, struct piece p, const void *src,
		       unsigned int flags)
{
	if (flags & UZ_IO_SHARED)
		src = memcpy(st->copy, src, p.len);
	if (p.len == UZ_PAGE_SIZE)
		return uz__page_store(d, st, p.page, src);
	return uz__page_update(d, st, p.page, p.off, src, p.len);
}

int uz_dev_write(struct uz_dev *d, struct uz_stream *st, uint64_t off, const void *buf, size_t len,
		 unsigned int flags)
{
	struct request rq = { .d = d, .st = st, .op = UZ_OP_WRITE };
	const char *src = buf;
	size_t left = len;
	int r = begin(&rq, off, len);

	if (r < 0)
		return r;
	while (left && r == 0) {
		struct piece p = first_piece(off, left);
		uint64_t nr = left >> UZ_PAGE_SHIFT, done = p.len;

		if (p.len == UZ_PAGE_SIZE && !(flags & UZ_IO_SHARED)) {
			r = uz__pages_store(d, st, p.page, src, nr, &nr);
			done = nr << UZ_PAGE_SHIFT;
		} else {
			r = write_piece(d, st, p, src, flags);
			done = r < 0 ? 0 : p.len;
		}
		off += done;
		src += done;
		left -= done;
		if (r == 0)
			r = range_left(d, p, off, left);
	}
	return finish(&rq, r, len - left);
}

/* Pages that are skipped because their 2 MiB have no table. */
static uint64_t without_table(struct uz_dev *d, uint64_t page)
{
	if (uz__slot_at(d, page) || uz__table_is_bad(d, page))
		return 0;
	return SLOTS_PER_TABLE - (page & (SLOTS_PER_TABLE - 1));
}

static uint64_t clear_piece(struct uz_dev *d, struct uz_stream *st, struct piece p, int *r)
{
	uint64_t *slot;

	if (p.len != UZ_PAGE_SIZE) {
		*r = uz__page_update(d, st, p.page, p.off, NULL, p.len);
		return 0;
	}
	slot = uz__slot_at(d, p.page);
	if (!slot || !uz_load(slot))
		return 0;
	uz__page_clear(d, st, slot, p.page);
	return 1;
}

static int zero_range(struct request *rq, uint64_t off, uint64_t len)
{
	struct uz_dev *d = rq->d;
	uint64_t left = len, freed = 0;
	int r = begin(rq, off, len);

	if (r < 0)
		return r;
	while (left && r == 0) {
		struct piece p = first_piece(off, left);
		uint64_t skip = without_table(d, p.page) << UZ_PAGE_SHIFT;

		if (uz__table_is_bad(d, p.page))
			r = -UZ_EIO;
		else if (!skip)
			freed += clear_piece(d, rq->st, p, &r);
		skip = UZ_MIN(UZ_MAX(skip, p.off + (uint64_t)p.len) - p.off, left);
		off += skip;
		left -= skip;
		if (r == 0)
			r = range_left(d, p, off, left);
	}
	if (rq->op == UZ_OP_DISCARD)
		COUNT(uz__count(d, rq->st)->notify_free, freed);
	return finish(rq, r, len - left);
}

int uz_dev_zero(struct uz_dev *d, struct uz_stream *st, uint64_t off, uint64_t len)
{
	return zero_range(&(struct request){ .d = d, .st = st, .op = UZ_OP_ZERO }, off, len);
}

int uz_dev_discard(struct uz_dev *d, struct uz_stream *st, uint64_t off, uint64_t len)
{
	return zero_range(&(struct request){ .d = d, .st = st, .op = UZ_OP_DISCARD }, off, len);
}

/* Whether a page reads as zeros, and for how many pages that is known at once. */
static bool page_is_hole(struct uz_dev *d, uint64_t page, uint64_t *pages)
{
	uint64_t *slot = uz__slot_at(d, page);

	*pages = 1;
	if (slot)
		return uz_load(slot) == 0;
	*pages = SLOTS_PER_TABLE - (page & (SLOTS_PER_TABLE - 1));
	return !uz__table_is_bad(d, page);
}

int uz_dev_extent(struct uz_dev *d, struct uz_stream *st, uint64_t off, uint64_t max, uint64_t *len,
		  bool *hole)
{
	uint64_t page = off >> UZ_PAGE_SHIFT, end, pages, size;
	int r = -UZ_EINVAL;

	uz__enter(st);
	size = uz_load_acquire(&d->size_bytes);
	if (off < size && max) {
		end = off + UZ_MIN(max, size - off);
		*hole = page_is_hole(d, page, &pages);
		do
			page += pages;
		while (page << UZ_PAGE_SHIFT < end && page_is_hole(d, page, &pages) == *hole);
		*len = UZ_MIN(page << UZ_PAGE_SHIFT, end) - off;
		r = 0;
	}
	uz__leave(st);
	return r;
}
