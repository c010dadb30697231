/* SPDX-License-Identifier: MIT */
/*
 * Disks of one store know nothing of each other: same pages, other content; a write, a discard, a change of
 * pool, a reset or the end of one leaves the others as they are, now and after the store has been adopted.
 */
#include <stdio.h>
#include <string.h>

#include "dev_rig.h"
#include "self_page.h"

#define DISKS 4u
#define PAGES 300u

static struct dev_rig rig;
static struct uz_dev *disk[DISKS];
static uint32_t seq[DISKS][PAGES];

static void create(unsigned int d, struct test_rng *rng)
{
	struct uz_dev_config c = { .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				   .codec = uz_dev_codec(rig.dev) };
	unsigned int nr = 0;
	char name[8];

	while (uz_pools[nr])
		nr++;
	snprintf(name, sizeof(name), "t%u", d);
	c.name = name;
	c.pool = uz_pools[test_below(rng, nr)];
	CHECK_EQ(uz_dev_create(rig.store, &c, &disk[d]), 0);
	CHECK(uz_store_disk(rig.store, name) == disk[d]);
	CHECK(strcmp(uz_dev_name(disk[d]), name) == 0 && uz_dev_store(disk[d]) == rig.store);
	memset(seq[d], 0, sizeof(seq[d]));
}

static void check(unsigned int d)
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint32_t got;

	for (uint32_t p = 0; p < PAGES; p++) {
		CHECK_EQ(uz_dev_read(disk[d], rig.st, (uint64_t)p << UZ_PAGE_SHIFT, buf,
				     sizeof(buf), 0),
			 0);
		got = 0;
		CHECK_MSG(self_page_read(buf, p, test_seed() + d, SELF_ANY, &got) ==
					  (seq[d][p] ? SELF_OK : SELF_ZERO) &&
				  got == seq[d][p],
			  "disk %u page %u", d, p);
	}
}

static void write_some(unsigned int d, struct test_rng *rng)
{
	unsigned char buf[UZ_PAGE_SIZE];

	for (int i = 0; i < 50; i++) {
		uint32_t p = (uint32_t)test_below(rng, PAGES);

		self_page_make(buf, p, ++seq[d][p], test_seed() + d, SELF_ANY);
		CHECK_EQ(uz_dev_write(disk[d], rig.st, (uint64_t)p << UZ_PAGE_SHIFT, buf,
				      sizeof(buf), 0),
			 0);
	}
}

static void zero(unsigned int d, bool all)
{
	if (all)
		CHECK_EQ(uz_dev_reset(disk[d]), 0);
	else
		CHECK_EQ(uz_dev_discard(disk[d], rig.st, 0, (uint64_t)PAGES / 2 << UZ_PAGE_SHIFT),
			 0);
	memset(seq[d], 0, sizeof(seq[d][0]) * (all ? PAGES : PAGES / 2));
}

static void adopt(void)
{
	char name[8];

	dev_rig_adopt(&rig);
	for (unsigned int d = 0; d < DISKS; d++) {
		snprintf(name, sizeof(name), "t%u", d);
		disk[d] = uz_store_disk(rig.store, name);
		CHECK(disk[d]);
	}
}

static void step(unsigned int d, struct test_rng *rng)
{
	switch (test_below(rng, 12)) {
	case 0:
		zero(d, true);
		break;
	case 1:
	case 2:
		zero(d, false);
		break;
	case 3:
		CHECK_EQ(uz_dev_set_pool(disk[d], uz_pools[test_below(rng, 3)]), 0);
		uz_dev_background(disk[d], 0, 5000000);
		break;
	case 4:
		uz_dev_destroy(disk[d]);
		create(d, rng);
		break;
	case 5:
		adopt();
		break;
	default:
		write_some(d, rng);
		break;
	}
}

int main(void)
{
	struct test_rng rng = test_start();
	struct dev_rig_config c = { .size_bytes = 1 << 20, .limit_bytes = 64 << 20 };
	struct uz_arena_stats before, after;

	dev_rig_open(&rig, &c);
	uz_arena_stats(uz_store_arena(rig.store), &before);
	for (unsigned int d = 0; d < DISKS; d++)
		create(d, &rng);
	for (test_step = 0; test_step < test_scale(300, 2000, 100000); test_step++) {
		step((unsigned int)test_below(&rng, DISKS), &rng);
		for (unsigned int d = 0; d < DISKS; d++)
			check(d);
		CHECK_EQ(uz_store_check(rig.store), 0);
	}
	for (unsigned int d = 0; d < DISKS; d++)
		uz_dev_destroy(disk[d]);
	uz_arena_stats(uz_store_arena(rig.store), &after);
	CHECK_EQ(after.used_bytes, before.used_bytes);
	dev_rig_close(&rig);
	return 0;
}
