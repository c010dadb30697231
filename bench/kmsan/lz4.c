/* SPDX-License-Identifier: MIT */
/* lz4 time | memory: compresses made-up text, fast and high, and decompresses it again. */
#include <lz4.h>
#include <lz4hc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

int main(int argc, char **argv)
{
	int memory = argc > 1 && !strcmp(argv[1], "memory"), i;
	int n = memory ? 48 << 20 : 12 << 20, room = LZ4_compressBound(n), packed = 0;
	char *text = malloc((size_t)n), *small = malloc((size_t)room), *again = malloc((size_t)n);

	if (!text || !small || !again)
		return 1;
	make_text((unsigned char *)text, (size_t)n);
	for (i = 0; i < (memory ? 1 : 8); i++)
		packed = LZ4_compress_default(text, small, n, room);
	if (!memory)
		packed = LZ4_compress_HC(text, small, n, room, 6);
	if (packed <= 0 || LZ4_decompress_safe(small, again, packed, n) != n)
		return 1;
	printf("%d %d %d\n", n, packed, memcmp(text, again, (size_t)n));
	return 0;
}
