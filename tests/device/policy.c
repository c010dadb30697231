/* SPDX-License-Identifier: MIT */
/*
 * Where data goes on a store with a region, and what grants of each policy do with it. What has to be
 * moved stays outside and copies go inside, or both are spread evenly. GCMA takes copies only, and
 * fails when there is nothing else; CMA, as the kernel, promises nothing, fails for want of a target, and
 * gives a page up that somebody uses, which a guaranteed grant waits for. Every page is kept.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include <uz/bits.h>
#include <uz/contig.h>

#include "../../core/device/device_i.h"

#include "test_backing.h"
#include "two_writers.h"

#define PAGES WRITERS_PAGES
#define LIMIT (96ull << 20)
#define REGION (32ull << 20)
#define MS 1000000ull

static struct dev_rig rig;
static struct test_backing backing;

static void open_disk(uint64_t limit_bytes, bool backed)
{
	writers_disk(&rig, (struct dev_rig_config){ .limit_bytes = limit_bytes });
	if (!backed)
		return;
	test_backing_open(&backing, (uint64_t)(PAGES + 1) << UZ_PAGE_SHIFT);
	CHECK_EQ(uz_dev_set_backing(rig.dev, &backing.dev, "memory", 0), 0);
}

static void close_disk(struct uz_region *region)
{
	writers_check(0, PAGES);
	CHECK_EQ(uz_store_check(rig.store), 0);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	if (backing.bytes)
		test_backing_close(&backing);
	backing.bytes = NULL;
}

static struct uz_region *make(enum uz_contig_policy policy, bool spread)
{
	struct uz_region_config c = {
		.name = "cam0", .bytes = REGION, .policy = policy, .spread = spread
	};
	struct uz_region *region;

	CHECK_EQ(uz_store_region_create(rig.store, &c, &region), 0);
	return region;
}

static struct uz_region_stats stats(struct uz_region *region)
{
	struct uz_region_stats st;

	uz_region_stats(region, &st);
	return st;
}

static uint64_t used_frames(void)
{
	struct uz_arena_stats st;

	uz_arena_stats(uz_store_arena(rig.store), &st);
	return st.used_bytes / UZ_FRAME_SIZE;
}

static void apart(void)
{
	struct uz_region *region;
	struct uz_region_stats st;

	open_disk(LIMIT, true);
	region = make(UZ_CONTIG_GUARANTEED, false);
	writers_fill_copies(PAGES / 2);
	st = stats(region);
	printf("apart: %llu pages moved at need, %llu dropped, of %llu\n",
	       (unsigned long long)st.lent_move, (unsigned long long)st.lent_discard,
	       (unsigned long long)st.count);
	CHECK_EQ(st.lent_move, 0);
	CHECK(st.lent_discard > st.count / 2);
	close_disk(region);
}

static void check_part(uint64_t lent, uint64_t used)
{
	uint64_t even = used * REGION / LIMIT;

	CHECK_MSG(lent >= even - even / 5 && lent <= even + even / 5,
		  "%llu of %llu frames, even: %llu", (unsigned long long)lent,
		  (unsigned long long)used, (unsigned long long)even);
}

static void spread(void)
{
	struct uz_region *region;
	struct uz_contig_failure why;
	struct uz_grant g;
	struct uz_region_stats st;

	open_disk(LIMIT, false);
	region = make(UZ_CONTIG_GCMA, true);
	writers_fill(0, PAGES);
	st = stats(region);
	check_part(st.lent_move, used_frames());
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 10000 * MS, &g, &why), -EBUSY);
	CHECK_EQ(stats(region).pgmigrate_success, 0);
	CHECK_EQ(stats(region).lent_move, st.lent_move);
	close_disk(region);
}

static void gcma(void)
{
	struct uz_region *region;
	struct uz_contig_failure why;
	struct uz_grant g;

	open_disk(LIMIT, true);
	region = make(UZ_CONTIG_GCMA, false);
	writers_fill_copies(PAGES / 2);
	CHECK(stats(region).lent_discard > 0);
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 10000 * MS, &g, &why), 0);
	CHECK_EQ(stats(region).pgmigrate_success, 0);
	CHECK_EQ(stats(region).lent_discard, 0);
	CHECK_EQ(uz_contig_free(region, g.id), 0);
	close_disk(region);
}

/* As a reader that is in the middle of its page. */
static uint64_t *hold(uint64_t page, uint64_t *word)
{
	uint64_t *slot;

	uz__enter(rig.st);
	slot = uz__slot_at(rig.dev, page);
	uz__leave(rig.st);
	CHECK(slot);
	*word = uz__slot_lock(rig.store->plat, slot);
	return slot;
}

