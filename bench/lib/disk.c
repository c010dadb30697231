/* SPDX-License-Identifier: MIT */
#include "disk.h"

#include <unistd.h>

static unsigned int codec_entry(struct uz_store *s, const struct bench_disk_config *c)
{
	const char *name = c->codec ? c->codec : "lz4";
	const struct uz_codec_ops *ops = c->ops ? c->ops : uz_host_codec(name, NULL, 0);
	struct uz_codec_params p = { .level = UZ_LEVEL_DEFAULT };
	int r;

	BENCH_CHECK(ops, "no codec '%s'", name);
	r = uz_store_codec(s, ops, &p, false);
	BENCH_CHECK(r >= 0, "codec %s: %s", name, strerror(-r));
	return (unsigned int)r;
}

static void make_disk(struct bench_disk *d, const struct bench_disk_config *c)
{
	struct uz_dev_config dc = {
		.name = "d0",
		.size_bytes = c->size_bytes,
		.pool = c->pool ? uz_host_pool(c->pool, NULL, 0) : uz_pools[0],
		.codec = codec_entry(d->store, c),
	};
	int r;

	BENCH_CHECK(dc.pool, "no pool '%s'", c->pool);
	r = uz_dev_create(d->store, &dc, &d->dev);
	BENCH_CHECK(r == 0, "create: %s", strerror(-r));
	BENCH_CHECK(uz_dev_pool(d->dev) == dc.pool, "another pool than asked for");
}

void bench_disk_open(struct bench_disk *d, const struct bench_disk_config *c)
{
	uint64_t limit =
		c->limit_bytes ? c->limit_bytes : c->size_bytes + c->size_bytes / 2 + (64u << 20);
	struct uz_host_config hc = { .backing = c->backing, .fd = -1 };
	struct uz_store_config sc = {
		.arena = { .capacity_bytes = 2 * limit, .limit_bytes = limit },
		.registry = uz_host_registry(),
		.attach = c->attach,
	};
	struct uz_store_error err = { "" };
	int r;

	if (c->backing == UZ_HOST_MEMFD)
		hc.fd = dup(c->memfd);
	*d = (struct bench_disk){ 0 };
	r = uz_host_open(&hc, &d->host);
	BENCH_CHECK(r == 0, "platform: %s", strerror(-r));
	r = uz_store_open(uz_host_plat(d->host), &sc, &d->store, &err);
	BENCH_CHECK(r == 0, "store: %s %s", strerror(-r), err.what);
	if (c->attach)
		d->dev = uz_store_disk(d->store, "d0");
	else
		make_disk(d, c);
	BENCH_CHECK(d->dev, "the disk is not in the store");
	for (unsigned int i = 0; i < BENCH_STREAMS; i++) {
		r = uz_stream_open(d->store, &d->st[i]);
		BENCH_CHECK(r == 0, "stream: %s", strerror(-r));
	}
}

void bench_disk_close(struct bench_disk *d)
{
	for (unsigned int i = 0; i < BENCH_STREAMS; i++)
		uz_stream_close(d->st[i]);
	uz_store_close(d->store);
	uz_host_close(d->host);
	*d = (struct bench_disk){ 0 };
}

struct uz_dev_stats bench_disk_stats(const struct bench_disk *d)
{
	struct uz_dev_stats st;

	uz_dev_stats(d->dev, &st);
	return st;
}
