/* SPDX-License-Identifier: MIT */
/*
 * lz4: blocks without a frame. level is the acceleration, as in the kernel: more is faster
 * and larger.
 *
 * The state is initialised once. LZ4_compress_fast_extState_fastReset is only in the static
 * library, and its prototype only for LZ4_STATIC_LINKING_ONLY. With a dictionary the prepared
 * one is attached by reference, so a page pays for no table but its own.
 *
 * State never shows in the output: without a dictionary liblz4 clears its table for inputs
 * of 4 KiB; with one, positions of earlier pages are out of reach. Going on with a stream instead,
 * which clears nothing, was 15 to 28% slower on pages of processes and files, and 0 to 1% larger.
 */
#define LZ4_STATIC_LINKING_ONLY
#include <errno.h>
#include <lz4.h>

#include <uz/host.h>
#include <uz/san.h>

#include "codec_i.h"

struct lz4_shared {
	int acceleration;
	int dict_bytes;
	const char *dict;
	LZ4_stream_t prepared; /* only if dict_bytes */
};

static size_t lz4_shared_bytes(const struct uz_codec_params *p)
{
	return p->dict_bytes ? sizeof(struct lz4_shared) : offsetof(struct lz4_shared, prepared);
}

static int lz4_open(void *shared, const struct uz_codec_params *p)
{
	struct lz4_shared *sh = shared;

	sh->acceleration = uz__level(p, 1);
	sh->dict_bytes = (int)p->dict_bytes;
	sh->dict = p->dict;
	if (!sh->dict_bytes)
		return 0;
	if (!LZ4_initStream(&sh->prepared, sizeof(sh->prepared)))
		return -EINVAL;
	LZ4_loadDict(&sh->prepared, sh->dict, sh->dict_bytes);
	return 0;
}

static size_t lz4_state_bytes(const void *shared)
{
	(void)shared;
	return sizeof(LZ4_stream_t);
}

static int lz4_state_open(const void *shared, void *state)
{
	(void)shared;
	return LZ4_initStream(state, sizeof(LZ4_stream_t)) ? 0 : -EINVAL;
}

static int lz4_compress(const void *shared, void *state, const void *src, void *dst, uint32_t cap)
{
	const struct lz4_shared *sh = shared;
	int n;

	uz_san_check(src, UZ_PAGE_SIZE);
	if (sh->dict_bytes) {
		LZ4_resetStream_fast(state);
		LZ4_attach_dictionary(state, &sh->prepared);
		n = LZ4_compress_fast_continue(state, src, dst, UZ_PAGE_SIZE, (int)cap,
					       sh->acceleration);
	} else {
		n = LZ4_compress_fast_extState_fastReset(state, src, dst, UZ_PAGE_SIZE, (int)cap,
							 sh->acceleration);
	}
	if (n <= 0)
		return -ENOSPC;
	uz_san_unpoison(dst, (uint32_t)n);
	return n;
}

static int lz4_decompress(const void *shared, void *state, const void *src, uint32_t len, void *dst)
{
	const struct lz4_shared *sh = shared;
	int n;

	(void)state;
	if (len > INT32_MAX)
		return -EBADMSG;
	uz_san_check(src, len);
	if (sh->dict_bytes)
		n = LZ4_decompress_safe_usingDict(src, dst, (int)len, UZ_PAGE_SIZE, sh->dict,
						  sh->dict_bytes);
	else
		n = LZ4_decompress_safe(src, dst, (int)len, UZ_PAGE_SIZE);
	uz_san_unpoison(dst, n > 0 ? (uint32_t)n : 0);
	return n == UZ_PAGE_SIZE ? 0 : -EBADMSG;
}

const struct uz_codec_ops uz_codec_lz4 = {
	.abi_version = UZ_CODEC_ABI,
	.struct_size = sizeof(struct uz_codec_ops),
	.name = "lz4",
	.level_min = 1,
	.level_max = 65537,
	.level_default = 1,
	.takes_dict = true,
	.shared_bytes = lz4_shared_bytes,
	.state_bytes = lz4_state_bytes,
	.open = lz4_open,
	.state_open = lz4_state_open,
	.compress = lz4_compress,
	.decompress = lz4_decompress,
	.train = uz__train_content,
};