static uint32_t ablock_of_word(uint64_t w)
{
	return uz_ablock_of(
		uz_block_id(&rig.store->tab, uz_handle_block(uz__slot_handle(w))).start);
}

/* A page whose object lies in the arena block. */
static uint64_t page_in(uint32_t ablock)
{
	for (uint64_t page = 0; page < PAGES; page++) {
		uint64_t w, *slot;

		uz__enter(rig.st);
		slot = uz__slot_at(rig.dev, page);
		w = slot ? uz_load(slot) : 0;
		uz__leave(rig.st);
		if (uz__slot_is_stored(w) && ablock_of_word(w) == ablock)
			return page;
	}
	CHECK_MSG(false, "no page in arena block %u", ablock);
	return 0;
}

static struct {
	uint64_t *slot, word;
	uint64_t waited_ns; /* for it */
} held;

static const struct uz_plat_ops *below;

/* It is let go once somebody has waited long enough. */
static void wait(struct uz_plat *pl, const uint32_t *addr, uint32_t value, uint64_t deadline_ns)
{
	uint64_t start = below->now(pl);

	below->wait(pl, addr, value, deadline_ns);
	held.waited_ns += below->now(pl) - start;
	if (held.slot && held.waited_ns >= 10 * MS) {
		uz__slot_unlock(held.slot, held.word);
		held.slot = NULL;
	}
}

/* The window that CMA takes first is @first. */
static void with_a_pin(struct uz_region *region, uint32_t first, bool waits)
{
	struct uz_contig_failure why;
	struct uz_plat_ops ops;
	struct uz_grant g;
	uint64_t page = page_in(first);

	held.slot = hold(page, &held.word);
	below = rig.fault.plat.ops;
	ops = *below;
	if (waits)
		ops.wait = wait;
	rig.fault.plat.ops = &ops;
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 10000 * MS, &g, &why), waits ? 0 : -EBUSY);
	rig.fault.plat.ops = below;
	if (waits) {
		CHECK(!held.slot && stats(region).stage_ns[UZ_STAGE_PIN] >= 5 * MS);
		CHECK_EQ(uz_contig_free(region, g.id), 0);
		return;
	}
	CHECK(why.nr_culprits > 0);
	CHECK(why.culprit[0].owner == page && why.culprit[0].client[0] == 'd');
	CHECK_EQ(dev_rig_grant(&rig, region, REGION / 2, 0, &g, &why), 0);
	CHECK(g.first > first);
	CHECK(stats(region).pgmigrate_fail > 0);
	CHECK_EQ(uz_contig_free(region, g.id), 0);
	uz__slot_unlock(held.slot, held.word);
}

static struct {
	uint64_t page, word, *slot;
	uint32_t ablock; /* that the page was in */
	bool stop; /* atomic */
} chase;

/* Takes the page as soon as it is in another arena block. */
static void *chase_page(void *arg)
{
	(void)arg;
	while (!uz_load_acquire(&chase.stop)) {
		uint64_t w = uz_load_acquire(chase.slot);

		if (w & UZ_SLOT_LOCK || ablock_of_word(w) == chase.ablock ||
		    !uz__slot_trylock(chase.slot, w))
			continue;
		if (ablock_of_word(w) != chase.ablock) {
			chase.word = w;
			return NULL;
		}
		uz__slot_unlock(chase.slot, w);
	}
	return NULL;
}

static uint64_t other_page_in(uint32_t ablock, uint64_t page)
{
	while (++page < PAGES) {
		uint64_t *slot = uz__slot_at(rig.dev, page), w = slot ? uz_load(slot) : 0;

		if (uz__slot_state(w) == UZ_SLOT_RAW && ablock_of_word(w) == ablock)
			return page;
	}
	CHECK_MSG(false, "no other raw page in arena block %u", ablock);
	return 0;
}

/*
 * A page that cannot leave, and one that left and cannot come back: the arena block stays in two halves,
 * which keeps the promise; nothing else is moved until it is in one again.
 */
