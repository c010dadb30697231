/* SPDX-License-Identifier: MIT */
/*
 *   words 0..1: page number << 32 | sequence, twice (a fill page: page << 16 | sequence, throughout)
 *   then `hard` random words, then one repeated word
 */
#include "self_page.h"

#include <string.h>

#include "test.h"

#define WORDS (UZ_PAGE_SIZE / 8)
#define FILL_LIMIT 0xffffu

static uint32_t hard_words(struct test_rng *rng, enum self_mix mix)
{
	if (mix == SELF_HARD)
		return WORDS;
	if (mix == SELF_TINY)
		return 0;
	if (mix == SELF_EASY)
		return 16 + (uint32_t)test_below(rng, 32);
	switch (test_below(rng, 5)) {
	case 0:
		return WORDS;
	case 1:
		return 0;
	default:
		return (uint32_t)test_below(rng, WORDS);
	}
}

static bool is_fill(struct test_rng *rng, uint32_t page, uint32_t seq, enum self_mix mix)
{
	return mix == SELF_ANY && page <= FILL_LIMIT && seq <= FILL_LIMIT && test_one_in(rng, 8);
}

void self_page_make(void *buf, uint32_t page, uint32_t seq, uint64_t seed, enum self_mix mix)
{
	uint64_t id = (uint64_t)page << 32 | seq, w[WORDS], last;
	struct test_rng rng = test_rng_of(seed ^ id * 0x9e3779b97f4a7c15ull);
	uint32_t hard;

	if (is_fill(&rng, page, seq, mix)) {
		uint32_t v = page << 16 | seq;

		for (size_t i = 0; i < UZ_PAGE_SIZE; i += 4)
			memcpy((char *)buf + i, &v, 4);
		return;
	}
	hard = hard_words(&rng, mix);
	last = test_random(&rng);
	w[0] = w[1] = id;
	for (uint32_t i = 2; i < WORDS; i++)
		w[i] = i < hard ? test_random(&rng) : last;
	memcpy(buf, w, sizeof(w));
}

static bool matches(const void *buf, uint32_t page, uint32_t seq, uint64_t seed, enum self_mix mix)
{
	char want[UZ_PAGE_SIZE];

	self_page_make(want, page, seq, seed, mix);
	return memcmp(buf, want, UZ_PAGE_SIZE) == 0;
}

static bool all_zero(const void *buf)
{
	const char *p = buf;

	return p[0] == 0 && memcmp(p, p + 1, UZ_PAGE_SIZE - 1) == 0;
}

enum self_state self_page_read(const void *buf, uint32_t page, uint64_t seed, enum self_mix mix,
			       uint32_t *seq)
{
	uint64_t id;

	if (all_zero(buf))
		return SELF_ZERO;
	memcpy(&id, buf, sizeof(id));
	if ((id >> 32) == page && matches(buf, page, (uint32_t)id, seed, mix)) {
		*seq = (uint32_t)id;
		return SELF_OK;
	}
	if ((uint32_t)id >> 16 == page &&
	    matches(buf, page, (uint32_t)id & FILL_LIMIT, seed, mix)) {
		*seq = (uint32_t)id & FILL_LIMIT;
		return SELF_OK;
	}
	return SELF_TORN;
}
