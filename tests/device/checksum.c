/* SPDX-License-Identifier: MIT */
/*
 * With checksums a byte that changes behind our back is EIO that names the page, raw pages and objects alike; the
 * slot stays as it is, so that the page is there again when the byte is. Without, a raw page just
 * reads as what is there. A damaged page is never made good by a new checksum: neither a change of the pool nor
 * write-back takes it from where it is.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../core/device/device_i.h"

#include "dev_rig.h"
#include "self_page.h"
#include "test_backing.h"

#define PAGES 64u

/* Where in the store these bytes are; each page has 64 random ones in front that lz4 keeps as they are. */
static off_t find(struct dev_rig *rig, const unsigned char *bytes, size_t len)
{
	off_t end = lseek(rig->memfd, 0, SEEK_END), at = 0;
	char *map = mmap(NULL, (size_t)end, PROT_READ, MAP_SHARED, rig->memfd, 0);

	CHECK(map != MAP_FAILED);
	while ((at = lseek(rig->memfd, at, SEEK_DATA)) >= 0) {
		off_t hole = lseek(rig->memfd, at, SEEK_HOLE);
		char *p = memmem(map + at, (size_t)(hole - at), bytes, len);

		if (p) {
			at = p - map;
			break;
		}
		at = hole;
	}
	munmap(map, (size_t)end);
	return at;
}

static void toggle(struct dev_rig *rig, off_t at)
{
	unsigned char b;

	CHECK_EQ(pread(rig->memfd, &b, 1, at), 1);
	b ^= 0x10;
	CHECK_EQ(pwrite(rig->memfd, &b, 1, at), 1);
}

static void check_damaged(struct dev_rig *rig, uint32_t page, bool checksum, bool raw)
{
	unsigned char got[UZ_PAGE_SIZE];
	uint64_t bad = 0, before = dev_rig_stats(rig).bad_pages;
	int r = uz_dev_read(rig->dev, rig->st, (uint64_t)page << UZ_PAGE_SHIFT, got, sizeof(got),
			    0);

	if (checksum) {
		CHECK_EQ(r, -EIO);
		CHECK(uz_dev_last_bad(rig->dev, &bad) && bad == page);
		CHECK_EQ(dev_rig_stats(rig).bad_pages, before + 1);
		CHECK_EQ(uz_dev_write(rig->dev, rig->st, ((uint64_t)page << UZ_PAGE_SHIFT) + 1, "x",
				      1, 0),
			 -EIO);
	} else if (raw) {
		CHECK_EQ(r, 0);
	}
}

static void open_full(struct dev_rig *rig, bool checksum, enum self_mix mix)
{
	struct dev_rig_config c = { .size_bytes = PAGES * UZ_PAGE_SIZE,
				    .limit_bytes = 32 << 20,
				    .checksum = checksum };

	dev_rig_open(rig, &c);
	for (uint32_t p = 0; p < PAGES; p++)
		dev_rig_put(rig, rig->dev, p, 9, mix);
	CHECK_EQ(dev_rig_stats(rig).huge_pages, mix == SELF_HARD ? PAGES : 0);
}

/* Where a byte of the page is that compression keeps. */
static off_t place(struct dev_rig *rig, uint32_t page, enum self_mix mix)
{
	unsigned char buf[UZ_PAGE_SIZE];
	off_t at;

	self_page_make(buf, page, 9, test_seed(), mix);
	at = find(rig, buf + 32, 64);
	CHECK_MSG(at > 0, "page %u is nowhere in the store", page);
	return at + page % 64;
}

static void check_whole(struct dev_rig *rig, uint32_t page, enum self_mix mix)
{
	unsigned char buf[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];

	self_page_make(buf, page, 9, test_seed(), mix);
	CHECK_EQ(uz_dev_read(rig->dev, rig->st, (uint64_t)page << UZ_PAGE_SHIFT, got, sizeof(got),
			     0),
		 0);
	CHECK_MEM(got, buf, sizeof(got));
}

static void test_pages(bool checksum, enum self_mix mix)
{
	struct dev_rig rig;
	off_t at;

	open_full(&rig, checksum, mix);
	for (uint32_t p = 0; p < PAGES; p++) {
		at = place(&rig, p, mix);
		toggle(&rig, at);
		check_damaged(&rig, p, checksum, mix == SELF_HARD);
		toggle(&rig, at);
		check_whole(&rig, p, mix);
	}
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
}

static void change_pool(struct dev_rig *rig)
{
	CHECK_EQ(uz_dev_set_pool(rig->dev, uz_pools[1]), 0);
	for (int i = 0; i < 10; i++)
		uz_dev_background(rig->dev, dev_rig_in(rig, 0), 10000000);
	CHECK_EQ(dev_rig_stats(rig).migrate_left, 1);
	CHECK(rig->dev->migrate_next_ns != 0); /* nothing else is left: it rests */
	CHECK(rig->dev->migrate_next_ns < dev_rig_in(rig, 1100000000));
}

static void write_back(struct dev_rig *rig)
{
	CHECK_EQ(uz_dev_writeback(rig->dev, UZ_WRITEBACK_ALL, 0), PAGES - 1);
}

/* One page is damaged while all the others go elsewhere. */
static void test_stays(void (*move)(struct dev_rig *rig), enum self_mix mix)
{
	struct test_backing b;
	struct dev_rig rig;
	off_t at;

	open_full(&rig, true, mix);
	test_backing_open(&b, (PAGES + 1) * UZ_PAGE_SIZE);
	CHECK_EQ(uz_dev_set_backing(rig.dev, &b.dev, "memory", 0), 0);
	at = place(&rig, PAGES / 2, mix);
	toggle(&rig, at);
	move(&rig);
	check_damaged(&rig, PAGES / 2, true, mix == SELF_HARD);
	toggle(&rig, at);
	for (uint32_t p = 0; p < PAGES; p++)
		check_whole(&rig, p, mix);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	test_backing_close(&b);
}

int main(void)
{
	test_start();
	test_pages(true, SELF_HARD);
	test_pages(true, SELF_EASY);
	test_pages(false, SELF_HARD);
	test_pages(false, SELF_EASY);
	test_stays(change_pool, SELF_EASY);
	test_stays(write_back, SELF_EASY);
	test_stays(write_back, SELF_HARD);
	return 0;
}
