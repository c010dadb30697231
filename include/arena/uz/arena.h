/* SPDX-License-Identifier: MIT */
/*
 * arena: the page frames of a store, and an exact account of all memory that
 * the store costs. A frame is a page of the store's mapping, named by its
 * index from the mapping's start (0, the superblock, is "none"). Frames are
 * grouped in 2 MiB arena blocks; a run of 1..16 frames never crosses one.
 *
 *   committed == used + free frames that are resident ("populated reserve")
 *   ram_total == (committed frames + store areas + scratch) in bytes <= limit
 *
 * Every function may be called from any thread unless it says otherwise. The
 * arena's lock is a leaf: nothing is called with it held but plat.
 */
#ifndef UZ_ARENA_H
#define UZ_ARENA_H

#include <uz/arena_stats.h>
#include <uz/lock.h>
#include <uz/plat.h>

#define UZ_FRAME_SHIFT 12
#define UZ_FRAME_SIZE (1u << UZ_FRAME_SHIFT)
#define UZ_RUN_MAX 16u /* frames of a run */
#define UZ_ABLOCK_SHIFT 21
#define UZ_ABLOCK_FRAMES (1u << (UZ_ABLOCK_SHIFT - UZ_FRAME_SHIFT))

/* The arena block that a frame lies in. */
static inline uint32_t uz_ablock_of(uint32_t frame)
{
	return frame / UZ_ABLOCK_FRAMES;
}

/* The head of an arena; what follows is the arena's own. */
struct uz_arena {
	char *base; /* address of frame 0 */
	struct uz_plat *plat;
};

struct uz_arena_config {
	uint64_t capacity_bytes; /* address space for frames, at most 1 TiB; rounded up to 2 MiB */
	uint64_t limit_bytes; /* the RAM budget: no more than this is ever committed */
	/* populated ahead of demand; 0: as large as max(4 MiB, 1% of use) allows */
	uint64_t reserve_bytes;
};

/*
 * Areas of the store besides frames. Their sizes are fixed when the store is
 * created; they are committed piece by piece.
 */
enum uz_area_kind {
	UZ_AREA_META, /* the device layer's tables and dictionaries */
	UZ_AREA_DESC, /* block descriptors */
	UZ_AREA_ROOT, /* roots of slot tables */
	UZ_AREA_NR,
};

struct uz_area {
	char *base;
	uint64_t bytes; /* reserved */
	uint64_t committed; /* prefix that is committed by uz_area_grow */
};

/*
 * Creates a store and its arena (attach false), or adopts the one that the
 * platform holds (attach true; @c->capacity_bytes is then read from the store).
 * -EBADMSG: damaged, not a store, or made by another version or machine; the store is untouched.
 * -EEXIST: create over an existing store. -EINVAL: the configuration. -ENOTSUP: pages of the
 * system above 64 KiB. -ENOMEM, -ENOSPC.
 */
int uz_arena_open(struct uz_plat *pl, const struct uz_arena_config *c, bool attach,
		  struct uz_arena **out);

/* Releases everything; a store's content stays. No thread may be inside. Accepts NULL. */
void uz_arena_close(struct uz_arena *a);

/* How often this store has been opened; raised when it is made and when an attach settles. */
uint64_t uz_arena_epoch(const struct uz_arena *a);

static inline void *uz_frame_addr(const struct uz_arena *a, uint32_t frame)
{
	return a->base + ((uint64_t)frame << UZ_FRAME_SHIFT);
}

/* First and one past the last number that a frame can have: for checks of untrusted numbers. */
void uz_arena_span(const struct uz_arena *a, uint32_t *first, uint32_t *end);

#define UZ_ALLOC_URGENT 1u /* may use the emergency reserve: replacements and moves only */
#define UZ_ALLOC_LAST 8u /* may use all of it: a frame that comes back at once */
#define UZ_ALLOC_PINNED 2u /* will not be moved: kept apart from what can be */
#define UZ_ALLOC_RESIDENT 4u /* only from frames that are free and resident: to move there */
#define UZ_ALLOC_DISCARD \
	16u /* what is there will exist elsewhere too: kept apart, dropped at need */
#define UZ_ALLOC_READY 32u /* only from what is free and resident beyond half the reserve */

/*
 * A run of @nr frames (1..UZ_RUN_MAX); content undefined. -ENOSPC: the budget; -ENOMEM: the
 * system. The caller holds nothing that a reclaim would need: it unwinds and reclaims.
 */
int uz_run_alloc(struct uz_arena *a, uint32_t nr, unsigned int flags, uint32_t *first);
void uz_run_free(struct uz_arena *a, uint32_t first, uint32_t nr);

