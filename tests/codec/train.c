/* SPDX-License-Identifier: MIT */
/*
 * A trained dictionary makes pages of its kind smaller, is needed to read them again, and
 * cannot be had from too little.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uz/host.h>

#include "codec_use.h"
#include "pages.h"

#define NR 400u
#define DICT_BYTES (32u << 10)

static uint64_t total(struct codec_use *u, const char *pages, uint32_t nr)
{
	char bytes[UZ_PAGE_SIZE], out[UZ_PAGE_SIZE];
	uint64_t sum = 0;

	for (uint32_t i = 0; i < nr; i++) {
		int n = codec_use_compress(u, pages + i * UZ_PAGE_SIZE, bytes, sizeof(bytes));

		if (n > 0) {
			CHECK_EQ(codec_use_decompress(u, bytes, (uint32_t)n, out), 0);
			CHECK_MEM(out, pages + i * UZ_PAGE_SIZE, UZ_PAGE_SIZE);
		}
		sum += n > 0 ? (uint64_t)n : UZ_PAGE_SIZE;
	}
	return sum;
}

/* True if some page that @with wrote is not read right by @without. */
static bool dict_matters(struct codec_use *with, struct codec_use *without, const char *pages)
{
	char bytes[UZ_PAGE_SIZE], out[UZ_PAGE_SIZE];

	for (uint32_t i = 0; i < NR; i++) {
		int n = codec_use_compress(with, pages + i * UZ_PAGE_SIZE, bytes, sizeof(bytes));

		if (n > 0 && (codec_use_decompress(without, bytes, (uint32_t)n, out) < 0 ||
			      memcmp(out, pages + i * UZ_PAGE_SIZE, UZ_PAGE_SIZE)))
			return true;
	}
	return false;
}

static void test_codec(struct test_rng *rng, const struct uz_codec_ops *ops)
{
	char *pages = malloc((size_t)2 * NR * UZ_PAGE_SIZE), *fresh = pages + NR * UZ_PAGE_SIZE;
	char *dict = malloc(DICT_BYTES);
	struct codec_use with, without;
	uint64_t a, b;
	int n;

	CHECK(pages && dict);
	for (uint32_t i = 0; i < 2 * NR; i++)
		page_make(rng, i % 2 ? PAGE_TEXT : PAGE_CODE, pages + i * UZ_PAGE_SIZE);
	CHECK_EQ(ops->train(pages, 0, dict, DICT_BYTES), -EINVAL);
	CHECK(ops->train(pages, NR, dict, 16) < 0);
	n = ops->train(pages, NR, dict, DICT_BYTES);
	CHECK(n > 0 && n <= (int)DICT_BYTES);
	codec_use_open(&with, ops, UZ_LEVEL_DEFAULT, dict, (uint32_t)n);
	codec_use_open(&without, ops, UZ_LEVEL_DEFAULT, NULL, 0);
	a = total(&with, fresh, NR);
	b = total(&without, fresh, NR);
	printf("%s: %llu bytes with a dictionary of %d, %llu without\n", ops->name,
	       (unsigned long long)a, n, (unsigned long long)b);
	CHECK(a < b);
	CHECK(dict_matters(&with, &without, fresh));
	codec_use_close(&with);
	codec_use_close(&without);
	free(pages);
	free(dict);
}

int main(void)
{
	struct test_rng rng = test_start();
	const struct uz_codec_ops *ops;
	int nr = 0;

	for (unsigned int i = 0; (ops = codec_at(i)); i++) {
		CHECK_EQ(ops->takes_dict, ops->train != NULL);
		if (ops->train) {
			test_codec(&rng, ops);
			nr++;
		}
	}
	CHECK_EQ(nr, 3);
	return 0;
}
