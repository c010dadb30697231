/* SPDX-License-Identifier: MIT */
/*
 * region: memory that is promised, lent to pools while nobody needs it, and given
 * up by a deadline. A region is a run of arena blocks (A = 2 MiB each) without PINNED
 * frames; a grant is a window of it. It belongs to the process, not to the store: an attach starts
 * without regions, and every page is there.
 *
 * Data that has to be moved for a grant may sit anywhere, but its total is bounded when it is
 * stored, so that a reserved grant cannot fail for want of a place to move it to:
 *
 *   promised == A * (arena blocks with MOVABLE or PINNED frames) + areas + scratch + charged
 *               + granted + A * reserved + evac_min   <= limit
 *
 * evac_min, at least A, is also for one arena block whose data is on its way, and so in two. No other
 * is begun before it is in one again: also when a grant fails in the midst of it.
 *
 * A run that would break it is refused with -ENOSPC and counted in lend_refused. A grant empties
 * its window, gives those frames back to the system and keeps their bytes charged: the caller
 * makes memory of that size elsewhere.
 */
#ifndef UZ_REGION_H
#define UZ_REGION_H

#include <uz/arena.h>
#include <uz/region_stats.h>

#define UZ_REGION_MAX 8
#define UZ_REGION_NAME_MAX 32
#define UZ_GRANT_MAX 64 /* grants of a region at once */
#define UZ_CULPRIT_MAX 8

struct uz_region;

/* Who holds a frame that could not be emptied. */
struct uz_culprit {
	uint32_t frame;
	char client[UZ_REGION_NAME_MAX]; /* the disk; empty: not published by its writer */
	uint64_t owner; /* page of the disk; UINT64_MAX: not known */
	uint64_t age_ns; /* held for at least so long: since this grant met it first */
};

struct uz_contig_failure {
	int error; /* negative errno, as returned */
	uint64_t promised_bytes, limit_bytes;
	uint32_t nr_culprits;
	struct uz_culprit culprit[UZ_CULPRIT_MAX];
};

/*
 * How a region's grants are made. The latter two are there for comparison.
 *
 * GUARANTEED  as above: never refused for want of room, waits for what is busy until the deadline.
 * GCMA        takes only what can be dropped, as GCMA (guaranteed contiguous memory allocator, Park
 *             et al.) does; -EBUSY when data that has to be moved is in every window.
 * CMA         as mm/cma.c and mm/page_alloc.c of Linux 6.1: nothing is promised when data is
 *             stored; the first window that is not granted; 5 tries of 10 passes over each 32 pages,
 *             without waiting for what is busy; after -EBUSY the window that begins one bit (2 MiB)
 *             further on; no memory for a page to move to is -ENOMEM, which ends it. No deadline.
 */
enum uz_contig_policy { UZ_CONTIG_GUARANTEED, UZ_CONTIG_GCMA, UZ_CONTIG_CMA };

/* A window that is being emptied; the borrower passes it on. */
struct uz_window {
	struct uz_arena *arena;
	enum uz_contig_policy policy;
	uint32_t first, nr; /* arena blocks */
	uint64_t deadline_ns; /* absolute, in the platform's clock */
	bool returned; /* the arena's: memory of the window has gone back */
	uint64_t moved, failed; /* pages, kept by the borrower */
	uint64_t stage_ns[UZ_STAGE_NR]; /* the borrower's part of it, too */
};

/*
 * Whoever has runs in the arena. clear empties the window, whose blocks are isolated, one after the
 * other: each run is moved to what uz_window_target gives and the old one freed, then uz_window_done.
 * 0, or -EBUSY with culprits in @why, -ENOMEM; what was not moved stays whole. No lock of the arena
 * is held; callers of uz_contig_alloc see to it that one clear runs at a time. A window of
 * UZ_CONTIG_CMA: runs move to what uz_run_alloc gives.
 */
struct uz_borrower {
	int (*clear)(struct uz_borrower *b, struct uz_window *w, struct uz_contig_failure *why);
	/* Frees about @bytes of DISCARD runs, wherever they are; bytes freed. No lock is held. */
	uint64_t (*drop)(struct uz_borrower *b, uint64_t bytes);
	/* Pages in these arena blocks that are being copied elsewhere. The arena's lock is held. */
	uint64_t (*spill)(struct uz_borrower *b, uint32_t first_ablock, uint32_t nr_ablocks);
};

