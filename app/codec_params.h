/* SPDX-License-Identifier: MIT */
/* From what a user types of a codec to its callbacks and parameters, with messages for what is wrong. */
#ifndef UZ_APP_CODEC_PARAMS_H
#define UZ_APP_CODEC_PARAMS_H

#include "error.h"

#include <uz/codec.h>

/* The codec of that name or path; NULL with @e filled (EINVAL). */
const struct uz_codec_ops *uz__codec_find(const char *name, struct uz_error *e);

/* 0, or -EINVAL: @ops does not take such a level, or no dictionary. */
int uz__codec_params_check(const struct uz_codec_ops *ops, const struct uz_codec_params *p,
			   struct uz_error *e);

#define UZ_TRAIN_PAGES 4096u /* that a dictionary is made of, at most */

/* 0, or -EINVAL: @ops makes no dictionaries. */
int uz__codec_train_check(const struct uz_codec_ops *ops, struct uz_error *e);

/*
 * The bytes of a dictionary from @fd, or from @path when that is negative; an empty path and "none"
 * are no dictionary: NULL and 0. To be freed. 0 or -errno.
 */
int uz__dict_load(const char *path, int fd, void **bytes, uint32_t *nr, struct uz_error *e);

#endif
