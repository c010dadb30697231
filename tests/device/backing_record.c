/* SPDX-License-Identifier: MIT */
/*
 * The record of a backing goes after that of its disk. When the end of a disk is cut short in between, the
 * next disk in its place has no backing, neither now nor after an adoption.
 */
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
	dev_rig_close(&rig);
	test_backing_close(&b);
	return 0;
}
