/* SPDX-License-Identifier: MIT */
/* The slot's word is part of the store's format: every field where it was published to be. */
#include "../../core/device/slot.h"

#include "test.h"

static void check_fields(struct test_rng *rng)
{
	uint64_t handle = test_random(rng) >> 24;
	unsigned int codec = (unsigned int)test_below(rng, 16),
		     age = (unsigned int)test_below(rng, 16);
	uint32_t size = 1 + (uint32_t)test_below(rng, 4096);
	enum uz_slot_state state = (enum uz_slot_state)test_below(rng, 8);
	uint64_t w = uz__slot_with_age(uz__slot_make(state, codec, size, handle), age);

	CHECK(w == ((uint64_t)state << 1 | (uint64_t)codec << 4 | (uint64_t)(size - 1) << 8 |
		    (uint64_t)age << 20 | handle << 24));
	CHECK(uz__slot_state(w) == state && uz__slot_codec(w) == codec && uz__slot_size(w) == size);
	CHECK(uz__slot_age(w) == age && uz__slot_handle(w) == handle);
	CHECK(uz__slot_same(w, w | UZ_SLOT_LOCK) &&
	      uz__slot_same(w, uz__slot_with_age(w, age ^ 5)));
	for (unsigned int bit = 1; bit < 64; bit++)
		CHECK(uz__slot_same(w, w ^ 1ull << bit) == (bit >= 20 && bit < 24));
}

/* Its word comes back, and a flipped bit or another page's word does not look like one. */
static void check_fill(struct test_rng *rng, uint64_t *collisions)
{
	uint32_t fill = (uint32_t)test_random(rng);
	uint64_t page = test_below(rng, 1u << 30), w = uz__slot_make_fill(fill, page), v;

	CHECK(uz__slot_state(w) == UZ_SLOT_FILL && uz__slot_fill(w) == fill);
	CHECK(uz__slot_age(w) == 0 && !(w & UZ_SLOT_LOCK) && w >> 56 == 0);
	for (unsigned int bit = 24; bit < 56; bit++) {
		v = w ^ 1ull << bit;
		*collisions += v == uz__slot_make_fill(uz__slot_fill(v), page);
	}
	*collisions += w == uz__slot_make_fill(fill, page + 1);
}

static void check_lock(void)
{
	uint64_t slot = uz__slot_make(UZ_SLOT_OBJECT, 1, 100, 77), w = slot;

	CHECK(uz__slot_trylock(&slot, w));
	CHECK(slot == (w | UZ_SLOT_LOCK));
	CHECK(!uz__slot_trylock(&slot, w));
	uz__slot_unlock(&slot, w);
	CHECK(slot == w);
	CHECK(uz__slot_swap(NULL, &slot, 0) == w && slot == 0);
}

int main(void)
{
	struct test_rng rng = test_start();
	uint64_t n = test_scale(20000, 100000, 10000000), collisions = 0;

	static_assert(UZ_SLOT_EMPTY == 0 && UZ_SLOT_FILL == 1 && UZ_SLOT_OBJECT == 2 &&
			      UZ_SLOT_RAW == 3 && UZ_SLOT_INDIRECT == 4 && UZ_SLOT_BAD == 5 &&
			      UZ_SLOT_TRIED == 6,
		      "store format");
	CHECK(uz__slot_make(UZ_SLOT_EMPTY, 0, 1, 0) == 0);
	for (uint64_t i = 0; i < n; i++) {
		check_fields(&rng);
		check_fill(&rng, &collisions);
	}
	CHECK_MSG(collisions < n * 33 / 1000, "%llu of %llu damaged fill words look right",
		  (unsigned long long)collisions, (unsigned long long)n * 33);
	check_lock();
	return 0;
}
