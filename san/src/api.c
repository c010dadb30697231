/* SPDX-License-Identifier: MIT */
/* The calls of kmsan.h that are about memory and boundaries. */
#include "shadow.h"

KMSAN_EXPORT void kmsan_poison(const void *p, size_t size_bytes)
{
	kmsan__set(p, size_bytes, 0xff, kmsan__origin_heap(KMSAN_CALLER, false));
}

KMSAN_EXPORT void kmsan_poison_freed(const void *p, size_t size_bytes)
{
	kmsan__set(p, size_bytes, 0xff, kmsan__origin_heap(KMSAN_CALLER, true));
}

KMSAN_EXPORT void kmsan_unpoison(const void *p, size_t size_bytes)
{
	kmsan__set(p, size_bytes, 0, 0);
}

KMSAN_EXPORT void kmsan_copy_meta(void *dst, const void *src, size_t size_bytes)
{
	kmsan__copy(KMSAN_CALLER, dst, src, size_bytes);
}

KMSAN_EXPORT void kmsan_release(const void *p, size_t size_bytes)
{
	kmsan__shadow_release((uintptr_t)p, size_bytes);
}

KMSAN_EXPORT int kmsan_alias(const void *a, const void *b, size_t size_bytes)
{
	return kmsan__shadow_alias((uintptr_t)a, (uintptr_t)b, size_bytes);
}

KMSAN_EXPORT ptrdiff_t kmsan_test(const void *p, size_t size_bytes)
{
	size_t bad = kmsan__find_bad(p, 0, size_bytes);

	return bad < size_bytes ? (ptrdiff_t)bad : -1;
}

KMSAN_EXPORT uint8_t kmsan_shadow_bits(const void *p)
{
	struct kmsan__segment s;

	if (kmsan__find_bad(p, 0, 1))
		return 0;
	s = kmsan__segment((uintptr_t)p, 1, false);
	return *s.shadow;
}

KMSAN_EXPORT uint32_t kmsan_origin(const void *p)
{
	struct kmsan__segment s;

	if (kmsan__find_bad(p, 0, 1))
		return 0;
	s = kmsan__segment((uintptr_t)p, 1, false);
	return *s.origin;
}

KMSAN_EXPORT bool kmsan_check(const void *p, size_t size_bytes)
{
	return kmsan__check(KMSAN_CALLER, p, size_bytes, NULL);
}

KMSAN_EXPORT bool kmsan_out(struct kmsan_boundary *b, const void *p, size_t size_bytes)
{
	return kmsan__check(KMSAN_CALLER, p, size_bytes, b);
}

KMSAN_EXPORT void kmsan_in(struct kmsan_boundary *b, void *p, size_t size_bytes)
{
	(void)b;
	kmsan__set(p, size_bytes, 0, 0);
}

KMSAN_EXPORT void kmsan_on_alloc(const void *p, size_t size_bytes, bool zeroed)
{
	if (zeroed || !kmsan__options.poison_heap)
		kmsan__set(p, size_bytes, 0, 0);
	else
		kmsan__set(p, size_bytes, 0xff, kmsan__origin_heap(KMSAN_CALLER, false));
}

KMSAN_EXPORT void kmsan_on_free(const void *p, size_t size_bytes)
{
	if (size_bytes / 1024 >= (size_t)kmsan__options.large_kib)
		kmsan__shadow_release((uintptr_t)p, size_bytes);
	else if (kmsan__options.poison_free)
		kmsan__set(p, size_bytes, 0xff, kmsan__origin_heap(KMSAN_CALLER, true));
}
