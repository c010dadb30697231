/* SPDX-License-Identifier: MIT */
/*
 * A page that is held beyond a grant's deadline: the grant fails with -EBUSY, names disk, page, frame and
 * how long, and leaves everything whole; as soon as the page is let go the same grant succeeds and names
 * nobody. A pool that cannot move its blocks and a region do not come together in a store.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../../core/device/device_i.h"

#include "grant_load.h"
#include "own_pool.h"

#define REGION (8ull << 20)
#define DEADLINE_MS 500u

static struct grant_load l;
static uint32_t page; /* of d0; one of the last written, so it is in the region, and not raw */

/* As a reader that is in the middle of its page. */
static uint64_t *hold(uint64_t *word)
{
	uint64_t *slot;

	uz__enter(l.rig.st);
	slot = uz__slot_at(l.disk[0].dev, page);
	uz__leave(l.rig.st);
	CHECK(slot);
	*word = uz__slot_lock(l.rig.store->plat, slot);
	return slot;
}

static void check_culprit(const struct uz_contig_failure *why, uint64_t ns)
{
	const struct uz_culprit *c = &why->culprit[0];
	uint32_t first, end;

	uz_arena_span(uz_store_arena(l.rig.store), &first, &end);
	CHECK_EQ(why->nr_culprits, 1);
	CHECK_MSG(strcmp(c->client, "d0") == 0, "client '%s'", c->client);
	CHECK_EQ(c->owner, page);
	CHECK(c->frame >= first && c->frame < end);
	CHECK_MSG(c->age_ns <= ns && c->age_ns >= ns / 2, "held for %llu ns of %llu",
		  (unsigned long long)c->age_ns, (unsigned long long)ns);
	printf("frame %u, disk %s, page %llu, %.1f ms\n", c->frame, c->client,
	       (unsigned long long)c->owner, (double)c->age_ns / 1e6);
}

static void busy(void)
{
	struct grant_load_config c = { .limit_bytes = 48ull << 20,
				       .capacity_bytes = 24ull << 20,
				       .region_bytes = REGION,
				       .move_bytes = REGION / 2,
				       .quiet = true,
				       .inside = true };
	struct uz_contig_failure why;
	struct uz_region_stats rs;
	struct uz_grant g;
	uint64_t ns, *slot, word;

	grant_load_open(&l, &c);
	page = (l.disk[0].nr - 10) / 8 * 8 + 1;
	slot = hold(&word);
	CHECK_EQ(grant_load_grant(&l, REGION, DEADLINE_MS, &g, &why, &ns), -EBUSY);
	CHECK(ns >= DEADLINE_MS * 1000000);
	CHECK_EQ(why.error, -EBUSY);
	check_culprit(&why, ns);
	uz_region_stats(l.region, &rs);
	CHECK(rs.used == 0 && rs.cma_alloc_fail == 1 && rs.alloc_pages_fail == rs.count);
	uz__slot_unlock(slot, word);
	CHECK_EQ(uz_store_check(l.rig.store), 0);
	CHECK_EQ(grant_load_grant(&l, REGION, 10000, &g, &why, &ns), 0);
	CHECK_EQ(why.nr_culprits, 0);
	CHECK_EQ(uz_contig_free(l.region, g.id), 0);
	CHECK_EQ(uz_store_check(l.rig.store), 0);
	grant_load_check_all(&l.disk[0], l.rig.st);
	grant_load_close(&l);
}

static struct own_pool still;

static void make_still(void)
{
	own_pool_init(&still, "still");
	still.ops.isolate = NULL;
	still.ops.undo = NULL;
	still.ops.spare = NULL;
	still.ops.residents = NULL;
	still.ops.victim = NULL;
	still.ops.move = NULL;
}

static void *change_pool(void *arg)
{
	return (void *)(intptr_t)uz_dev_set_pool(arg, &still.ops);
}

/* A disk that is about to get such a pool while the region is being made. */
static void change_beside(struct dev_rig *rig)
{
	struct uz_store *s = rig->store;
	pthread_t thread;
	uint32_t turns;
	void *r;

	turns = uz_load(&s->line.turns);
	uz_lock(s->plat, &s->background);
	CHECK_EQ(pthread_create(&thread, NULL, change_pool, rig->dev), 0);
	while (uz_load(&s->line.turns) == turns)
		uz_nap(&rig->fault.plat, dev_rig_in(rig, 100000));
	uz_store(&s->nr_regions, 1);
	uz_unlock(s->plat, &s->background);
	CHECK_EQ(pthread_join(thread, &r), 0);
	CHECK_EQ((intptr_t)r, -ENOTSUP);
	CHECK(uz_dev_pool(rig->dev) == uz_pools[0]);
	uz_store(&s->nr_regions, 0);
}

static void no_moves(void)
{
	struct uz_region_config rc = { .name = "cam0", .bytes = REGION };
	struct uz_dev_config dc = { .name = "d1", .size_bytes = 1 << 20 };
	struct dev_rig_config c = { .size_bytes = 1 << 20,
				    .limit_bytes = 48 << 20,
				    .registry = &still.registry };
	struct uz_region *region;
	struct dev_rig rig;
	struct uz_dev *d;

	make_still();
	dev_rig_open(&rig, &c);
	dc.pool = &still.ops;
	dc.codec = uz_dev_codec(rig.dev);
	CHECK_EQ(uz_dev_create(rig.store, &dc, &d), 0);
	CHECK_EQ(uz_store_region_create(rig.store, &rc, &region), -ENOTSUP);
	uz_dev_destroy(d);
	change_beside(&rig);
	CHECK_EQ(uz_store_region_create(rig.store, &rc, &region), 0);
	CHECK_EQ(uz_dev_create(rig.store, &dc, &d), -ENOTSUP);
	CHECK_EQ(uz_dev_set_pool(rig.dev, &still.ops), -ENOTSUP);
	CHECK(uz_dev_pool(rig.dev) == uz_pools[0]);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	CHECK_EQ(uz_dev_create(rig.store, &dc, &d), 0);
	dev_rig_close(&rig);
}

int main(void)
{
	test_start();
	busy();
	no_moves();
	return 0;
}