struct uz_region_config {
	const char *name; /* 1..UZ_REGION_NAME_MAX-1 bytes, unique in the arena */
	uint64_t bytes; /* rounded up to 2 MiB; all of it is reserved */
	struct uz_borrower *borrower; /* outlives the region; a store's is filled in by the store */
	enum uz_contig_policy policy;
	/*
	 * Data that has to be moved is kept outside of regions, as long as there are addresses, and
	 * copies of what is elsewhere are put inside, so that grants are cheap. With a region that says
	 * so it is spread over all memory instead, in all regions: for measuring.
	 */
	bool spread;
	/*
	 * Memory outside that is kept free and resident, so that moving begins without page faults: whole
	 * 2 MiB, at least one. It is part of what is promised; of several regions the largest counts.
	 */
	uint64_t evac_min_bytes;
	/*
	 * The caller's own memory, @bytes of @fd from @fd_offset_bytes on: dma-heap, u-dma-buf, hugetlb or
	 * a memfd sealed against shrinking. It is mapped, stays open as far as the arena is concerned, is
	 * charged to the budget and never given back to the system. A grant is made in place:
	 * whoever has the memory mapped finds what the disks left there, and the arena does not touch
	 * it until the grant is freed. The caller is trusted to leave the rest alone. Errors as
	 * map_fd of <uz/plat.h>.
	 */
	bool foreign;
	int fd;
	uint64_t fd_offset_bytes;
};

/*
 * 0, or -EEXIST: the name; -EINVAL: name, size or policy; -ENOSPC: the inequality, addresses,
 * UZ_REGION_MAX; -ENOMEM; -ENOTSUP: foreign memory, which the platform cannot map, and the errors
 * of its map_fd. Nothing of @c is kept but the borrower and the mapping. Any thread.
 */
int uz_region_create(struct uz_arena *a, const struct uz_region_config *c, struct uz_region **out);
/*
 * 0, or -EBUSY: grants are out, or somebody holds it; the region stays then. One on the caller's memory
 * is emptied first, for up to 1 s, with the errors of uz_contig_alloc. Any thread; no call that names
 * @r may begin beside it.
 */
int uz_region_destroy(struct uz_region *r);
/*
 * Who is going to name @r later, such as a call that waits for its turn, holds it until then. False:
 * it is being destroyed. Any thread.
 */
bool uz_region_hold(struct uz_region *r);
void uz_region_let_go(struct uz_region *r);
struct uz_region *uz_region_find(struct uz_arena *a, const char *name); /* NULL: none */

struct uz_grant {
	uint32_t id; /* 1..; 0 is none */
	uint32_t first, nr; /* arena blocks */
	uint64_t offset_bytes; /* from where the region begins */
};

/*
 * A window of @bytes, rounded up to 2 MiB. -EINVAL: 0 or more than the region; -ENOMEM: no stretch
 * that is not granted, or no place to move to; -EBUSY: held beyond the deadline; -ENOSPC:
 * UZ_GRANT_MAX. @why is filled in on failure. Any thread, one at a time.
 */
int uz_contig_alloc(struct uz_region *r, uint64_t bytes, uint64_t deadline_ns, struct uz_grant *out,
		    struct uz_contig_failure *why);
/* Ends grant @id: its window is lent again. 0, or -ENOENT: no such grant. Any thread. */
int uz_contig_free(struct uz_region *r, uint32_t id);

/*
 * Gives back to the system at least @bytes of what grants of regions still owe it, or all of that; what
 * is left. For who makes the memory of a grant and must not be above the limit for a moment: he
 * pays for each part before he makes it. Background work pays too. Any thread.
 */
uint64_t uz_arena_pay(struct uz_arena *a, uint64_t bytes);

/* The caller of the next uz_contig_alloc has waited so long for his turn, which counts in it. */
void uz_contig_waited(struct uz_region *r, uint64_t ns);
/* He never had it: counted as a grant of @bytes that failed. */
void uz_contig_missed(struct uz_region *r, uint64_t bytes, uint64_t ns);

/*
 * For the borrower: a place for the run of @nr frames at frame @from, -ENOMEM if there is none. In the
 * arena block's target, or if it is there already, its own place. Until uz_window_half says that
 * all is in one of the two, no other arena block may be begun.
 */
int uz_window_target(struct uz_window *w, uint32_t from, uint32_t nr, uint32_t *to);
/*
 * For the borrower: arena block @from of the window moves as it is to *to, to the same offsets, without being
 * copied: -ENOTSUP when the platform, or this memory, is not like that, -ENOMEM, -EBUSY when the system did
 * not take what the target had. The borrower sees to it that nobody uses its runs, says where they
 * will be, then calls end, or undo. If end fails, all is as before begin, but the target not populated. Not with
 * data in two arena blocks.
 */
int uz_window_carry_begin(struct uz_window *w, uint32_t from, uint32_t *to);
int uz_window_carry_end(struct uz_window *w, uint32_t from, uint32_t to);
void uz_window_carry_undo(struct uz_window *w, uint32_t from, uint32_t to);
/* Whether data is in two arena blocks, @from the window's, and which; also one that a grant left. */
bool uz_window_half(struct uz_arena *a, uint32_t *from, uint32_t *to);
/* The arena block is worked through; if it is empty it goes back to the system. */
void uz_window_done(struct uz_window *w, uint32_t ablock);
/* Frames of an arena block that are in use. */
uint32_t uz_ablock_used(struct uz_arena *a, uint32_t ablock);

#endif
