/* SPDX-License-Identifier: MIT */
/*
 * A codec opened as the device opens it, with known bytes behind each piece of its memory that
 * are checked at the end; and the list of codecs, levels and dictionaries worth testing.
 */
#ifndef UZ_TEST_CODEC_USE_H
#define UZ_TEST_CODEC_USE_H

#include <uz/codec.h>

#include "test.h"

struct codec_use {
	const struct uz_codec_ops *ops;
	struct uz_codec_params params;
	char *shared, *state;
	size_t shared_bytes, state_bytes;
};

void codec_use_open(struct codec_use *u, const struct uz_codec_ops *ops, int32_t level,
		    const void *dict, uint32_t dict_bytes);
void codec_use_close(struct codec_use *u);

int codec_use_compress(struct codec_use *u, const void *page, void *dst, uint32_t cap);
int codec_use_decompress(struct codec_use *u, const void *src, uint32_t len, void *page);

/* i = 0, 1, ...: every codec, the loadable lzo too; NULL ends. */
const struct uz_codec_ops *codec_at(unsigned int i);

/* i = 0, 1, ...: levels of @ops worth a test, its default first; false ends. */
bool codec_level_at(const struct uz_codec_ops *ops, unsigned int i, int32_t *level);

/*
 * Calls @fn with every codec at the levels above, without a dictionary and with one trained by
 * its own train callback where it takes one.
 */
void codec_use_each(struct test_rng *rng, void (*fn)(struct test_rng *rng, struct codec_use *u));

/* "zstd level 3 dict 16384", for messages */
const char *codec_use_name(const struct codec_use *u);

#endif
