/* SPDX-License-Identifier: MIT */
/*
 * Clean copies: what is in memory of pages that are on the backing. A page's slot says INDIRECT and
 * keeps the hash either way; where its copy is, is volatile, so a crash leaves nothing to repair,
 * and dropping copies needs no walk over slots.
 *
 * Copies are appended to segments, runs of 16 frames that hold nothing else. The oldest segment goes
 * first. To drop one its birth is cleared: locations that name it are void from then on, and remain
 * until somebody meets them. A reader counts itself in, then looks at the birth; the dropper clears
 * it, then waits for the count: one of the two sees the other. Nobody waits for anything while he is
 * counted in, so dropping works inside a request and with slots locked.
 *
 *   location: birth 63..37 | segment 36..13 | offset / 8 12..0       0: no copy
 *   sum of live == locations that are not void == clean_pages of all disks
 *
 * A location changes only with the slot locked and INDIRECT, or by whoever replaced such a slot.
 * Costs 8 bytes a page in each 2 MiB of disk that has copies, 8 a copy, 32 a segment.
 */
#include "device_i.h"
#include "object_i.h"

#define SEG_FRAMES UZ_RUN_MAX
#define SEG_BYTES ((uint32_t)SEG_FRAMES << UZ_FRAME_SHIFT)
#define BIRTH_MAX ((1u << 27) - 1)
#define SEG_MAX (1u << 24)
#define GROWTH 4u /* a disk may grow so many times and still have copies of all its pages */
#define NEAR 128u /* segments that are looked at for those beside the oldest */
#define NAP_NS 20000ull
#define SPINS 1000

struct head {
	uint32_t page, hash;
};

static uint64_t loc_make(uint32_t birth, uint32_t seg, uint32_t off)
{
	return (uint64_t)birth << 37 | (uint64_t)seg << 13 | off >> 3;
}

static uint32_t loc_seg(uint64_t loc)
{
	return (uint32_t)(loc >> 13) & (SEG_MAX - 1);
}

static struct head *loc_addr(struct uz_store *s, const struct uz__segment *seg, uint64_t loc)
{
	char *base = uz_frame_addr(s->arena, uz_load(&seg->frame));

	return (void *)(base + ((loc & 8191) << 3));
}

/* Counts the caller in if the location is not void. */
static struct uz__segment *pin(struct uz_store *s, uint64_t loc)
{
	struct uz__segment *seg = &s->clean.seg[loc_seg(loc)];

	uz_fetch_add_seq(&seg->users, 1);
	if (uz_load_seq(&seg->birth) == loc >> 37)
		return seg;
	uz_fetch_sub_release(&seg->users, 1);
	return NULL;
}

static void unpin(struct uz__segment *seg)
{
	uz_fetch_sub_release(&seg->users, 1);
}

/* Lock held. */
static void unlink_segment(struct uz__clean *c, uint32_t i)
{
	struct uz__segment *seg = &c->seg[i];

	if (seg->prev)
		c->seg[seg->prev].next = seg->next;
	else
		c->oldest = seg->next;
	if (seg->next)
		c->seg[seg->next].prev = seg->prev;
	else
		c->newest = seg->prev;
}

/* Makes locations void and moves the segment to the list *dead. Lock held. */
static void kill_segment(struct uz_store *s, uint32_t i, uint32_t *dead)
{
	struct uz__segment *seg = &s->clean.seg[i];
	struct uz_dev *d = s->disk[seg->disk];

	uz_store_seq(&seg->birth, 0);
	unlink_segment(&s->clean, i);
	if (d->fill_segment == i)
		d->fill_segment = 0;
	seg->next = *dead;
	*dead = i;
}

static void wait_unused(struct uz_plat *pl, const struct uz__segment *seg)
{
	for (int i = 0; uz_load_seq(&seg->users); i++)
		if (i < SPINS)
			uz_relax();
		else
			uz_nap(pl, pl->ops->now(pl) + NAP_NS);
}

/* Frees the frames of killed segments; how many. Lock held: who is counted in does not want it. */
static uint64_t bury(struct uz_store *s, uint32_t dead)
{
	struct uz__clean *c = &s->clean;
	uint64_t frames = 0;

	while (dead) {
		struct uz__segment *seg = &c->seg[dead];
		struct uz_dev *d = s->disk[seg->disk];
		uint32_t next = seg->next;

		wait_unused(s->plat, seg);
		uz_run_free(s->arena, seg->frame, SEG_FRAMES);
		uz_fetch_sub(&c->nr_frames, SEG_FRAMES);
		uz_fetch_sub(&d->clean_frames, SEG_FRAMES);
		uz_fetch_sub(&d->clean_pages, uz_load(&seg->live));
		seg->next = c->free_head;
		c->free_head = dead;
		dead = next;
		frames += SEG_FRAMES;
	}
	if (frames)
		uz_store(&s->reclaim, UZ__RECLAIM_MAYBE);
	return frames;
}

