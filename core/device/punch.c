/* SPDX-License-Identifier: MIT */
/*
 * Gives back the places of pages that are not on the backing any more: overwritten, discarded or cut
 * off. Whoever takes a page off leaves a bit for its 2 MiB; every second the marked ones are looked
 * through, and what lies between pages that are still there is discarded, run by run. Pages go to the
 * backing under the engine's lock only, which is held here: so a page that is not there now stays away.
 * The hint is taken off before the marks are looked at, and looked at after a mark is made, so that of
 * a mark and a look at the same time one sees the other.
 * Takes a tenth of the time at most, as write-back by age.
 */
#include "device_i.h"

#define PERIOD_NS 1000000000ull
#define REST 9

void uz__punch_note(struct uz_dev *d, uint64_t page)
{
	uint64_t *stale = uz_load_acquire(&d->where.stale), chunk = page >> SLOTS_SHIFT;

	if (!stale || page >= d->where.nr)
		return;
	uz_fetch_or_seq(&stale[chunk / 64], 1ull << (chunk % 64));
	uz_fence_after_exchange();
	if (!uz_load(&d->punch_hint))
		uz_store(&d->punch_hint, 1u);
}

/* Nobody knows what is on a backing that was used before. */
void uz__punch_all(struct uz_dev *d)
{
	uint64_t pages = UZ_MIN(uz_dev_size(d) >> UZ_PAGE_SHIFT, d->where.nr);

	for (uint64_t page = 0; page < pages; page += SLOTS_PER_TABLE)
		uz__punch_note(d, page);
}

static bool is_there(struct uz_dev *d, uint64_t page)
{
	const uint64_t *slot;

	if (page >= uz_load_acquire(&d->size_bytes) >> UZ_PAGE_SHIFT)
		return false;
	slot = uz__slot_at(d, page);
	if (!slot)
		return uz__table_is_bad(d, page);
	return uz__slot_state(uz_load(slot)) == UZ_SLOT_INDIRECT;
}

static void punch_chunk(struct uz_dev *d, uint64_t chunk)
{
	struct uz_backing_dev *b = d->backing;
	uint64_t page = chunk << SLOTS_SHIFT, run = 0;
	uint64_t end = UZ_MIN(page + SLOTS_PER_TABLE, (b->size_bytes >> UZ_PAGE_SHIFT) - 1);

	for (; page <= end; page++) {
		if (page < end && !is_there(d, page)) {
			run++;
			continue;
		}
		if (run)
			b->ops->discard(b, uz__backing_off(page - run), run << UZ_PAGE_SHIFT);
		run = 0;
	}
}

/* Takes the mark of the first marked chunk from @chunk on; where it is, or the end. */
static uint64_t take_next(struct uz_dev *d, uint64_t chunk)
{
	uint64_t *stale = d->where.stale, end = d->where.nr >> SLOTS_SHIFT, bits;

	for (; chunk < end; chunk = (chunk | 63) + 1) {
		bits = uz_load(&stale[chunk / 64]) >> (chunk % 64) << (chunk % 64);
		if (!bits)
			continue;
		chunk = (chunk & ~63ull) + (uint64_t)__builtin_ctzll(bits);
		uz_fetch_and_acquire(&stale[chunk / 64], ~(1ull << (chunk % 64)));
		return chunk;
	}
	return end;
}

/* The engine's lock is held, its stream inside. */
void uz__punch_step(struct uz_dev *d, uint64_t now_ns, uint64_t end_ns)
{
	struct uz_plat *pl = d->store->plat;
	uint64_t start = pl->ops->now(pl), end = d->where.nr >> SLOTS_SHIFT, chunk = d->punch_chunk;

	if (!d->backing->ops->discard || !uz_load(&d->punch_hint) || now_ns < d->punch_next_ns)
		return;
	if (!chunk) {
		uz_exchange_seq(&d->punch_hint, 0u);
		uz_fence_after_exchange();
	}
	while ((chunk = take_next(d, chunk)) < end) {
		punch_chunk(d, chunk++);
		if (pl->ops->now(pl) >= end_ns)
			break;
	}
	d->punch_chunk = chunk < end ? chunk : 0;
	if (d->punch_chunk)
		uz_store(&d->punch_hint, 1u);
	d->punch_next_ns = start + (pl->ops->now(pl) - start) * (REST + 1);
	if (!d->punch_chunk)
		d->punch_next_ns += PERIOD_NS;
}
