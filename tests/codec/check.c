/* SPDX-License-Identifier: MIT */
/* A codec's table and its parameters are refused when they break the contract. */
#include <errno.h>

#include <uz/host.h>

#include "test.h"

static int check_with(void (*spoil)(struct uz_codec_ops *ops))
{
	struct uz_codec_ops ops = uz_codec_lz4;

	spoil(&ops);
	return uz_codec_ops_check(&ops);
}

#define SPOIL(name, what) \
	static void spoil_##name(struct uz_codec_ops *ops) \
	{ \
		what; \
	}
SPOIL(nothing, (void)ops)
SPOIL(abi, ops->abi_version++)
SPOIL(size, ops->struct_size--)
SPOIL(larger, ops->struct_size += 8)
SPOIL(name, ops->name = NULL)
SPOIL(empty, ops->name = "")
SPOIL(long_name, ops->name = "sixteen-bytes-in")
SPOIL(fits, ops->name = "fifteen-bytes-i")
SPOIL(path, ops->name = "a/b")
SPOIL(compress, ops->compress = NULL)
SPOIL(decompress, ops->decompress = NULL)
SPOIL(open, ops->open = NULL)
SPOIL(state_open, ops->state_open = NULL)
SPOIL(shared_bytes, ops->shared_bytes = NULL)
SPOIL(state_bytes, ops->state_bytes = NULL)
SPOIL(levels, ops->level_min = ops->level_max + 1)
SPOIL(optional, ops->train = NULL)

static void test_ops(void)
{
	CHECK_EQ(check_with(spoil_nothing), 0);
	CHECK_EQ(check_with(spoil_larger), 0);
	CHECK_EQ(check_with(spoil_fits), 0);
	CHECK_EQ(check_with(spoil_optional), 0);
	CHECK_EQ(check_with(spoil_abi), -ENOTSUP);
	CHECK_EQ(check_with(spoil_size), -ENOTSUP);
	CHECK_EQ(check_with(spoil_name), -EINVAL);
	CHECK_EQ(check_with(spoil_empty), -EINVAL);
	CHECK_EQ(check_with(spoil_long_name), -EINVAL);
	CHECK_EQ(check_with(spoil_path), -EINVAL);
	CHECK_EQ(check_with(spoil_compress), -EINVAL);
	CHECK_EQ(check_with(spoil_decompress), -EINVAL);
	CHECK_EQ(check_with(spoil_open), -EINVAL);
	CHECK_EQ(check_with(spoil_state_open), -EINVAL);
	CHECK_EQ(check_with(spoil_shared_bytes), -EINVAL);
	CHECK_EQ(check_with(spoil_state_bytes), -EINVAL);
	CHECK_EQ(check_with(spoil_levels), -EINVAL);
}

static int params(const struct uz_codec_ops *ops, int32_t level, const void *dict, uint32_t n)
{
	struct uz_codec_params p = { .level = level, .dict = dict, .dict_bytes = n };

	return uz_codec_params_check(ops, &p);
}

int main(void)
{
	test_start();
	test_ops();
	CHECK_EQ(params(&uz_codec_lz4, UZ_LEVEL_DEFAULT, NULL, 0), 0);
	CHECK_EQ(params(&uz_codec_lz4, 1, "dict", 4), 0);
	CHECK_EQ(params(&uz_codec_lz4, 0, NULL, 0), -EINVAL);
	CHECK_EQ(params(&uz_codec_lz4, 65538, NULL, 0), -EINVAL);
	CHECK_EQ(params(&uz_codec_lz4, 1, NULL, 4), -EINVAL);
	CHECK_EQ(params(&uz_codec_lz4, 1, "dict", UZ_DICT_MAX + 1), -EINVAL);
	CHECK_EQ(params(&uz_codec_deflate, 6, "dict", 4), -EINVAL);
	CHECK_EQ(params(&uz_codec_zstd, -131072, NULL, 0), 0);
	CHECK_EQ(params(&uz_codec_zstd, 22, NULL, 0), 0);
	CHECK_EQ(params(&uz_codec_zstd, 23, NULL, 0), -EINVAL);
	return 0;
}
