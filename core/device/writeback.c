/* SPDX-License-Identifier: MIT */
/*
 * Write-back: pages from memory to the disk's backing. One engine for the store, with a stream and a
 * buffer of its own, used by commands, by age, and by writes that found the budget reached.
 *
 * A batch: stored bytes are copied out with each slot locked for the copy only, neighbours go in one
 * write, then each slot whose word and bytes are still the same becomes INDIRECT in one store. So a
 * page is in memory until it is on the backing; a crash finds one or the other. A write that
 * fails is repeated page by page, and what still fails stays in memory.
 *
 * Under pressure a clock over the disk takes pages not touched for 4 s, then 2, 1, and any.
 */
#include "device_i.h"
#include "object_i.h"

#define SLACK_MIN (1ull << 20)
#define SLACK_MAX (64ull << 20)
#define RETRY_NS 1000000000ull /* after a write that failed, before memory is won that way again */
#define STEP_BATCHES 8
#define REST 9 /* by age: time of rest for time of work */
#define PERIOD_NS 1000000000ull /* between passes by age */

/* Which pages, and where to begin looking. */
struct pick {
	enum uz_writeback_what what;
	unsigned int min_age;
	bool keep; /* clean copies */
	uint64_t page, max;
	uint32_t found;
};

static const unsigned int relief_age[] = { 4, 3, 2, 1, 0 };
#define LEVELS (sizeof(relief_age) / sizeof(relief_age[0]))

/* In turn: a command that writes all pages back has it again and again. */
void uz__wb_lock(struct uz_store *s)
{
	uint32_t mine = uz_line_wait(s->plat, &s->wb.line);

	uz_lock(s->plat, &s->wb.lock);
	uz_line_next(s->plat, &s->wb.line, mine);
}

/* Of several disks that get a backing at the same time the first makes it for all. */
int uz__wb_init(struct uz_store *s)
{
	struct uz__wb *wb = &s->wb;
	struct uz_stream *st;
	void *mem;
	int r = 0;

	uz_lock(s->plat, &s->control);
	if (!wb->buf) {
		r = uz_scratch_alloc(s->arena, UZ__WB_BATCH << UZ_PAGE_SHIFT, &mem);
		if (r == 0)
			wb->buf = mem;
	}
	uz_unlock(s->plat, &s->control);
	if (r < 0 || uz_load_acquire(&wb->st))
		return r;
	r = uz_stream_open(s, &st);
	if (r < 0)
		return r;
	uz__wb_lock(s);
	if (!wb->st) {
		uz_store_release(&wb->st, st);
		st = NULL;
	}
	uz_unlock(s->plat, &wb->lock);
	uz_stream_close(st);
	return 0;
}

/* The stream is closed with all others. */
void uz__wb_close(struct uz_store *s)
{
	if (s->wb.buf)
		uz_scratch_free(s->arena, s->wb.buf, UZ__WB_BATCH << UZ_PAGE_SHIFT);
	s->wb.buf = NULL;
}

/* Memory that background work tries to keep free when there is a backing. */
uint64_t uz__wb_slack(struct uz_store *s)
{
	struct uz_arena_stats as;
	uint64_t slack;

	uz_arena_stats(s->arena, &as);
	slack = UZ_MIN(UZ_MAX(as.limit_bytes / 32, SLACK_MIN), SLACK_MAX);
	return UZ_MIN(slack, as.limit_bytes / 8);
}

static bool wanted(const struct pick *p, uint64_t w)
{
	unsigned int age = uz__slot_age(w);
	bool huge = uz__slot_state(w) == UZ_SLOT_RAW, idle = age == UZ_AGE_IDLE;

	if (!uz__slot_is_stored(w) || age < p->min_age)
		return false;
	switch (p->what) {
	case UZ_WRITEBACK_IDLE:
		return idle;
	case UZ_WRITEBACK_HUGE:
		return huge;
	case UZ_WRITEBACK_HUGE_IDLE:
		return huge && idle;
	case UZ_WRITEBACK_ALL:
		break;
	}
	return true;
}

/* Takes the slot of a page that is to go. */
static bool take_wanted(struct uz_dev *d, const struct pick *p, uint64_t *slot, uint64_t *w)
{
	do {
		*w = uz__slot_wait_short(d->store->plat, slot);
		if (!wanted(p, *w))
			return false;
	} while (!uz__slot_trylock(slot, *w));
	return true;
}

