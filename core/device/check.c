/* SPDX-License-Identifier: MIT */
/*
 * Recounts a store: slots against counters and pools, pools against blocks, blocks and
 * tables against the arena. For tests; nothing else may run.
 */
#include "device_i.h"

struct recount {
	struct uz_dev *d;
	struct uz__counters c;
	uint64_t objects, raw, tables;
	int error;
};

static bool names_block(struct uz_dev *d, uint64_t w, enum uz_block_kind kind)
{
	uint32_t block = uz_handle_block(uz__slot_handle(w));
	struct uz_block_id id;

	if (!block || block >= d->store->tab.nr)
		return false;
	id = uz_block_id(&d->store->tab, block);
	return id.kind == kind && id.disk == d->index;
}

static bool visit(void *ctx, uint64_t *slot, uint64_t page)
{
	struct recount *rc = ctx;
	uint64_t w = *slot;
	bool raw = uz__slot_state(w) == UZ_SLOT_RAW;

	(void)page;
	if (w & UZ_SLOT_LOCK)
		rc->error = -UZ_EBADMSG;
	rc->c.same_pages += uz__slot_state(w) == UZ_SLOT_FILL;
	if (uz__slot_state(w) == UZ_SLOT_INDIRECT) {
		rc->c.pages++;
		rc->c.bd_pages++;
		rc->c.bd_codec_pages[uz__slot_codec(w)]++;
	}
	if (!uz__slot_is_stored(w))
		return true;
	if (!names_block(rc->d, w, raw ? UZ_BLOCK_RAW : UZ_BLOCK_POOL))
		rc->error = -UZ_EBADMSG;
	rc->objects += !raw;
	rc->raw += raw;
	rc->c.pages++;
	rc->c.compressed_bytes += uz__slot_size(w);
	rc->c.codec_pages[uz__slot_codec(w)]++;
	rc->c.idle_pages += uz__slot_age(w) == UZ_AGE_IDLE;
	return true;
}

static bool counters_agree(const struct recount *rc)
{
	struct uz__counters c;

	uz__count_sum(rc->d, &c);
	return c.pages == rc->c.pages && c.compressed_bytes == rc->c.compressed_bytes &&
	       c.same_pages == rc->c.same_pages && c.huge_pages == (int64_t)rc->raw &&
	       c.idle_pages == rc->c.idle_pages && c.bd_pages == rc->c.bd_pages &&
	       memcmp(c.bd_codec_pages, rc->c.bd_codec_pages, sizeof(c.bd_codec_pages)) == 0 &&
	       rc->d->nr_raw == rc->raw && rc->d->nr_tables == rc->tables &&
	       memcmp(c.codec_pages, rc->c.codec_pages, sizeof(c.codec_pages)) == 0;
}

static int check_pools(struct uz_dev *d, uint64_t *objects)
{
	for (unsigned int e = 0; e < NR_POOLS; e++) {
		struct uz_pool_stats ps;

		if (!d->pools[e])
			continue;
		if (d->pools[e]->ops->check(d->pools[e]) < 0)
			return -UZ_EBADMSG;
		d->pools[e]->ops->stats(d->pools[e], &ps);
		*objects -= ps.objects;
	}
	return 0;
}

int uz_dev_check(struct uz_dev *d)
{
	struct recount rc = { .d = d };
	struct uz__walk w = { 0 };

	uz__walk(d, &w, UZ_FOREVER, visit, &rc);
	for (uint64_t i = 0; i < d->nr_root; i++)
		rc.tables += d->root[i] && d->root[i] != TABLE_BAD;
	rc.tables += d->closing.unlinked ? d->closing.nr : 0;
	if (rc.error || !counters_agree(&rc))
		return -UZ_EBADMSG;
	if (check_pools(d, &rc.objects) < 0 || rc.objects != 0)
		return -UZ_EBADMSG;
	return 0;
}

/* Frames of blocks and tables are all that the arena has in use. */
static int check_frames(struct uz_store *s)
{
	struct uz_arena_stats as;
	uint64_t frames = uz_load(&s->clean.nr_frames);

	for (uint32_t b = 1; b < s->tab.nr; b++)
		if (s->tab.desc[b].word)
			frames += uz_block_id(&s->tab, b).nr_frames;
	for (unsigned int i = 0; i < UZ_DISK_MAX; i++)
		if (s->disk[i])
			frames += s->disk[i]->nr_tables;
	uz_arena_stats(s->arena, &as);
	return as.used_bytes == frames << UZ_FRAME_SHIFT &&
			       as.ram_total_bytes - as.owed_bytes <= as.limit_bytes
		       ? 0
		       : -UZ_EBADMSG;
}

int uz_store_check(struct uz_store *s)
{
	int r = 0;

	for (unsigned int i = 0; i < UZ_DISK_MAX && r == 0; i++)
		if (s->disk[i])
			r = uz_dev_check(s->disk[i]);
	if (r == 0)
		r = check_frames(s);
	if (r == 0)
		r = uz__clean_check(s);
	return r < 0 ? r : uz_arena_check(s->arena);
}
