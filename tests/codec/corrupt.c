/* SPDX-License-Identifier: MIT */
/*
 * decompress on what compress did not write: cut, lengthened, flipped and random bytes. It may
 * find a page in them, but says so, never touches memory around its buffers, never takes a cut
 * object for a whole one, and the state still decodes good objects afterwards.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec_use.h"
#include "pages.h"

static uint64_t nr_taken, nr_refused;

/* From memory of exactly @len bytes to memory of exactly a page. */
static int try_bytes(struct codec_use *u, const void *bytes, uint32_t len)
{
	char *src = malloc(len ? len : 1), *dst = malloc(UZ_PAGE_SIZE + 32);
	int rc;

	CHECK(src && dst);
	memcpy(src, bytes, len);
	memset(dst + UZ_PAGE_SIZE, 0x3c, 32);
	rc = codec_use_decompress(u, src, len, dst);
	for (int i = 0; i < 32; i++)
		CHECK_EQ(dst[UZ_PAGE_SIZE + i], 0x3c);
	free(src);
	free(dst);
	*(rc == 0 ? &nr_taken : &nr_refused) += 1;
	return rc;
}

static void damage(struct test_rng *rng, struct codec_use *u, const char *good, uint32_t len)
{
	char bad[2 * UZ_PAGE_SIZE];
	uint32_t at, n;

	memcpy(bad, good, len);
	switch (test_below(rng, 4)) {
	case 0:
		at = (uint32_t)test_below(rng, len);
		bad[at] = (char)(bad[at] ^ (1 << test_below(rng, 8)));
		try_bytes(u, bad, len);
		break;
	case 1:
		at = (uint32_t)test_below(rng, len);
		n = (uint32_t)(1 + test_below(rng, UZ_MIN(len - at, 32u)));
		test_fill_random(rng, bad + at, n);
		try_bytes(u, bad, len);
		break;
	case 2:
		CHECK_EQ(try_bytes(u, bad, (uint32_t)test_below(rng, len)), -EBADMSG);
		break;
	case 3:
		n = (uint32_t)(1 + test_below(rng, UZ_PAGE_SIZE));
		test_fill_random(rng, bad + len, n);
		try_bytes(u, bad, len + n);
		break;
	}
}

static void random_bytes(struct test_rng *rng, struct codec_use *u)
{
	char bytes[UZ_PAGE_SIZE];
	uint32_t len = (uint32_t)test_below(rng, sizeof(bytes) + 1);

	test_fill_random(rng, bytes, len);
	try_bytes(u, bytes, len);
	if (len)
		bytes[0] = 0;
	try_bytes(u, bytes, len);
	CHECK_EQ(try_bytes(u, bytes, 0), -EBADMSG);
}

static void attack(struct test_rng *rng, struct codec_use *u)
{
	char page[UZ_PAGE_SIZE], good[UZ_PAGE_SIZE], out[UZ_PAGE_SIZE];
	int n;

	for (uint64_t i = 0; i < test_scale(40, 400, 10000); i++) {
		page_make(rng, (enum page_kind)(i % PAGE_KINDS), page);
		n = codec_use_compress(u, page, good, sizeof(good));
		random_bytes(rng, u);
		if (n < 0)
			continue;
		for (int k = 0; k < 8; k++)
			damage(rng, u, good, (uint32_t)n);
		CHECK_EQ(codec_use_decompress(u, good, (uint32_t)n, out), 0);
		CHECK_MEM(out, page, UZ_PAGE_SIZE);
	}
}

int main(void)
{
	struct test_rng rng = test_start();

	codec_use_each(&rng, attack);
	test_count("decoded", nr_taken);
	test_count("refused", nr_refused);
	CHECK(nr_refused > nr_taken);
	return 0;
}
