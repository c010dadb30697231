/* SPDX-License-Identifier: MIT */
/*
 * Every codec, level and dictionary gives every kind of page back, from and to any alignment,
 * and writes nothing around its buffers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec_use.h"
#include "pages.h"

#define MARGIN 64u
#define CANARY 0x6b

static uint64_t nr_stored, nr_refused;

static void check_margins(const unsigned char *buf, size_t from, size_t len, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (i < from || i >= from + len)
			CHECK_EQ(buf[i], CANARY);
	}
}

static void one_page(struct test_rng *rng, struct codec_use *u, const char *page)
{
	unsigned char packed[UZ_PAGE_SIZE + 2 * MARGIN], out[UZ_PAGE_SIZE + 2 * MARGIN];
	size_t at = test_below(rng, MARGIN), to = test_below(rng, MARGIN);
	int n;

	memset(packed, CANARY, sizeof(packed));
	memset(out, CANARY, sizeof(out));
	n = codec_use_compress(u, page, packed + at, UZ_PAGE_SIZE);
	check_margins(packed, at, UZ_PAGE_SIZE, sizeof(packed));
	if (n < 0) {
		nr_refused++;
		return;
	}
	CHECK_EQ(codec_use_decompress(u, packed + at, (uint32_t)n, out + to), 0);
	CHECK_MEM(out + to, page, UZ_PAGE_SIZE);
	check_margins(out, to, UZ_PAGE_SIZE, sizeof(out));
	nr_stored++;
}

static void all_kinds(struct test_rng *rng, struct codec_use *u)
{
	uint64_t rounds = test_scale(3, 20, 500), before = nr_stored;
	char buf[UZ_PAGE_SIZE + MARGIN];

	for (uint64_t r = 0; r < rounds; r++) {
		for (int k = 0; k < PAGE_KINDS; k++) {
			char *page = buf + test_below(rng, MARGIN);

			page_make(rng, (enum page_kind)k, page);
			one_page(rng, u, page);
		}
	}
	CHECK_MSG(u->params.level != UZ_LEVEL_DEFAULT || nr_stored - before >= rounds * 4,
		  "%s compresses next to nothing", codec_use_name(u));
}

int main(void)
{
	struct test_rng rng = test_start();

	codec_use_each(&rng, all_kinds);
	test_count("pages_back", nr_stored);
	test_count("pages_refused", nr_refused);
	CHECK(nr_refused > 0);
	return 0;
}