static void halves(void)
{
	struct uz_contig_failure why;
	struct uz_region *region;
	pthread_t thread;
	struct uz_grant g;
	uint32_t half, to;
	uint64_t page;

	open_disk(LIMIT, false);
	region = make(UZ_CONTIG_GUARANTEED, true);
	CHECK_EQ(dev_rig_grant(&rig, region, 1, 1000 * MS, &g, &why), 0);
	chase.ablock = g.first;
	CHECK_EQ(uz_contig_free(region, g.id), 0);
	writers_fill(0, PAGES);
	page = page_in(chase.ablock);
	chase.slot = uz__slot_at(rig.dev, other_page_in(chase.ablock, page));
	held.slot = hold(page, &held.word);
	CHECK_EQ(pthread_create(&thread, NULL, chase_page, NULL), 0);
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 1000 * MS, &g, &why), -EBUSY);
	uz_store_release(&chase.stop, true);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(chase.word);
	CHECK(why.promised_bytes <= why.limit_bytes);
	CHECK(uz_window_half(uz_store_arena(rig.store), &half, &to));
	CHECK_EQ(half, chase.ablock);
	CHECK_EQ(uz_arena_check(uz_store_arena(rig.store)), 0);
	CHECK_EQ(dev_rig_grant(&rig, region, 1, 10 * MS, &g, &why), -EBUSY);
	uz__slot_unlock(chase.slot, chase.word);
	uz_store_background(rig.store, dev_rig_in(&rig, 0), MS);
	CHECK(!uz_window_half(uz_store_arena(rig.store), &half, &to));
	uz__slot_unlock(held.slot, held.word);
	CHECK_EQ(uz_store_check(rig.store), 0);
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 10000 * MS, &g, &why), 0);
	CHECK(why.promised_bytes <= why.limit_bytes);
	CHECK_EQ(uz_contig_free(region, g.id), 0);
	close_disk(region);
}

static void cma(bool waits)
{
	struct uz_contig_failure why;
	struct uz_region *region;
	struct uz_grant g;
	uint32_t first;

	open_disk(LIMIT, false);
	region = make(waits ? UZ_CONTIG_GUARANTEED : UZ_CONTIG_CMA, true);
	CHECK_EQ(dev_rig_grant(&rig, region, 1, 1000 * MS, &g, &why), 0);
	first = g.first;
	CHECK_EQ(uz_contig_free(region, g.id), 0);
	CHECK_EQ(stats(region).reserved, waits ? stats(region).count : 0);
	writers_fill(0, PAGES);
	with_a_pin(region, first, waits);
	CHECK(stats(region).pgmigrate_success > 0);
	close_disk(region);
}

/* What a guaranteed region cannot have is stored, so there is no place to move it to. */
static void cma_full(void)
{
	struct uz_contig_failure why;
	struct uz_region *region;
	struct uz_grant g;

	open_disk(LIMIT * 6 / 10, false);
	region = make(UZ_CONTIG_CMA, true);
	writers_fill(0, PAGES);
	CHECK_EQ(stats(region).lend_refused, 0);
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 1000 * MS, &g, &why), -ENOMEM);
	CHECK_EQ(stats(region).used, 0);
	close_disk(region);
}

/* Whatever asks for the rest of the budget gets what is left of it beside the promise, no more. */
static void charged(void)
{
	struct uz_arena *a;
	struct uz_contig_failure why;
	struct uz_region *region;
	struct uz_grant g;
	uint64_t nr = 0, scratch = 0;
	void *p;

	open_disk(LIMIT, false);
	a = uz_store_arena(rig.store);
	region = make(UZ_CONTIG_GUARANTEED, true);
	writers_fill(0, PAGES);
	while (nr <= LIMIT / UZ_FRAME_SIZE && uz_arena_charge(a, UZ_FRAME_SIZE) == 0)
		nr++;
	printf("charged: %llu pages\n", (unsigned long long)nr);
	CHECK(nr > 0 && nr < (LIMIT - REGION) / UZ_FRAME_SIZE);
	CHECK_EQ(uz_scratch_alloc(a, UZ_FRAME_SIZE, &p), -ENOSPC);
	CHECK_EQ(uz_store_check(rig.store), 0);
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 10000 * MS, &g, &why), 0);
	CHECK(stats(region).pgmigrate_success > 0);
	CHECK_EQ(uz_contig_free(region, g.id), 0);
	CHECK_EQ(uz_arena_charge(a, -(int64_t)(nr << UZ_FRAME_SHIFT)), 0);
	while (scratch < 64 && uz_scratch_alloc(a, UZ_FRAME_SIZE, &p) == 0) {
		uz_scratch_free(a, p, UZ_FRAME_SIZE);
		scratch++;
	}
	CHECK_EQ(scratch, 64);
	close_disk(region);
}

