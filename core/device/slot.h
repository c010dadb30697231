/* SPDX-License-Identifier: MIT */
/*
 * The slot: one 64-bit word a page.
 *
 *   lock 0 | state 1..3 | codec entry 4..7 | size-1 8..19 | age 20..23 | handle 24..63
 *
 * FILL keeps its 32-bit word in the handle's place, and in the size's 12 bits of a hash of word and page,
 * since no object stands behind it that could tell damage; RAW keeps in `codec` the entry that could not
 * compress it; size counts the stored bytes without a checksum. INDIRECT keeps codec and size of what
 * it was, a page's size for raw. An empty slot is all zero.
 * The lock bit is the short pin of the object: whoever reads it in place holds it; everybody else
 * replaces the whole word with one compare-and-swap. Only of an INDIRECT page it is held for long, as it
 * comes from the backing. Waiters look again after at most UZ_SLOT_NAP_NS, so that an unlock is a plain
 * store (5 ns less on every read).
 */
#ifndef UZ_SLOT_H
#define UZ_SLOT_H

#include <uz/block.h>
#include <uz/codec.h>

enum uz_slot_state {
	UZ_SLOT_EMPTY,
	UZ_SLOT_FILL,
	UZ_SLOT_OBJECT,
	UZ_SLOT_RAW,
	UZ_SLOT_INDIRECT, /* on the backing; the handle is a hash of the stored bytes */
	UZ_SLOT_BAD, /* quarantined: the store was damaged here */
	UZ_SLOT_TRIED, /* an object that recompression could not make smaller */
};

#define UZ_SLOT_LOCK 1ull
#define UZ_AGE_MAX 14u
#define UZ_AGE_IDLE 15u /* marked by uz_dev_idle */
#define UZ_SLOT_AGE_MASK (15ull << 20)
#define UZ_SLOT_SPINS 400
#define UZ_SLOT_NAP_NS 50000ull

static_assert(24 + UZ_BLOCK_BITS + UZ_INDEX_BITS == 64, "the slot is one word");
static_assert(UZ_PAGE_SIZE == 1u << 12, "size-1 has 12 bits");
static_assert(UZ_PAGE_SIZE == UZ_FRAME_SIZE, "a raw page is one frame");

static inline enum uz_slot_state uz__slot_state(uint64_t w)
{
	return (enum uz_slot_state)(w >> 1 & 7);
}

static inline bool uz__slot_is_object(uint64_t w)
{
	return uz__slot_state(w) == UZ_SLOT_OBJECT || uz__slot_state(w) == UZ_SLOT_TRIED;
}

/* Names memory: an object or a raw frame. */
static inline bool uz__slot_is_stored(uint64_t w)
{
	return uz__slot_is_object(w) || uz__slot_state(w) == UZ_SLOT_RAW;
}

/* Holds data that has to be looked at under the lock: in memory or on the backing. */
static inline bool uz__slot_is_kept(uint64_t w)
{
	const unsigned int kept = 1u << UZ_SLOT_OBJECT | 1u << UZ_SLOT_TRIED | 1u << UZ_SLOT_RAW |
				  1u << UZ_SLOT_INDIRECT;

	return kept >> uz__slot_state(w) & 1;
}

static inline unsigned int uz__slot_codec(uint64_t w)
{
	return (unsigned int)(w >> 4 & 15);
}

static inline uint32_t uz__slot_size(uint64_t w)
{
	return (uint32_t)(w >> 8 & 4095) + 1;
}

static inline unsigned int uz__slot_age(uint64_t w)
{
	return (unsigned int)(w >> 20 & 15);
}

static inline uint64_t uz__slot_handle(uint64_t w)
{
	return w >> 24;
}

static inline uint32_t uz__slot_fill(uint64_t w)
{
	return (uint32_t)(w >> 24);
}

static inline uint64_t uz__slot_make_fill(uint32_t fill, uint64_t page)
{
	uint32_t hash = (fill * 0x9e3779b1u ^ (uint32_t)page) * 0x85ebca77u >> 20;

	return (uint64_t)UZ_SLOT_FILL << 1 | (uint64_t)hash << 8 | (uint64_t)fill << 24;
}

static inline uint64_t uz__slot_make(enum uz_slot_state state, unsigned int codec, uint32_t size,
				     uint64_t handle)
{
	return (uint64_t)state << 1 | (uint64_t)codec << 4 | (uint64_t)(size - 1) << 8 |
	       handle << 24;
}

static inline uint64_t uz__slot_with_age(uint64_t w, unsigned int age)
{
	return (w & ~UZ_SLOT_AGE_MASK) | (uint64_t)age << 20;
}

/* The same content: all but lock and age. */
static inline bool uz__slot_same(uint64_t a, uint64_t b)
{
	return ((a ^ b) & ~(UZ_SLOT_LOCK | UZ_SLOT_AGE_MASK)) == 0;
}

/* The word as soon as it is not locked. */
uint64_t uz__slot_wait(struct uz_plat *pl, const uint64_t *slot);

static inline uint64_t uz__slot_read(struct uz_plat *pl, const uint64_t *slot)
{
	uint64_t w = uz_load_acquire(slot);

	return UZ_LIKELY(!(w & UZ_SLOT_LOCK)) ? w : uz__slot_wait(pl, slot);
}

/*
 * The same, but for a page that is being fetched from the backing, which takes as long as the device
 * does: the word then has its lock bit. For who holds up others while he waits.
 */
uint64_t uz__slot_wait_short(struct uz_plat *pl, const uint64_t *slot);

/* Takes the lock if the word is @w, which is not locked. */
static inline bool uz__slot_trylock(uint64_t *slot, uint64_t w)
{
	return uz_cas_acquire(slot, w, w | UZ_SLOT_LOCK);
}

static inline uint64_t uz__slot_lock(struct uz_plat *pl, uint64_t *slot)
{
	for (;;) {
		uint64_t w = uz__slot_read(pl, slot);

		if (uz__slot_trylock(slot, w))
			return w;
	}
}

/* @w is the word to leave, its lock bit clear. */
static inline void uz__slot_unlock(uint64_t *slot, uint64_t w)
{
	uz_store_release(slot, w);
}

/* Replaces the word; the one that was there. */
static inline uint64_t uz__slot_swap(struct uz_plat *pl, uint64_t *slot, uint64_t w)
{
	for (;;) {
		uint64_t old = uz__slot_read(pl, slot);

		if (uz_try_acq_rel(slot, &old, w))
			return old;
	}
}

#endif