/* A record for a segment, 0: none. Lock held. */
static uint32_t take_record(struct uz_store *s)
{
	struct uz__clean *c = &s->clean;
	uint32_t i = c->free_head;

	if (i) {
		c->free_head = c->seg[i].next;
		return i;
	}
	if (uz_area_grow(s->arena, &c->area, (uint64_t)(c->nr + 1) * sizeof(*c->seg)) < 0)
		return 0;
	return c->nr++;
}

static bool room_for_copies(struct uz_dev *d)
{
	struct uz_store *s = d->store;

	return !uz_arena_tight(s->arena, 2 * uz__wb_slack(s)) && !uz__disk_over(d, 0);
}

/* A fresh segment for the disk, 0: none. Lock held. */
static uint32_t bear(struct uz_dev *d)
{
	struct uz_store *s = d->store;
	struct uz__clean *c = &s->clean;
	uint32_t frame, i;

	if (!room_for_copies(d) || uz_run_alloc(s->arena, SEG_FRAMES, UZ_ALLOC_DISCARD, &frame) < 0)
		return 0;
	i = take_record(s);
	if (!i) {
		uz_run_free(s->arena, frame, SEG_FRAMES);
		return 0;
	}
	c->births = c->births % BIRTH_MAX + 1;
	uz_store(&c->seg[i].frame, frame);
	uz_store(&c->seg[i].live, 0);
	c->seg[i].used_bytes = 0;
	c->seg[i].disk = d->index;
	c->seg[i].next = 0;
	c->seg[i].prev = c->newest;
	*(c->newest ? &c->seg[c->newest].next : &c->oldest) = i;
	c->newest = i;
	uz_fetch_add(&c->nr_frames, SEG_FRAMES);
	uz_fetch_add(&d->clean_frames, SEG_FRAMES);
	uz_store_seq(&c->seg[i].birth, c->births);
	d->fill_segment = i;
	return i;
}

/* Room for @bytes in a segment of the disk, which is pinned; 0: none. Lock held. */
static uint64_t append(struct uz_dev *d, uint32_t bytes)
{
	struct uz__clean *c = &d->store->clean;
	uint32_t i = d->fill_segment, off;

	if (!i || c->seg[i].used_bytes + bytes > SEG_BYTES)
		i = bear(d);
	if (!i)
		return 0;
	off = c->seg[i].used_bytes;
	c->seg[i].used_bytes = off + bytes;
	uz_fetch_add(&c->seg[i].live, 1);
	uz_fetch_add(&d->clean_pages, 1);
	uz_fetch_add_seq(&c->seg[i].users, 1);
	return loc_make(c->seg[i].birth, i, off);
}

static uint64_t *where(struct uz_dev *d, uint64_t page)
{
	struct uz__where *w = &d->where;
	uint64_t chunk = page >> SLOTS_SHIFT;

	if (!w->loc || page >= w->nr ||
	    !(uz_load_acquire(&w->there[chunk / 64]) >> (chunk % 64) & 1))
		return NULL;
	return &w->loc[page];
}

/* All that the system's page holds is there with it. Lock held. */
static uint64_t *where_make(struct uz_dev *d, uint64_t page)
{
	struct uz__where *w = &d->where;
	uint64_t bytes = d->store->plat->page_bytes, nr = bytes >> UZ_PAGE_SHIFT;
	uint64_t chunk = (page >> SLOTS_SHIFT) & ~(nr - 1), off;

	if (!w->loc || page >= w->nr || where(d, page))
		return where(d, page);
	off = (uint64_t)((char *)w->loc - w->area.base) + (chunk << UZ_PAGE_SHIFT);
	if (uz_area_commit(d->store->arena, &w->area, off, bytes) < 0)
		return NULL;
	w->charged_bytes += bytes;
	uz_fetch_or_release(&w->there[chunk / 64], ((1ull << nr) - 1) << (chunk % 64));
	return &w->loc[page];
}

/* The copy at @loc has no page any more. A segment without any goes at once. */
static void forget_copy(struct uz_dev *d, uint64_t loc)
{
	struct uz_store *s = d->store;
	struct uz__segment *seg = loc ? pin(s, loc) : NULL;
	uint32_t left, dead = 0;

	if (!seg)
		return;
	uz_fetch_sub(&d->clean_pages, 1);
	left = uz_fetch_sub(&seg->live, 1) - 1;
	unpin(seg);
	if (left)
		return;
	uz_lock(s->plat, &s->clean.lock);
	if (seg->birth == loc >> 37 && !uz_load(&seg->live) && d->fill_segment != loc_seg(loc)) {
		kill_segment(s, loc_seg(loc), &dead);
		bury(s, dead);
	}
	uz_unlock(s->plat, &s->clean.lock);
}

