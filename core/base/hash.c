/* SPDX-License-Identifier: MIT */
/*
 * XXH64 after its specification: four lanes over 32-byte stripes, then the
 * tail by 8, 4 and 1 bytes, then the avalanche. Little-endian reads; a store of
 * the other endianness is refused before anything is hashed.
 */
#include <uz/hash.h>

#define P1 0x9E3779B185EBCA87ull
#define P2 0xC2B2AE3D27D4EB4Full
#define P3 0x165667B19E3779F9ull
#define P4 0x85EBCA77C2B2AE63ull
#define P5 0x27D4EB2F165667C5ull

static uint64_t rotl(uint64_t x, int r)
{
	return x << r | x >> (64 - r);
}

static uint64_t read64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t read32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t step(uint64_t acc, uint64_t lane)
{
	return rotl(acc + lane * P2, 31) * P1;
}

static uint64_t merge(uint64_t acc, uint64_t lane)
{
	return (acc ^ step(0, lane)) * P1 + P4;
}

static uint64_t stripes(const unsigned char **p, size_t *left, uint64_t seed)
{
	uint64_t a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1;
	uint64_t h;

	for (; *left >= 32; *p += 32, *left -= 32) {
		a = step(a, read64(*p));
		b = step(b, read64(*p + 8));
		c = step(c, read64(*p + 16));
		d = step(d, read64(*p + 24));
	}
	h = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18);
	return merge(merge(merge(merge(h, a), b), c), d);
}

static uint64_t tail(uint64_t h, const unsigned char *p, size_t left)
{
	for (; left >= 8; p += 8, left -= 8)
		h = rotl(h ^ step(0, read64(p)), 27) * P1 + P4;
	if (left >= 4) {
		h = rotl(h ^ read32(p) * P1, 23) * P2 + P3;
		p += 4;
		left -= 4;
	}
	for (; left; p++, left--)
		h = rotl(h ^ *p * P5, 11) * P1;
	return h;
}

uint64_t uz_hash64(const void *data, size_t bytes, uint64_t seed)
{
	const unsigned char *p = data;
	size_t left = bytes;
	uint64_t h = bytes >= 32 ? stripes(&p, &left, seed) : seed + P5;

	h = tail(h + bytes, p, left);
	h = (h ^ h >> 33) * P2;
	h = (h ^ h >> 29) * P3;
	return h ^ h >> 32;
}
