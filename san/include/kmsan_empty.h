/* SPDX-License-Identifier: MIT */
/* kmsan.h without instrumentation: nothing is known, nothing is reported. */
#ifndef KMSAN_EMPTY_H
#define KMSAN_EMPTY_H

static inline void kmsan_poison(const void *p, size_t size_bytes)
{
	(void)p, (void)size_bytes;
}

static inline void kmsan_unpoison(const void *p, size_t size_bytes)
{
	(void)p, (void)size_bytes;
}

static inline void kmsan_poison_freed(const void *p, size_t size_bytes)
{
	(void)p, (void)size_bytes;
}

static inline void kmsan_copy_meta(void *dst, const void *src, size_t size_bytes)
{
	(void)dst, (void)src, (void)size_bytes;
}

static inline void kmsan_release(const void *p, size_t size_bytes)
{
	(void)p, (void)size_bytes;
}

static inline int kmsan_alias(const void *a, const void *b, size_t size_bytes)
{
	(void)a, (void)b, (void)size_bytes;
	return 0;
}

static inline ptrdiff_t kmsan_test(const void *p, size_t size_bytes)
{
	(void)p, (void)size_bytes;
	return -1;
}

static inline uint8_t kmsan_shadow_bits(const void *p)
{
	(void)p;
	return 0;
}

static inline uint32_t kmsan_origin(const void *p)
{
	(void)p;
	return 0;
}

static inline bool kmsan_check(const void *p, size_t size_bytes)
{
	(void)p, (void)size_bytes;
	return true;
}

static inline bool kmsan_out(struct kmsan_boundary *b, const void *p, size_t size_bytes)
{
	(void)b, (void)p, (void)size_bytes;
	return true;
}

static inline void kmsan_in(struct kmsan_boundary *b, void *p, size_t size_bytes)
{
	(void)b, (void)p, (void)size_bytes;
}

static inline bool kmsan_out_iov(struct kmsan_boundary *b, const struct iovec *iov, int nr,
				 size_t size_bytes)
{
	(void)b, (void)iov, (void)nr, (void)size_bytes;
	return true;
}

static inline void kmsan_in_iov(struct kmsan_boundary *b, const struct iovec *iov, int nr,
				size_t size_bytes)
{
	(void)b, (void)iov, (void)nr, (void)size_bytes;
}

static inline void kmsan_on_alloc(const void *p, size_t size_bytes, bool zeroed)
{
	(void)p, (void)size_bytes, (void)zeroed;
}

static inline void kmsan_on_free(const void *p, size_t size_bytes)
{
	(void)p, (void)size_bytes;
}

static inline int kmsan_intr_enter(void)
{
	return 0;
}

static inline void kmsan_intr_leave(int token)
{
	(void)token;
}

static inline uint64_t kmsan_report_count(void)
{
	return 0;
}

static inline void kmsan_set_report_fn(kmsan_report_fn *fn, void *arg)
{
	(void)fn, (void)arg;
}

static inline void kmsan_disable(void)
{
}

static inline void kmsan_enable(void)
{
}

#endif
