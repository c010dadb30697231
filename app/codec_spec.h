/* SPDX-License-Identifier: MIT */
/* NAME[:level=N][,dict=FILE] or NAME(level=N,...), and the same with the parameters of recompression. */
#ifndef UZ_APP_CODEC_SPEC_H
#define UZ_APP_CODEC_SPEC_H

#include "error.h"

#include <stdbool.h>
#include <uz/codec.h>

#define UZ_CODEC_SPEC_TEXT 2048
#define UZ_NO_DICT "none" /* as a dictionary's path: without one */

struct uz_codec_spec {
	char name[256];
	char dict[1024]; /* path; empty: none */
	int32_t level; /* UZ_LEVEL_DEFAULT: not given */
};

struct uz_recompress_spec {
	bool on;
	struct uz_codec_spec codec;
	uint32_t idle_s, min_bytes, cpu_percent;
};

/*
 * zram-generator's list of algorithms: "lz4 zstd(level=3) (type=idle)". Leaves the first word in @text
 * and what recompression is to be, if there is more, in @second. 0 or -EINVAL.
 */
int uz__codec_list_split(char *text, char second[UZ_CODEC_SPEC_TEXT], const char *where,
			 struct uz_error *e);

/* 0, or -EINVAL with a message that starts with @where. */
int uz__codec_spec_parse(struct uz_codec_spec *s, const char *text, const char *where,
			 struct uz_error *e);
int uz__recompress_spec_parse(struct uz_recompress_spec *s, const char *text, const char *where,
			      struct uz_error *e);

/* The canonical text, which parses to the same. */
void uz__codec_spec_print(const struct uz_codec_spec *s, char text[UZ_CODEC_SPEC_TEXT]);
void uz__recompress_spec_print(const struct uz_recompress_spec *s, char text[UZ_CODEC_SPEC_TEXT]);

/* A whole number in [min, max]. */
int uz__number_parse(const char *text, int64_t min, int64_t max, int64_t *value);

#endif
