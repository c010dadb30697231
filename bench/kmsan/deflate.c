/* SPDX-License-Identifier: MIT */
/* deflate time | memory: compresses made-up text and inflates it again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "text.h"

int main(int argc, char **argv)
{
	int memory = argc > 1 && !strcmp(argv[1], "memory");
	size_t n = memory ? 48u << 20 : 16u << 20;
	uLongf packed = compressBound(n), back = n;
	unsigned char *text = malloc(n), *small = malloc(packed), *again = malloc(n);

	if (!text || !small || !again)
		return 1;
	make_text(text, n);
	if (compress2(small, &packed, text, n, memory ? 1 : 6) != Z_OK ||
	    uncompress(again, &back, small, packed) != Z_OK)
		return 1;
	printf("%lu %lu %d\n", (unsigned long)n, (unsigned long)packed, memcmp(text, again, n));
	return back != n;
}