void uz__clean_forget(struct uz_dev *d, uint64_t page)
{
	uint64_t *at = where(d, page);

	if (at && uz_load(at))
		forget_copy(d, uz_exchange_acq_rel(at, 0));
}

/* Keeps @bytes, what the INDIRECT word @w stands for, if memory is free. */
void uz__clean_keep(struct uz_dev *d, uint64_t page, uint64_t w, const void *bytes)
{
	struct uz_store *s = d->store;
	uint32_t size = uz__slot_size(w);
	struct head h = { (uint32_t)page, (uint32_t)uz__slot_handle(w) };
	struct uz__segment *seg;
	uint64_t loc = 0, *at;

	uz_lock(s->plat, &s->clean.lock);
	at = where_make(d, page);
	if (at)
		loc = append(d, (uint32_t)UZ_ALIGN_UP(sizeof(h) + size, 8u));
	uz_unlock(s->plat, &s->clean.lock);
	if (!loc)
		return;
	seg = &s->clean.seg[loc_seg(loc)];
	memcpy(loc_addr(s, seg, loc), &h, sizeof(h));
	memcpy(loc_addr(s, seg, loc) + 1, bytes, size);
	unpin(seg);
	forget_copy(d, uz_exchange_acq_rel(at, loc));
}

static int expand_copy(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page,
		       const struct head *h, void *dst)
{
	uint32_t hash = (uint32_t)uz__slot_handle(w);

	if (h->page != (uint32_t)page || h->hash != hash)
		return -UZ_EIO;
	if (d->store->codec[uz__slot_codec(w)].checksum &&
	    uz__checksum(d, page, h + 1, uz__slot_size(w)) != hash)
		return -UZ_EIO;
	return uz__object_expand(d, st, w, h + 1, dst);
}

/* The page from its copy: false when there is none, or it is damaged. The slot is locked. */
bool uz__clean_read(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page, void *dst)
{
	uint64_t *at = where(d, page), loc = at ? uz_load_acquire(at) : 0;
	struct uz__segment *seg = loc ? pin(d->store, loc) : NULL;
	int r;

	if (!seg)
		return false;
	r = expand_copy(d, st, w, page, loc_addr(d->store, seg, loc), dst);
	unpin(seg);
	if (r < 0)
		uz__clean_forget(d, page);
	return r == 0;
}

static bool in_window(const struct uz__segment *seg, uint32_t first, uint32_t nr)
{
	return uz_ablock_of(seg->frame) - first < nr;
}

/* Drops all copies in arena blocks @first_ablock.. @nr_ablocks; frames freed. Any thread. */
uint64_t uz__clean_drop(struct uz_store *s, uint32_t first_ablock, uint32_t nr_ablocks)
{
	struct uz__clean *c = &s->clean;
	uint32_t dead = 0, next;
	uint64_t frames;

	if (!uz_load(&c->nr_frames))
		return 0;
	uz_lock(s->plat, &c->lock);
	for (uint32_t i = c->oldest; i; i = next) {
		next = c->seg[i].next;
		if (in_window(&c->seg[i], first_ablock, nr_ablocks))
			kill_segment(s, i, &dead);
	}
	frames = bury(s, dead);
	uz_unlock(s->plat, &c->lock);
	return frames;
}

/*
 * The oldest segment, and of the next ones those in its arena block: what is free as a whole serves anybody
 * at once, where scattered pieces go to the system and others come from there, 30 us each. Lock held.
 */
static uint64_t drop_oldest(struct uz_store *s)
{
	struct uz__clean *c = &s->clean;
	uint32_t ablock = uz_ablock_of(c->seg[c->oldest].frame), dead = 0, next;

	for (uint32_t i = c->oldest, n = 0; i && n < NEAR; i = next, n++) {
		next = c->seg[i].next;
		if (in_window(&c->seg[i], ablock, 1))
			kill_segment(s, i, &dead);
	}
	return bury(s, dead);
}

/* Drops the oldest copies, @bytes of memory or some more; bytes freed. Any thread. */
uint64_t uz__clean_shrink(struct uz_store *s, uint64_t bytes)
{
	struct uz__clean *c = &s->clean;
	uint64_t frames = 0;

	if (UZ_LIKELY(!uz_load(&c->nr_frames)))
		return 0;
	uz_lock(s->plat, &c->lock);
	while (c->oldest && frames << UZ_FRAME_SHIFT < bytes)
		frames += drop_oldest(s);
	uz_unlock(s->plat, &c->lock);
	return frames << UZ_FRAME_SHIFT;
}

