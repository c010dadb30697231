/* SPDX-License-Identifier: MIT */
/*
 * Ages on a logarithmic scale, written only when the bucket changes. An access
 * sets age 0. Every tick (a second or longer) a pass over the slots raises age a by one
 * if the tick's number is a multiple of 2^a. So a page of age a >= 2 has not
 * been touched for at least 2^(a-2) ticks, and one untouched for 2^a ticks has
 * age a or more. Passes take at most 1% of a CPU: large disks have longer ticks.
 */
#include <uz/bits.h>

#include "device_i.h"

#define TICK_NS 1000000000ull
#define DUTY 100

/* The age that proves @idle_s seconds without access; at most UZ_AGE_MAX (4096 s). */
unsigned int uz__age_bucket(uint32_t idle_s)
{
	unsigned int k = 2;

	while (k < UZ_AGE_MAX && (1ull << (k - 2)) < idle_s)
		k++;
	return idle_s ? k : 0;
}

static bool raise(void *ctx, uint64_t *slot, uint64_t page)
{
	uint64_t tick = *(uint64_t *)ctx, w = uz_load(slot);
	unsigned int age = uz__slot_age(w);

	(void)page;
	if (uz__slot_is_stored(w) && !(w & UZ_SLOT_LOCK) && age < UZ_AGE_MAX &&
	    (tick & ((1ull << age) - 1)) == 0)
		(void)uz_cas_acquire(slot, w, uz__slot_with_age(w, age + 1));
	return true;
}

bool uz__age_step(struct uz_dev *d, uint64_t now_ns, uint64_t end_ns)
{
	struct uz_plat *pl = d->store->plat;
	uint64_t start;

	if (now_ns < d->age_next_ns)
		return false;
	if (!d->aging.active) {
		d->aging = (struct uz__walk){ .active = true };
		d->age_tick++;
	}
	start = pl->ops->now(pl);
	d->aging.active = !uz__walk(d, &d->aging, end_ns, raise, &d->age_tick);
	d->age_next_ns = start + (pl->ops->now(pl) - start) * DUTY;
	if (!d->aging.active)
		d->age_next_ns += TICK_NS;
	return false;
}

struct marking {
	struct uz_dev *d;
	unsigned int min_age;
	uint64_t nr;
};

static bool mark(void *ctx, uint64_t *slot, uint64_t page)
{
	struct marking *m = ctx;
	uint64_t w = uz_load(slot);

	(void)page;
	if (!uz__slot_is_stored(w) || (w & UZ_SLOT_LOCK) || uz__slot_age(w) == UZ_AGE_IDLE ||
	    uz__slot_age(w) < m->min_age)
		return true;
	if (uz_cas_acquire(slot, w, uz__slot_with_age(w, UZ_AGE_IDLE))) {
		COUNT(uz__count(m->d, m->d->store->bg)->idle_pages, 1);
		m->nr++;
	}
	return true;
}

uint64_t uz_dev_idle(struct uz_dev *d, uint32_t age_s)
{
	struct marking m = { .d = d, .min_age = uz__age_bucket(age_s) };
	struct uz__walk w = { 0 };

	while (!uz__walk_slice(d, &w, mark, &m) && !uz__stopping(d))
		;
	return m.nr;
}
