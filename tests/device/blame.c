/* SPDX-License-Identifier: MIT */
/*
 * Whom a failed grant names. A block that could be moved is not named, also when the time was up before
 * the others were looked at again; and a page that was let go while it was waited for is not what kept a
 * block that its pool could not move. The clock stands still for nobody: the pool's move turns it past
 * the deadline, so that what is met is the same each time.
 */
#include <errno.h>

#include "../../core/device/device_i.h"

#include "dev_rig.h"
#include "own_pool.h"
#include "self_page.h"

#define PAGES 8192u
#define REGION (8ull << 20)
#define SECOND 1000000000ull

struct held {
	uint64_t *slot, word;
	uint32_t page, block, frame;
};

static struct dev_rig rig;
static struct uz_dev *dev; /* with the pool below */
static struct held a, b;
static uint32_t last; /* block that was isolated last */
static bool moves; /* of any block */
static uint64_t skip_ns;
static const struct uz_plat_ops *below;
static struct own_pool moody;

static void let_go(struct held *h)
{
	if (h->slot)
		uz__slot_unlock(h->slot, h->word);
	h->slot = NULL;
}

static int isolate(struct uz_pool *p, uint32_t block)
{
	last = block;
	return uz_pools[0]->isolate(p, block);
}

/* The first time that it comes to a's block is the last within the deadline. */
static int move(struct uz_pool *p, uint32_t block, uint32_t nr, uint32_t to)
{
	if (block == a.block)
		skip_ns += 20 * SECOND;
	return moves ? uz_pools[0]->move(p, block, nr, to) : -EBUSY;
}

/* a's page is let go while it is waited for, or while no page is. */
static void wait(struct uz_plat *pl, const uint32_t *addr, uint32_t value, uint64_t deadline_ns)
{
	if (moves ? last != a.block && last != b.block : last == a.block)
		let_go(&a);
	below->wait(pl, addr, value, deadline_ns - UZ_MIN(deadline_ns, skip_ns));
}

static uint64_t now(struct uz_plat *pl)
{
	return below->now(pl) + skip_ns;
}

static void open_disk(void)
{
	static struct uz_plat_ops ops;
	struct dev_rig_config c = { .size_bytes = 1 << 20,
				    .limit_bytes = 48 << 20,
				    .registry = &moody.registry };
	struct uz_dev_config dc = { .name = "d1",
				    .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				    .pool = &moody.ops };

	own_pool_init(&moody, "moody");
	moody.ops.isolate = isolate;
	moody.ops.move = move;
	skip_ns = 0;
	dev_rig_open(&rig, &c);
	below = rig.fault.plat.ops;
	ops = *below;
	ops.now = now;
	ops.wait = wait;
	rig.fault.plat.ops = &ops;
	dc.codec = uz_dev_codec(rig.dev);
	CHECK_EQ(uz_dev_create(rig.store, &dc, &dev), 0);
}

static struct held find(uint32_t page)
{
	struct held h = { .page = page, .slot = uz__slot_at(dev, page) };

	h.block = uz_handle_block(uz__slot_handle(*h.slot));
	h.frame = uz_block_id(&rig.store->tab, h.block).start;
	return h;
}

/* The pages whose blocks are the two lowest of the region's first arena block that has any. */
static void hold_two(const struct uz_grant *region)
{
	a.frame = b.frame = UINT32_MAX;
	for (uint32_t page = 0; page < PAGES; page++) {
		struct held h = find(page);

		if (uz_ablock_of(h.frame) - region->first >= region->nr)
			continue;
		if (h.frame < a.frame) {
			b = a;
			a = h;
		} else if (h.frame > a.frame && h.frame < b.frame) {
			b = h;
		}
	}
	CHECK(a.slot && b.slot && uz_ablock_of(a.frame) == uz_ablock_of(b.frame));
	a.word = uz__slot_lock(rig.store->plat, a.slot);
	b.word = uz__slot_lock(rig.store->plat, b.slot);
}

static void run(struct uz_contig_failure *why)
{
	struct uz_region_config rc = { .name = "cam0", .bytes = REGION, .spread = true };
	struct uz_region *region;
	struct uz_grant g;

	open_disk();
	CHECK_EQ(uz_store_region_create(rig.store, &rc, &region), 0);
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 10 * SECOND, &g, why), 0);
	CHECK_EQ(uz_contig_free(region, g.id), 0);
	for (uint32_t page = 0; page < PAGES; page++)
		dev_rig_put(&rig, dev, page, 1, SELF_EASY);
	hold_two(&g);
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 10 * SECOND, &g, why), -EBUSY);
	CHECK_MSG(skip_ns, "the first block was never moved");
	CHECK(!a.slot);
	let_go(&b);
	CHECK_EQ(uz_store_check(rig.store), 0);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	dev_rig_close(&rig);
}

static void test_acquitted(void)
{
	struct uz_contig_failure why;

	moves = true;
	run(&why);
	CHECK_EQ(why.nr_culprits, 1);
	CHECK_EQ(why.culprit[0].frame, b.frame);
	CHECK_EQ(why.culprit[0].owner, b.page);
}

static void test_let_go(void)
{
	struct uz_contig_failure why;
	uint32_t i = 0;

	moves = false;
	run(&why);
	while (i < why.nr_culprits && why.culprit[i].frame != a.frame)
		i++;
	CHECK(i < why.nr_culprits);
	CHECK_MSG(why.culprit[i].owner == UINT64_MAX, "page %llu, which was let go, is named",
		  (unsigned long long)why.culprit[i].owner);
}

int main(void)
{
	test_start();
	test_acquitted();
	test_let_go();
	return 0;
}
