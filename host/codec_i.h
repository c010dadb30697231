/* SPDX-License-Identifier: MIT */
/* What the hosted codecs share. */
#ifndef UZ_CODEC_I_H
#define UZ_CODEC_I_H

#include <uz/codec.h>

/* The callbacks of uz_codec_ops.train: with zstd's tables, and content alone. -EINVAL: too few. */
int uz__train_zstd(const void *pages, uint32_t nr, void *dict, uint32_t cap);
int uz__train_content(const void *pages, uint32_t nr, void *dict, uint32_t cap);

static inline int32_t uz__level(const struct uz_codec_params *p, int32_t by_default)
{
	return p->level == UZ_LEVEL_DEFAULT ? by_default : p->level;
}

#endif
