/* SPDX-License-Identifier: MIT */
/*
 * What a page becomes depends on the page alone: not on the pages before it in this state,
 * among them ones that did not fit and objects that were damaged.
 */
#include <stdlib.h>
#include <string.h>

#include "codec_use.h"
#include "pages.h"

#define NR 24u

struct packed {
	int n;
	char bytes[UZ_PAGE_SIZE];
};

/* Other work in the same state. */
static void disturb(struct test_rng *rng, struct codec_use *u)
{
	char page[UZ_PAGE_SIZE], bytes[UZ_PAGE_SIZE];

	for (uint64_t i = test_below(rng, 20); i > 0; i--) {
		page_make(rng, (enum page_kind)test_below(rng, PAGE_KINDS), page);
		codec_use_compress(u, page, bytes, (uint32_t)(1 + test_below(rng, UZ_PAGE_SIZE)));
		test_fill_random(rng, bytes, sizeof(bytes));
		codec_use_decompress(u, bytes, (uint32_t)test_below(rng, sizeof(bytes)), page);
	}
}

static void first_time(struct codec_use *u, const char *pages, struct packed *p)
{
	struct codec_use fresh;

	for (uint32_t i = 0; i < NR; i++) {
		codec_use_open(&fresh, u->ops, u->params.level, u->params.dict,
			       u->params.dict_bytes);
		p[i].n = codec_use_compress(&fresh, pages + i * UZ_PAGE_SIZE, p[i].bytes,
					    UZ_PAGE_SIZE);
		codec_use_close(&fresh);
	}
}

static void compare(struct test_rng *rng, struct codec_use *u)
{
	char *pages = pages_make(rng, NR), bytes[UZ_PAGE_SIZE];
	struct packed *p = malloc(NR * sizeof(*p));

	CHECK(p != NULL);
	first_time(u, pages, p);
	for (uint64_t round = 0; round < test_scale(40, 200, 2000); round++) {
		uint32_t i = (uint32_t)test_below(rng, NR);

		disturb(rng, u);
		CHECK_EQ(codec_use_compress(u, pages + i * UZ_PAGE_SIZE, bytes, UZ_PAGE_SIZE),
			 p[i].n);
		if (p[i].n > 0)
			CHECK_MEM(bytes, p[i].bytes, (size_t)p[i].n);
	}
	free(p);
	free(pages);
}

int main(void)
{
	struct test_rng rng = test_start();

	codec_use_each(&rng, compare);
	return 0;
}
