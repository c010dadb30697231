/* SPDX-License-Identifier: MIT */
/*
 * What the arena's files share. Residency is kept by pieces of 16 frames
 * (64 KiB): the smallest piece that is committed or given back, and the longest run.
 *
 *   used ⊆ frames of resident or busy pieces
 *   lazy ∩ resident == ∅: given back lazily, so charged, but to be committed before it is used
 *   owed ∩ (resident ∪ lazy) == ∅: a grant's (owed.c), not charged beside what the grant is
 *   total_bytes == 64 KiB * (nr_resident + nr_lazy pieces) + areas + scratch + charged
 *   nr_free_frames == frames of resident pieces that are not used
 */
#ifndef UZ_ARENA_I_H
#define UZ_ARENA_I_H

#include <uz/bits.h>
#include <uz/region.h>

#include "decay.h"
#include "return.h"

#define PIECE_FRAMES UZ_RUN_MAX
#define PIECE_BYTES (PIECE_FRAMES << UZ_FRAME_SHIFT)
#define ABLOCK_PIECES (UZ_ABLOCK_FRAMES / PIECE_FRAMES)
#define ABLOCK_BYTES (1ull << UZ_ABLOCK_SHIFT)
#define NO_ABLOCK UINT32_MAX

/* Bin b holds arena blocks whose longest free resident run is b frames (16 stands for more). */
#define NR_BINS (UZ_RUN_MAX + 1)

struct ablock {
	uint64_t used[UZ_ABLOCK_FRAMES / 64];
	uint32_t resident; /* a bit a piece */
	uint32_t busy; /* pieces being committed or given back: neither free nor used */
	uint32_t next, prev; /* in its bin */
	uint32_t cold_next, cold_prev; /* in the cold list */
	uint16_t nr_used;
	uint8_t bin;
	uint8_t kind; /* enum ablock_kind */
	bool isolated, on_cold, in_region, granted;
	bool foreign; /* somebody's own memory: resident unless isolated, never given back */
	uint32_t target; /* of one that a grant empties; 0: none yet */
	uint32_t lazy; /* a bit a piece; if there is one, it is in the lazy list */
	uint32_t lazy_next, lazy_prev;
	uint64_t lazy_ns; /* since when */
	uint32_t owed; /* a bit a piece */
	bool refused; /* what is owed, by the system, which may have some of it all the same */
	uint8_t gone_by; /* method by which pieces went last, and 1; 0: none ever went */
};

/*
 * Table frames stay where they are, and CLEAN frames are dropped, not moved, so they lie apart from
 * what can be moved. A block that holds nothing is EMPTY, whatever it was, and may become any kind.
 */
enum ablock_kind { MOVABLE, PINNED, CLEAN, EMPTY, NR_KINDS };

/* Lists are kept by kind, and of arena blocks of regions apart, on shelf LENT + kind. */
#define LENT NR_KINDS
#define NR_SHELVES (2 * NR_KINDS)

static inline unsigned int uz__shelf_of(enum ablock_kind kind, bool lent)
{
	return kind + (lent ? LENT : 0);
}

static inline unsigned int uz__shelf(const struct ablock *ab)
{
	return uz__shelf_of(ab->kind, ab->in_region);
}

/* Where runs of a kind may go: into regions or outside; @begin: where nothing is yet, too. */
struct uz__wanted {
	enum ablock_kind kind;
	bool lent, begin;
};

struct uz__super {
	char magic[8];
	uint32_t version, endian, frame_size, page_size;
	uint64_t features;
	uint64_t total_bytes;
	uint64_t frames_off;
	struct {
		uint64_t off, bytes;
	} area[UZ_AREA_NR];
	uint64_t check; /* uz_hash64 of all above */
	uint64_t epoch; /* behind the checksum: one atomic store at each open */
};
static_assert(sizeof(struct uz__super) == 8 + 16 + 24 + 16 * UZ_AREA_NR + 16,
	      "the superblock is part of the store's format");

struct uz__arena {
	struct uz_arena pub; /* first */
	struct uz__super super; /* copy; the epoch is this open's */
	uint64_t limit_bytes;
	uint64_t total_bytes; /* atomic: what counts against the limit */
	uint64_t reserve_bytes; /* as configured, 0: the default rule */
	uint32_t emergency_frames, last_frames;

