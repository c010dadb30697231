/* SPDX-License-Identifier: MIT */
/* What clang -fsanitize=kernel-memory calls, but for the lookups in hot.c. */
#include "shadow.h"

KMSAN_EXPORT void __msan_warning(uint32_t origin);
KMSAN_EXPORT uint32_t __msan_chain_origin(uint32_t origin);
KMSAN_EXPORT void *__msan_memcpy(void *dst, const void *src, uintptr_t n);
KMSAN_EXPORT void *__msan_memmove(void *dst, const void *src, uintptr_t n);
KMSAN_EXPORT void *__msan_memset(void *dst, int c, uintptr_t n);
KMSAN_EXPORT void __msan_poison_alloca(const void *p, uintptr_t n, const char *description);
KMSAN_EXPORT void __msan_unpoison_alloca(const void *p, uintptr_t n);
KMSAN_EXPORT void __msan_instrument_asm_store(void *p, uintptr_t n);

void __msan_warning(uint32_t origin)
{
	kmsan__warn_value(KMSAN_CALLER, origin);
}

uint32_t __msan_chain_origin(uint32_t origin)
{
	return origin ? kmsan__origin_chain(KMSAN_CALLER, origin) : 0;
}

/* The first argument is the result: its bits, which the compiler has checked, are written. */
static void return_written(void)
{
	kmsan__level()->state.retval[0] = 0;
}

void *__msan_memcpy(void *dst, const void *src, uintptr_t n)
{
	kmsan__copy(KMSAN_CALLER, dst, src, n);
	return_written();
	return kmsan__memcpy(dst, src, n);
}

void *__msan_memmove(void *dst, const void *src, uintptr_t n)
{
	kmsan__copy(KMSAN_CALLER, dst, src, n);
	return_written();
	return kmsan__memmove(dst, src, n);
}

void *__msan_memset(void *dst, int c, uintptr_t n)
{
	kmsan__set(dst, n, 0, 0);
	return_written();
	return kmsan__memset(dst, c, n);
}

void __msan_poison_alloca(const void *p, uintptr_t n, const char *description)
{
	kmsan__set(p, n, 0xff, kmsan__origin_alloca(KMSAN_CALLER, description));
}

void __msan_unpoison_alloca(const void *p, uintptr_t n)
{
	kmsan__set(p, n, 0, 0);
}

/* As the kernel does: a size that no output operand has is the address of something else. */
void __msan_instrument_asm_store(void *p, uintptr_t n)
{
	kmsan__set(p, n > 512 ? 8 : n, 0, 0);
}
