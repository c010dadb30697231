/* SPDX-License-Identifier: MIT */
/* Mappings: what the system maps is written (zeros, or a file), whatever was there before. */
#include "wrap.h"

#include <stdarg.h>
#include <sys/mman.h>
#include <sys/shm.h>

void *__wrap_mmap(void *p, size_t n, int prot, int flags, int fd, off_t at);
void *__wrap_mmap64(void *p, size_t n, int prot, int flags, int fd, off64_t at);
int __wrap_munmap(void *p, size_t n);
void *__wrap_mremap(void *p, size_t old, size_t n, int flags, ...);
int __wrap_madvise(void *p, size_t n, int advice);
void *__wrap_shmat(int id, const void *p, int flags);

/* The system maps and unmaps whole pages, whatever n says. */
static size_t whole(size_t n)
{
	return (n + 4095) & ~4095ul;
}

static void release(const void *p, size_t n)
{
	kmsan__shadow_release((uintptr_t)p, whole(n));
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

void *__wrap_mmap(void *p, size_t n, int prot, int flags, int fd, off_t at)
{
	void *ret = mmap(p, n, prot, flags, fd, at);

	if (ret != MAP_FAILED)
		release(ret, n);
	return ret;
}

void *__wrap_mmap64(void *p, size_t n, int prot, int flags, int fd, off64_t at)
{
	return __wrap_mmap(p, n, prot, flags, fd, at);
}

int __wrap_munmap(void *p, size_t n)
{
	release(p, n);
	return munmap(p, n);
}

void *__wrap_mremap(void *p, size_t old, size_t n, int flags, ...)
{
	void *want = NULL, *ret;
	va_list ap;

	va_start(ap, flags);
	if (flags & MREMAP_FIXED)
		want = va_arg(ap, void *);
	va_end(ap);
	ret = mremap(p, old, n, flags, want);
	if (ret == MAP_FAILED)
		return ret;
	old = whole(old);
	n = whole(n);
	if (ret == p) {
		release((char *)p + least(old, n), old < n ? n - old : old - n);
		return ret;
	}
	release(ret, n);
	kmsan__copy(KMSAN_CALLER, ret, p, least(old, n));
	release(p, old);
	return ret;
}

int __wrap_madvise(void *p, size_t n, int advice)
{
	int ret = madvise(p, n, advice);

	if (!ret && (advice == MADV_DONTNEED || advice == MADV_REMOVE))
		release(p, n);
	return ret;
}

void *__wrap_shmat(int id, const void *p, int flags)
{
	void *ret = shmat(id, p, flags);
	struct shmid_ds d;

	if (ret != (void *)-1 && !shmctl(id, IPC_STAT, &d))
		release(ret, d.shm_segsz);
	return ret;
}