	struct uz_lock lock; /* all below */
	uint32_t sleeping; /* atomic: the background thread waits on this word being 1 */
	struct uz_lock background_lock; /* one uz_arena_background at a time; above lock */
	struct uz_area ablock_area;
	struct ablock *ab;
	uint32_t first_ablock, nr_ablocks; /* all, and those that were ever used */
	uint32_t end_ablock;
	uint32_t bin[NR_SHELVES][NR_BINS];
	uint32_t cold[NR_SHELVES]; /* used ones with a piece that is not resident */
	uint64_t nr_used_frames, nr_free_frames; /* changed with the lock, read without: atomic */
	uint64_t commit_stalls, commit_failures, returned_bytes;
	struct uz__decay decay;
	struct uz__return ret;
	uint64_t switches_told;
	uint32_t lazy_oldest, lazy_newest; /* arena blocks with lazy pieces */
	uint64_t lazy_frames;
	uint64_t area_bytes; /* atomic: committed of the store's areas */
	uint64_t self_bytes; /* scratch of this struct */

	struct uz_region *region[UZ_REGION_MAX];
	uint32_t nr_regions; /* those that promise: without any, nothing is checked */
	uint32_t nr_lent; /* arena blocks of regions */
	uint32_t nr_spread; /* regions that data is spread over */
	uint64_t foreign_free; /* of nr_free_frames: those that are not the system's */
	uint32_t nr_evac; /* arena blocks that are kept to move to, while something is promised */
	uint64_t lent_frames[NR_KINDS]; /* in use in regions */
	uint64_t nr_clean_frames; /* in use */
	uint32_t nr_bearing; /* arena blocks with MOVABLE or PINNED frames */
	uint32_t nr_reserved; /* arena blocks promised and not granted */
	uint64_t transit_bytes; /* counted in total_bytes, of pieces on their way */
	uint64_t due_bytes; /* of windows being emptied: still in use, and promised */
	uint64_t owed_bytes, owed_busy_bytes; /* atomic; of these, on their way back now */
	uint32_t owed_at; /* arena block to look at first */
	uint64_t lend_refused;
	uint32_t half; /* arena block whose data is moving to its target; 0: none */
	bool half_left; /* by a grant that failed: no window has it */
};

static inline struct uz__arena *uz__arena(const struct uz_arena *a)
{
	return (struct uz__arena *)(void *)(uintptr_t)a;
}

/* Free frames that could go back. */
static inline uint64_t uz__spare_frames(const struct uz__arena *a)
{
	return a->nr_free_frames - a->foreign_free;
}

static inline void uz__free_frames_add(struct uz__arena *a, int64_t nr)
{
	uz_store(&a->nr_free_frames, a->nr_free_frames + (uint64_t)nr);
}

/* super.c: the store's first page. All of them return 0 or -errno. */
int uz__super_plan(struct uz__super *sb, uint64_t capacity_bytes);
int uz__super_read(struct uz__super *sb, struct uz_plat *pl);
int uz__super_commit(struct uz__arena *a);
int uz__super_write(struct uz__arena *a);
int uz__super_raise_epoch(struct uz__arena *a);

/* ablock.c: the bitmaps of one arena block, and its place in the lists. Lock held. */
struct ablock *uz__ablock(const struct uz__arena *a, uint32_t i);
uint64_t uz__ablock_fresh_bytes(const struct uz__arena *a); /* what the next fresh one costs */
int uz__ablock_prepare(struct uz__arena *a, uint32_t nr); /* bookkeeping of @nr, -ENOSPC */
int uz__ablock_fresh(struct uz__arena *a, uint32_t *i);
int uz__ablock_find(const struct ablock *ab, uint32_t nr);
void uz__ablock_take(struct uz__arena *a, struct ablock *ab, enum ablock_kind kind, uint32_t first,
		     uint32_t nr);
void uz__ablock_put(struct uz__arena *a, struct ablock *ab, uint32_t first, uint32_t nr);
bool uz__ablock_bearing(const struct ablock *ab); /* what has to be moved or stay */
bool uz__ablock_is(const struct ablock *ab, uint32_t first, uint32_t nr, bool used);
uint32_t uz__ablock_free_pieces(const struct ablock *ab);
uint32_t uz__ablock_cold_pieces(const struct ablock *ab);
uint32_t uz__ablock_free_frames(const struct ablock *ab);
void uz__ablock_file(struct uz__arena *a, uint32_t i); /* puts it in the right lists */
void uz__ablock_unfile(struct uz__arena *a, uint32_t i);
void uz__ablock_isolate(struct uz__arena *a, uint32_t i); /* takes it out of all lists */
void uz__ablock_rejoin(struct uz__arena *a, uint32_t i); /* and puts it back */

/* background.c: the size of the populated reserve, and with what is kept because it is used again
 * and again. Lock held. */
uint64_t uz__reserve_frames(const struct uz__arena *a);
uint64_t uz__keep_frames(const struct uz__arena *a);

/* area.c: takes @bytes from the budget if @keep_frames remain for urgent runs. */
bool uz__budget_try(struct uz__arena *a, uint64_t bytes, uint64_t keep_frames);

#include "piece_i.h"

#endif
