/* SPDX-License-Identifier: MIT */
/* Codecs under test; see the header. */
#include "codec_use.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uz/host.h>

#include "pages.h"

#define CANARY 0xa7
#define CANARY_BYTES 256u
#define TRAIN_PAGES 512u
#define DICT_BYTES (16u << 10)

static char *guarded_alloc(size_t n)
{
	size_t room = UZ_ALIGN_UP(n + CANARY_BYTES, (size_t)64);
	char *p = aligned_alloc(64, room);

	CHECK(p != NULL);
	memset(p, 0, n);
	memset(p + n, CANARY, room - n);
	return p;
}

static void guarded_free(char *p, size_t n)
{
	for (size_t i = n; i < n + CANARY_BYTES; i++)
		CHECK_EQ((unsigned char)p[i], CANARY);
	free(p);
}

void codec_use_open(struct codec_use *u, const struct uz_codec_ops *ops, int32_t level,
		    const void *dict, uint32_t dict_bytes)
{
	*u = (struct codec_use){
		.ops = ops,
		.params = { .level = level, .dict = dict, .dict_bytes = dict_bytes },
	};
	CHECK_EQ(uz_codec_ops_check(ops), 0);
	CHECK_EQ(uz_codec_params_check(ops, &u->params), 0);
	u->shared_bytes = ops->shared_bytes(&u->params);
	u->shared = guarded_alloc(u->shared_bytes);
	CHECK_EQ(ops->open(u->shared, &u->params), 0);
	u->state_bytes = ops->state_bytes(u->shared);
	u->state = guarded_alloc(u->state_bytes);
	CHECK_EQ(ops->state_open(u->shared, u->state), 0);
}

void codec_use_close(struct codec_use *u)
{
	if (u->ops->state_close)
		u->ops->state_close(u->shared, u->state);
	if (u->ops->close)
		u->ops->close(u->shared);
	guarded_free(u->state, u->state_bytes);
	guarded_free(u->shared, u->shared_bytes);
}

int codec_use_compress(struct codec_use *u, const void *page, void *dst, uint32_t cap)
{
	int n = u->ops->compress(u->shared, u->state, page, dst, cap);

	CHECK_MSG(n == -ENOSPC || (n > 0 && n <= (int)cap), "%s: compress gives %d with cap %u",
		  codec_use_name(u), n, cap);
	return n;
}

int codec_use_decompress(struct codec_use *u, const void *src, uint32_t len, void *page)
{
	int rc = u->ops->decompress(u->shared, u->state, src, len, page);

	CHECK_MSG(rc == 0 || rc == -EBADMSG, "%s: decompress gives %d", codec_use_name(u), rc);
	return rc;
}

static const struct uz_codec_ops *lzo(void)
{
	const char *build = getenv("UZ_BUILD");
	const struct uz_codec_ops *ops;
	char path[512], why[256];

	snprintf(path, sizeof(path), "%s/plugin/codec-lzo.so", build ? build : "build");
	ops = uz_host_codec(path, why, sizeof(why));
	CHECK_MSG(ops != NULL, "%s", why);
	return ops;
}

const struct uz_codec_ops *codec_at(unsigned int i)
{
	static const struct uz_codec_ops *const built_in[] = {
		&uz_codec_lz4,
		&uz_codec_lz4hc,
		&uz_codec_zstd,
		&uz_codec_deflate,
	};
	const unsigned int nr = sizeof(built_in) / sizeof(built_in[0]);

	if (i < nr)
		return built_in[i];
	return i == nr ? lzo() : NULL;
}

bool codec_level_at(const struct uz_codec_ops *ops, unsigned int i, int32_t *level)
{
	const int32_t wanted[] = {
		UZ_LEVEL_DEFAULT, -131072, -5, -1, 1, 2, 3, 5, 7, 9, 12, 15, 19, 22, 64, 65537
	};

	for (size_t k = 0; k < sizeof(wanted) / sizeof(wanted[0]); k++) {
		if (wanted[k] != UZ_LEVEL_DEFAULT &&
		    (wanted[k] < ops->level_min || wanted[k] > ops->level_max || wanted[k] == 0))
			continue;
		if (i-- == 0) {
			*level = wanted[k];
			return true;
		}
	}
	return false;
}

static int make_dict(struct test_rng *rng, const struct uz_codec_ops *ops, char *dict)
{
	char *pages = pages_make(rng, TRAIN_PAGES);
	int n = ops->train(pages, TRAIN_PAGES, dict, DICT_BYTES);

	CHECK_MSG(n > 0 && n <= (int)DICT_BYTES, "%s: train gives %d", ops->name, n);
	free(pages);
	return n;
}

static void each_level(struct test_rng *rng, const struct uz_codec_ops *ops, const void *dict,
		       uint32_t dict_bytes, void (*fn)(struct test_rng *rng, struct codec_use *u))
{
	struct codec_use u;
	int32_t level;

	for (unsigned int i = 0; codec_level_at(ops, i, &level); i++) {
		codec_use_open(&u, ops, level, dict, dict_bytes);
		fn(rng, &u);
		codec_use_close(&u);
	}
}

void codec_use_each(struct test_rng *rng, void (*fn)(struct test_rng *rng, struct codec_use *u))
{
	const struct uz_codec_ops *ops;
	char dict[DICT_BYTES];

	for (unsigned int i = 0; (ops = codec_at(i)); i++) {
		each_level(rng, ops, NULL, 0, fn);
		if (ops->takes_dict)
			each_level(rng, ops, dict, (uint32_t)make_dict(rng, ops, dict), fn);
	}
}

const char *codec_use_name(const struct codec_use *u)
{
	static _Thread_local char name[64];

	if (u->params.level == UZ_LEVEL_DEFAULT)
		snprintf(name, sizeof(name), "%s dict %u", u->ops->name, u->params.dict_bytes);
	else
		snprintf(name, sizeof(name), "%s level %d dict %u", u->ops->name, u->params.level,
			 u->params.dict_bytes);
	return name;
}
