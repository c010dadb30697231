/* SPDX-License-Identifier: MIT */
/*
 * A lock of one word that spins briefly and then sleeps through plat. 0 is
 * free, 1 held, 2 held with sleepers. Not recursive. Zeroed memory is a free
 * lock. Cost uncontended: one compare-and-swap and one exchange.
 */
#ifndef UZ_LOCK_H
#define UZ_LOCK_H

#include <uz/plat.h>

#define UZ_LOCK_SPINS 200

struct uz_lock {
	uint32_t word;
};

static inline bool uz_trylock(struct uz_lock *l)
{
	return uz_load(&l->word) == 0 && uz_cas_acquire(&l->word, 0u, 1u);
}

static inline void uz_lock_slow(struct uz_plat *pl, struct uz_lock *l)
{
	for (int i = 0; i < UZ_LOCK_SPINS; i++) {
		uz_relax();
		if (uz_trylock(l))
			return;
	}
	while (uz_exchange_acquire(&l->word, 2u) != 0)
		pl->ops->wait(pl, &l->word, 2, UZ_FOREVER);
}

static inline void uz_lock(struct uz_plat *pl, struct uz_lock *l)
{
	if (UZ_UNLIKELY(!uz_cas_acquire(&l->word, 0u, 1u)))
		uz_lock_slow(pl, l);
}

static inline void uz_unlock(struct uz_plat *pl, struct uz_lock *l)
{
	if (UZ_UNLIKELY(uz_exchange_release(&l->word, 0u) == 2))
		pl->ops->wake(pl, &l->word);
}

#endif
