/* SPDX-License-Identifier: MIT */
/*
 * lzo: lzo1x_1 of liblzo2, kernel zram's default for years. A loadable codec because liblzo2 is
 * under the GPL (version 2 or later): this file is MIT, but whoever loads it runs a program that
 * is under the GPL as a whole, and the rest of uzram must not depend on it.
 *
 * liblzo2 has no bound on its output, so a page is compressed into the state and then copied.
 *
 *   state  working memory (cleared by liblzo2 for each page) | output
 */
#include <errno.h>
#include <lzo/lzo1x.h>

#include <uz/codec.h>
#include <uz/san.h>

#define OUT_MAX (UZ_PAGE_SIZE + UZ_PAGE_SIZE / 16 + 64 + 3)

struct lzo_state {
	unsigned char work[LZO1X_1_MEM_COMPRESS] UZ_ALIGNED(64);
	unsigned char out[OUT_MAX];
};

static size_t lzo_shared_bytes(const struct uz_codec_params *p)
{
	(void)p;
	return 1;
}

static size_t lzo_state_bytes(const void *shared)
{
	(void)shared;
	return sizeof(struct lzo_state);
}

static int lzo_open(void *shared, const struct uz_codec_params *p)
{
	(void)shared;
	(void)p;
	return 0;
}

static int lzo_state_open(const void *shared, void *state)
{
	(void)shared;
	(void)state;
	return 0;
}

static int lzo_compress(const void *shared, void *state, const void *src, void *dst, uint32_t cap)
{
	struct lzo_state *st = state;
	lzo_uint n = 0;

	(void)shared;
	uz_san_check(src, UZ_PAGE_SIZE);
	if (lzo1x_1_compress(src, UZ_PAGE_SIZE, st->out, &n, st->work) != LZO_E_OK || n > cap)
		return -ENOSPC;
	uz_san_unpoison(&n, sizeof(n));
	uz_san_unpoison(st->out, n);
	memcpy(dst, st->out, n);
	return (int)n;
}

static int lzo_decompress(const void *shared, void *state, const void *src, uint32_t len, void *dst)
{
	lzo_uint n = UZ_PAGE_SIZE;

	(void)shared;
	(void)state;
	uz_san_check(src, len);
	if (lzo1x_decompress_safe(src, len, dst, &n, NULL) != LZO_E_OK)
		return -EBADMSG;
	uz_san_unpoison(&n, sizeof(n));
	uz_san_unpoison(dst, n);
	return n == UZ_PAGE_SIZE ? 0 : -EBADMSG;
}

static const struct uz_codec_ops ops = {
	.abi_version = UZ_CODEC_ABI,
	.struct_size = sizeof(struct uz_codec_ops),
	.name = "lzo",
	.shared_bytes = lzo_shared_bytes,
	.state_bytes = lzo_state_bytes,
	.open = lzo_open,
	.state_open = lzo_state_open,
	.compress = lzo_compress,
	.decompress = lzo_decompress,
};

const struct uz_codec_ops *uz_codec_plugin_init(void)
{
	return lzo_init() == LZO_E_OK ? &ops : NULL;
}