/* Lock held. */
static int init_segments(struct uz_store *s)
{
	uint32_t first, end;
	int r;

	if (s->clean.seg)
		return 0;
	uz_arena_span(s->arena, &first, &end);
	r = uz_scratch_reserve(s->arena,
			       (uint64_t)((end - first) / SEG_FRAMES + 1) * sizeof(*s->clean.seg),
			       &s->clean.area);
	if (r == 0)
		r = uz_area_grow(s->arena, &s->clean.area, sizeof(*s->clean.seg));
	if (r < 0) {
		uz_scratch_release(s->arena, &s->clean.area);
		return r;
	}
	s->clean.nr = 1;
	uz_store_release(&s->clean.seg, (void *)s->clean.area.base);
	return 0;
}

/* Memory for locations of the disk's pages. Background work does not run on it yet. */
int uz__clean_init(struct uz_dev *d)
{
	struct uz_store *s = d->store;
	uint64_t page = s->plat->page_bytes, nr, bits;
	int r;

	uz_lock(s->plat, &s->clean.lock);
	r = init_segments(s);
	uz_unlock(s->plat, &s->clean.lock);
	if (r < 0 || d->where.area.base)
		return r;
	nr = UZ_MIN(GROWTH * (uz_dev_size(d) >> UZ_PAGE_SHIFT), (uint64_t)UZ_OWNER_MAX);
	nr = UZ_ALIGN_UP(nr, page / sizeof(uint64_t));
	bits = UZ_ALIGN_UP(UZ_DIV_UP(nr >> SLOTS_SHIFT, 64) * sizeof(uint64_t), page);
	r = uz_scratch_reserve(s->arena, 2 * bits + nr * sizeof(uint64_t), &d->where.area);
	if (r == 0)
		r = uz_area_commit(s->arena, &d->where.area, 0, 2 * bits);
	if (r < 0) {
		uz_scratch_release(s->arena, &d->where.area);
		return r;
	}
	d->where.charged_bytes = 2 * bits;
	d->where.there = (void *)d->where.area.base;
	d->where.nr = nr;
	d->where.loc = (void *)(d->where.area.base + 2 * bits);
	uz_store_release(&d->where.stale, (void *)(d->where.area.base + bits));
	return 0;
}

void uz__clean_fini(struct uz_dev *d)
{
	struct uz_store *s = d->store;
	struct uz__clean *c = &s->clean;
	uint32_t dead = 0, next;

	uz_lock(s->plat, &c->lock);
	for (uint32_t i = c->oldest; i; i = next) {
		next = c->seg[i].next;
		if (c->seg[i].disk == d->index)
			kill_segment(s, i, &dead);
	}
	bury(s, dead);
	uz_unlock(s->plat, &c->lock);
	d->where.area.committed = d->where.charged_bytes;
	uz_scratch_release(s->arena, &d->where.area);
}

void uz__clean_close(struct uz_store *s)
{
	uz_scratch_release(s->arena, &s->clean.area);
}

static uint64_t count_locations(struct uz_dev *d)
{
	uint64_t nr = 0;

	for (uint64_t page = 0; page < d->where.nr; page++) {
		uint64_t *at = where(d, page);

		if (!at)
			page |= SLOTS_PER_TABLE - 1;
		else if (*at && d->store->clean.seg[loc_seg(*at)].birth == *at >> 37)
			nr++;
	}
	return nr;
}

/* Charged: the two bitmaps, and 4 KiB of locations for each 2 MiB of disk that has them. */
static bool charge_ok(struct uz_dev *d)
{
	uint64_t bytes = d->where.loc ? (uint64_t)((char *)d->where.loc - d->where.area.base) : 0;

	for (uint64_t page = 0; page < d->where.nr; page += SLOTS_PER_TABLE)
		bytes += where(d, page) ? UZ_PAGE_SIZE : 0;
	return bytes == d->where.charged_bytes;
}

int uz__clean_check(struct uz_store *s)
{
	struct uz__clean *c = &s->clean;
	uint64_t frames = 0, live = 0;

	for (uint32_t i = c->oldest; i; i = c->seg[i].next) {
		frames += SEG_FRAMES;
		live += c->seg[i].live;
		if (c->seg[i].users || !c->seg[i].birth)
			return -UZ_EBADMSG;
	}
	for (unsigned int i = 0; i < UZ_DISK_MAX; i++) {
		if (!s->disk[i])
			continue;
		if (!charge_ok(s->disk[i]) ||
		    count_locations(s->disk[i]) != s->disk[i]->clean_pages)
			return -UZ_EBADMSG;
		live -= s->disk[i]->clean_pages;
	}
	return frames == c->nr_frames && live == 0 ? 0 : -UZ_EBADMSG;
}
