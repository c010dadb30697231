/* SPDX-License-Identifier: MIT */
/*
 * The record of a backing goes after that of its disk. When the end of a disk is cut short in between, the
 * next disk in its place has no backing, neither now nor after an adoption. The backing is the disk's as long
 * as the disk is there, and anybody's from then on. A backing whose
 * header cannot be written leaves the records as they were.
 */
#include <errno.h>

#include "../../core/device/device_i.h"

#include "dev_rig.h"
#include "test_backing.h"

#define SIZE (1ull << 20)

static struct dev_rig rig;

static struct uz_dev *make(void)
{
	struct uz_dev_config c = { .name = "d1",
				   .size_bytes = SIZE,
				   .pool = uz_pools[0],
				   .codec = uz_dev_codec(rig.dev) };
	struct uz_dev *d;

	CHECK_EQ(uz_dev_create(rig.store, &c, &d), 0);
	return d;
}

static uint64_t backing_id(struct uz_dev *d)
{
	struct uz_backing_info info;

	uz_dev_backing(d, &info);
	return info.id;
}

static void put(struct uz_dev *d, unsigned char letter)
{
	unsigned char page[UZ_PAGE_SIZE];

	memset(page, letter, sizeof(page));
	page[7] = 1;
	CHECK_EQ(uz_dev_write(d, rig.st, 0, page, sizeof(page), 0), 0);
	CHECK_EQ(uz_dev_writeback(d, UZ_WRITEBACK_ALL, 0), 1);
}

/* Killed before the record of the disk goes, then after. */
static void cut_short(struct test_backing *b)
{
	struct uz_dev *d = uz_store_disk(rig.store, "d1");
	unsigned char page[UZ_PAGE_SIZE];

	CHECK_EQ(uz_dev_set_backing(d, &b->dev, "memory", UZ_BACKING_KEPT | UZ_BACKING_FORMAT), 0);
	put(d, 'a');
	uz__backing_give_up(d);
	dev_rig_adopt(&rig);
	d = uz_store_disk(rig.store, "d1");
	CHECK_EQ(uz_dev_set_backing(d, &b->dev, "memory", UZ_BACKING_KEPT), 0);
	CHECK_EQ(uz_dev_read(d, rig.st, 0, page, sizeof(page), 0), 0);
	CHECK_EQ(page[8], 'a');
	dev_rig_adopt(&rig); /* a server killed in peace: it is still kept for this disk */
	CHECK_EQ(uz_dev_set_backing(rig.dev, &b->dev, "memory", UZ_BACKING_KEPT), -UZ_ESTALE);
	d = uz_store_disk(rig.store, "d1");
	CHECK_EQ(uz_dev_set_backing(d, &b->dev, "memory", UZ_BACKING_KEPT), 0);
	uz_dev_destroy(d);
	dev_rig_adopt(&rig);
	d = make();
	CHECK_EQ(uz_dev_set_backing(d, &b->dev, "memory", UZ_BACKING_KEPT), 0);
	CHECK_EQ(uz_dev_read(d, rig.st, 0, page, sizeof(page), 0), 0);
	CHECK_EQ(page[8], 0);
}

static bool marked(struct uz_dev *d)
{
	return uz__disk_record(rig.store->meta, d->index)->codec & META_BACKED;
}

static void refuses_header(struct test_backing *b)
{
	struct test_backing other;
	struct uz_dev *d = rig.dev;
	uint64_t id;

	CHECK(!marked(d));
	test_backing_fail(b, 0, 1, 1);
	CHECK_EQ(uz_dev_set_backing(d, &b->dev, "memory", 0), -EIO);
	CHECK_EQ(backing_id(d), 0);
	CHECK(!marked(d));
	CHECK_EQ(uz_dev_set_backing(d, &b->dev, "memory", 0), 0);
	id = backing_id(d);
	dev_rig_adopt(&rig);
	d = rig.dev;
	test_backing_open(&other, SIZE + UZ_PAGE_SIZE);
	test_backing_fail(&other, 0, 1, 1);
	CHECK_EQ(uz_dev_set_backing(d, &other.dev, "other", 0), -EIO);
	CHECK_EQ(backing_id(d), id);
	CHECK(marked(d));
	CHECK_EQ(uz_dev_set_backing(d, &b->dev, "memory", 0), 0);
	CHECK_EQ(uz_dev_drop_backing(d), 0);
	test_backing_close(&other);
}

int main(void)
{
	struct dev_rig_config c = { .size_bytes = SIZE, .limit_bytes = 32 << 20 };
	struct uz__backing_record rec;
	struct test_backing b;
	struct uz_dev *d;
	unsigned int at;

	test_start();
	dev_rig_open(&rig, &c);
	test_backing_open(&b, SIZE + UZ_PAGE_SIZE);
	refuses_header(&b);
	d = make();
	at = d->index;
	CHECK_EQ(uz_dev_set_backing(d, &b.dev, "memory", 0), 0);
	CHECK(backing_id(d) != 0);
	rec = rig.store->meta->backing[at];
	uz_dev_destroy(d);
	rig.store->meta->backing[at] = rec; /* as it was when the disk's own record went */
	dev_rig_adopt(&rig);
	d = make();
	CHECK_EQ(d->index, at);
	CHECK_EQ(backing_id(d), 0);
	dev_rig_adopt(&rig);
	CHECK_EQ(backing_id(uz_store_disk(rig.store, "d1")), 0);
	cut_short(&b);
	dev_rig_close(&rig);
	test_backing_close(&b);
	return 0;
}
