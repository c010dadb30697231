/* SPDX-License-Identifier: MIT */
/*
 * A store that somebody made on purpose: records whose checksums are right and whose fields lie. Attach
 * refuses each, and takes the store again when the field is what it was.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../../core/device/device_i.h"

#include "dev_rig.h"

#define SIZE (4ull << 20)

static struct dev_rig rig;

/* The record of a disk that counts. */
static struct uz__disk_record *disk(struct uz__meta *m, unsigned int i)
{
	return (struct uz__disk_record *)(uintptr_t)uz__disk_record(m, i);
}

#define FORGE(what, record, change) \
	static void what(struct uz__meta *m) \
	{ \
		__typeof__(record) rec = record; \
\
		change; \
		uz__record_seal(rec, sizeof(*rec)); \
	}

FORGE(odd_size, disk(m, 0), rec->size_bytes++)
FORGE(no_size, disk(m, 0), rec->size_bytes = 0)
FORGE(large_size, disk(m, 0), rec->size_bytes = 1ull << 40)
FORGE(odd_root, disk(m, 0), rec->root_off += 2)
FORGE(short_root, disk(m, 0), rec->root_bytes--)
FORGE(same_root, disk(m, 1), rec->root_off = disk(m, 0)->root_off)
FORGE(far_root, disk(m, 1), rec->root_off = 1ull << 60)
FORGE(endless_disk, disk(m, 1), memset(rec->name, 'd', sizeof(rec->name)))
FORGE(no_name, disk(m, 0), memset(rec->name, 0, sizeof(rec->name)))
FORGE(two_lines, disk(m, 0), rec->name[0] = '\n')
FORGE(twins, disk(m, 1), memcpy(rec->name, disk(m, 0)->name, sizeof(rec->name)))
FORGE(endless_pool, &m->pool[0], memset(rec->name, 'p', sizeof(rec->name)))
FORGE(endless_codec, &m->codec[0], memset(rec->name, 'c', sizeof(rec->name)))
FORGE(large_dict, &m->codec[0], rec->dict_bytes = UINT32_MAX)
FORGE(no_codec, disk(m, 0), rec->codec = 7)
FORGE(no_pool, disk(m, 0), rec->pool = META_POOLS)

static void (*const forge[])(struct uz__meta *m) = {
	odd_size,      no_size,	     large_size, odd_root,  short_root, same_root,
	far_root,      endless_disk, no_name,	 two_lines, twins,	endless_pool,
	endless_codec, large_dict,   no_codec,	 no_pool,
};

static int try_open(void)
{
	struct uz_host_config hc = { .backing = UZ_HOST_MEMFD, .fd = dup(rig.memfd) };
	struct uz_store_config sc = { .arena = { .limit_bytes = rig.limit_bytes },
				      .registry = rig.registry,
				      .attach = true };
	struct uz_store_error err;
	struct uz_store *s;
	struct uz_host *h;
	int r;

	CHECK_EQ(uz_host_open(&hc, &h), 0);
	r = uz_store_open(uz_host_plat(h), &sc, &s, &err);
	if (r == 0)
		uz_store_close(s);
	else
		CHECK_MSG(strstr(err.what, "damaged"), "'%s'", err.what);
	uz_host_close(h);
	return r;
}

int main(void)
{
	struct dev_rig_config c = { .size_bytes = SIZE, .limit_bytes = 32 << 20 };
	struct uz_dev_config dc = { .name = "d1", .size_bytes = SIZE, .pool = uz_pools[0] };
	static struct uz__meta was, now;
	struct uz_dev *d;
	off_t at;

	test_start();
	dev_rig_open(&rig, &c);
	dc.codec = uz_dev_codec(rig.dev);
	CHECK_EQ(uz_dev_create(rig.store, &dc, &d), 0);
	was = *rig.store->meta;
	at = (off_t)(rig.store->meta_area.base - rig.store->arena->base);
	uz_stream_close(rig.st);
	uz_store_close(rig.store);
	uz_host_close(rig.host);
	for (unsigned int i = 0; i < sizeof(forge) / sizeof(forge[0]); i++) {
		test_step = i;
		now = was;
		forge[i](&now);
		CHECK_EQ(pwrite(rig.memfd, &now, sizeof(now), at), sizeof(now));
		CHECK_EQ(try_open(), -EBADMSG);
		CHECK_EQ(pwrite(rig.memfd, &was, sizeof(was), at), sizeof(was));
		CHECK_EQ(try_open(), 0);
	}
	close(rig.memfd);
	return 0;
}
