/* SPDX-License-Identifier: MIT */
/*
 * The system below the runtime, Linux on x86_64 and aarch64: calls into the kernel without
 * libc, so that errno stays, no wrapper is entered and a signal handler may do all of it.
 */
#include "kmsan_i.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
long kmsan__sys(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
#elif defined(__aarch64__)
long kmsan__sys(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
#else
#error "libkmsan knows the system calls of Linux on x86_64 and aarch64 only: add kmsan__sys() in sys.c"
#endif

static bool has_files; /* mapped as metadata, ever */

static bool is_error(long ret)
{
	return ret < 0 && ret > -4096;
}

long kmsan__sys_map(uintptr_t at, size_t size_bytes, int flags)
{
	long p = kmsan__sys(SYS_mmap, (long)at, (long)size_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

	if (!is_error(p))
		kmsan__sys(SYS_madvise, p, (long)size_bytes, MADV_NOHUGEPAGE, 0, 0, 0);
	return p;
}

/*
 * Zeroed, backed only where touched, not by huge pages: metadata is sparse. NULL: none left.
 * The hint keeps it away from the program's mappings, which the system would join with it;
 * where the hint does not fit, any place will do.
 */
void *kmsan__sys_reserve(size_t size_bytes)
{
	static uint64_t hint = 0x200000000000;
	long p = kmsan__sys_map(kmsan__add(&hint, size_bytes), size_bytes, 0);

	return is_error(p) ? NULL : (void *)p;
}

/* Of anonymous memory, which splits no mapping; of a file's, which would show the file again. */
void kmsan__sys_give_back(void *p, size_t size_bytes)
{
	if (!kmsan__load(&has_files))
		kmsan__sys(SYS_madvise, (long)p, (long)size_bytes, MADV_DONTNEED, 0, 0, 0);
	else if (is_error(kmsan__sys_map((uintptr_t)p, size_bytes, MAP_FIXED)))
		kmsan__memset(p, 0, size_bytes);
}

static bool fill_pattern(int fd, size_t size_bytes, uint32_t origin)
{
	uint32_t *origins;
	size_t i;
	long p;

	if (kmsan__sys(SYS_ftruncate, fd, (long)(2 * size_bytes), 0, 0, 0, 0))
		return false;
	p = kmsan__sys(SYS_mmap, 0, (long)(2 * size_bytes), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       0);
	if (is_error(p))
		return false;
	kmsan__memset((void *)p, 0xff, size_bytes);
	origins = (void *)(p + (long)size_bytes);
	for (i = 0; origin && i < size_bytes / 4; i++)
		origins[i] = origin;
	kmsan__sys(SYS_munmap, p, (long)(2 * size_bytes), 0, 0, 0, 0);
	return true;
}

int kmsan__sys_pattern(size_t size_bytes, uint32_t origin)
{
	long fd = kmsan__sys(SYS_memfd_create, (long)"kmsan", MFD_CLOEXEC, 0, 0, 0, 0);

	if (fd < 0)
		return -1;
	if (fill_pattern((int)fd, size_bytes, origin))
		return (int)fd;
	kmsan__sys_close((int)fd);
	return -1;
}

bool kmsan__sys_map_file(int fd, void *to, size_t size_bytes, size_t at, bool is_shared)
{
	int flags = MAP_FIXED | (is_shared ? MAP_SHARED : MAP_PRIVATE | MAP_NORESERVE);

	kmsan__store(&has_files, true);
	return !is_error(kmsan__sys(SYS_mmap, (long)to, (long)size_bytes, PROT_READ | PROT_WRITE,
				    flags, fd, (long)at));
}

void kmsan__sys_write(int fd, const char *text, size_t size_bytes)
{
	while (size_bytes > 0) {
		long n = kmsan__sys(SYS_write, fd, (long)text, (long)size_bytes, 0, 0, 0);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		size_bytes -= (size_t)n;
	}
}

int kmsan__sys_open_log(const char *path)
{
	return (int)kmsan__sys(SYS_openat, AT_FDCWD, (long)path,
			       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644, 0, 0);
}

void kmsan__sys_close(int fd)
{
	kmsan__sys(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* What fits, ended by a zero byte; 0 when there is no such file. */
size_t kmsan__sys_read_file(const char *path, char *buf, size_t size_bytes)
{
	long fd = kmsan__sys(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	size_t used = 0;
	long n = 0;

	buf[0] = 0;
	if (fd < 0)
		return 0;
	while (used + 1 < size_bytes &&
	       (n = kmsan__sys(SYS_read, fd, (long)(buf + used), (long)(size_bytes - used - 1), 0,
			       0, 0)) > 0)
		used += (size_t)n;
	kmsan__sys(SYS_close, fd, 0, 0, 0, 0, 0);
	buf[used] = 0;
	return used;
}

void kmsan__sys_block_signals(uint64_t *old)
{
	const uint64_t all = ~0ull;

	kmsan__sys(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)old, sizeof(all), 0, 0);
}

void kmsan__sys_restore_signals(const uint64_t *old)
{
	kmsan__sys(SYS_rt_sigprocmask, SIG_SETMASK, (long)old, 0, sizeof(*old), 0, 0);
}

void kmsan__sys_yield(void)
{
	kmsan__sys(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

/* The alternate stack that the signal handler runs on. */
bool kmsan__sys_stack(uintptr_t frame, uintptr_t *low, uintptr_t *high)
{
	stack_t s;

	if (!kmsan__self.depth || kmsan__sys(SYS_sigaltstack, 0, (long)&s, 0, 0, 0, 0) ||
	    frame - (uintptr_t)s.ss_sp >= s.ss_size)
		return false;
	*low = (uintptr_t)s.ss_sp;
	*high = *low + s.ss_size;
	return true;
}

/* As abort() does, but nothing of libc is entered: the default action, unblocked, raised. */
void kmsan__sys_abort(void)
{
	const uint64_t none = 0;
	const uint64_t default_action[4] = { 0 };

	kmsan__sys(SYS_rt_sigaction, SIGABRT, (long)default_action, 0, sizeof(none), 0, 0);
	kmsan__sys(SYS_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, sizeof(none), 0, 0);
	kmsan__sys(SYS_tgkill, kmsan__sys(SYS_getpid, 0, 0, 0, 0, 0, 0),
		   kmsan__sys(SYS_gettid, 0, 0, 0, 0, 0, 0), SIGABRT, 0, 0, 0);
	kmsan__sys_exit(134);
}

void kmsan__sys_exit(int status)
{
	for (;;)
		kmsan__sys(SYS_exit_group, status, 0, 0, 0, 0, 0);
}
