/* SPDX-License-Identifier: MIT */
/*
 * The calls of instrumented code that are most of a program's cost: where the metadata of
 * an address lies, and where arguments' bits are handed over. Two loads of the directory,
 * three tests, and no call on the fast path.
 *
 * kmsan-cc --lto compiles this file with the user's clang to bitcode (KMSAN_HOT_INLINE), and
 * its definitions win over the weak ones of the archive. A pair of pointers is returned in
 * registers, as clang expects of {i8*, i32*}: with any other type, clang 14 and 15 call
 * through a cast, which is not inlined.
 */
#include "shadow.h"

#ifdef KMSAN_HOT_INLINE
#define HOT KMSAN_EXPORT __attribute__((always_inline))
#else
#define HOT KMSAN_EXPORT __attribute__((weak))
#endif

#define GETTERS(n) \
	HOT struct kmsan__meta __msan_metadata_ptr_for_load_##n(const void *p); \
	HOT struct kmsan__meta __msan_metadata_ptr_for_store_##n(const void *p); \
	struct kmsan__meta __msan_metadata_ptr_for_load_##n(const void *p) \
	{ \
		return kmsan__meta_load((uintptr_t)p, n); \
	} \
	struct kmsan__meta __msan_metadata_ptr_for_store_##n(const void *p) \
	{ \
		return kmsan__meta_store((uintptr_t)p, n); \
	}

GETTERS(1)
GETTERS(2)
GETTERS(4)
GETTERS(8)

HOT struct kmsan__meta __msan_metadata_ptr_for_load_n(const void *p, uintptr_t n);
HOT struct kmsan__meta __msan_metadata_ptr_for_store_n(const void *p, uintptr_t n);
HOT struct kmsan__state *__msan_get_context_state(void);

struct kmsan__meta __msan_metadata_ptr_for_load_n(const void *p, uintptr_t n)
{
	return kmsan__meta_load((uintptr_t)p, n);
}

struct kmsan__meta __msan_metadata_ptr_for_store_n(const void *p, uintptr_t n)
{
	return kmsan__meta_store((uintptr_t)p, n);
}

struct kmsan__state *__msan_get_context_state(void)
{
	return &kmsan__level()->state;
}
