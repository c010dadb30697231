/* SPDX-License-Identifier: MIT */
/*
 * __has_feature(memory_sanitizer) is true for this instrumentation too, so code that was
 * annotated for MemorySanitizer calls its functions. They are these.
 */
#include "shadow.h"

KMSAN_EXPORT void __msan_unpoison(const volatile void *p, size_t n);
KMSAN_EXPORT void __msan_unpoison_string(const volatile char *p);
KMSAN_EXPORT void __msan_unpoison_param(size_t n);
KMSAN_EXPORT void __msan_poison(const volatile void *p, size_t n);
KMSAN_EXPORT void __msan_allocated_memory(const volatile void *p, size_t n);
KMSAN_EXPORT void __msan_partial_poison(const volatile void *p, const void *shadow, size_t n);
KMSAN_EXPORT ptrdiff_t __msan_test_shadow(const volatile void *p, size_t n);
KMSAN_EXPORT void __msan_check_mem_is_initialized(const volatile void *p, size_t n);
KMSAN_EXPORT uint32_t __msan_get_origin(const volatile void *p);

void __msan_unpoison(const volatile void *p, size_t n)
{
	kmsan__set((const void *)(uintptr_t)p, n, 0, 0);
}

void __msan_unpoison_string(const volatile char *p)
{
	const char *s = (const char *)(uintptr_t)p;

	kmsan__set(s, kmsan__strlen(s) + 1, 0, 0);
}

void __msan_unpoison_param(size_t n)
{
	struct kmsan__state *state = &kmsan__level()->state;

	kmsan__memset(state->param, 0, n < 100 ? 8 * n : sizeof(state->param));
}

void __msan_poison(const volatile void *p, size_t n)
{
	kmsan__set((const void *)(uintptr_t)p, n, 0xff, kmsan__origin_heap(KMSAN_CALLER, false));
}

void __msan_allocated_memory(const volatile void *p, size_t n)
{
	kmsan__set((const void *)(uintptr_t)p, n, 0xff, kmsan__origin_heap(KMSAN_CALLER, false));
}

void __msan_partial_poison(const volatile void *p, const void *shadow, size_t n)
{
	const uint8_t *bits = shadow;
	size_t i;

	for (i = 0; i < n; i++)
		kmsan__set((const char *)(uintptr_t)p + i, 1, bits[i],
			   kmsan__origin_heap(KMSAN_CALLER, false));
}

ptrdiff_t __msan_test_shadow(const volatile void *p, size_t n)
{
	return kmsan_test((const void *)(uintptr_t)p, n);
}

void __msan_check_mem_is_initialized(const volatile void *p, size_t n)
{
	kmsan__check(KMSAN_CALLER, (const void *)(uintptr_t)p, n, NULL);
}

uint32_t __msan_get_origin(const volatile void *p)
{
	return kmsan_origin((const void *)(uintptr_t)p);
}
