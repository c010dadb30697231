/* SPDX-License-Identifier: MIT */
/*
 * lz4hc: lz4's format from a search that costs about ten times as much; read as fast as lz4.
 * As in codec_lz4.c the state is initialised once, and a prepared dictionary is attached.
 */
#define LZ4_STATIC_LINKING_ONLY
#define LZ4_HC_STATIC_LINKING_ONLY
#include <errno.h>
#include <lz4.h>
#include <lz4hc.h>

#include <uz/host.h>
#include <uz/san.h>

#include "codec_i.h"

#define LEVEL_DEFAULT LZ4HC_CLEVEL_DEFAULT

struct lz4hc_shared {
	int level;
	int dict_bytes;
	const char *dict;
	LZ4_streamHC_t prepared; /* only if dict_bytes */
};

static size_t lz4hc_shared_bytes(const struct uz_codec_params *p)
{
	return p->dict_bytes ? sizeof(struct lz4hc_shared)
			     : offsetof(struct lz4hc_shared, prepared);
}

static int lz4hc_open(void *shared, const struct uz_codec_params *p)
{
	struct lz4hc_shared *sh = shared;

	sh->level = uz__level(p, LEVEL_DEFAULT);
	sh->dict_bytes = (int)p->dict_bytes;
	sh->dict = p->dict;
	if (!sh->dict_bytes)
		return 0;
	if (!LZ4_initStreamHC(&sh->prepared, sizeof(sh->prepared)))
		return -EINVAL;
	LZ4_resetStreamHC_fast(&sh->prepared, sh->level);
	LZ4_loadDictHC(&sh->prepared, sh->dict, sh->dict_bytes);
	return 0;
}

static size_t lz4hc_state_bytes(const void *shared)
{
	(void)shared;
	return sizeof(LZ4_streamHC_t);
}

static int lz4hc_state_open(const void *shared, void *state)
{
	(void)shared;
	return LZ4_initStreamHC(state, sizeof(LZ4_streamHC_t)) ? 0 : -EINVAL;
}

static int lz4hc_compress(const void *shared, void *state, const void *src, void *dst, uint32_t cap)
{
	const struct lz4hc_shared *sh = shared;
	int n;

	uz_san_check(src, UZ_PAGE_SIZE);
	if (sh->dict_bytes) {
		LZ4_resetStreamHC_fast(state, sh->level);
		LZ4_attach_HC_dictionary(state, &sh->prepared);
		n = LZ4_compress_HC_continue(state, src, dst, UZ_PAGE_SIZE, (int)cap);
	} else {
		n = LZ4_compress_HC_extStateHC_fastReset(state, src, dst, UZ_PAGE_SIZE, (int)cap,
							 sh->level);
	}
	if (n <= 0)
		return -ENOSPC;
	uz_san_unpoison(dst, (uint32_t)n);
	return n;
}

static int lz4hc_decompress(const void *shared, void *state, const void *src, uint32_t len,
			    void *dst)
{
	const struct lz4hc_shared *sh = shared;
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

const struct uz_codec_ops uz_codec_lz4hc = {
	.abi_version = UZ_CODEC_ABI,
	.struct_size = sizeof(struct uz_codec_ops),
	.name = "lz4hc",
	.level_min = 2,
	.level_max = LZ4HC_CLEVEL_MAX,
	.level_default = LEVEL_DEFAULT,
	.takes_dict = true,
	.shared_bytes = lz4hc_shared_bytes,
	.state_bytes = lz4hc_state_bytes,
	.open = lz4hc_open,
	.state_open = lz4hc_state_open,
	.compress = lz4hc_compress,
	.decompress = lz4hc_decompress,
	.train = uz__train_content,
};