/* Copies the page's bytes out and lets go of the slot. What is damaged stays where that is known. */
static void add_item(struct uz_dev *d, uint64_t *slot, uint64_t page, uint64_t w)
{
	struct uz__wb *wb = &d->store->wb;
	unsigned char *to = wb->buf + ((size_t)wb->nr << UZ_PAGE_SHIFT);
	uint32_t size = uz__slot_size(w), bytes, hash;
	struct uz_block_id id;
	const void *from;
	bool intact;

	from = uz__object_bytes(d, w, &bytes);
	memcpy(to, from, size);
	hash = uz__checksum(d, page, to, size);
	intact = uz__object_sum_is(d, w, from, hash);
	id = uz_block_id(&d->store->tab, uz_handle_block(uz__slot_handle(w)));
	uz__slot_unlock(slot, w);
	if (!intact)
		return;
	memset(to + size, 0, UZ_PAGE_SIZE - size);
	uz_store(&wb->ablock[wb->nr], uz_ablock_of(id.start));
	wb->item[wb->nr++] =
		(struct uz__wb_item){ .slot = slot, .page = page, .word = w, .hash = hash };
}

static void collect(struct uz_dev *d, struct pick *p)
{
	struct uz__wb *wb = &d->store->wb;
	uint64_t end = uz_load_acquire(&d->size_bytes) >> UZ_PAGE_SHIFT;
	uint64_t max = UZ_MIN(p->max, (uint64_t)UZ__WB_BATCH);

	wb->nr = 0;
	end = UZ_MIN(end, (d->backing->size_bytes >> UZ_PAGE_SHIFT) - 1);
	while (p->page < end && wb->nr < max) {
		uint64_t *slot = uz__slot_at(d, p->page), w;

		if (!slot) {
			p->page = (p->page | (SLOTS_PER_TABLE - 1)) + 1;
			continue;
		}
		if (take_wanted(d, p, slot, &w))
			add_item(d, slot, p->page, w);
		p->page++;
	}
	if (p->page >= end)
		p->page = UINT64_MAX;
}

static int write_run(struct uz_dev *d, uint32_t first, uint32_t nr)
{
	struct uz__wb *wb = &d->store->wb;

	return d->backing->ops->write(d->backing, uz__backing_off(wb->item[first].page),
				      wb->buf + ((size_t)first << UZ_PAGE_SHIFT),
				      (size_t)nr << UZ_PAGE_SHIFT);
}

/* Page by page what could not be written at once; the last error. */
static int write_singly(struct uz_dev *d, uint32_t first, uint32_t nr)
{
	struct uz__wb *wb = &d->store->wb;
	int error = 0;

	for (uint32_t i = first; i < first + nr; i++) {
		int r = write_run(d, i, 1);

		if (r == 0)
			continue;
		error = r;
		wb->item[i].slot = NULL;
		COUNT(uz__count(d, wb->st)->bd_failed_writes, 1);
	}
	return error;
}

static int write_all(struct uz_dev *d)
{
	struct uz__wb *wb = &d->store->wb;
	int error = 0, r;

	for (uint32_t i = 0, nr; i < wb->nr; i += nr) {
		for (nr = 1; i + nr < wb->nr && wb->item[i + nr].page == wb->item[i].page + nr;)
			nr++;
		r = write_run(d, i, nr);
		if (r < 0)
			r = write_singly(d, i, nr);
		error = r < 0 ? r : error;
	}
	return error;
}

/* From memory to the backing, if the page is what was written. */
static bool publish(struct uz_dev *d, uint32_t i, bool keep)
{
	struct uz__wb *wb = &d->store->wb;
	struct uz__wb_item *it = &wb->item[i];
	const void *bytes = wb->buf + ((size_t)i << UZ_PAGE_SHIFT);
	uint64_t now, w;

	if (!it->slot)
		return false;
	COUNT(uz__count(d, wb->st)->bd_writes, 1);
	now = uz__slot_lock(d->store->plat, it->slot);
	if (!uz__object_same(d, it->word, now, bytes, uz__slot_size(it->word))) {
		uz__slot_unlock(it->slot, now);
		return false;
	}
	w = uz__slot_make(UZ_SLOT_INDIRECT, uz__slot_codec(now), uz__slot_size(now), it->hash);
	uz__clean_forget(d, it->page);
	if (keep)
		uz__clean_keep(d, it->page, w, bytes);
	uz__slot_unlock(it->slot, w);
	uz__replaced(d, wb->st, it->page, now, w);
	return true;
}

