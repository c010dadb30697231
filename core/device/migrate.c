/* SPDX-License-Identifier: MIT */
/*
 * After a change of pool or codec: moves what is stored the old way, page by
 * page, while I/O goes on. Where the new way does not fit the budget it pauses and is
 * tried again later; what is left shows in the statistics. So do damaged pages, which stay where they
 * are: a pass that found nothing else rests before the next one.
 */
#include "device_i.h"
#include "object_i.h"

#define REST_NS 1000000000ull

void uz__migrate_start(struct uz_dev *d)
{
	d->migrate.page = 0;
	d->migrate_next_ns = 0;
	d->migrate_won = false;
	uz_store(&d->migrate.active, true);
}

struct migration {
	struct uz_dev *d;
	struct uz_stream *st;
	struct uz__slice slice;
	int error;
};

/* The codec entry that the page should have. Recompressed pages keep theirs. */
static unsigned int wanted_codec(struct uz_dev *d, uint64_t w)
{
	return (int)uz__slot_codec(w) == d->recompress_codec ? uz__slot_codec(w) : d->codec;
}

static bool is_old(struct uz_dev *d, uint64_t w)
{
	if (!uz__slot_is_stored(w))
		return false;
	if (uz__slot_codec(w) != wanted_codec(d, w))
		return true;
	return uz__slot_is_object(w) && uz__pool_of(d, uz__slot_handle(w)) != d->pool;
}

static bool visit(void *ctx, uint64_t *slot, uint64_t page)
{
	struct migration *m = ctx;
	uint64_t w = uz_load(slot);
	int r;

	if (!is_old(m->d, w))
		return true;
	if (uz__slice_over(m->d->store, &m->slice))
		return false;
	r = uz__page_rewrite(m->d, m->st, slot, page, wanted_codec(m->d, w), 0);
	if (r > 0)
		uz_fetch_add(&m->d->moved, 1);
	if (r == -UZ_EAGAIN)
		return false;
	m->d->migrate_won |= r > 0 || !uz__slot_same(w, uz_load(slot));
	m->error = UZ_MIN(r, 0);
	return r >= 0;
}

static uint64_t pool_objects(struct uz_pool *p)
{
	struct uz_pool_stats ps;

	p->ops->stats(p, &ps);
	return ps.objects;
}

/* Background lock or pools lock held. */
uint64_t uz__migrate_left(struct uz_dev *d)
{
	uint64_t in_pools = 0, in_codecs = 0;
	struct uz__counters c;

	for (unsigned int e = 0; e < NR_POOLS; e++) {
		struct uz_pool *p = uz_load_acquire(&d->pools[e]);

		if (p && p != uz_load_acquire(&d->pool))
			in_pools += pool_objects(p);
	}
	uz__count_sum(d, &c);
	for (unsigned int e = 0; e < UZ_CODEC_MAX; e++)
		if (e != uz_load(&d->codec) && (int)e != uz_load(&d->recompress_codec))
			in_codecs += (uint64_t)UZ_MAX(c.codec_pages[e], 0);
	return UZ_MAX(in_pools, in_codecs);
}

/* Pools that have nothing left are unlinked. */
static void unlink_pools(struct uz_dev *d)
{
	struct uz__leaving *l = &d->leaving;

	uz_lock(d->store->plat, &d->pools_lock);
	for (unsigned int e = 0; e < NR_POOLS; e++)
		if (d->pools[e] && d->pools[e] != d->pool) {
			l->pool[l->nr++] = d->pools[e];
			uz_store_release(&d->pools[e], NULL);
		}
	uz_unlock(d->store->plat, &d->pools_lock);
	uz_store_release(&d->only_pool, d->pool);
	l->grace = uz__grace_begin(d->store);
}

bool uz__pools_settle(struct uz_dev *d)
{
	struct uz__leaving *l = &d->leaving;

	if (l->nr && !uz__grace_over(d->store, l->grace))
		return false;
	while (l->nr)
		uz_pool_destroy(l->pool[--l->nr]);
	return true;
}

bool uz__migrate_step(struct uz_dev *d, struct uz_stream *st, uint64_t end_ns)
{
	struct migration m = { .d = d, .st = st, .slice = { .end_ns = end_ns } };
	struct uz_plat *pl = d->store->plat;

	if (!uz__pools_settle(d) || !d->migrate.active || d->switching ||
	    pl->ops->now(pl) < d->migrate_next_ns)
		return false;
	if (!uz__walk(d, &d->migrate, end_ns, visit, &m))
		return m.error == 0;
	d->migrate.page = 0;
	if (uz__migrate_left(d) != 0) {
		d->migrate_next_ns = d->migrate_won ? 0 : pl->ops->now(pl) + REST_NS;
		d->migrate_won = false;
		return false;
	}
	uz_store(&d->migrate.active, false);
	if (!d->only_pool)
		unlink_pools(d);
	uz__pools_settle(d);
	uz_lock(d->store->plat, &d->root_lock);
	uz__disk_save(d);
	uz_unlock(d->store->plat, &d->root_lock);
	return false;
}
