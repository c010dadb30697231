/* SPDX-License-Identifier: MIT */
/*
 * Table frames: 512 slots each, named by the root. One is made under the root
 * lock when the first page of its 2 MiB is written, and freed in the background
 * when all its slots are empty, in two grace periods: first the root entry is
 * marked CLOSING and everybody who found the table before is waited for; whoever
 * wants to write meets the mark and takes it off. A table that is still marked
 * and still empty is unlinked, and freed after a second period for its readers. A request may be
 * long, so a step does not wait for the end of a period: the next one goes on where it was.
 */
#include "device_i.h"

#define NAP_NS 100000ull

static uint64_t *table_of(struct uz_dev *d, uint32_t entry)
{
	return uz_frame_addr(d->store->arena, entry & ROOT_FRAME);
}

static uint32_t root_entry(struct uz_dev *d, uint64_t page)
{
	return uz_load_acquire(&uz_load_acquire(&d->root)[page >> SLOTS_SHIFT]);
}

uint64_t *uz__slot_at(struct uz_dev *d, uint64_t page)
{
	uint32_t entry = root_entry(d, page);

	if (!entry || entry == TABLE_BAD)
		return NULL;
	return &table_of(d, entry)[page & (SLOTS_PER_TABLE - 1)];
}

bool uz__table_is_bad(struct uz_dev *d, uint64_t page)
{
	return root_entry(d, page) == TABLE_BAD;
}

static int table_alloc(struct uz_dev *d, uint32_t *entry)
{
	int r = uz_run_alloc(d->store->arena, 1, UZ_ALLOC_PINNED, entry);

	if (r < 0)
		return r;
	uz_fetch_add(&d->nr_tables, 1);
	if (uz__disk_over(d, 0)) {
		uz_fetch_sub(&d->nr_tables, 1);
		uz_run_free(d->store->arena, *entry, 1);
		return -UZ_ENOSPC;
	}
	memset(table_of(d, *entry), 0, UZ_FRAME_SIZE);
	return 0;
}

/* Root lock held. */
static int entry_make(struct uz_dev *d, uint64_t page, uint32_t *entry)
{
	uint32_t *e = &d->root[page >> SLOTS_SHIFT];
	int r = 0;

	*entry = *e;
	if (*entry == TABLE_BAD)
		return -UZ_EIO;
	if (!*entry) {
		r = table_alloc(d, entry);
		*entry = uz__root_entry(*entry);
	}
	*entry &= ~ROOT_CLOSING;
	if (r == 0)
		uz_store_release(e, *entry);
	return r;
}

int uz__slot_make_at(struct uz_dev *d, uint64_t page, uint64_t **slot)
{
	struct uz_plat *pl = d->store->plat;
	uint32_t entry = root_entry(d, page);
	int r = 0;

	if (UZ_UNLIKELY(!entry || entry & ROOT_CLOSING)) {
		uz_lock(pl, &d->root_lock);
		r = entry_make(d, page, &entry);
		uz_unlock(pl, &d->root_lock);
	}
	if (r == 0)
		*slot = &table_of(d, entry)[page & (SLOTS_PER_TABLE - 1)];
	return r;
}

static bool table_empty(const uint64_t *table)
{
	for (unsigned int i = 0; i < SLOTS_PER_TABLE; i++)
		if (uz_load(&table[i]))
			return false;
	return true;
}

/* Marks empty tables from the cursor on; true when the end of the root was reached. */
static bool mark_empty(struct uz_dev *d, struct uz__closing *b, uint64_t end_ns)
{
	struct uz_plat *pl = d->store->plat;
	uint64_t i = d->tables.page;
	bool end;

	uz_lock(pl, &d->root_lock);
	while (i < d->nr_root && b->nr < UZ__CLOSING_MAX) {
		uint32_t entry = d->root[i];

		if (entry && entry != TABLE_BAD && table_empty(table_of(d, entry))) {
			uz_store(&d->root[i], entry | ROOT_CLOSING);
			b->at[b->nr++] = i;
		}
		if (!(++i & 63) && (uz__give_way(d->store) || pl->ops->now(pl) >= end_ns))
			break;
	}
	d->tables.page = i;
	end = i >= d->nr_root;
	uz_unlock(pl, &d->root_lock);
	return end;
}

