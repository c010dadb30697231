/* SPDX-License-Identifier: MIT */
/*
 * Recompression of idle or big pages with a second codec: by command, in the
 * background within a share of one CPU, and by writes that found no room. These take pages that are as
 * idle as the background wants them first, then any, some at once, with a stream that is kept for
 * them: the writer's own holds the page that it writes.
 */
#include "device_i.h"

#define PERIOD_NS 1000000000ull /* pause between two passes over the disk */
#define SQUEEZE_PAGES 32 /* between two compactions */
#define SQUEEZE_NS 20000000ull
#define SQUEEZE_ROOM (512ull << 10)

struct pass {
	struct uz_dev *d;
	struct uz_stream *st;
	struct uz_recompress rule;
	unsigned int min_age, how;
	struct uz__slice slice;
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
	bool urgent = p->how & UZ__REWRITE_URGENT;
	int r;

	if (!wanted(p, uz_load(slot)))
		return true;
	if ((p->rule.max_pages && p->done >= p->rule.max_pages) ||
	    uz__slice_over(p->d->store, &p->slice))
		return false;
	r = uz__page_rewrite(p->d, p->st, slot, page, p->rule.codec, p->how | UZ__REWRITE_SMALLER);
	if (r == -UZ_EAGAIN)
		return false;
	p->error = UZ_MIN(r, 0);
	p->done += r > 0;
	COUNT(uz__count(p->d, p->st)->recompressed, (uint64_t)(r > 0));
	return r >= 0 || urgent;
}

static bool finished(const struct pass *p)
{
	return p->error || (p->rule.max_pages && p->done >= p->rule.max_pages);
}

/* While a command uses an entry it is not taken for another codec: 0, or -EINVAL. */
static int hold_codec(struct uz_store *s, unsigned int codec)
{
	int r = -UZ_EINVAL;

	uz_lock(s->plat, &s->control);
	if (codec < UZ_CODEC_MAX && s->codec[codec].ops) {
		s->codec[codec].held++;
		r = 0;
	}
	uz_unlock(s->plat, &s->control);
	return r;
}

int64_t uz_dev_recompress(struct uz_dev *d, const struct uz_recompress *r)
{
	struct uz_store *s = d->store;
	struct pass p = { .d = d, .st = s->bg, .rule = *r, .min_age = uz__age_bucket(r->idle_s) };
	struct uz__walk w = { 0 };
	struct uz_dev *only;
	bool end = false, held;

	p.error = hold_codec(s, r->codec);
	held = !p.error;
	while (!end && !finished(&p) && !uz__stopping(d)) {
		p.slice = (struct uz__slice){ .end_ns = uz__claim_slice(s) };
		end = uz__walk(d, &w, p.slice.end_ns, visit, &p);
		/* Its pools stay as long as the lock is held. */
		only = uz__disk_near_limit(d) ? d : NULL;
		uz_unlock(s->plat, &s->background);
		if (uz__no_room(p.error) && uz__wb_relief(s, only))
			p.error = 0;
	}
	if (held)
		uz_store_codec_put(s, r->codec);
	return p.done || !p.error ? (int64_t)p.done : p.error;
}

static bool rule_ok(const struct uz_store *s, int codec, uint32_t min_bytes, uint32_t cpu_percent)
{
	if (codec < 0)
		return true;
	return codec < UZ_CODEC_MAX && s->codec[codec].ops && cpu_percent >= 1 &&
	       cpu_percent <= 100 && min_bytes <= UZ_PAGE_SIZE;
}

/* Opened when the first disk gets a second codec: a full store may have no memory for it then. */
static int squeeze_init(struct uz_store *s)
{
	struct uz_stream *st;
	int r;

	if (uz_load_acquire(&s->squeeze.st))
		return 0;
	r = uz_stream_open(s, &st);
	if (r < 0)
		return r;
	uz_lock(s->plat, &s->squeeze.lock);
	if (!s->squeeze.st) {
		uz_store_release(&s->squeeze.st, st);
		st = NULL;
	}
	uz_unlock(s->plat, &s->squeeze.lock);
	uz_stream_close(st);
	return 0;
}