/*
 * Attach only, one thread, before the first allocation: the run is in use. -EINVAL when it is
 * outside, crosses an arena block, or overlaps one already claimed; -ENOMEM, -ENOSPC: no memory for
 * bookkeeping, which says nothing of the run. @flags: UZ_ALLOC_PINNED, UZ_ALLOC_DISCARD or 0.
 * uz_arena_settle ends it: everything not claimed goes back to the system, the epoch is raised.
 */
int uz_run_claim(struct uz_arena *a, uint32_t first, uint32_t nr, unsigned int flags);
int uz_arena_settle(struct uz_arena *a);

/* Frames kept aside for UZ_ALLOC_URGENT, inside the limit; of these for UZ_ALLOC_LAST only. */
void uz_arena_set_emergency(struct uz_arena *a, uint32_t nr_frames, uint32_t nr_last);

/* Changes the budget; below what is in use it only stops growth. */
void uz_arena_set_limit(struct uz_arena *a, uint64_t limit_bytes);

/* True while used memory is within @slack_bytes of the limit. */
bool uz_arena_tight(struct uz_arena *a, uint64_t slack_bytes);

/*
 * The area of that kind; then commit [0, upto) of it, or a range of it, or give a range back.
 * Committed bytes are charged to the budget (-ENOSPC) and zero when new. Callers serialise
 * calls on one area. Ranges are in bytes and rounded outwards to pages.
 */
void uz_arena_area(struct uz_arena *a, enum uz_area_kind kind, struct uz_area *out);
int uz_area_grow(struct uz_arena *a, struct uz_area *area, uint64_t upto);
int uz_area_commit(struct uz_arena *a, struct uz_area *area, uint64_t off, uint64_t len);
void uz_area_decommit(struct uz_arena *a, struct uz_area *area, uint64_t off, uint64_t len);

/* Private memory that grows: reserve @bytes of addresses, then uz_area_grow; and its end. */
int uz_scratch_reserve(struct uz_arena *a, uint64_t bytes, struct uz_area *out);
void uz_scratch_release(struct uz_arena *a, struct uz_area *area);

/* Private, zeroed, 64-byte aligned memory, whole pages, charged to the budget. free(NULL) is ok. */
int uz_scratch_alloc(struct uz_arena *a, uint64_t bytes, void **out);
void uz_scratch_free(struct uz_arena *a, void *p, uint64_t bytes);

/* Charges @bytes taken elsewhere, whatever the limit (below 0: back); -ENOSPC: a region's. Any thread. */
int uz_arena_charge(struct uz_arena *a, int64_t bytes);

/*
 * Keeps the populated reserve full and gives free arena blocks above it back, but those that the
 * last 10 s showed to be used again and again, for at most about @budget_ns. To be called ten
 * times a second or more. True when there is more to do. One thread at a time; others wait.
 */
bool uz_arena_background(struct uz_arena *a, uint64_t budget_ns);

/*
 * How free memory goes back. EAGER: it is free at once. LAZY: whole arena blocks are offered to the
 * system, which takes them when it is short; after half a second they are given back. AUTO: as is cheapest,
 * measured while it runs. When the system is short of memory all are EAGER. Any thread.
 */
enum uz_return_policy { UZ_RETURN_AUTO, UZ_RETURN_EAGER, UZ_RETURN_LAZY };
void uz_arena_set_return(struct uz_arena *a, enum uz_return_policy policy);
enum uz_return_policy uz_arena_return(struct uz_arena *a);

/* Gives back what is free above the reserve in pieces of 64 KiB too. */
void uz_arena_trim(struct uz_arena *a);

/*
 * For the thread that does that work: sleeps until the reserve is half empty, somebody calls wake,
 * or @deadline_ns; may return early.
 */
void uz_arena_background_wait(struct uz_arena *a, uint64_t deadline_ns);
void uz_arena_background_wake(struct uz_arena *a);

/*
 * Contiguous memory: an isolated arena block gets no new runs, so that its users can be moved
 * out; undo takes it back. -EBUSY: isolated already. *nr_used: frames in use now.
 */
int uz_ablock_isolate(struct uz_arena *a, uint32_t ablock, uint32_t *nr_used);
void uz_ablock_undo(struct uz_arena *a, uint32_t ablock);

/*
 * Isolates the arena block that is most worth emptying, so that its 2 MiB can go back: the others
 * have free frames for that and half the reserve. *nr_used: frames in use. False: none. Then undo.
 */
bool uz_ablock_sparse(struct uz_arena *a, uint32_t *ablock, uint32_t *nr_used);

void uz_arena_stats(struct uz_arena *a, struct uz_arena_stats *st);

/* Recounts everything: 0, or -EBADMSG. Expensive; no thread may be inside. */
int uz_arena_check(struct uz_arena *a);

#endif
