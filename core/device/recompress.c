/* SPDX-License-Identifier: MIT */
/*
 * Recompression of idle or big pages with a second codec, by command and in
 * the background within a share of one CPU.
 */
#include "device_i.h"

#define SLICE_NS 5000000ull /* background work waits no longer than this for a command */
#define PERIOD_NS 1000000000ull /* pause between two passes over the disk */

struct pass {
	struct uz_dev *d;
	struct uz_stream *st;
	struct uz_recompress rule;
	unsigned int min_age;
	uint64_t done;
	int error;
};

static bool wanted(const struct pass *p, uint64_t w)
{
	unsigned int age = uz__slot_age(w);

	if (!uz__slot_is_stored(w) || uz__slot_state(w) == UZ_SLOT_TRIED)
		return false;
	if (uz__slot_codec(w) == p->rule.codec || uz__slot_size(w) < p->rule.min_bytes)
		return false;
	return !p->rule.idle_s || age >= p->min_age;
}

static bool visit(void *ctx, uint64_t *slot, uint64_t page)
{
	struct pass *p = ctx;
	int r;

	if (!wanted(p, uz_load(slot)))
		return true;
	if (p->rule.max_pages && p->done >= p->rule.max_pages)
		return false;
	r = uz__page_rewrite(p->d, p->st, slot, page, p->rule.codec, true);
	p->error = UZ_MIN(r, 0);
	p->done += r > 0;
	COUNT(uz__count(p->d, p->st)->recompressed, (uint64_t)(r > 0));
	return r >= 0;
}

static bool finished(const struct pass *p)
{
	return p->error || (p->rule.max_pages && p->done >= p->rule.max_pages);
}

/* While a command uses an entry it is not taken for another codec: 0, or -EINVAL. */
static int hold_codec(struct uz_dev *d, unsigned int codec)
{
	struct uz_store *s = d->store;
	int r = -UZ_EINVAL;

	uz_lock(s->plat, &s->control);
	if (codec < UZ_CODEC_MAX && s->codec[codec].ops) {
		d->command_codec = codec + 1;
		r = 0;
	}
	uz_unlock(s->plat, &s->control);
	return r;
}

static void release_codec(struct uz_dev *d)
{
	uz_lock(d->store->plat, &d->store->control);
	d->command_codec = 0;
	uz_unlock(d->store->plat, &d->store->control);
}

int64_t uz_dev_recompress(struct uz_dev *d, const struct uz_recompress *r)
{
	struct uz_store *s = d->store;
	struct pass p = { .d = d, .st = s->bg, .rule = *r, .min_age = uz__age_bucket(r->idle_s) };
	struct uz__walk w = { 0 };
	bool end = false;

	uz_lock(s->plat, &d->control);
	p.error = hold_codec(d, r->codec);
	while (!end && !finished(&p)) {
		uz__claim_background(s);
		end = uz__walk(d, &w, s->plat->ops->now(s->plat) + SLICE_NS, visit, &p);
		uz_unlock(s->plat, &s->background);
	}
	release_codec(d);
	uz_unlock(s->plat, &d->control);
	return p.done || !p.error ? (int64_t)p.done : p.error;
}

static bool rule_ok(const struct uz_store *s, int codec, uint32_t min_bytes, uint32_t cpu_percent)
{
	if (codec < 0)
		return true;
	return codec < UZ_CODEC_MAX && s->codec[codec].ops && cpu_percent >= 1 &&
	       cpu_percent <= 100 && min_bytes <= UZ_PAGE_SIZE;
}

int uz_dev_set_recompress(struct uz_dev *d, int codec, uint32_t idle_s, uint32_t min_bytes,
			  uint32_t cpu_percent)
{
	struct uz_store *s = d->store;
	bool ok;

	uz_lock(s->plat, &d->control);
	uz_lock(s->plat, &s->control);
	uz__claim_background(s);
	ok = rule_ok(s, codec, min_bytes, cpu_percent);
	if (ok) {
		d->recompress_codec = codec < 0 ? -1 : codec;
		d->recompress_idle_s = idle_s;
		d->recompress_min_bytes = min_bytes;
		d->recompress_cpu = cpu_percent;
		d->recompress_next_ns = 0;
	}
	uz_unlock(s->plat, &s->background);
	uz_unlock(s->plat, &s->control);
	uz_unlock(s->plat, &d->control);
	return ok ? 0 : -UZ_EINVAL;
}

/* Work for t is followed by t * (100 - cpu) / cpu of rest. */
bool uz__recompress_step(struct uz_dev *d, struct uz_stream *st, uint64_t now_ns, uint64_t end_ns)
{
	struct uz_plat *pl = d->store->plat;
	struct pass p = { .d = d, .st = st };
	uint64_t start = pl->ops->now(pl), spent;

	if (d->recompress_codec < 0 || now_ns < d->recompress_next_ns)
		return false;
	p.rule = (struct uz_recompress){ .codec = (unsigned int)d->recompress_codec,
					 .idle_s = d->recompress_idle_s,
					 .min_bytes = d->recompress_min_bytes };
	p.min_age = uz__age_bucket(d->recompress_idle_s);
	d->recompress.active = !uz__walk(d, &d->recompress, end_ns, visit, &p);
	if (!d->recompress.active)
		d->recompress.page = 0;
	spent = pl->ops->now(pl) - start;
	d->recompress_next_ns =
		start + spent * 100 / d->recompress_cpu + (d->recompress.active ? 0 : PERIOD_NS);
	return false;
}
