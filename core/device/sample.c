/* SPDX-License-Identifier: MIT */
/*
 * Pages of a disk for the training of a dictionary: stored ones, spread evenly.
 */
#include "device_i.h"

uint32_t uz_dev_sample(struct uz_dev *d, struct uz_stream *st, void *pages, uint32_t nr)
{
	uint64_t total = uz_dev_size(d) >> UZ_PAGE_SHIFT, step, seen = 0;
	struct uz__counters c;
	uint32_t got = 0;

	uz__count_sum(d, &c);
	step = nr ? UZ_MAX((uint64_t)UZ_MAX(c.pages, 0) / nr, 1ull) : 1;
	for (uint64_t page = 0; page < total && got < nr; page++) {
		uint64_t *slot;

		uz__enter(st);
		slot = uz__slot_at(d, page);
		if (!slot)
			page |= SLOTS_PER_TABLE - 1;
		else if (uz__slot_is_stored(uz_load(slot)) && seen++ % step == 0 &&
			 uz__page_load(d, st, slot, page,
				       (char *)pages + (size_t)got * UZ_PAGE_SIZE) == 0)
			got++;
		uz__leave(st);
	}
	return got;
}