/* Background work until there is as much to move to as is kept; a grant finds it resident. */
static void evac(void)
{
	struct uz_region_config c = { .name = "cam0", .bytes = REGION / 2, .spread = true };
	struct uz_region *region, *other;
	struct uz_region_stats st;

	open_disk(LIMIT, false);
	c.evac_min_bytes = 2 * LIMIT;
	CHECK_EQ(uz_store_region_create(rig.store, &c, &region), -ENOSPC);
	c.evac_min_bytes = 7 << 20;
	CHECK_EQ(uz_store_region_create(rig.store, &c, &region), 0);
	c = (struct uz_region_config){ .name = "cam1", .bytes = 1 };
	CHECK_EQ(uz_store_region_create(rig.store, &c, &other), 0);
	writers_fill(0, PAGES);
	for (int i = 0; i < 1000 && stats(region).evac_avail < stats(region).evac_min; i++)
		uz_store_background(rig.store, dev_rig_in(&rig, 0), MS);
	st = stats(other);
	printf("evac: %llu pages, at least %llu\n", (unsigned long long)st.evac_avail,
	       (unsigned long long)st.evac_min);
	CHECK_EQ(st.evac_min, (8 << 20) / UZ_FRAME_SIZE);
	CHECK(st.evac_avail >= st.evac_min);
	CHECK_EQ(uz_store_check(rig.store), 0);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	CHECK_EQ(stats(other).evac_min, UZ_ABLOCK_FRAMES);
	close_disk(other);
}

/* Grants of all kinds of ends, each counted where it belongs. */
static void figures(void)
{
	struct uz_contig_failure why;
	struct uz_region *region;
	struct uz_region_stats st;
	struct uz_grant g[2];
	uint64_t bits[2], nr = REGION >> UZ_ABLOCK_SHIFT, pages = REGION >> UZ_FRAME_SHIFT;
	uint64_t slowest_ns = 0;

	open_disk(LIMIT, false);
	region = make(UZ_CONTIG_GUARANTEED, true);
	writers_fill(0, PAGES);
	CHECK_EQ(dev_rig_grant(&rig, region, REGION / 2, 10000 * MS, &g[0], &why), 0);
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 0, &g[1], &why), -ENOMEM);
	CHECK_EQ(dev_rig_grant(&rig, region, 1, 10000 * MS, &g[1], &why), 0);
	uz_region_bitmap(region, bits, 2);
	CHECK_EQ(uz_popcount(bits[0]) + uz_popcount(bits[1]), nr / 2 + 1);
	uz_lock(rig.store->plat, &rig.store->background);
	CHECK_EQ(dev_rig_grant(&rig, region, 1, 5 * MS, &g[1], &why), -EBUSY);
	uz_unlock(rig.store->plat, &rig.store->background);
	st = stats(region);
	CHECK_EQ(st.cma_alloc_success, 2);
	CHECK_EQ(st.cma_alloc_fail, 2);
	CHECK_EQ(st.alloc_pages_success, pages / 2 + UZ_ABLOCK_FRAMES);
	CHECK_EQ(st.alloc_pages_fail, pages + UZ_ABLOCK_FRAMES);
	CHECK_EQ(st.used, pages / 2 + UZ_ABLOCK_FRAMES);
	CHECK(st.stage_ns[UZ_STAGE_WAIT] >= 5 * MS && st.stage_ns[UZ_STAGE_MOVE] > 0);
	CHECK(st.stage_ns[UZ_STAGE_RETURN] > 0 && st.stage_ns[UZ_STAGE_PIN] == 0);
	CHECK(st.grant_p50_ns > 0 && st.grant_p50_ns <= st.grant_p99_ns);
	CHECK(st.grant_p99_ns <= st.grant_p999_ns && st.grant_p999_ns <= st.grant_max_ns);
	CHECK(st.grant_max_ns <= st.stage_ns[UZ_STAGE_DROP] + st.stage_ns[UZ_STAGE_MOVE] +
					 st.stage_ns[UZ_STAGE_RETURN] + 1000 * MS);
	CHECK(st.slowest_ns[UZ_STAGE_MOVE] > 0 && st.slowest_ns[UZ_STAGE_WAIT] < 5 * MS);
	for (unsigned int i = 0; i < UZ_STAGE_NR; i++)
		slowest_ns += st.slowest_ns[i];
	CHECK(slowest_ns <= st.grant_max_ns);
	CHECK_EQ(uz_store_check(rig.store), 0);
	CHECK_EQ(uz_contig_free(region, g[0].id), 0);
	uz_region_bitmap(region, bits, 2);
	CHECK_EQ(uz_popcount(bits[0]) + uz_popcount(bits[1]), 1);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), -EBUSY);
	CHECK_EQ(uz_contig_free(region, g[0].id + 1), 0);
	close_disk(region);
}

int main(void)
{
	test_start();
	charged();
	evac();
	figures();
	apart();
	spread();
	gcma();
	halves();
	cma(false);
	cma(true);
	cma_full();
	return 0;
}
