/* SPDX-License-Identifier: MIT */
/*
 * Copies and fills of the runtime's own. Calls that a compiler makes by itself (memcpy of a
 * struct) are renamed to these in the objects, so the wrapped functions are never entered.
 * Short ones, most of them, are loops over words; long ones are left to rep.
 */
#include "kmsan_i.h"

struct word {
	uint64_t v;
} __attribute__((packed, may_alias));

#if defined(__x86_64__)
static void copy_long(uint8_t *dst, const uint8_t *src, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
}

static void fill_long(uint8_t *dst, int c, size_t n)
{
	__asm__ volatile("rep stosb" : "+D"(dst), "+c"(n) : "a"(c) : "memory");
}
#else
static void copy_long(uint8_t *dst, const uint8_t *src, size_t n)
{
	for (; n > 0; n--) {
		*dst++ = *src++;
		__asm__ volatile("" ::: "memory");
	}
}

static void fill_long(uint8_t *dst, int c, size_t n)
{
	for (; n > 0; n--) {
		*dst++ = (uint8_t)c;
		__asm__ volatile("" ::: "memory");
	}
}
#endif

static void copy_up(uint8_t *dst, const uint8_t *src, size_t n)
{
	for (; n >= 8; dst += 8, src += 8, n -= 8) {
		((struct word *)(void *)dst)->v = ((const struct word *)(const void *)src)->v;
		__asm__ volatile("" ::: "memory");
	}
	for (; n > 0; n--) {
		*dst++ = *src++;
		__asm__ volatile("" ::: "memory");
	}
}

static void copy_down(uint8_t *dst, const uint8_t *src, size_t n)
{
	for (; n >= 8; n -= 8) {
		uint64_t v = ((const struct word *)(const void *)(src + n - 8))->v;

		__asm__ volatile("" ::: "memory");
		((struct word *)(void *)(dst + n - 8))->v = v;
	}
	while (n > 0) {
		n--;
		dst[n] = src[n];
		__asm__ volatile("" ::: "memory");
	}
}

void *kmsan__memcpy(void *dst, const void *src, size_t n)
{
	if (n < 256)
		copy_up(dst, src, n);
	else
		copy_long(dst, src, n);
	return dst;
}

/* Words overlap safely going up only when dst is below src. */
void *kmsan__memmove(void *dst, const void *src, size_t n)
{
	if ((uintptr_t)dst - (uintptr_t)src < n)
		copy_down(dst, src, n);
	else
		kmsan__memcpy(dst, src, n);
	return dst;
}

void *kmsan__memset(void *dst, int c, size_t n)
{
	uint8_t *d = dst;
	uint64_t v = 0x0101010101010101ull * (uint8_t)c;

	if (n >= 256) {
		fill_long(d, c, n);
		return dst;
	}
	for (; n >= 8; d += 8, n -= 8) {
		((struct word *)(void *)d)->v = v;
		__asm__ volatile("" ::: "memory");
	}
	for (; n > 0; n--) {
		*d++ = (uint8_t)c;
		__asm__ volatile("" ::: "memory");
	}
	return dst;
}

int kmsan__memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t kmsan__strlen(const char *s)
{
	const volatile char *p = s;

	while (*p)
		p++;
	return (size_t)(p - s);
}
