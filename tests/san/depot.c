/* SPDX-License-Identifier: MIT */
/*
 * uz-test: timeout 60
 *
 * The depot when it is full: equal records are still found, new ones get coarser and then
 * 0, what was put stays as it was, and chains keep their last origin.
 */
#include <string.h>

#include "../../san/src/kmsan_i.h"
#include "test.h"

#define NR_KEPT 100

static uint32_t put(uint64_t a, uint64_t b, bool reserve)
{
	struct kmsan__record key = { .kind = KMSAN__STACK, .nr_words = 2 };
	uint64_t words[2] = { a, b };

	return kmsan__depot_put(&key, words, reserve);
}

static void same_is_one(void)
{
	struct kmsan__record freed = { .kind = KMSAN__STACK, .nr_words = 2, .freed = 1 };
	uint64_t words[2] = { 1, 2 };
	uint32_t id = put(1, 2, false);

	CHECK(id);
	CHECK_EQ(put(1, 2, false), id);
	CHECK(put(2, 1, false) != id);
	CHECK(kmsan__depot_put(&freed, words, false) != id);
	CHECK_EQ(kmsan__depot_get(id)->words[1], 2);
	CHECK(!kmsan__depot_get(0));
	CHECK(!kmsan__depot_get(0xffffffff));
}

static uint64_t fill(bool reserve)
{
	uint64_t i = 0;

	while (put(0x10000 + i, reserve, reserve))
		i++;
	return i;
}

int main(void)
{
	struct test_rng rng = test_start();
	struct kmsan_caller at = { 0x4242, 0 };
	uint32_t kept[NR_KEPT], chain, heap;
	uint64_t nr, more;
	int i;

	(void)rng;
	kmsan__depot_init(1 << 20);
	same_is_one();
	for (i = 0; i < NR_KEPT; i++)
		kept[i] = put(100 + (uint64_t)i, 7, false);
	heap = kmsan__origin_heap(at, false);
	nr = fill(false);
	CHECK(nr > 1000 && kmsan__depot_full_count() > 0);
	for (i = 0; i < NR_KEPT; i++) {
		CHECK_EQ(put(100 + (uint64_t)i, 7, false), kept[i]);
		CHECK_EQ(kmsan__depot_get(kept[i])->words[0], 100 + i);
	}
	CHECK_EQ(kmsan__origin_heap(at, false), heap);
	at.pc = 0x5555; /* a new place: from the reserve */
	CHECK(kmsan__origin_heap(at, false));
	chain = kmsan__origin_chain(at, heap); /* no room for a link */
	CHECK_EQ(chain, heap);
	more = fill(true);
	CHECK(more > nr / 10 && more < nr / 4);
	at.pc = 0x6666;
	CHECK_EQ(kmsan__origin_heap(at, false), 0);
	CHECK(kmsan__depot_used_bytes() <= 1 << 20);
	test_count("records", nr + more);
	return 0;
}
