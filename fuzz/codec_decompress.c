/* SPDX-License-Identifier: MIT */
/*
 * decompress of every built-in codec on arbitrary bytes: says 0 or -EBADMSG, touches nothing
 * around its buffers, and gives the same page for the same bytes. The first byte of an
 * input chooses the codec and whether it has a dictionary.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uz/host.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct uz_codec_ops *const codecs[] = {
	&uz_codec_lz4,
	&uz_codec_lz4hc,
	&uz_codec_zstd,
	&uz_codec_deflate,
};
#define NR (sizeof(codecs) / sizeof(codecs[0]))

struct opened {
	void *shared, *state;
};

static void *aligned(size_t n)
{
	void *p = aligned_alloc(64, UZ_ALIGN_UP(n, (size_t)64));

	UZ_ASSERT(p != NULL);
	return p;
}

static const struct opened *get(unsigned int codec, bool with_dict)
{
	static struct opened all[NR][2];
	static char dict[8192];
	struct uz_codec_params p = { .level = UZ_LEVEL_DEFAULT };
	struct opened *o = &all[codec][with_dict];

	if (o->shared)
		return o;
	for (size_t i = 0; i < sizeof(dict); i++)
		dict[i] = (char)(i * i >> 3);
	if (with_dict) {
		p.dict = dict;
		p.dict_bytes = sizeof(dict);
	}
	o->shared = aligned(codecs[codec]->shared_bytes(&p));
	UZ_ASSERT(codecs[codec]->open(o->shared, &p) == 0);
	o->state = aligned(codecs[codec]->state_bytes(o->shared));
	UZ_ASSERT(codecs[codec]->state_open(o->shared, o->state) == 0);
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct uz_codec_ops *ops;
	const struct opened *o;
	uint8_t *src, *page[2];
	int rc[2];

	if (size < 1 || size > 2 * UZ_PAGE_SIZE)
		return 0;
	ops = codecs[data[0] % NR];
	o = get(data[0] % NR, ops->takes_dict && data[0] & 0x80);
	src = malloc(size > 1 ? size - 1 : 1);
	page[0] = malloc(UZ_PAGE_SIZE);
	page[1] = malloc(UZ_PAGE_SIZE);
	UZ_ASSERT(src && page[0] && page[1]);
	memcpy(src, data + 1, size - 1);
	for (int i = 0; i < 2; i++) {
		rc[i] = ops->decompress(o->shared, o->state, src, (uint32_t)size - 1, page[i]);
		UZ_ASSERT(rc[i] == 0 || rc[i] == -EBADMSG);
	}
	UZ_ASSERT(rc[0] == rc[1]);
	UZ_ASSERT(rc[0] != 0 || memcmp(page[0], page[1], UZ_PAGE_SIZE) == 0);
	free(src);
	free(page[0]);
	free(page[1]);
	return 0;
}
