/* SPDX-License-Identifier: MIT */
/*
 * Dictionaries from sample pages, by zstd's trainer. It writes entropy tables and then content;
 * lz4 has use for the content alone.
 */
#include "host_i.h"

#include <uz/san.h>
#include <zdict.h>

#include "codec_i.h"

int uz__train_zstd(const void *pages, uint32_t nr, void *dict, uint32_t cap)
{
	size_t *sizes = calloc(nr ? nr : 1, sizeof(*sizes));
	size_t n;

	if (!sizes)
		return -ENOMEM;
	for (uint32_t i = 0; i < nr; i++)
		sizes[i] = UZ_PAGE_SIZE;
	n = ZDICT_trainFromBuffer(dict, UZ_MIN(cap, UZ_DICT_MAX), pages, sizes, nr);
	free(sizes);
	if (ZDICT_isError(n))
		return -EINVAL;
	uz_san_unpoison(dict, n);
	return (int)n;
}

int uz__train_content(const void *pages, uint32_t nr, void *dict, uint32_t cap)
{
	int n = uz__train_zstd(pages, nr, dict, cap);
	size_t head;

	if (n < 0)
		return n;
	head = ZDICT_getDictHeaderSize(dict, (size_t)n);
	if (ZDICT_isError(head) || head >= (size_t)n)
		return -EINVAL;
	memmove(dict, (char *)dict + head, (size_t)n - head);
	return n - (int)head;
}