int uz_dev_set_recompress(struct uz_dev *d, int codec, uint32_t idle_s, uint32_t min_bytes,
			  uint32_t cpu_percent)
{
	struct uz_store *s = d->store;
	int r = codec < 0 ? 0 : squeeze_init(s);
	bool ok;

	if (r < 0)
		return r;
	uz_lock(s->plat, &d->control);
	uz_lock(s->plat, &s->control);
	uz__claim_background(s);
	ok = rule_ok(s, codec, min_bytes, cpu_percent);
	if (ok) {
		uz_store(&d->recompress_idle_s, idle_s);
		uz_store(&d->recompress_min_bytes, min_bytes);
		uz_store_release(&d->recompress_codec, codec < 0 ? -1 : codec);
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
	struct pass p = { .d = d, .st = st, .slice = { .end_ns = end_ns } };
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
	d->recompress_next_ns = start + spent * 100 / d->recompress_cpu +
				(d->recompress.active && !p.error ? 0 : PERIOD_NS);
	return false;
}

/* When a pass that rests goes on. */
uint64_t uz__recompress_due(const struct uz_dev *d)
{
	return d->recompress_codec >= 0 && d->recompress.active ? d->recompress_next_ns
								: UZ_FOREVER;
}

static uint64_t written_bytes(struct uz_dev *d)
{
	struct uz__counters c;

	uz__count_sum(d, &c);
	return c.write_bytes;
}

/*
 * The end of the disk was reached: from the start again, by age if that won something, then pages of
 * any age. False when these were tried in vain, which holds until something is written.
 */
static bool next_lap(struct uz_dev *d)
{
	bool vain = !d->squeeze_won && d->squeeze_any;

	d->squeeze_any = !d->squeeze_won && !vain;
	d->squeeze_won = false;
	d->squeeze.page = 0;
	if (vain)
		d->squeeze_vain = written_bytes(d) + 1;
	return !vain;
}

/* Whether to try again: pages got smaller, or there are more to look at. */
static bool squeeze_disk(struct uz_dev *d, unsigned int codec, uint64_t end_ns)
{
	struct pass p = { .d = d,
			  .st = d->store->squeeze.st,
			  .how = UZ__REWRITE_URGENT,
			  .slice = { .end_ns = end_ns } };
	uint32_t idle_s = uz_load(&d->recompress_idle_s);
	bool end;

	if (d->squeeze_vain == written_bytes(d) + 1)
		return false;
	p.min_age = d->squeeze_any ? 0 : uz__age_bucket(idle_s);
	p.rule = (struct uz_recompress){ .codec = codec,
					 .idle_s = d->squeeze_any ? 0 : idle_s,
					 .min_bytes = uz_load(&d->recompress_min_bytes),
					 .max_pages = SQUEEZE_PAGES };
	end = uz__walk_in(d, p.st, &d->squeeze, end_ns, visit, &p);
	d->squeeze_won |= p.done != 0;
	return !end || next_lap(d) || p.done;
}

/* The first disk that has pages to try. */
static bool squeeze_some(struct uz_store *s, struct uz_dev *only, uint64_t end_ns)
{
	bool again = false;

	for (unsigned int i = 0; i < UZ_DISK_MAX && !again; i++) {
		struct uz_dev *d = uz_load_acquire(&s->disk[i]);
		int codec = d && (!only || d == only) ? uz_load_acquire(&d->recompress_codec) : -1;

		if (codec >= 0)
			again = squeeze_disk(d, (unsigned int)codec, end_ns);
	}
	return again;
}

/*
 * What got smaller left holes, which new pages would fill one by one while the smaller objects eat up
 * the reserve. So holes are made into free frames at once, until there is room for more than one write.
 */
static bool make_room(struct uz_store *s, struct uz_dev *only)
{
	struct uz_plat *pl = s->plat;
	uint64_t end_ns = pl->ops->now(pl) + SQUEEZE_NS;
	bool again;

	do {
		again = squeeze_some(s, only, end_ns);
		while (uz__reclaim(s))
			;
	} while (again && pl->ops->now(pl) < end_ns &&
		 (only ? uz__disk_near_limit(only) : uz_arena_tight(s->arena, SQUEEZE_ROOM)));
	return again;
}

/*
 * For a write that found no room. It is inside a request, so neither disks nor codecs go; no slot is
 * held. @only: that disk, NULL: any. True when it should try again.
 */
bool uz__squeeze(struct uz_store *s, struct uz_dev *only)
{
	uint32_t before = uz_load(&s->squeeze.wins);
	bool again;

	if (UZ_LIKELY(!uz_load_acquire(&s->squeeze.st)))
		return false;
	uz_lock(s->plat, &s->squeeze.lock);
	again = uz_load(&s->squeeze.wins) != before;
	if (!again) {
		again = make_room(s, only);
		uz_fetch_add(&s->squeeze.wins, (uint32_t)again);
	}
	uz_unlock(s->plat, &s->squeeze.lock);
	return again;
}
