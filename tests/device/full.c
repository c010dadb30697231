/* SPDX-License-Identifier: MIT */
/*
 * A full store: two writers overwrite and discard, every page checked before it is written, beside
 * all background work, which here moves objects and whole runs all the time. For every pool.
 *
 * uz-test: timeout 240
 */
#include "two_writers.h"

#define LIMIT (44ull << 20)
#define MS 1000000ull

static struct dev_rig rig;

static uint64_t now(void)
{
	return rig.fault.plat.ops->now(&rig.fault.plat);
}

static void run(const char *pool)
{
	uint64_t end;

	writers_disk(&rig, (struct dev_rig_config){ .limit_bytes = LIMIT, .pool = pool });
	writers_open();
	writers_fill(0, WRITERS_PAGES);
	writers_start();
	end = now() + test_scale(1000, 2000, 60000) * MS;
	while (now() < end) {
		uz_store_background(rig.store, now(), MS);
		uz_dev_compact(rig.dev);
	}
	writers_stop();
	CHECK_EQ(uz_store_check(rig.store), 0);
	writers_check(0, WRITERS_PAGES);
	dev_rig_adopt(&rig);
	writers_check(0, WRITERS_PAGES);
	dev_rig_close(&rig);
}

int main(void)
{
	test_start();

	for (unsigned int p = 0; uz_pools[p]; p++)
		run(uz_pools[p]->name);
	CHECK_MSG(writers_refused(), "the store was never full");
	test_count("stores_refused", writers_refused());
	return 0;
}
