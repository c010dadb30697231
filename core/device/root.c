/* SPDX-License-Identifier: MIT */
/*
 * Roots: 4 bytes for 2 MiB of disk, an extent of whole pages in the ROOT area.
 * To grow past its extent a root is copied to a larger one; both exist until
 * no reader can look at the old one.
 */
#include "device_i.h"

#define NAP_NS 100000ull /* while a page that is to go is being fetched */

static uint64_t root_need(struct uz_store *s, uint64_t size_bytes)
{
	uint64_t entries = UZ_DIV_UP(size_bytes, (uint64_t)SLOTS_PER_TABLE << UZ_PAGE_SHIFT);

	return UZ_ALIGN_UP(UZ_MAX(entries, 1ull) * sizeof(uint32_t), (uint64_t)s->plat->page_bytes);
}

/* The end of an extent that overlaps [off, off + bytes), or 0. */
static uint64_t overlap(struct uz_store *s, uint64_t off, uint64_t bytes)
{
	for (unsigned int i = 0; i < UZ_DISK_MAX; i++) {
		const struct uz__old_root *old = &s->old_root[i];
		const struct uz_dev *d = s->disk[i];

		if (d && d->root_off < off + bytes && off < d->root_off + d->root_bytes)
			return d->root_off + d->root_bytes;
		if (old->off < off + bytes && off < old->off + old->bytes)
			return old->off + old->bytes;
	}
	return 0;
}

/* Attach: whole pages, and no other disk's. */
bool uz__root_sane(struct uz_store *s, uint64_t off, uint64_t bytes)
{
	return (off | bytes) % s->plat->page_bytes == 0 && !overlap(s, off, bytes);
}

/* Store control lock held. Committed and zero, also where a decommit failed before. */
int uz__root_alloc(struct uz_store *s, uint64_t size_bytes, uint64_t *off, uint64_t *bytes)
{
	uint64_t end;
	int r;

	*off = 0;
	*bytes = root_need(s, size_bytes);
	while ((end = overlap(s, *off, *bytes)) != 0)
		*off = end;
	r = uz_area_commit(s->arena, &s->root_area, *off, *bytes);
	if (r == 0)
		memset(s->root_area.base + *off, 0, *bytes);
	return r;
}

/* The first root at or after @off. */
static uint64_t next_root(struct uz_store *s, uint64_t off)
{
	uint64_t first = s->root_area.bytes;

	for (unsigned int i = 0; i < UZ_DISK_MAX; i++)
		if (s->disk[i] && s->disk[i]->root_off >= off)
			first = UZ_MIN(first, s->disk[i]->root_off);
	return first;
}

/* Attach: gives back roots of disks that were being made, moved or destroyed. */
int uz__root_settle(struct uz_store *s)
{
	uint64_t off = 0, end;
	int r = 0;

	while (off < s->root_area.bytes && r == 0) {
		end = next_root(s, off);
		if (end > off)
			r = s->plat->ops->decommit(s->plat, s->root_area.base + off, end - off);
		off = UZ_MAX(overlap(s, end, s->plat->page_bytes), end + s->plat->page_bytes);
	}
	return r;
}

void uz__root_free(struct uz_store *s, uint64_t off, uint64_t bytes)
{
	uz_area_decommit(s->arena, &s->root_area, off, bytes);
}

void uz__root_leave(struct uz_dev *d)
{
	d->store->old_root[d->index] = (struct uz__old_root){ d->root_off, d->root_bytes };
}

void uz__root_left(struct uz_store *s, unsigned int disk)
{
	struct uz__old_root *old = &s->old_root[disk];

	uz__root_free(s, old->off, old->bytes);
	uz_lock(s->plat, &s->control);
	*old = (struct uz__old_root){ 0 };
	uz_unlock(s->plat, &s->control);
}

static void save_size(struct uz_dev *d, uint64_t size_bytes)
{
	uz_store(&d->record_bytes, size_bytes);
	uz__disk_save(d);
}

/* The new part is there from now on. */
static void set_grown(struct uz_dev *d, uint64_t size_bytes)
{
	uz_store_release(&d->held_bytes, size_bytes);
	uz_store_release(&d->size_bytes, size_bytes);
}

static void switch_root(struct uz_dev *d, uint64_t off, uint64_t bytes, uint64_t size_bytes)
{
	struct uz_plat *pl = d->store->plat;
	uint32_t *neu = (void *)(d->store->root_area.base + off);

	uz_lock(pl, &d->root_lock);
	memcpy(neu, d->root, UZ_MIN(d->root_bytes, bytes));
	d->root_off = off;
	uz_store(&d->root_bytes, bytes);
	d->nr_root = bytes / sizeof(uint32_t);
	uz_store_release(&d->root, neu);
	save_size(d, size_bytes);
	set_grown(d, size_bytes);
	uz_unlock(pl, &d->root_lock);
}

static int root_move(struct uz_dev *d, uint64_t size_bytes)
{
	struct uz_store *s = d->store;
	uint64_t off, bytes;
	int r;

	uz_lock(s->plat, &s->control);
	r = uz__root_alloc(s, size_bytes, &off, &bytes);
	if (r == 0) {
		uz__root_leave(d);
		switch_root(d, off, bytes, size_bytes);
	}
	uz_unlock(s->plat, &s->control);
	if (r < 0)
		return r;
	uz__grace_wait(s);
	uz__root_left(s, d->index);
	return 0;
}

static bool clear_slot(void *ctx, uint64_t *slot, uint64_t page)
{
	struct uz_dev *d = ctx;

	return uz__page_clear_short(d, d->store->bg, slot, page);
}

/*
 * Frees the pages [page, end), end 0: to the end of the disk; the background lock is taken for a slice
 * at a time. Writers may make tables meanwhile; an entry that is bad is changed by nobody else.
 */
void uz__cut(struct uz_dev *d, uint64_t page, uint64_t end)
{
	struct uz__walk w = { .page = page, .end = end };
	struct uz_plat *pl = d->store->plat;
	uint64_t at = page;

	for (; !uz__walk_slice(d, &w, clear_slot, d); at = w.page)
		if (w.page == at)
			uz_nap(pl, pl->ops->now(pl) + NAP_NS);
	for (uint64_t i = UZ_DIV_UP(page, (uint64_t)SLOTS_PER_TABLE); i < d->nr_root; i++)
		if (uz_load(&d->root[i]) == TABLE_BAD)
			uz_store_release(&d->root[i], 0);
}

/*
 * Shrinking: the record is saved first, so that a crash leaves a smaller disk whose attach drops
 * the rest; requests that were inside are waited for, then pages beyond the end are freed. Until then
 * they are in a grant's way and can be moved as others.
 */
static void shrink(struct uz_dev *d, uint64_t size_bytes)
{
	uint64_t end = d->size_bytes >> UZ_PAGE_SHIFT;

	uz_store_release(&d->size_bytes, size_bytes);
	save_size(d, size_bytes);
	uz__grace_wait(d->store);
	uz__cut(d, size_bytes >> UZ_PAGE_SHIFT, end);
	uz_store_release(&d->held_bytes, size_bytes);
}

/* Growing: the record is saved first, so that nothing is ever written where it has no page. */
int uz__root_set(struct uz_dev *d, uint64_t size_bytes)
{
	if (size_bytes < d->size_bytes) {
		shrink(d, size_bytes);
		return 0;
	}
	if (root_need(d->store, size_bytes) > d->root_bytes)
		return root_move(d, size_bytes);
	save_size(d, size_bytes);
	set_grown(d, size_bytes);
	return 0;
}
