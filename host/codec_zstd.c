/* SPDX-License-Identifier: MIT */
/*
 * zstd: one magicless frame a page, without content size, checksum or dictionary id. All
 * parameters are set once on the contexts; they and the prepared dictionaries live in the
 * memory that the caller gives, so all that zstd costs is in shared_bytes and state_bytes.
 *
 *   state   compression context | decompression context
 *   shared  struct zstd_shared | dictionary for compression | and for decompression
 *
 * The frame header's first byte is 0 with these settings. Anything else is refused before zstd
 * sees it, so damaged bytes never reach skippable frames or the decoders of old formats.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include <errno.h>
#include <zstd.h>

#include <uz/host.h>
#include <uz/san.h>

#include "codec_i.h"

#define LEVEL_DEFAULT ZSTD_CLEVEL_DEFAULT
#define ALIGN 64u

struct zstd_shared {
	int level;
	ZSTD_compressionParameters page, dict; /* for a page alone, and behind the dictionary */
	size_t cctx_bytes, dctx_bytes;
	const ZSTD_CDict *cdict; /* NULL: no dictionary */
	const ZSTD_DDict *ddict;
};

static size_t padded(size_t n)
{
	return UZ_ALIGN_UP(n, ALIGN);
}

static size_t cdict_bytes(const struct uz_codec_params *p, ZSTD_compressionParameters cp)
{
	return padded(ZSTD_estimateCDictSize_advanced(p->dict_bytes, cp, ZSTD_dlm_byRef));
}

static size_t ddict_bytes(const struct uz_codec_params *p)
{
	return padded(ZSTD_estimateDDictSize(p->dict_bytes, ZSTD_dlm_byRef));
}

static ZSTD_compressionParameters dict_params(const struct uz_codec_params *p)
{
	ZSTD_compressionParameters c =
		ZSTD_getCParams(uz__level(p, LEVEL_DEFAULT), UZ_PAGE_SIZE, p->dict_bytes);

	uz_san_unpoison(&c, sizeof(c));
	return c;
}

static size_t zstd_shared_bytes(const struct uz_codec_params *p)
{
	size_t n = padded(sizeof(struct zstd_shared));

	return p->dict_bytes ? n + cdict_bytes(p, dict_params(p)) + ddict_bytes(p) : n;
}

static int open_dict(struct zstd_shared *sh, char *at, const struct uz_codec_params *p)
{
	size_t cbytes = cdict_bytes(p, sh->dict);

	sh->cdict = ZSTD_initStaticCDict(at, cbytes, p->dict, p->dict_bytes, ZSTD_dlm_byRef,
					 ZSTD_dct_auto, sh->dict);
	sh->ddict = ZSTD_initStaticDDict(at + cbytes, ddict_bytes(p), p->dict, p->dict_bytes,
					 ZSTD_dlm_byRef, ZSTD_dct_auto);
	return sh->cdict && sh->ddict ? 0 : -EINVAL;
}

static int zstd_open(void *shared, const struct uz_codec_params *p)
{
	struct zstd_shared *sh = shared;
	size_t with_dict = 0;

	*sh = (struct zstd_shared){ .level = uz__level(p, LEVEL_DEFAULT) };
	sh->page = ZSTD_getCParams(sh->level, UZ_PAGE_SIZE, 0);
	uz_san_unpoison(&sh->page, sizeof(sh->page));
	if (p->dict_bytes) {
		sh->dict = dict_params(p);
		with_dict = ZSTD_estimateCCtxSize_usingCParams(sh->dict);
	}
	sh->cctx_bytes = ZSTD_estimateCCtxSize_usingCParams(sh->page);
	sh->cctx_bytes = padded(UZ_MAX(sh->cctx_bytes, with_dict));
	sh->dctx_bytes = padded(ZSTD_estimateDCtxSize());
	return p->dict_bytes ? open_dict(sh, (char *)shared + padded(sizeof(*sh)), p) : 0;
}

