/* SPDX-License-Identifier: MIT */
/* Pieces of 64 KiB on their way from the system and back; included by arena_i.h, below its types. */
#ifndef UZ_ARENA_PIECE_I_H
#define UZ_ARENA_PIECE_I_H

static inline uint64_t uz__mask_bytes(uint32_t mask)
{
	return uz_popcount(mask) * (uint64_t)PIECE_BYTES;
}

static inline uint64_t uz__mask_frames(uint32_t mask)
{
	return uz_popcount(mask) * (uint64_t)PIECE_FRAMES;
}

/* The first stretch of set bits. */
static inline uint32_t uz__mask_stretch(uint32_t mask)
{
	return mask & ~(mask + (mask & -mask));
}

/* commit.c: pieces to and from the system. Lock held; dropped during the system call. */
int uz__piece_commit(struct uz__arena *a, struct uz__wanted p, uint32_t max_pieces);
/*
 * Gives back up to @max_pieces free pieces of one arena block: bytes, 0 if there are none. NOW: they
 * leave the account, lazy ones first. WHOLE: of an arena block that is free, may be lazily. TRIM: any.
 * The latter two leave what is kept to move to.
 */
enum return_how { RETURN_NOW, RETURN_WHOLE, RETURN_TRIM };
uint64_t uz__piece_return(struct uz__arena *a, uint32_t max_pieces, enum return_how how);
/*
 * All pieces of @mask at once, which nobody else may meet: of an isolated block, or for a commit, busy.
 * Their bytes have been charged; a commit that fails takes that back, after a decommit it is up to the
 * caller.
 */
int uz__mask_commit(struct uz__arena *a, uint32_t ablock, uint32_t mask);
int uz__mask_decommit(struct uz__arena *a, uint32_t ablock, uint32_t mask);
/* While pieces are under way the lock is not held, and their bytes are told apart. */
void uz__transit_begin(struct uz__arena *a, uint32_t mask);
void uz__transit_end(struct uz__arena *a, uint32_t mask);
void uz__mark_busy(struct uz__arena *a, uint32_t ablock, uint32_t mask, bool busy);
char *uz__piece_addr(const struct uz__arena *a, uint32_t ablock, uint32_t piece);
/* The CPU clock that costs are measured with. */
uint64_t uz__cpu(struct uz_plat *pl);

/*
 * give.c: the pieces of @mask that are charged, with those of @busy that are not, by a method, or if that
 * turns out not to work for @shape by the one that does; and all methods tried beside each other. Lock
 * held; dropped meanwhile. After an error the pieces may have gone.
 */
int uz__give(struct uz__arena *a, uint32_t ablock, uint32_t mask, uint32_t busy,
	     enum uz__shape shape, unsigned int *method, uint64_t *spent_ns);
int uz__probe(struct uz__arena *a, uint32_t ablock, uint32_t mask, enum uz__shape shape);

/* lazy.c: pieces that went lazily, by arena block, in the order in which they went. Lock held. */
void uz__lazy_add(struct uz__arena *a, uint32_t ablock, uint32_t mask, uint64_t now_ns);
void uz__lazy_remove(struct uz__arena *a, uint32_t ablock, uint32_t mask);
uint32_t uz__lazy_find(struct uz__arena *a, struct uz__wanted p); /* to commit; NO_ABLOCK */
/* Those that went at @before_ns or earlier, of one arena block, are given back: bytes. */
uint64_t uz__lazy_force(struct uz__arena *a, uint64_t before_ns);
void uz__lazy_force_all(struct uz__arena *a);

/* grant.c: takes @bytes of budget, returning free memory for it. Lock held; may be dropped. */
bool uz__budget_make(struct uz__arena *a, uint64_t bytes);

/*
 * owed.c: pieces of a grant's window that are not back with the system yet. add: of an isolated arena
 * block, whose bytes stay charged; recall: they are charged, and resident again or lazy; pay: gives back @bytes of
 * them, or all, and says how many. Lock held, which pay drops meanwhile.
 */
void uz__owed_add(struct uz__arena *a, uint32_t ablock, uint32_t mask);
uint64_t uz__owed_recall(struct uz__arena *a, uint32_t ablock);
uint64_t uz__owed_pay(struct uz__arena *a, uint64_t bytes);

#endif
