/* SPDX-License-Identifier: MIT */
/*
 * The device's side of moving an object inside its pool: the slot is found by
 * the owner, taken only if it still names the object, and republished. A slot that
 * is busy is left alone: the object will be met again.
 */
#include "device_i.h"

#define MOVER_SPINS 100

static struct uz__mover *self(struct uz_mover *m)
{
	return UZ_CONTAINER_OF(m, struct uz__mover, m);
}

static bool take(uint64_t *slot, uint64_t handle, uint64_t *word)
{
	for (int i = 0; i < MOVER_SPINS; i++) {
		uint64_t w = uz_load_acquire(slot);

		if (!uz__slot_is_object(w) || uz__slot_handle(w) != handle)
			return false;
		if (!(w & UZ_SLOT_LOCK) && uz__slot_trylock(slot, w)) {
			*word = w;
			return true;
		}
		uz_relax();
	}
	return false;
}

static bool gives_way(const struct uz__mover *mv)
{
	return mv->end_ns != UZ_FOREVER && uz__give_way(mv->dev->store);
}

static bool mover_stops(struct uz_mover *m)
{
	const struct uz__mover *mv = self(m);
	struct uz_plat *pl = mv->dev->store->plat;

	return mv->end_ns != UZ_FOREVER &&
	       (uz__give_way(mv->dev->store) || pl->ops->now(pl) >= mv->end_ns);
}

static bool mover_lock(struct uz_mover *m, uint32_t owner, uint64_t handle, uint32_t *size)
{
	struct uz__mover *mv = self(m);
	struct uz_dev *d = mv->dev;

	if (owner >= uz_load_acquire(&d->held_bytes) >> UZ_PAGE_SHIFT)
		return false;
	if (gives_way(mv))
		return false;
	mv->slot = uz__slot_at(d, owner);
	if (!mv->slot || !take(mv->slot, handle, &mv->word))
		return false;
	*size = uz__slot_size(mv->word);
	if (d->store->codec[uz__slot_codec(mv->word)].checksum)
		*size += CHECK_BYTES;
	return true;
}

static void mover_publish(struct uz_mover *m, uint32_t owner, uint64_t to)
{
	struct uz__mover *mv = self(m);

	(void)owner;
	uz__slot_unlock(mv->slot, (mv->word & ((1ull << 24) - 1)) | to << 24);
}

static void mover_unlock(struct uz_mover *m, uint32_t owner)
{
	struct uz__mover *mv = self(m);

	(void)owner;
	uz__slot_unlock(mv->slot, mv->word);
}

void uz__mover_init(struct uz__mover *mv, struct uz_dev *d, uint64_t end_ns)
{
	*mv = (struct uz__mover){
		.m = { .lock = mover_lock,
		       .publish = mover_publish,
		       .unlock = mover_unlock,
		       .stops = mover_stops },
		.dev = d,
		.end_ns = end_ns,
	};
}
