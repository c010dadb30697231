/* SPDX-License-Identifier: MIT */
/*
 * A region is not destroyed beneath a grant of another thread that waits for its turn: whoever of the
 * two has it first, the destruction gives -EBUSY and the grant is made.
 */
#include <errno.h>
#include <pthread.h>

#include "../../core/device/device_i.h"

#include "dev_rig.h"

#define REGION (4ull << 20)
#define SECOND 1000000000ull
#define MS 1000000ull

static struct dev_rig rig;
static struct uz_region *region;
static struct uz_grant grant;

static void *get(void *arg)
{
	struct uz_contig_failure why;

	(void)arg;
	CHECK_EQ(dev_rig_grant(&rig, region, REGION, 10 * SECOND, &grant, &why), 0);
	return NULL;
}

static void *destroy(void *arg)
{
	(void)arg;
	CHECK_EQ(uz_store_region_destroy(rig.store, region), -EBUSY);
	return NULL;
}

static void rest(uint64_t ns)
{
	uint64_t end = dev_rig_in(&rig, ns);

	while (dev_rig_in(&rig, 0) < end)
		uz_nap(&rig.fault.plat, end);
}

static void beside(void)
{
	pthread_t thread[2];

	uz_lock(rig.store->plat, &rig.store->background);
	CHECK_EQ(pthread_create(&thread[0], NULL, get, NULL), 0);
	while (!uz_load(&rig.store->grants))
		rest(MS / 10);
	CHECK_EQ(pthread_create(&thread[1], NULL, destroy, NULL), 0);
	rest(40 * MS); /* longer than a command lets grants go first */
	uz_unlock(rig.store->plat, &rig.store->background);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	CHECK_EQ(uz_contig_free(region, grant.id), 0);
}

int main(void)
{
	struct dev_rig_config c = { .size_bytes = 1 << 20, .limit_bytes = 32 << 20 };
	struct uz_region_config rc = { .name = "cam0", .bytes = REGION };

	test_start();
	dev_rig_open(&rig, &c);
	CHECK_EQ(uz_store_region_create(rig.store, &rc, &region), 0);
	for (int i = 0; i < 20; i++)
		beside();
	CHECK_EQ(uz_store_check(rig.store), 0);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	dev_rig_close(&rig);
	return 0;
}