/* Leaves in the batch the frames of those that could be unlinked. */
static void unlink_empty(struct uz_dev *d, struct uz__closing *b)
{
	uint32_t nr = 0;

	uz_lock(d->store->plat, &d->root_lock);
	for (uint32_t i = 0; i < b->nr; i++) {
		uint32_t *e = b->at[i] < d->nr_root ? &d->root[b->at[i]] : NULL;

		if (!e || *e == TABLE_BAD || !(*e & ROOT_CLOSING))
			continue;
		if (table_empty(table_of(d, *e))) {
			b->at[nr++] = *e & ROOT_FRAME;
			uz_store_release(e, 0);
		} else {
			uz_store_release(e, *e & ~ROOT_CLOSING);
		}
	}
	uz_unlock(d->store->plat, &d->root_lock);
	b->nr = nr;
}

/* Whether the period that the batch waits for is over. */
static bool is_over(struct uz_dev *d, uint64_t end_ns)
{
	struct uz_store *s = d->store;
	struct uz_plat *pl = s->plat;
	bool over;

	while (!(over = uz__grace_over(s, d->closing.grace)) && !uz__give_way(s) &&
	       pl->ops->now(pl) < end_ns)
		uz_nap(pl, pl->ops->now(pl) + NAP_NS);
	return over;
}

/* The batch, as far as it goes now; false: it is not through yet. */
static bool close_batch(struct uz_dev *d, uint64_t end_ns)
{
	struct uz__closing *b = &d->closing;

	if (b->nr && !b->unlinked) {
		if (!is_over(d, end_ns))
			return false;
		unlink_empty(d, b);
		b->unlinked = true;
		b->grace = uz__grace_begin(d->store);
	}
	if (b->nr && !is_over(d, end_ns))
		return false;
	for (uint32_t i = 0; i < b->nr; i++)
		uz_run_free(d->store->arena, (uint32_t)b->at[i], 1);
	uz_fetch_sub(&d->nr_tables, b->nr);
	b->nr = 0;
	b->unlinked = false;
	return true;
}

static void begin_lap(struct uz_dev *d)
{
	uz_store(&d->tables_hint, 0);
	d->tables = (struct uz__walk){ .active = true };
	d->closing.lap++;
}

/* False: the lap is through, and so is its batch. */
static bool lap_step(struct uz_dev *d, uint64_t end_ns)
{
	if (!close_batch(d, end_ns))
		return true;
	if (!d->tables.active)
		return false;
	d->tables.active = !mark_empty(d, &d->closing, end_ns);
	d->closing.grace = uz__grace_begin(d->store);
	return !close_batch(d, end_ns) || d->tables.active;
}

bool uz__tables_step(struct uz_dev *d, uint64_t end_ns)
{
	if (!close_batch(d, end_ns))
		return true;
	if (!d->tables.active && uz_load(&d->tables_hint))
		begin_lap(d);
	return lap_step(d, end_ns) || uz_load(&d->tables_hint);
}

/* Nobody comes back for the tables of a disk that is gone. */
static bool may_stop(struct uz_dev *d)
{
	return uz__stopping(d) && !uz_load(&d->gone);
}

/*
 * One lap of its own, from the start: clients that go on freeing pages ask for another all the time.
 * When the background work has begun the next, this one is through.
 */
void uz__tables_tidy(struct uz_dev *d)
{
	struct uz_store *s = d->store;
	uint64_t lap = 0, end_ns;
	bool more = true;

	while (more) {
		end_ns = uz__claim_slice(s);
		if (!lap) {
			begin_lap(d);
			lap = d->closing.lap;
		}
		more = d->closing.lap == lap && lap_step(d, end_ns) && !may_stop(d);
		uz_unlock(s->plat, &s->background);
	}
}
