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

/*
 * A line in front of a lock that somebody takes again and again in a loop: the lock alone is not fair,
 * and he would have it again before a sleeper has woken up. Only the first in line tries to take it, and
 * lets the next come when he has it. Costs a system call a turn. Zeroed memory is an empty line.
 */
struct uz_line {
	uint32_t turns, turn; /* that were given out; whose it is */
};

/* Returns when it is the caller's turn. */
static inline uint32_t uz_line_wait(struct uz_plat *pl, struct uz_line *l)
{
	uint32_t mine = uz_fetch_add(&l->turns, 1), turn;

	while ((turn = uz_load_acquire(&l->turn)) != mine)
		pl->ops->wait(pl, &l->turn, turn, UZ_FOREVER);
	return mine;
}

static inline void uz_line_next(struct uz_plat *pl, struct uz_line *l, uint32_t mine)
{
	uz_store_release(&l->turn, mine + 1);
	pl->ops->wake(pl, &l->turn);
}

#endif
