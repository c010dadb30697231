/* SPDX-License-Identifier: MIT */
#include "side.h"

struct ours {
	struct side side;
	struct bench_disk_config config;
	struct bench_disk disk;
	bool open;
};

static void ours_close_disk(struct ours *o)
{
	if (o->open)
		bench_disk_close(&o->disk);
	o->open = false;
}

static void ours_reset(struct side *s)
{
	struct ours *o = (struct ours *)s;

	ours_close_disk(o);
	bench_disk_open(&o->disk, &o->config);
	o->open = true;
}

static void ours_write(struct side *s, unsigned int thread, uint64_t off, const void *src,
		       uint64_t len)
{
	struct bench_disk *d = side_ours_disk(s);
	int r = uz_dev_write(d->dev, d->st[thread], off, src, len, 0);

	BENCH_CHECK(r == 0, "write: %s", strerror(-r));
}

static void ours_read(struct side *s, unsigned int thread, uint64_t off, void *dst, uint64_t len)
{
	struct bench_disk *d = side_ours_disk(s);
	int r = uz_dev_read(d->dev, d->st[thread], off, dst, len, 0);

	BENCH_CHECK(r == 0, "read: %s", strerror(-r));
}

static void ours_close(struct side *s)
{
	ours_close_disk((struct ours *)s);
	free(s);
}

struct side *side_ours(const struct bench_disk_config *c)
{
	struct ours *o = bench_alloc(sizeof(*o));

	o->config = *c;
	o->side = (struct side){ "ours", ours_reset, ours_write, ours_read, ours_close };
	return &o->side;
}

struct bench_disk *side_ours_disk(struct side *s)
{
	return &((struct ours *)s)->disk;
}
