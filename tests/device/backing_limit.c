/* SPDX-License-Identifier: MIT */
// uz-test: timeout 60
/*
 * A disk that is so near its limit that one more segment of clean copies reaches it: a page on the backing
 * is changed in part, others are brought back. Both read it first, and neither may be kept from its room by
 * the copy that a reader would leave.
 */
#include <inttypes.h>
#include <string.h>

#include "dev_rig.h"
#include "self_page.h"
#include "test_backing.h"

#define PAGES 512u
#define ENOUGH (2 * (UZ_RUN_MAX + 2)) /* frames: what a limit keeps aside, and a block of a pool */
#define READS 100 /* of a page, until there is room or none is found */
#define SIZE ((uint64_t)PAGES * UZ_PAGE_SIZE)

static struct dev_rig rig;
static struct test_backing b;

static uint64_t used(void)
{
	struct uz_dev_stats st = dev_rig_stats(&rig);

	return st.mem_used_total + st.table_size + st.clean_size;
}

/* All pages on the backing, without copies, and a limit @frames above what that takes. */
static void all_out(uint32_t seq, unsigned int frames)
{
	for (uint32_t i = 0; i < PAGES; i++)
		dev_rig_put(&rig, rig.dev, i, seq, SELF_HARD);
	CHECK_EQ(uz_dev_writeback(rig.dev, UZ_WRITEBACK_ALL, 0), PAGES);
	dev_rig_put(&rig, rig.dev, 0, seq, SELF_HARD);
	CHECK_EQ(uz_dev_writeback(rig.dev, UZ_WRITEBACK_ALL, 0), 1);
	uz_dev_set_mem_limit(rig.dev, used() + (uint64_t)frames * UZ_PAGE_SIZE);
}

static void check(uint32_t page, uint32_t seq, size_t changed)
{
	unsigned char want[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];

	self_page_make(want, page, seq, test_seed(), SELF_HARD);
	memset(want, 7, changed);
	CHECK_EQ(uz_dev_read(rig.dev, rig.st, (uint64_t)page * UZ_PAGE_SIZE, got, sizeof(got), 0),
		 0);
	CHECK_MEM(got, want, sizeof(want));
}

/* In a disk with a limit of @frames more than it takes: part of a page is written. */
static void write_part(uint32_t seq, unsigned int frames)
{
	unsigned char part[100];
	uint64_t reads = b.reads;
	int r;

	all_out(seq, frames);
	memset(part, 7, sizeof(part));
	r = uz_dev_write(rig.dev, rig.st, 5 * UZ_PAGE_SIZE, part, sizeof(part), 0);
	CHECK_MSG(r == 0 || (r == -UZ_ENOSPC && frames < ENOUGH), "%u frames: %d", frames, r);
	CHECK_MSG(uz_load(&b.reads) - reads <= READS, "%" PRIu64 " reads", b.reads - reads);
	uz_dev_set_mem_limit(rig.dev, 0);
	for (uint32_t i = 0; i < PAGES; i++)
		check(i, seq, r == 0 && i == 5 ? sizeof(part) : 0);
}

/* The disk gets its pages back one by one, and is told when there is no room for all of them. */
static void bring_back(uint32_t seq, unsigned int frames)
{
	int r;

	all_out(seq, frames);
	r = uz_dev_drop_backing(rig.dev);
	CHECK_MSG(r == -UZ_ENOSPC, "drop_backing: %d", r);
	uz_dev_set_mem_limit(rig.dev, 0);
	for (uint32_t i = 0; i < PAGES; i++)
		check(i, seq, 0);
}

int main(void)
{
	struct dev_rig_config c = { .size_bytes = SIZE, .limit_bytes = 64 << 20 };

	test_start();
	dev_rig_open(&rig, &c);
	test_backing_open(&b, SIZE + UZ_PAGE_SIZE);
	CHECK_EQ(uz_dev_set_backing(rig.dev, &b.dev, "m", UZ_BACKING_FORMAT), 0);
	for (unsigned int frames = 16; frames <= 40; frames += 4) {
		write_part(2 * frames, frames);
		bring_back(2 * frames + 1, frames);
	}
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	test_backing_close(&b);
	return 0;
}
