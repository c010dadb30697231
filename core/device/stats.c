/* SPDX-License-Identifier: MIT */
/*
 * Counters: every stream adds to its own shard, a reader sums them. A gauge of one
 * shard may be negative (stored by one stream, freed by another); sums are not.
 */
#include "device_i.h"

/* A struct uz__counters is all 64-bit words. */
#define WORDS (sizeof(struct uz__counters) / sizeof(uint64_t))
static_assert(sizeof(struct uz__counters) % sizeof(uint64_t) == 0, "summed word by word");

void uz__count_sum(struct uz_dev *d, struct uz__counters *out)
{
	uint64_t *sum = (uint64_t *)(void *)out;

	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0; i < UZ_STREAM_MAX; i++) {
		const uint64_t *c = (const uint64_t *)(void *)uz_load_acquire(&d->shard[i]);

		for (unsigned int w = 0; c && w < WORDS; w++)
			sum[w] += uz_load(&c[w]);
	}
}

static void hist_reset(struct uz_hist *h)
{
	for (unsigned int b = 0; b < UZ_HIST_BUCKETS; b++)
		uz_store(&h->bucket[b], 0);
	uz_store(&h->max_ns, 0);
}

/* Counts start again; what is stored now (nothing, at a reset) is added to the first shard. */
void uz__count_reset(struct uz_dev *d)
{
	for (unsigned int i = 0; i < UZ_STREAM_MAX; i++) {
		struct uz__shard *sh = uz_load_acquire(&d->shard[i]);

		if (!sh)
			continue;
		for (unsigned int op = 0; op < UZ_OP_NR; op++)
			hist_reset(&sh->hist[op]);
		uz_store(&sh->c.huge_since, 0);
		uz_store(&sh->c.notify_free, 0);
		uz_store(&sh->c.enospc, 0);
		uz_store(&sh->c.bad_pages, 0);
		uz_store(&sh->c.recompressed, 0);
		uz_store(&sh->c.failed_reads, 0);
		uz_store(&sh->c.failed_writes, 0);
		uz_store(&sh->c.invalid_io, 0);
		uz_store(&sh->c.reads, 0);
		uz_store(&sh->c.writes, 0);
		uz_store(&sh->c.read_bytes, 0);
		uz_store(&sh->c.write_bytes, 0);
		uz_store(&sh->c.bd_reads, 0);
		uz_store(&sh->c.bd_writes, 0);
		uz_store(&sh->c.bd_failed_reads, 0);
		uz_store(&sh->c.bd_failed_writes, 0);
		uz_store(&sh->c.clean_hits, 0);
	}
	uz_store(&d->moved, 0);
	uz_store(&d->compacted, 0);
	uz_store(&d->last_bad, 0);
	uz_store(&d->mem_used_max, 0);
}

static uint64_t gauge(int64_t v)
{
	return v > 0 ? (uint64_t)v : 0;
}

static uint64_t moved_in_pools(struct uz_dev *d)
{
	uint64_t moved = 0;

	for (unsigned int e = 0; e < NR_POOLS; e++) {
		struct uz_pool_stats ps;
		struct uz_pool *p = uz_load_acquire(&d->pools[e]);

		if (!p)
			continue;
		p->ops->stats(p, &ps);
		moved += ps.moved;
	}
	return moved;
}

/* Background lock or pools lock held. A peak between two looks of background work stays unseen. */
void uz__note_used(struct uz_dev *d)
{
	uint64_t used = uz__disk_used_bytes(d), max;

	do
		max = uz_load(&d->mem_used_max);
	while (used > max && !uz_cas_acquire(&d->mem_used_max, max, used));
}

static void sizes(struct uz_dev *d, const struct uz__counters *c, struct uz_dev_stats *out)
{
	struct uz_arena_stats as;

	uz_arena_stats(d->store->arena, &as);
	out->disksize = uz_dev_size(d);
	out->orig_data_size = gauge(c->pages) << UZ_PAGE_SHIFT;
	out->compr_data_size = gauge(c->compressed_bytes);
	out->mem_used_total = uz__disk_used_bytes(d);
	out->mem_limit = uz_load(&d->mem_limit_bytes);
	uz__note_used(d);
	out->mem_used_max = UZ_MAX(uz_load(&d->mem_used_max), out->mem_used_total);
	out->table_size = (uz_load(&d->nr_tables) << UZ_FRAME_SHIFT) + uz_load(&d->root_bytes);
	out->ram_total = as.ram_total_bytes;
	out->ram_limit = as.limit_bytes;
	out->ram_owed = as.owed_bytes;
	out->ram_reserve = as.reserve_bytes;
	out->commit_stalls = as.commit_stalls;
	out->resident_claimed = as.resident_claimed_bytes;
	out->returned_eager_bytes = as.returned_eager_bytes;
	out->returned_lazy_bytes = as.returned_lazy_bytes;
	out->refault_ns = as.refault_ns;
	out->return_switches = as.return_switches;
}

static void counts(struct uz_dev *d, const struct uz__counters *c, struct uz_dev_stats *out)
{
	out->same_pages = gauge(c->same_pages);
	out->huge_pages = gauge(c->huge_pages);
	out->idle_pages = gauge(c->idle_pages);
	out->huge_pages_since = c->huge_since;
	out->pages_compacted = uz_load(&d->compacted);
	out->failed_reads = c->failed_reads;
	out->failed_writes = c->failed_writes;
	out->invalid_io = c->invalid_io;
	out->notify_free = c->notify_free;
	out->enospc = c->enospc;
	out->bad_pages = c->bad_pages;
	out->recompressed = c->recompressed;
	out->reads = c->reads;
	out->writes = c->writes;
	out->read_bytes = c->read_bytes;
	out->write_bytes = c->write_bytes;
}

static void backing(struct uz_dev *d, const struct uz__counters *c, struct uz_dev_stats *out)
{
	out->bd_count = gauge(c->bd_pages);
	out->bd_reads = c->bd_reads;
	out->bd_writes = c->bd_writes;
	out->bd_failed_reads = c->bd_failed_reads;
	out->bd_failed_writes = c->bd_failed_writes;
	out->clean_pages = uz_load(&d->clean_pages);
	out->clean_size = uz_load(&d->clean_frames) << UZ_FRAME_SHIFT;
	out->clean_hits = c->clean_hits;
	out->writeback_limit_enable = uz_load(&d->wb_limited);
	out->writeback_limit = uz_load(&d->wb_left);
}

/* Whoever looks at a disk waits for nothing that works on it. */
void uz_dev_stats(struct uz_dev *d, struct uz_dev_stats *out)
{
	struct uz_plat *pl = d->store->plat;
	struct uz__counters c;

	memset(out, 0, sizeof(*out));
	uz_lock(pl, &d->pools_lock);
	uz__count_sum(d, &c);
	sizes(d, &c, out);
	counts(d, &c, out);
	backing(d, &c, out);
	out->objects_moved = uz_load(&d->moved) + moved_in_pools(d);
	out->migrate_left = uz_load(&d->migrate.active) ? uz__migrate_left(d) : 0;
	uz_unlock(pl, &d->pools_lock);
}
