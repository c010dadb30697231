/* SPDX-License-Identifier: MIT */
/*
 * On private memory arena blocks move as a whole, for every pool: grants beside two writers on a nearly
 * full disk whose blocks are made and freed all the time, each page compared, the store recounted after
 * each grant. Where the system refuses, now and then or always, or the store can be adopted, the same
 * data moves run by run. A block whose objects are gone by the time that its pool may use it again is
 * let be, also when the store's first disk is gone.
 *
 * uz-test: timeout 120
 */
#include <errno.h>

#include <uz/contig.h>

#include "own_pool.h"
#include "two_writers.h"

#define LIMIT (72ull << 20)
#define REGION (32ull << 20)
#define LAST_BYTES (96ull << 20)
#define MS 1000000ull
#define DEADLINE (60000 * MS) /* with a sanitizer beside other work */

static struct dev_rig rig;
static struct uz_region *region;

static uint64_t tries(void)
{
	return uz_load(&rig.fault.total[FAULT_CARRY]);
}

static void open_disk(const char *pool, bool private_memory, const struct uz_registry *registry)
{
	struct uz_region_config c = { .name = "cam0", .bytes = REGION, .spread = true };

	writers_disk(&rig, (struct dev_rig_config){ .limit_bytes = LIMIT,
						    .pool = pool,
						    .private_memory = private_memory,
						    .registry = registry });
	CHECK_EQ(uz_store_region_create(rig.store, &c, &region), 0);
}

static void grant(void)
{
	struct uz_contig_failure why;
	struct uz_grant g;

	CHECK_EQ(dev_rig_grant(&rig, region, REGION, DEADLINE, &g, &why), 0);
	CHECK_EQ(uz_contig_free(region, g.id), 0);
}

static uint64_t moved(void)
{
	struct uz_region_stats rs;

	uz_region_stats(region, &rs);
	return rs.pgmigrate_success;
}

/* On a store of its own, since what was moved out stays outside. Each way of failing: never, twice, always. */
static void beside_writers(const char *pool, unsigned int way, uint64_t *tried)
{
	static const uint64_t counts[] = { 0, 2, FAULT_ALWAYS };
	uint64_t before;

	open_disk(pool, true, NULL);
	writers_open();
	writers_fill(0, WRITERS_PAGES);
	fault_plat_fail(&rig.fault, FAULT_CARRY, 2, counts[way], -ENOMEM);
	before = moved();
	writers_start();
	grant();
	grant();
	writers_stop();
	CHECK(moved() > before);
	CHECK_EQ(fault_plat_fired(&rig.fault, FAULT_CARRY), way != 0);
	fault_plat_clear(&rig.fault);
	CHECK_EQ(uz_store_check(rig.store), 0);
	writers_check(0, WRITERS_PAGES);
	*tried += tries();
	dev_rig_close(&rig);
}

/* Nothing else goes on: each arena block with data goes in one piece, or if refused run by run. */
static void alone(const char *pool, bool private_memory, bool refused)
{
	uint64_t before;

	open_disk(pool, private_memory, NULL);
	writers_fill(0, WRITERS_PAGES);
	if (refused)
		fault_plat_fail(&rig.fault, FAULT_CARRY, 1, FAULT_ALWAYS, -EOPNOTSUPP);
	before = moved();
	grant();
	CHECK(moved() > before);
	CHECK_EQ(tries() > (refused ? 0 : 1), private_memory);
	CHECK_EQ(refused, fault_plat_fired(&rig.fault, FAULT_CARRY));
	CHECK_EQ(uz_store_check(rig.store), 0);
	writers_check(0, WRITERS_PAGES);
	dev_rig_close(&rig);
}

static struct uz_dev *last; /* the second disk, and the only one that is left */
static struct own_pool hasty;
static bool all_gone;

/* What was taken has been let go: all pages are discarded before the first block is in use again. */
static void undo(struct uz_pool *p, uint32_t block)
{
	if (!all_gone && tries()) {
		all_gone = true;
		CHECK_EQ(uz_dev_discard(last, rig.st, 0, LAST_BYTES), 0);
	}
	uz_pools[0]->undo(p, block);
}

static void gone_meanwhile(void)
{
	static char page[UZ_PAGE_SIZE];
	bool full = false;
	struct test_rng r = test_rng_of(test_seed());
	struct uz_dev_config c = { .name = "d1", .size_bytes = LAST_BYTES, .pool = &hasty.ops };

	own_pool_init(&hasty, "hasty");
	hasty.ops.undo = undo;
	open_disk(NULL, true, &hasty.registry);
	c.codec = uz_dev_codec(rig.dev);
	CHECK_EQ(uz_dev_create(rig.store, &c, &last), 0);
	uz_dev_destroy(rig.dev);
	for (uint64_t at = 0; at < LAST_BYTES && !full; at += UZ_PAGE_SIZE) {
		test_fill_random(&r, page, 2000);
		full = uz_dev_write(last, rig.st, at, page, UZ_PAGE_SIZE, 0) == -ENOSPC;
	}
	grant();
	CHECK(all_gone);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
}

int main(void)
{
	uint64_t rounds = test_scale(3, 6, 300), tried = 0;

	test_start();
	for (unsigned int p = 0; uz_pools[p]; p++) {
		alone(uz_pools[p]->name, true, false);
		for (uint64_t i = 0; i < rounds; i++)
			beside_writers(uz_pools[p]->name, i % 3, &tried);
	}
	alone("zslot", true, true);
	alone("zslot", false, false);
	gone_meanwhile();
	test_count("arena_blocks_tried", tried);
	return 0;
}
