/* SPDX-License-Identifier: MIT */
/* Words in a random order: compresses about as text does, the same each time. */
#ifndef KMSAN_BENCH_TEXT_H
#define KMSAN_BENCH_TEXT_H

#include <stddef.h>
#include <stdint.h>

static inline void make_text(unsigned char *p, size_t n)
{
	uint64_t x = 88172645463325252ull, word = 0;
	size_t i, left = 0;

	for (i = 0; i < n; i++) {
		if (!left) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			word = (x >> 20) % 2000 * 0x9e3779b97f4a7c15ull;
			left = 3 + word % 8;
		}
		p[i] = --left ? (unsigned char)('a' + (word >> 5 * left) % 26) : ' ';
	}
}

#endif
