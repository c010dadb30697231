/* SPDX-License-Identifier: MIT */
/*
 * The linear layout's addresses, set aside before any instrumented function runs: a
 * .preinit_array entry comes before all constructors, also those of libraries. What libc
 * and the loader allocate earlier has no metadata and counts as written.
 *
 * Pages of an alias are pages of a file without a name, mapped twice. Whatever is mapped
 * over one side (a release, a fresh large block) ends the alias there and nowhere else.
 */
#include "shadow.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WINDOW (1ul << KMSAN__WINDOW_SHIFT)

static bool is_ready;

static _Noreturn void refuse(const char *why)
{
	static struct kmsan__out o = { .fd = 2 };

	kmsan__print(&o, "kmsan: the linear layout does not fit here: %s; link without --linear\n",
		     why);
	kmsan__out_flush(&o);
	kmsan__sys_exit(2);
}

static void window_take(uintptr_t a)
{
	long p = kmsan__sys_map(a, WINDOW, MAP_FIXED_NOREPLACE);

	if (p == -EEXIST || (p > 0 && p != (long)a))
		refuse("other memory is where metadata belongs (try setarch -R)");
	if (p < 0)
		refuse("64 TiB of addresses cannot be had (ulimit -v, or vm.overcommit_memory=2)");
	kmsan__sys(SYS_madvise, p, (long)WINDOW, MADV_DONTDUMP, 0, 0, 0);
}

static void start(void)
{
	static const uintptr_t windows[] = { 1, 3, 4, 6 };
	unsigned int i;

	if (!kmsan__is_mapped((uintptr_t)&is_ready))
		refuse("the program is not position-independent");
	if (!kmsan__is_mapped((uintptr_t)__builtin_frame_address(0)))
		refuse("the stack is not at the top of the address space");
	for (i = 0; i < 4; i++)
		window_take(windows[i] << KMSAN__WINDOW_SHIFT);
	is_ready = true;
}

__attribute__((section(".preinit_array"), used)) static void (*const start_entry)(void) = start;

struct kmsan__segment kmsan__segment(uintptr_t a, size_t n, bool create)
{
	struct kmsan__segment s = { NULL, NULL, n };
	struct kmsan__meta m = kmsan__meta_of(a);
	size_t left = WINDOW - (kmsan__shifted(a) & (WINDOW - 1));

	(void)create;
	if (s.size_bytes > left)
		s.size_bytes = left;
	if (is_ready && kmsan__is_mapped(a)) {
		s.shadow = m.shadow;
		s.origin = m.origin;
	}
	return s;
}

/* The metadata of [a, a + n) moves to a file that can be mapped again. */
static bool share(uintptr_t a, size_t n)
{
	struct kmsan__meta m = kmsan__meta_of(a);
	long fd = kmsan__sys(SYS_memfd_create, (long)"kmsan", MFD_CLOEXEC, 0, 0, 0, 0);
	bool done = false;

	if (fd < 0)
		return false;
	kmsan__sys_write((int)fd, m.shadow, n);
	kmsan__sys_write((int)fd, (const char *)m.origin, n);
	if (kmsan__sys(SYS_lseek, fd, 0, SEEK_CUR, 0, 0, 0) == (long)(2 * n))
		done = kmsan__sys_map_file((int)fd, m.shadow, n, 0, true) &&
		       kmsan__sys_map_file((int)fd, m.origin, n, n, true);
	kmsan__sys_close((int)fd);
	return done;
}

/* A length of 0 to mremap: these pages, a second time. */
static bool map_again(void *from, void *to, size_t n)
{
	return kmsan__sys(SYS_mremap, (long)from, 0, (long)n, MREMAP_MAYMOVE | MREMAP_FIXED,
			  (long)to, 0) == (long)to;
}

static bool join(uintptr_t from, uintptr_t to, size_t n)
{
	struct kmsan__meta a = kmsan__meta_of(from), b = kmsan__meta_of(to);

	return map_again(b.shadow, a.shadow, n) && map_again(b.origin, a.origin, n);
}

static bool is_part(uintptr_t a, size_t n, uintptr_t of, size_t size_bytes)
{
	return a - of < size_bytes && a - of + n <= size_bytes;
}

static bool is_shared(uintptr_t a, size_t n)
{
	uint32_t i;

	for (i = 0; i < kmsan__nr_aliases; i++) {
		const struct kmsan__alias *l = &kmsan__aliases[i];

		if (is_part(a, n, l->to, l->size_bytes) || is_part(a, n, l->from, l->size_bytes))
			return true;
	}
	return false;
}

bool kmsan__alias_begin(uintptr_t from, uintptr_t to, size_t n)
{
	if (!is_ready || !kmsan__is_mapped(from) || !kmsan__is_mapped(to))
		return false;
	return (is_shared(to, n) && join(from, to, n)) || (share(to, n) && join(from, to, n));
}

void kmsan__alias_end(uintptr_t from, size_t n)
{
	kmsan__shadow_release(from, n);
}
