/* SPDX-License-Identifier: MIT */
#include "slot.h"

uint64_t uz__slot_wait(struct uz_plat *pl, const uint64_t *slot)
{
	uint64_t w;

	for (int i = 0; i < UZ_SLOT_SPINS; i++) {
		w = uz_load_acquire(slot);
		if (!(w & UZ_SLOT_LOCK))
			return w;
		uz_relax();
	}
	while ((w = uz_load_acquire(slot)) & UZ_SLOT_LOCK)
		pl->ops->wait(pl, (const uint32_t *)(const void *)slot, (uint32_t)w,
			      pl->ops->now(pl) + UZ_SLOT_NAP_NS);
	return w;
}
