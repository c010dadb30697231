/* SPDX-License-Identifier: MIT */
/*
 * A grant that comes while blocks are compacted ends that: no other block is looked for, and no more
 * objects of this one are. Nothing is begun at all while it waits. The same while a page that moves to
 * another codec looks for room. Afterwards the work goes on.
 */
#include "../../core/device/device_i.h"

#include "dev_rig.h"
#include "own_pool.h"
#include "self_page.h"

#define PAGES 8192u
#define SECOND 1000000000ull

static struct dev_rig rig;
static struct uz_dev *dev;
static struct own_pool counting;
static bool raise; /* with the next victim */
static uint32_t victims, lists; /* since then */

static void wait_for_lock(void)
{
	uz_fetch_add(&rig.store->grants, 1);
	raise = false;
	victims = lists = 0;
}

static uint32_t victim(struct uz_pool *p, bool hard)
{
	uint32_t block = uz_pools[0]->victim(p, hard);

	victims++;
	if (raise && block)
		wait_for_lock();
	return block;
}

static uint32_t residents(struct uz_pool *p, uint32_t block, uint32_t from, struct uz_resident *out,
			  uint32_t nr)
{
	lists++;
	return uz_pools[0]->residents(p, block, from, out, nr);
}

static int compress(const void *shared, void *state, const void *src, void *dst, uint32_t cap)
{
	if (raise)
		wait_for_lock();
	return uz_codec_lz4.compress(shared, state, src, dst, cap);
}

static void open_disk(void)
{
	struct dev_rig_config c = { .size_bytes = 1 << 20,
				    .limit_bytes = 64 << 20,
				    .registry = &counting.registry };
	struct uz_dev_config dc = { .name = "d1",
				    .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				    .pool = &counting.ops };

	own_pool_init(&counting, "counting");
	counting.ops.victim = victim;
	counting.ops.residents = residents;
	dev_rig_open(&rig, &c);
	dc.codec = uz_dev_codec(rig.dev);
	CHECK_EQ(uz_dev_create(rig.store, &dc, &dev), 0);
}

/* Blocks with many holes. */
static void fill(void)
{
	for (uint32_t i = 0; i < PAGES; i++)
		dev_rig_put(&rig, dev, i, 1, SELF_EASY);
	for (uint32_t i = 0; i < PAGES; i++)
		if (i % 4)
			CHECK_EQ(uz_dev_discard(dev, rig.st, (uint64_t)i << UZ_PAGE_SHIFT,
						UZ_PAGE_SIZE),
				 0);
}

static void background(void)
{
	uz_dev_background(dev, dev_rig_in(&rig, 0), SECOND);
}

static void compacts(void)
{
	raise = true;
	background();
	CHECK(!raise);
	CHECK_EQ(victims, 0);
	CHECK_MSG(lists <= 1, "%u lists of objects while a grant waits", lists);
	lists = 0;
	background();
	CHECK_EQ(victims + lists, 0);
	uz_fetch_sub(&rig.store->grants, 1);
	background();
	CHECK(victims > 0 && lists > 32);
}

static void rewrites(void)
{
	static struct uz_codec_ops codec;
	struct uz_codec_params params = { .level = 2 };
	struct uz_dev_stats st;
	int entry;

	codec = uz_codec_lz4;
	codec.compress = compress;
	entry = uz_store_codec(rig.store, &codec, &params, false);
	CHECK(entry >= 0);
	while (uz_dev_compact(dev) > 0)
		;
	CHECK_EQ(uz_dev_set_codec(dev, (unsigned int)entry), 0);
	uz_dev_set_mem_limit(dev, 1);
	raise = true;
	background();
	CHECK(!raise);
	CHECK_MSG(!victims, "%u blocks were looked for while a grant waits", victims);
	uz_fetch_sub(&rig.store->grants, 1);
	uz_dev_set_mem_limit(dev, 0);
	for (int i = 0; i < 10; i++)
		background();
	uz_dev_stats(dev, &st);
	CHECK_EQ(st.migrate_left, 0);
}

int main(void)
{
	test_start();
	open_disk();
	fill();
	compacts();
	rewrites();
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	return 0;
}