static void limit_to(struct uz_dev *d, struct pick *p)
{
	if (uz_load(&d->wb_limited))
		p->max = UZ_MIN(p->max, uz_load(&d->wb_left));
}

static void limit_take(struct uz_dev *d, uint32_t written)
{
	if (uz_load(&d->wb_limited))
		uz_store(&d->wb_left, d->wb_left - UZ_MIN(d->wb_left, (uint64_t)written));
}

/* Pages won, or an error when none was. The lock is held, the stream inside; p->page goes on. */
static int64_t batch(struct uz_dev *d, struct pick *p)
{
	struct uz__wb *wb = &d->store->wb;
	uint32_t won = 0, written = 0;
	int r;

	if (d->wb_leaving)
		return -UZ_EBUSY;
	if (!d->backing) /* it was taken away while the caller waited for the lock */
		return -UZ_ENOENT;
	limit_to(d, p);
	if (!p->max)
		return -UZ_EAGAIN;
	collect(d, p);
	p->found = wb->nr;
	r = write_all(d);
	for (uint32_t i = 0; i < wb->nr; i++) {
		written += wb->item[i].slot != NULL;
		won += publish(d, i, p->keep);
		uz_store(&wb->ablock[i], 0);
	}
	limit_take(d, written);
	if (won)
		uz_fetch_add(&wb->reliefs, 1);
	return won ? (int64_t)won : r;
}

int64_t uz_dev_writeback(struct uz_dev *d, enum uz_writeback_what what, uint64_t max_pages)
{
	struct uz_store *s = d->store;
	struct pick p = { .what = what };
	uint64_t left = max_pages ? max_pages : UINT64_MAX, done = 0;
	int64_t n = 0;

	if (!uz_load_acquire(&d->backing))
		return -UZ_ENOENT;
	while (p.page != UINT64_MAX && n >= 0 && done < left && !uz__stopping(d)) {
		p.max = left - done;
		uz__wb_lock(s);
		uz__enter(s->wb.st);
		n = batch(d, &p);
		uz__leave(s->wb.st);
		uz_unlock(s->plat, &s->wb.lock);
		done += (uint64_t)UZ_MAX(n, 0);
	}
	return done || n >= 0 ? (int64_t)done : n;
}

/* The next level of age, after a pass that found enough from the first again; false: none is left. */
static bool next_pass(struct uz_dev *d)
{
	bool found = d->relief_found;

	d->relief_page = 0;
	d->relief_found = false;
	d->relief_level = found ? 0 : d->relief_level + 1;
	if (d->relief_level < LEVELS)
		return true;
	d->relief_level = 0;
	return false;
}

static uint64_t relieve(struct uz_dev *d, uint64_t now_ns)
{
	for (;;) {
		struct pick p = { .what = UZ_WRITEBACK_ALL,
				  .min_age = relief_age[d->relief_level],
				  .page = d->relief_page,
				  .max = UINT64_MAX };
		int64_t n = batch(d, &p);

		d->relief_page = p.page;
		d->relief_found |= p.found != 0;
		if (n > 0)
			return (uint64_t)n;
		if (n < 0) {
			d->relief_next_ns = now_ns + RETRY_NS;
			return 0;
		}
		if (p.page == UINT64_MAX && !next_pass(d))
			return 0;
	}
}

/* The lock is held, the stream inside. */
static uint64_t relieve_some(struct uz_store *s, struct uz_dev *only)
{
	uint64_t won = 0, now = s->plat->ops->now(s->plat);

	for (unsigned int i = 0; i < UZ_DISK_MAX && !won; i++) {
		struct uz_dev *d = uz_load_acquire(&s->disk[i]);

		if (d && (!only || d == only) && uz_load_acquire(&d->backing) && !d->wb_leaving &&
		    now >= d->relief_next_ns)
			won = relieve(d, now);
	}
	return won;
}

