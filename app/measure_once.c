/* SPDX-License-Identifier: MIT */
/* One pool with one codec, once: a store of its own is filled with the sample and read back. */
#include "measure.h"

#include "clock.h"

#include <errno.h>
#include <string.h>
#include <uz/bits.h>
#include <uz/device.h>
#include <uz/host.h>

#define BATCH_PAGES 64u

struct disk {
	struct uz_host *host;
	struct uz_store *store;
	struct uz_dev *dev;
	struct uz_stream *st;
};

static int fault(const struct uz_measure_row *row, int err, const char *what, struct uz_error *e)
{
	return err ? uz__error(e, -err, "%s with %s: %s: %s", row->pool->name,
			       row->codec->spec.name, what, strerror(-err))
		   : 0;
}

static int open_store(struct disk *d, uint64_t bytes)
{
	uint64_t limit = bytes + bytes / 4 + (64u << 20);
	struct uz_host_config hc = { .backing = UZ_HOST_PRIVATE, .fd = -1 };
	struct uz_store_config sc = { .arena = { .capacity_bytes = 2 * limit,
						 .limit_bytes = limit },
				      .registry = uz_host_registry() };
	int err = uz_host_open(&hc, &d->host);

	return err ? err : uz_store_open(uz_host_plat(d->host), &sc, &d->store, NULL);
}

static int make_disk(struct disk *d, const struct uz_measure_row *row, int entry, uint64_t bytes)
{
	struct uz_dev_config dc = { .name = "measured",
				    .size_bytes = bytes,
				    .pool = row->pool,
				    .codec = (unsigned int)entry };
	int err = entry < 0 ? entry : uz_dev_create(d->store, &dc, &d->dev);

	return err ? err : uz_stream_open(d->store, &d->st);
}

static int open_disk(struct disk *d, const struct uz_measure_sample *s,
		     const struct uz_measure_row *row, struct uz_error *e)
{
	const struct uz_measure_codec *c = row->codec;
	struct uz_codec_params p = { .level = c->spec.level,
				     .dict = c->dict,
				     .dict_bytes = c->dict_bytes };
	uint64_t bytes = s->nr << UZ_PAGE_SHIFT;
	int err = fault(row, open_store(d, bytes), "no store", e);

	return err ? err
		   : fault(row,
			   make_disk(d, row, uz_store_codec(d->store, c->ops, &p, false), bytes),
			   "no disk", e);
}

static void close_disk(struct disk *d)
{
	if (d->st)
		uz_stream_close(d->st);
	if (d->store)
		uz_store_close(d->store);
	uz_host_close(d->host);
}

/* A request a page. */
static int pass(struct disk *d, bool read, uint64_t first, size_t nr, char *pages)
{
	int err = 0;

	for (size_t i = 0; !err && i < nr; i++) {
		char *page = pages + (i << UZ_PAGE_SHIFT);
		uint64_t off = (first + i) << UZ_PAGE_SHIFT;

		err = read ? uz_dev_read(d->dev, d->st, off, page, UZ_PAGE_SIZE, 0)
			   : uz_dev_write(d->dev, d->st, off, page, UZ_PAGE_SIZE, 0);
	}
	return err;
}

static int write_all(struct disk *d, const struct uz_measure_sample *s, uint64_t *ns)
{
	uint64_t start = uz__now_ns();
	int err = pass(d, false, 0, s->nr, s->pages);

	*ns = uz__now_ns() - start;
	return err;
}

/* Comparing takes no part in the time. */
static int read_all(struct disk *d, const struct uz_measure_sample *s, uint64_t *ns)
{
	static char pages[BATCH_PAGES << UZ_PAGE_SHIFT];
	int err = 0;

	*ns = 0;
	for (size_t at = 0; !err && at < s->nr; at += BATCH_PAGES) {
		size_t nr = UZ_MIN(s->nr - at, (size_t)BATCH_PAGES);
		uint64_t start = uz__now_ns();

		err = pass(d, true, at, nr, pages);
		*ns += uz__now_ns() - start;
		if (!err &&
		    memcmp(pages, s->pages + (at << UZ_PAGE_SHIFT), nr << UZ_PAGE_SHIFT) != 0)
			err = -EBADMSG;
	}
	return err;
}

static uint64_t cost_of(const struct disk *d, struct uz_dev_stats *st)
{
	uz_dev_stats(d->dev, st);
	return st->ram_total - st->ram_reserve;
}

static uint64_t p99_of(const struct disk *d, enum uz_op op)
{
	struct uz_latency l;

	uz_dev_latency(d->dev, op, &l);
	return l.p99_ns;
}

static void take_figures(const struct disk *d, struct uz_measure_row *row, uint64_t empty_bytes)
{
	struct uz_dev_stats st;

	row->cost_bytes = cost_of(d, &st) - empty_bytes;
	row->compr_bytes = st.compr_data_size;
	row->same_pages = st.same_pages;
	row->huge_pages = st.huge_pages;
}

static uint64_t per_second(uint64_t bytes, uint64_t ns)
{
	return (uint64_t)((unsigned __int128)bytes * 1000000000u / UZ_MAX(ns, (uint64_t)1));
}

static int measure(struct disk *d, const struct uz_measure_sample *s, struct uz_measure_row *row,
		   uint64_t figure[UZ_MEASURE_FIGURE_NR], struct uz_error *e)
{
	struct uz_dev_stats empty;
	uint64_t empty_bytes = cost_of(d, &empty), write_ns, read_ns,
		 bytes = s->nr << UZ_PAGE_SHIFT;
	int64_t compacted;
	int err = fault(row, write_all(d, s, &write_ns), "a write failed", e);

	if (!err)
		err = fault(row, read_all(d, s, &read_ns),
			    "what comes back is not what was written", e);
	if (err)
		return err;
	compacted = uz_dev_compact(d->dev);
	if (compacted < 0)
		return fault(row, (int)compacted, "compaction failed", e);
	take_figures(d, row, empty_bytes);
	figure[UZ_MEASURE_WRITE_BPS] = per_second(bytes, write_ns);
	figure[UZ_MEASURE_READ_BPS] = per_second(bytes, read_ns);
	figure[UZ_MEASURE_WRITE_P99_NS] = p99_of(d, UZ_OP_WRITE);
	figure[UZ_MEASURE_READ_P99_NS] = p99_of(d, UZ_OP_READ);
	return 0;
}

int uz__measure_once(const struct uz_measure_sample *s, struct uz_measure_row *row,
		     uint64_t figure[UZ_MEASURE_FIGURE_NR], struct uz_error *e)
{
	struct disk d = { .host = NULL };
	int err = open_disk(&d, s, row, e);

	if (!err)
		err = measure(&d, s, row, figure, e);
	close_disk(&d);
	return err;
}
