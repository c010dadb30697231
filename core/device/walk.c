/* SPDX-License-Identifier: MIT */
/*
 * Walks the slots of a disk, a table at a time, each inside a request of the given stream, so that
 * no table vanishes under it.
 */
#include "device_i.h"

/* Slots [page, end) of one table; where it stopped. */
static uint64_t walk_table(struct uz_dev *d, uint64_t page, uint64_t end, uz__visit *visit,
			   void *ctx, bool gives_way)
{
	uint64_t *slot = uz__slot_at(d, page);

	if (!slot)
		return end;
	for (; page < end; page++, slot++)
		if ((gives_way && uz__give_way(d->store)) || !visit(ctx, slot, page))
			break;
	return page;
}

bool uz__walk_in(struct uz_dev *d, struct uz_stream *st, struct uz__walk *w, uint64_t end_ns,
		 uz__visit *visit, void *ctx)
{
	struct uz_plat *pl = d->store->plat;
	bool gives_way = st == d->store->bg && end_ns != UZ_FOREVER;

	for (;;) {
		uint64_t pages, end, at = w->page;

		uz__enter(st);
		pages = w->end ? w->end : uz_load_acquire(&d->size_bytes) >> UZ_PAGE_SHIFT;
		end = UZ_MIN((at | (SLOTS_PER_TABLE - 1)) + 1, pages);
		if (at < end)
			w->page = walk_table(d, at, end, visit, ctx, gives_way);
		uz__leave(st);
		if (at >= end)
			return true;
		if (w->page < end || pl->ops->now(pl) >= end_ns)
			return false;
	}
}

bool uz__walk(struct uz_dev *d, struct uz__walk *w, uint64_t end_ns, uz__visit *visit, void *ctx)
{
	return uz__walk_in(d, d->store->bg, w, end_ns, visit, ctx);
}

bool uz__walk_slice(struct uz_dev *d, struct uz__walk *w, uz__visit *visit, void *ctx)
{
	struct uz_store *s = d->store;
	bool end = uz__walk(d, w, uz__claim_slice(s), visit, ctx);

	uz_unlock(s->plat, &s->background);
	return end;
}
