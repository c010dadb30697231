/* SPDX-License-Identifier: MIT */
/*
 * bits: counting without library calls (the compiler's popcount needs libgcc
 * where the machine has no instruction for it).
 */
#ifndef UZ_BITS_H
#define UZ_BITS_H

#include <uz/port.h>

static inline uint32_t uz_popcount(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (uint32_t)(x * 0x0101010101010101ull >> 56);
}

/* Floor of the binary logarithm; @x is not 0. */
static inline uint32_t uz_log2(uint64_t x)
{
	return 63 - (uint32_t)__builtin_clzll(x);
}

#endif