/*
 * For a write that found no room: some pages leave memory. No slot is held; the caller may be inside
 * a request, so nothing here waits for a grace period. Who had to wait for another that won
 * something tries with that first. @only: that disk, NULL: any.
 */
bool uz__wb_relief(struct uz_store *s, struct uz_dev *only)
{
	uint32_t before = uz_load(&s->wb.reliefs);
	bool won;

	if (UZ_LIKELY(!uz_load(&s->wb.nr_backed)))
		return false;
	uz__wb_lock(s);
	won = uz_load(&s->wb.reliefs) != before;
	if (!won) {
		uz__enter(s->wb.st);
		won = relieve_some(s, only) != 0;
		uz__leave(s->wb.st);
	}
	uz_unlock(s->plat, &s->wb.lock);
	return won;
}

/* Few at once: what pages leave behind has to be compacted before it counts. */
static bool relief_step(struct uz_store *s, uint64_t end_ns)
{
	uint64_t slack = uz__wb_slack(s);

	for (int i = 0; i < STEP_BATCHES; i++) {
		if (!uz_arena_tight(s->arena, slack))
			return false;
		if (!uz__clean_shrink(s, slack) && !uz__wb_relief(s, NULL))
			return false;
		if (s->plat->ops->now(s->plat) >= end_ns)
			break;
	}
	return true;
}

/* Pages that were not touched for long; work for t is followed by REST * t of rest. */
static void age_step(struct uz_dev *d, uint64_t now_ns, uint64_t end_ns)
{
	struct uz_plat *pl = d->store->plat;
	struct pick p = { .what = UZ_WRITEBACK_ALL, .keep = true, .page = d->wb_page };
	uint64_t start = pl->ops->now(pl);
	int64_t n = 0;

	if (!d->wb_idle_s || d->wb_leaving || now_ns < d->wb_next_ns)
		return;
	p.min_age = uz__age_bucket(d->wb_idle_s);
	while (n >= 0 && p.page != UINT64_MAX && pl->ops->now(pl) < end_ns) {
		p.max = UINT64_MAX;
		n = batch(d, &p);
	}
	d->wb_page = p.page == UINT64_MAX ? 0 : p.page;
	d->wb_next_ns = start + (pl->ops->now(pl) - start) * (REST + 1);
	if (n < 0 || !d->wb_page)
		d->wb_next_ns += PERIOD_NS;
}

/* For background work that moves pages; true: it can go on. */
static bool relieve_moves(struct uz_dev *d, uint64_t now_ns)
{
	if (!uz_load(&d->relief_wanted) || now_ns < d->relief_next_ns || d->wb_leaving)
		return false;
	uz_store(&d->relief_wanted, false);
	return relieve(d, now_ns) != 0;
}

/* Background work; true: more to do. No other lock is held. */
bool uz__wb_step(struct uz_store *s, uint64_t now_ns, uint64_t end_ns)
{
	bool more = false;

	if (UZ_LIKELY(!uz_load(&s->wb.nr_backed)))
		return false;
	uz__wb_lock(s);
	uz__enter(s->wb.st);
	for (unsigned int i = 0; i < UZ_DISK_MAX; i++) {
		struct uz_dev *d = uz_load_acquire(&s->disk[i]);

		if (d && uz_load_acquire(&d->backing)) {
			age_step(d, now_ns, end_ns);
			uz__punch_step(d, now_ns, end_ns);
			more |= relieve_moves(d, now_ns);
		}
	}
	uz__leave(s->wb.st);
	uz_unlock(s->plat, &s->wb.lock);
	return relief_step(s, end_ns) || more;
}

int uz_dev_set_writeback(struct uz_dev *d, uint32_t idle_s)
{
	struct uz_store *s = d->store;
	int r = -UZ_ENOENT;

	uz__wb_lock(s);
	if (d->backing || !idle_s) {
		d->wb_idle_s = idle_s;
		d->wb_next_ns = d->wb_page = 0;
		r = 0;
	}
	uz_unlock(s->plat, &s->wb.lock);
	return r;
}

void uz_dev_set_writeback_limit(struct uz_dev *d, bool on, uint64_t pages)
{
	struct uz_store *s = d->store;

	uz__wb_lock(s);
	uz_store(&d->wb_left, on ? pages : 0);
	uz_store(&d->wb_limited, on);
	uz_unlock(s->plat, &s->wb.lock);
}
