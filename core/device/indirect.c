/* SPDX-License-Identifier: MIT */
/*
 * Reading a page that is on the backing: from its clean copy, or from the backing, and then a
 * reader keeps a copy while memory is free.
 *
 * The slot stays locked during the I/O, but the stream leaves its request, so that no grace period
 * waits for a slow device. That is safe: a table with a slot that is not empty is never freed, and a
 * locked slot cannot become empty; callers look roots and pools up anew; the codec entry is in use
 * by this page. The disk's size may change meanwhile: whoever stores something afterwards, here or in
 * later pages, compares with it again. The request is entered again before the slot is unlocked.
 */
#include "device_i.h"
#include "object_i.h"

static int fetch(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page)
{
	struct uz_backing_dev *b = uz_load_acquire(&d->backing);
	int r;

	if (!b)
		return -UZ_EIO;
	uz__leave(st);
	r = b->ops->read(b, uz__backing_off(page), st->out, UZ_PAGE_SIZE);
	uz__enter(st);
	COUNT(uz__count(d, st)->bd_reads, 1);
	if (r < 0)
		return r;
	return uz__checksum(d, page, st->out, uz__slot_size(w)) == (uint32_t)uz__slot_handle(w)
		       ? 0
		       : -UZ_EIO;
}

/*
 * The slot is locked; st->out is used. @keep a copy: not for who replaces the page, whom it would take
 * the room that he needs.
 */
int uz__indirect_load(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page, void *dst,
		      bool keep)
{
	int r;

	if (uz__clean_read(d, st, w, page, dst)) {
		COUNT(uz__count(d, st)->clean_hits, 1);
		return 0;
	}
	r = fetch(d, st, w, page);
	if (r == 0)
		r = uz__object_expand(d, st, w, st->out, dst);
	if (r < 0)
		COUNT(uz__count(d, st)->bd_failed_reads, 1);
	else if (keep)
		uz__clean_keep(d, page, w, st->out);
	return r;
}