static size_t zstd_state_bytes(const void *shared)
{
	const struct zstd_shared *sh = shared;

	return sh->cctx_bytes + sh->dctx_bytes;
}

static bool set_all(ZSTD_CCtx *c, const struct zstd_shared *sh)
{
	const struct {
		ZSTD_cParameter name;
		int value;
	} params[] = {
		{ ZSTD_c_compressionLevel, sh->level },
		{ ZSTD_c_format, ZSTD_f_zstd1_magicless },
		{ ZSTD_c_contentSizeFlag, 0 },
		{ ZSTD_c_checksumFlag, 0 },
		{ ZSTD_c_dictIDFlag, 0 },
		{ ZSTD_c_windowLog, (int)sh->page.windowLog },
		{ ZSTD_c_chainLog, (int)sh->page.chainLog },
		{ ZSTD_c_hashLog, (int)sh->page.hashLog },
		{ ZSTD_c_searchLog, (int)sh->page.searchLog },
		{ ZSTD_c_minMatch, (int)sh->page.minMatch },
		{ ZSTD_c_targetLength, (int)sh->page.targetLength },
		{ ZSTD_c_strategy, (int)sh->page.strategy },
	};

	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		if (ZSTD_isError(ZSTD_CCtx_setParameter(c, params[i].name, params[i].value)))
			return false;
	}
	return true;
}

static int zstd_state_open(const void *shared, void *state)
{
	const struct zstd_shared *sh = shared;
	ZSTD_CCtx *c = ZSTD_initStaticCCtx(state, sh->cctx_bytes);
	ZSTD_DCtx *d = ZSTD_initStaticDCtx((char *)state + sh->cctx_bytes, sh->dctx_bytes);

	if (!c || !d || (void *)c != state || !set_all(c, sh))
		return -EINVAL;
	if (ZSTD_isError(ZSTD_DCtx_setParameter(d, ZSTD_d_format, ZSTD_f_zstd1_magicless)))
		return -EINVAL;
	if (sh->cdict && ZSTD_isError(ZSTD_CCtx_refCDict(c, sh->cdict)))
		return -EINVAL;
	if (sh->ddict && ZSTD_isError(ZSTD_DCtx_refDDict(d, sh->ddict)))
		return -EINVAL;
	return 0;
}

static int zstd_compress(const void *shared, void *state, const void *src, void *dst, uint32_t cap)
{
	size_t n;

	(void)shared;
	uz_san_check(src, UZ_PAGE_SIZE);
	n = ZSTD_compress2(state, dst, cap, src, UZ_PAGE_SIZE);
	if (ZSTD_isError(n))
		return -ENOSPC;
	uz_san_unpoison(dst, n);
	return (int)n;
}

static int zstd_decompress(const void *shared, void *state, const void *src, uint32_t len,
			   void *dst)
{
	const struct zstd_shared *sh = shared;
	ZSTD_DCtx *d = (void *)((char *)state + sh->cctx_bytes);
	size_t n;

	if (len == 0 || *(const unsigned char *)src != 0)
		return -EBADMSG;
	uz_san_check(src, len);
	n = ZSTD_decompressDCtx(d, dst, UZ_PAGE_SIZE, src, len);
	if (ZSTD_isError(n))
		return -EBADMSG;
	uz_san_unpoison(dst, n);
	return n == UZ_PAGE_SIZE ? 0 : -EBADMSG;
}

const struct uz_codec_ops uz_codec_zstd = {
	.abi_version = UZ_CODEC_ABI,
	.struct_size = sizeof(struct uz_codec_ops),
	.name = "zstd",
	.level_min = -(int)ZSTD_TARGETLENGTH_MAX,
	.level_max = 22,
	.level_default = LEVEL_DEFAULT,
	.takes_dict = true,
	.shared_bytes = zstd_shared_bytes,
	.state_bytes = zstd_state_bytes,
	.open = zstd_open,
	.state_open = zstd_state_open,
	.compress = zstd_compress,
	.decompress = zstd_decompress,
	.train = uz__train_zstd,
};
