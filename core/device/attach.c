/* SPDX-License-Identifier: MIT */
/*
 * Adopting a store that another process left, at any instant. Nothing in it is
 * believed: records have checksums, frame numbers are claimed in the arena, which
 * refuses overlaps, and a pool says whether an object can be there and whether
 * another slot named it already. A page that fails is quarantined, the disk goes on.
 *
 * Order: records, disks, blocks, slots, then the lists of every pool, then what
 * nobody claimed goes back to the system. One pass over descriptors and one over
 * slots.
 */
#include <uz/name.h>

#include "device_i.h"
#include "object_i.h"

#define RAW_NAMED 1u /* block[].u32[0]: a slot names this raw frame */

static struct uz_dev *disk_of(struct uz_store *s, struct uz_block_id id)
{
	return id.disk < UZ_DISK_MAX ? s->disk[id.disk] : NULL;
}

/* -EBADMSG: it cannot be a block of that pool; other errors say nothing of the block. */
static int pool_block(struct uz_store *s, uint32_t block, struct uz_block_id id)
{
	struct uz_dev *d = disk_of(s, id);
	int r;

	if (!d || !s->meta->pool[id.entry].valid)
		return -UZ_EBADMSG;
	r = uz__disk_pool(d, id.entry);
	if (r < 0)
		return r;
	return d->pools[id.entry]->ops->attach_block(d->pools[id.entry], block);
}

static int each_block(void *ctx, uint32_t block)
{
	struct uz_store *s = ctx;
	struct uz_block_id id = uz_block_id(&s->tab, block);
	int r = disk_of(s, id) && id.nr_frames == 1 ? 0 : -UZ_EBADMSG;

	s->tab.block[block] = (struct uz_block){ 0 };
	if (id.kind == UZ_BLOCK_POOL)
		r = pool_block(s, block, id);
	if (r != -UZ_EBADMSG)
		return r;
	uz_block_destroy(&s->tab, block);
	return 0;
}

static bool block_known(struct uz_store *s, uint64_t handle, enum uz_block_kind kind,
			unsigned int disk, struct uz_block_id *id)
{
	uint32_t block = uz_handle_block(handle);

	if (!block || block >= s->tab.nr)
		return false;
	*id = uz_block_id(&s->tab, block);
	return id->kind == kind && id->disk == disk;
}

static bool object_ok(struct uz_dev *d, uint64_t w, uint64_t page)
{
	struct uz_store *s = d->store;
	uint64_t handle = uz__slot_handle(w);
	uint32_t size = uz__slot_size(w);
	struct uz_block_id id;
	struct uz_pool *p;

	if (!s->codec[uz__slot_codec(w)].ops ||
	    !block_known(s, handle, UZ_BLOCK_POOL, d->index, &id))
		return false;
	if (s->codec[uz__slot_codec(w)].checksum)
		size += CHECK_BYTES;
	p = d->pools[id.entry];
	return p && size <= p->ops->max_object &&
	       p->ops->attach_object(p, handle, size, (uint32_t)page) == 0;
}

static bool raw_ok(struct uz_dev *d, uint64_t w, uint64_t page)
{
	struct uz_store *s = d->store;
	uint64_t handle = uz__slot_handle(w);
	uint32_t block = uz_handle_block(handle);
	struct uz_block_id id;

	if (!s->codec[uz__slot_codec(w)].ops || uz_handle_index(handle) ||
	    uz__slot_size(w) != UZ_PAGE_SIZE ||
	    !block_known(s, handle, UZ_BLOCK_RAW, d->index, &id))
		return false;
	if (s->tab.desc[block].owner != page || s->tab.block[block].u32[0] == RAW_NAMED)
		return false;
	s->tab.block[block].u32[0] = RAW_NAMED;
	d->nr_raw++;
	return true;
}

static bool slot_ok(struct uz_dev *d, uint64_t w, uint64_t page)
{
	switch (uz__slot_state(w)) {
	case UZ_SLOT_EMPTY:
		return w == 0;
	case UZ_SLOT_FILL:
		return w == uz__slot_make_fill(uz__slot_fill(w), page);
	case UZ_SLOT_OBJECT:
	case UZ_SLOT_TRIED:
		return object_ok(d, w, page);
	case UZ_SLOT_RAW:
		return raw_ok(d, w, page);
	case UZ_SLOT_INDIRECT:
		return uz__slot_handle(w) <= UINT32_MAX && uz__backing_known(d) &&
		       d->store->codec[uz__slot_codec(w)].ops;
	case UZ_SLOT_BAD:
		break;
	}
	return false;
}

static void attach_slot(struct uz_dev *d, uint64_t *slot, uint64_t page)
{
	uint64_t w = *slot & ~UZ_SLOT_LOCK;

	if (page >= d->size_bytes >> UZ_PAGE_SHIFT)
		w = 0; /* cut off by a resize that was not finished */
	else if (!slot_ok(d, w, page))
		w = uz__slot_make(UZ_SLOT_BAD, 0, 1, 0);
	if (w != *slot)
		uz_store(slot, w);
	if (w)
		uz__account(d, d->store->bg, w, 1);
}

/* The disk was made when root entries had no parity, or its adoption then did not come to an end. */
static bool lacks_parity(struct uz_dev *d)
{
	return !(uz__disk_record(d->store->meta, d->index)->codec & META_PARITY);
}

static int claim_table(struct uz_dev *d, uint32_t entry, bool no_parity)
{
	uint32_t frame = entry & ROOT_FRAME;

	if (entry == TABLE_BAD || (!no_parity && (entry & ~ROOT_CLOSING) != uz__root_entry(frame)))
		return -UZ_EINVAL;
	return uz_run_claim(d->store->arena, frame, 1, UZ_ALLOC_PINNED);
}

