/* SPDX-License-Identifier: MIT */
/*
 * compress keeps to any cap: nothing is written past it, what it returns decodes, and a cap
 * with some room to spare never changes the result.
 */
#include <stdlib.h>
#include <string.h>

#include "codec_use.h"
#include "pages.h"

#define SPARE 64

static uint64_t nr_fit, nr_refused;

/* In memory of exactly @cap bytes, so that a sanitizer sees a byte too many. */
static int compress_at(struct codec_use *u, const char *page, uint32_t cap)
{
	unsigned char *dst = malloc(cap + 16);
	char out[UZ_PAGE_SIZE];
	int n;

	CHECK(dst != NULL);
	memset(dst + cap, 0xc3, 16);
	n = codec_use_compress(u, page, dst, cap);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(dst[cap + i], 0xc3);
	if (n > 0) {
		CHECK_EQ(codec_use_decompress(u, dst, (uint32_t)n, out), 0);
		CHECK_MEM(out, page, UZ_PAGE_SIZE);
	}
	free(dst);
	return n;
}

static void all_caps(struct codec_use *u, const char *page)
{
	int best = compress_at(u, page, 2 * UZ_PAGE_SIZE);
	uint32_t step = (uint32_t)test_scale(17, 3, 1);

	for (uint32_t cap = 1; cap <= UZ_PAGE_SIZE; cap += (cap < 64 ? 1 : step)) {
		int n = compress_at(u, page, cap);

		if (best > 0 && (int)cap >= best + SPARE)
			CHECK_EQ(n, best);
		*(n > 0 ? &nr_fit : &nr_refused) += 1;
	}
}

static void every_kind(struct test_rng *rng, struct codec_use *u)
{
	char page[UZ_PAGE_SIZE];
	int32_t level = u->params.level;

	if (level != UZ_LEVEL_DEFAULT && test_size() == TEST_QUICK)
		return;
	for (int k = 0; k < PAGE_KINDS; k++) {
		page_make(rng, (enum page_kind)k, page);
		all_caps(u, page);
	}
}

int main(void)
{
	struct test_rng rng = test_start();

	codec_use_each(&rng, every_kind);
	test_count("fit", nr_fit);
	test_count("refused", nr_refused);
	CHECK(nr_fit > 0 && nr_refused > 0);
	return 0;
}
