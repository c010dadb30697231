/* SPDX-License-Identifier: MIT */
/*
 * A codec that knows pages of one repeated byte, and whose table a plugin of the tests can get
 * wrong before it includes this: TOY_NAME, TOY_ABI, TOY_BYTES, TOY_COMPRESS.
 */
#include <uz/codec.h>

#ifndef TOY_ABI
#define TOY_ABI UZ_CODEC_ABI
#endif
#ifndef TOY_BYTES
#define TOY_BYTES sizeof(struct uz_codec_ops)
#endif
#ifndef TOY_COMPRESS
#define TOY_COMPRESS toy_compress
#endif

static size_t toy_shared_bytes(const struct uz_codec_params *p)
{
	(void)p;
	return 1;
}

static size_t toy_state_bytes(const void *shared)
{
	(void)shared;
	return 1;
}

static int toy_open(void *shared, const struct uz_codec_params *p)
{
	(void)shared;
	(void)p;
	return 0;
}

static int toy_state_open(const void *shared, void *state)
{
	(void)shared;
	(void)state;
	return 0;
}

static inline int toy_compress(const void *shared, void *state, const void *src, void *dst,
			       uint32_t cap)
{
	const char *page = src;

	(void)shared;
	(void)state;
	if (cap < 1 || memcmp(page, page + 1, UZ_PAGE_SIZE - 1) != 0)
		return -UZ_ENOSPC;
	memcpy(dst, page, 1);
	return 1;
}

static int toy_decompress(const void *shared, void *state, const void *src, uint32_t len, void *dst)
{
	(void)shared;
	(void)state;
	if (len != 1)
		return -UZ_EBADMSG;
	memset(dst, *(const char *)src, UZ_PAGE_SIZE);
	return 0;
}

static const struct uz_codec_ops toy = {
	.abi_version = TOY_ABI,
	.struct_size = TOY_BYTES,
	.name = TOY_NAME,
	.shared_bytes = toy_shared_bytes,
	.state_bytes = toy_state_bytes,
	.open = toy_open,
	.state_open = toy_state_open,
	.compress = TOY_COMPRESS,
	.decompress = toy_decompress,
};

const struct uz_codec_ops *uz_codec_plugin_init(void)
{
	return &toy;
}