static int attach_table(struct uz_dev *d, uint64_t i, bool no_parity)
{
	uint32_t frame = d->root[i] & ROOT_FRAME, entry = uz__root_entry(frame);
	uint64_t *table;
	int r;

	if (!d->root[i])
		return 0;
	r = claim_table(d, d->root[i], no_parity);
	if (r == -UZ_EINVAL)
		d->root[i] = TABLE_BAD;
	if (r < 0)
		return r == -UZ_EINVAL ? 0 : r;
	if (d->root[i] != entry)
		uz_store(&d->root[i], entry); /* was marked for freeing, or has no parity yet */
	d->nr_tables++;
	table = uz_frame_addr(d->store->arena, frame);
	for (unsigned int k = 0; k < SLOTS_PER_TABLE; k++)
		if (table[k])
			attach_slot(d, &table[k], i << SLOTS_SHIFT | k);
	return 0;
}

static int attach_disk(struct uz_dev *d)
{
	bool no_parity = lacks_parity(d);
	struct uz_pool *old = NULL;
	int r = 0;

	for (uint64_t i = 0; i < d->nr_root && r == 0; i++)
		r = attach_table(d, i, no_parity);
	if (r < 0)
		return r;
	for (unsigned int e = 0; e < NR_POOLS; e++) {
		if (!d->pools[e])
			continue;
		d->pools[e]->ops->attach_done(d->pools[e]);
		if (d->pools[e] != d->pool)
			old = d->pools[e];
	}
	if (old)
		d->only_pool = NULL;
	if (old || uz__disk_record(d->store->meta, d->index)->migrating)
		uz__migrate_start(d);
	d->tables_hint = 1;
	if (no_parity)
		uz__disk_save(d);
	return 0;
}

/* Raw frames that no slot names: written, never published. */
static void drop_orphans(struct uz_store *s)
{
	for (uint32_t b = 1; b < s->tab.nr; b++)
		if (uz_block_id(&s->tab, b).kind == UZ_BLOCK_RAW &&
		    s->tab.block[b].u32[0] != RAW_NAMED)
			uz_block_destroy(&s->tab, b);
}

static bool record_sane(struct uz_store *s, const struct uz__disk_record *rec)
{
	uint64_t pages = rec->size_bytes >> UZ_PAGE_SHIFT;
	uint32_t codec = rec->codec & META_CODEC;

	return uz__record_ok(rec, sizeof(*rec)) && rec->size_bytes &&
	       rec->size_bytes % UZ_PAGE_SIZE == 0 && rec->size_bytes <= UZ_DISK_SIZE_MAX &&
	       codec < UZ_CODEC_MAX && s->codec[codec].ops && rec->pool < META_POOLS &&
	       s->meta->pool[rec->pool].valid == META_VALID && rec->root_off < s->root_area.bytes &&
	       rec->root_bytes <= s->root_area.bytes - rec->root_off &&
	       rec->root_bytes / sizeof(uint32_t) >= UZ_DIV_UP(pages, (uint64_t)SLOTS_PER_TABLE) &&
	       uz__root_sane(s, rec->root_off, rec->root_bytes) && uz__name_ok(rec->name);
}

static bool has_twin(struct uz_store *s, unsigned int i, const char *name)
{
	while (i--)
		if (s->disk[i] && uz_name_equal(s->disk[i]->name, name))
			return true;
	return false;
}

static int open_disk(struct uz_store *s, unsigned int i, struct uz_store_error *err)
{
	const struct uz__disk_record *rec = uz__disk_record(s->meta, i);
	int r;

	if (!s->meta->disk[i].current)
		return 0;
	uz__explain(err, "the table of disks is damaged", NULL);
	if (!rec || !record_sane(s, rec) || has_twin(s, i, rec->name))
		return -UZ_EBADMSG;
	r = uz_area_commit(s->arena, &s->root_area, rec->root_off, rec->root_bytes);
	if (r < 0)
		return r;
	uz__explain(err, "cannot open disk ", rec->name);
	return uz__disk_open(s, i, rec, &s->disk[i]);
}

static int check_pools(struct uz_store *s, struct uz_store_error *err)
{
	for (unsigned int e = 0; e < META_POOLS; e++) {
		const struct uz__pool_record *rec = &s->meta->pool[e];
		const struct uz_pool_ops *ops;

		if (!rec->valid)
			continue;
		uz__explain(err, "the table of pools is damaged", NULL);
		if (rec->valid != META_VALID || !uz__record_ok(rec, sizeof(*rec)) ||
		    rec->name[UZ_POOL_NAME_MAX - 1])
			return -UZ_EBADMSG;
		ops = s->registry->pool(s->registry, rec->name);
		uz__explain(err, "the store needs pool ", rec->name);
		if (!ops || ops->abi_version != rec->abi)
			return -UZ_ENOENT;
	}
	return 0;
}

int uz__attach(struct uz_store *s, struct uz_store_error *err)
{
	uint32_t nr_bad;
	int r = uz__codec_attach(s, err);

	if (r == 0)
		r = check_pools(s, err);
	for (unsigned int i = 0; i < UZ_DISK_MAX && r == 0; i++)
		r = open_disk(s, i, err);
	if (r < 0)
		return r;
	uz__explain(err, "the block table is damaged", NULL);
	r = uz_blocktab_attach(&s->tab, each_block, s, &nr_bad);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < UZ_DISK_MAX && r == 0; i++)
		if (s->disk[i])
			r = attach_disk(s->disk[i]);
	if (r < 0)
		return r;
	drop_orphans(s);
	uz__explain(err, "", NULL);
	r = uz__root_settle(s);
	return r < 0 ? r : uz_arena_settle(s->arena);
}
