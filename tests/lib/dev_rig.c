/* SPDX-License-Identifier: MIT */
#include "dev_rig.h"

#include <sys/mman.h>
#include <unistd.h>

static void host_open(struct dev_rig *rig)
{
	struct uz_host_config hc = { .backing = UZ_HOST_PRIVATE, .fd = -1 };

	if (rig->memfd >= 0)
		hc = (struct uz_host_config){ .backing = UZ_HOST_MEMFD, .fd = dup(rig->memfd) };
	CHECK_EQ(uz_host_open(&hc, &rig->host), 0);
	fault_plat_init(&rig->fault, uz_host_plat(rig->host));
}

static int store_open(struct dev_rig *rig, bool attach)
{
	struct uz_store_config sc = {
		.arena = { .capacity_bytes = rig->capacity_bytes,
			   .limit_bytes = rig->limit_bytes,
			   .reserve_bytes = rig->reserve_bytes },
		.registry = rig->registry,
		.attach = attach,
	};
	struct uz_store_error err;
	int r = uz_store_open(&rig->fault.plat, &sc, &rig->store, &err);

	CHECK_MSG(r == 0, "store open: %d %s", r, err.what);
	return uz_stream_open(rig->store, &rig->st);
}

static unsigned int codec_entry(struct dev_rig *rig, const struct uz_codec_ops *ops, int32_t level,
				bool checksum)
{
	struct uz_codec_params p = { .level = level };
	int r = uz_store_codec(rig->store, ops, &p, checksum);

	CHECK_MSG(r >= 0, "codec entry %s: %d", ops->name, r);
	return (unsigned int)r;
}

unsigned int dev_rig_codec(struct dev_rig *rig, const char *name, int32_t level, bool checksum)
{
	const struct uz_codec_ops *ops = uz_host_codec(name, NULL, 0);

	CHECK_MSG(ops, "codec %s", name);
	return codec_entry(rig, ops, level, checksum);
}

void dev_rig_open(struct dev_rig *rig, const struct dev_rig_config *c)
{
	struct uz_dev_config dc = { .name = "d0", .size_bytes = c->size_bytes };

	*rig = (struct dev_rig){ .limit_bytes = c->limit_bytes,
				 .capacity_bytes =
					 c->capacity_bytes ? c->capacity_bytes : 4 * c->limit_bytes,
				 .reserve_bytes = c->reserve_bytes,
				 .registry = c->registry ? c->registry : uz_host_registry(),
				 .memfd = -1 };
	if (!c->private_memory)
		rig->memfd = memfd_create("uzram-test", MFD_CLOEXEC);
	CHECK(c->private_memory || rig->memfd >= 0);
	host_open(rig);
	CHECK_EQ(store_open(rig, false), 0);
	dc.pool = c->pool ? uz_host_pool(c->pool, NULL, 0) : uz_pools[0];
	CHECK(dc.pool);
	if (c->ops)
		dc.codec = codec_entry(rig, c->ops, UZ_LEVEL_DEFAULT, c->checksum);
	else
		dc.codec = dev_rig_codec(rig, c->codec ? c->codec : "lz4", UZ_LEVEL_DEFAULT,
					 c->checksum);
	CHECK_EQ(uz_dev_create(rig->store, &dc, &rig->dev), 0);
	CHECK(uz_dev_pool(rig->dev) == dc.pool);
}

void dev_rig_close(struct dev_rig *rig)
{
	uz_stream_close(rig->st);
	uz_store_close(rig->store);
	uz_host_close(rig->host);
	if (rig->memfd >= 0)
		close(rig->memfd);
}

void dev_rig_adopt(struct dev_rig *rig)
{
	uz_stream_close(rig->st);
	uz_store_close(rig->store);
	uz_host_close(rig->host);
	host_open(rig);
	CHECK_EQ(store_open(rig, true), 0);
	rig->dev = uz_store_disk(rig->store, "d0");
	CHECK(rig->dev);
}

void dev_rig_put(struct dev_rig *rig, struct uz_dev *d, uint32_t page, uint32_t seq,
		 enum self_mix mix)
{
	unsigned char buf[UZ_PAGE_SIZE];

	self_page_make(buf, page, seq, test_seed(), mix);
	CHECK_EQ(uz_dev_write(d, rig->st, (uint64_t)page << UZ_PAGE_SHIFT, buf, sizeof(buf), 0), 0);
}

struct uz_dev_stats dev_rig_stats(struct dev_rig *rig)
{
	struct uz_dev_stats st;

	uz_dev_stats(rig->dev, &st);
	return st;
}

uint64_t dev_rig_in(struct dev_rig *rig, uint64_t ns)
{
	return rig->fault.plat.ops->now(&rig->fault.plat) + ns;
}

int dev_rig_grant(struct dev_rig *rig, struct uz_region *region, uint64_t bytes, uint64_t ns,
		  struct uz_grant *g, struct uz_contig_failure *why)
{
	return uz_store_contig_alloc(rig->store, region, bytes, dev_rig_in(rig, ns), g, why);
}
