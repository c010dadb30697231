/* SPDX-License-Identifier: MIT */
#include "slot.h"

/* The half of the word that has its lock bit: a system waits on 32 bits. */
#define LOW_HALF (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

static uint64_t wait(struct uz_plat *pl, const uint64_t *slot, bool (*held)(uint64_t w))
{
	uint64_t w;

	for (int i = 0; i < UZ_SLOT_SPINS; i++) {
		w = uz_load_acquire(slot);
		if (!held(w))
			return w;
		uz_relax();
	}
	while (held(w = uz_load_acquire(slot)))
		pl->ops->wait(pl, (const uint32_t *)(const void *)slot + LOW_HALF, (uint32_t)w,
			      pl->ops->now(pl) + UZ_SLOT_NAP_NS);
	return w;
}

static bool is_held(uint64_t w)
{
	return w & UZ_SLOT_LOCK;
}

static bool is_held_shortly(uint64_t w)
{
	return is_held(w) && uz__slot_state(w) != UZ_SLOT_INDIRECT;
}

uint64_t uz__slot_wait(struct uz_plat *pl, const uint64_t *slot)
{
	return wait(pl, slot, is_held);
}

uint64_t uz__slot_wait_short(struct uz_plat *pl, const uint64_t *slot)
{
	return wait(pl, slot, is_held_shortly);
}
