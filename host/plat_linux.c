/* SPDX-License-Identifier: MIT */
/*
 * The platform on Linux: address space, commit and decommit, futex, clocks.
 *
 * Commit is explicit so that a full tmpfs or a limit is an errno where it is asked for and
 * never SIGBUS where it is touched: fallocate on a file or memfd, then MADV_POPULATE_WRITE
 * for the page tables; on private memory MADV_POPULATE_WRITE alone. Both skip what is there
 * already. A commit that fails on private memory may leave a part of the range resident.
 *
 * Huge pages: a page fault in a huge-page mapping brings 2 MiB, so a commit of 4 KiB there
 * would cost 2 MiB that nobody counts, and khugepaged would fill up what was given back in
 * part. Private mappings therefore start with huge pages refused; a commit allows them for the
 * aligned 2 MiB pieces that it covers whole, and refuses them at its two ends.
 * On a quiet 2-CPU VM: 180 ns a 4 KiB page populated in huge pages, 1300 in small ones, 2400 on a memfd.
 *
 * A guard page lies on both sides of every mapping: it stops overruns and keeps the kernel
 * from joining neighbours, so that /proc/self/smaps has the store's mappings by themselves.
 */
#include "host_i.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <uz/return_method.h>

#define HUGE_BYTES ((uintptr_t)2 << 20)
#define NS_PER_S 1000000000ull

static_assert(UZ_ENOENT == ENOENT && UZ_EINTR == EINTR && UZ_EIO == EIO, "errno");
static_assert(UZ_EAGAIN == EAGAIN && UZ_ENOMEM == ENOMEM && UZ_EBUSY == EBUSY, "errno");
static_assert(UZ_EEXIST == EEXIST && UZ_EINVAL == EINVAL && UZ_ENOSPC == ENOSPC, "errno");
static_assert(UZ_EBADMSG == EBADMSG && UZ_EOVERFLOW == EOVERFLOW, "errno");
static_assert(UZ_ENOTSUP == EOPNOTSUPP && UZ_ESTALE == ESTALE, "errno");
static_assert(ENOTSUP == EOPNOTSUPP, "errno");

/* True if @p is in the store and the store is a file: its offset. */
static bool in_file(const struct uz_host *h, const void *p, off_t *off)
{
	uintptr_t at = (uintptr_t)p, base = (uintptr_t)h->store;

	if (h->fd < 0 || !h->store || at < base || at >= base + h->store_len)
		return false;
	*off = (off_t)(at - base);
	return true;
}

/* Maps @len bytes at an aligned address, with a guard page on both sides. */
static int map_range(size_t len, size_t align, size_t page, int fd, char **base)
{
	size_t extra = align + 2 * page, room = len + extra;
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	char *raw, *p;
	int rc;

	if (room < len)
		return -ENOMEM;
	raw = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw == MAP_FAILED)
		return -errno;
	p = raw + (UZ_ALIGN_UP((uintptr_t)raw + page, align) - (uintptr_t)raw);
	if (mmap(p, len, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE | MAP_FIXED, fd, 0) ==
	    MAP_FAILED) {
		rc = -errno;
		munmap(raw, room);
		return rc;
	}
	if (p - page > raw)
		munmap(raw, (size_t)(p - page - raw));
	if (raw + room > p + len + page)
		munmap(p + len + page, (size_t)(raw + room - (p + len + page)));
	*base = p;
	return 0;
}

static void unmap_range(char *base, size_t len, size_t page)
{
	munmap(base - page, len + 2 * page);
}

static int reserve_private(struct uz_host *h, size_t len, size_t align, char **base)
{
	int rc = map_range(len, align, h->plat.page_bytes, -1, base);

	if (rc == 0 && h->huge)
		madvise(*base, len, MADV_NOHUGEPAGE);
	return rc;
}

static int reserve_file(struct uz_host *h, size_t len, size_t align, char **base)
{
	uint64_t have = uz__backing_bytes(h);
	int rc;

	if (have != 0 && have != len)
		return -EINVAL;
	if (have == 0) {
		rc = uz__backing_create(h, len);
		if (rc < 0)
			return rc;
	}
	rc = map_range(len, align, h->plat.page_bytes, h->fd, base);
	if (rc == 0) {
		rc = uz__backing_seal(h);
		if (rc == 0)
			return 0;
		unmap_range(*base, len, h->plat.page_bytes);
	}
	if (have == 0)
		uz__backing_create(h, 0);
	return rc;
}

static int linux_reserve(struct uz_plat *pl, enum uz_backing kind, size_t len, size_t align,
			 void **base)
{
	struct uz_host *h = uz__host(pl);
	char *p = NULL;
	int rc;

	align = UZ_MAX(align, (size_t)pl->page_bytes);
	if (kind == UZ_BACKING_STORE && h->store)
		return -EBUSY;
	if (kind == UZ_BACKING_STORE && h->fd >= 0)
		rc = reserve_file(h, len, align, &p);
	else
		rc = reserve_private(h, len, align, &p);
	if (rc < 0)
		return rc;
	if (kind == UZ_BACKING_STORE) {
		h->store = p;
		h->store_len = len;
	}
	*base = p;
	return 0;
}

static void linux_release(struct uz_plat *pl, void *base, size_t len)
{
	struct uz_host *h = uz__host(pl);

	unmap_range(base, len, pl->page_bytes);
	if (base == h->store)
		h->store = NULL;
}

/* Kernels before 5.14. Safe: private memory, or file pages that fallocate has made. */
static void touch(char *p, size_t len, size_t page)
{
	for (size_t i = 0; i < len; i += page) {
		char v = __atomic_load_n(p + i, __ATOMIC_RELAXED);

		/* Not fetch_or(0): clang makes a load of that, and a load populates nothing. */
		__atomic_compare_exchange_n(p + i, &v, v, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
	}
}

static int populate(struct uz_host *h, void *p, size_t len)
{
	while (madvise(p, len, MADV_POPULATE_WRITE) < 0) {
		if (errno == EINVAL) {
			touch(p, len, h->plat.page_bytes);
			return 0;
		}
		if (errno != EINTR && errno != EAGAIN)
			return errno == EFAULT ? -ENOMEM : -errno;
	}
	return 0;
}

/* Huge pages in the 2 MiB pieces that the range covers whole, none at its two ends. */
static void advise_huge(struct uz_host *h, char *p, size_t len)
{
	size_t head = UZ_ALIGN_UP((uintptr_t)p, HUGE_BYTES) - (uintptr_t)p;
	size_t tail = ((uintptr_t)p + len) & (HUGE_BYTES - 1);

	if (!h->huge)
		return;
	if (head + tail > len) {
		head = len;
		tail = 0;
	}
	if (head)
		madvise(p, head, MADV_NOHUGEPAGE);
	if (tail)
		madvise(p + len - tail, tail, MADV_NOHUGEPAGE);
	if (len > head + tail)
		madvise(p + head, len - head - tail, MADV_HUGEPAGE);
}

static int linux_commit(struct uz_plat *pl, void *p, size_t len)
{
	struct uz_host *h = uz__host(pl);
	off_t off;
	int rc;

	if (in_file(h, p, &off)) {
		rc = uz__fallocate(h->fd, 0, off, len);
		if (rc < 0)
			return rc;
	} else {
		advise_huge(h, p, len);
	}
	return populate(h, p, len);
}

/*
 * The file has pages there for certain: one lseek finds the end of a whole extent, where fallocate
 * would look at every page again. What fallocate made and nobody touched counts as a hole.
 */
static bool has_data(struct uz_host *h, off_t off, size_t len)
{
	off_t end = uz_load(&h->data_end);

	if (off < h->data_from || off + (off_t)len > end) {
		end = lseek(h->fd, off, SEEK_HOLE);
		h->data_from = off;
		uz_store(&h->data_end, end);
	}
	return off + (off_t)len <= end;
}

static int linux_adopt(struct uz_plat *pl, void *p, size_t len)
{
	struct uz_host *h = uz__host(pl);
	off_t off;

	if (!in_file(h, p, &off))
		return linux_commit(pl, p, len);
	return has_data(h, off, len) ? 0 : uz__fallocate(h->fd, 0, off, len);
}

static int linux_decommit(struct uz_plat *pl, void *p, size_t len)
{
	struct uz_host *h = uz__host(pl);
	struct uz_host_map map = { -1, NULL };
	struct uz_range r = { p, len };
	off_t off;

	if (in_file(h, p, &off)) {
		uz_store(&h->data_end, 0);
		map = (struct uz_host_map){ h->fd, h->store };
		return uz_host_give_back(UZ_HOST_PUNCH_HOLE, &map, &r, 1);
	}
	advise_huge(h, p, len);
	return uz_host_give_back(UZ_HOST_DONTNEED, &map, &r, 1);
}

/* Pieces of a huge page: none shall be made there again until all of it is committed at once. */
static int linux_give_back(struct uz_plat *pl, unsigned int method, const struct uz_range *v,
			   unsigned int nr)
{
	struct uz_host *h = uz__host(pl);
	struct uz_host_map map = { h->fd, h->store };

	uz_store(&h->data_end, 0);
	if (h->fd < 0 && h->huge && v[0].len % HUGE_BYTES)
		madvise((char *)((uintptr_t)v[0].p & ~(HUGE_BYTES - 1)), HUGE_BYTES,
			MADV_NOHUGEPAGE);
	return uz_host_give_back((enum uz_host_return)method, &map, v, nr);
}

static int64_t linux_held(struct uz_plat *pl, const void *p, size_t len)
{
	(void)pl;
	return uz_host_held(p, len);
}

/* Of private memory nothing is there before it is adopted. */
static int64_t linux_store_held(struct uz_plat *pl)
{
	struct uz_host *h = uz__host(pl);

	return h->fd < 0 ? -ENOENT : uz_host_resident(h);
}

static uint64_t linux_store_bytes(struct uz_plat *pl)
{
	return uz__backing_bytes(uz__host(pl));
}

static int linux_store_peek(struct uz_plat *pl, void *buf, size_t len)
{
	return uz__backing_peek(uz__host(pl), buf, len);
}

static void linux_wait(struct uz_plat *pl, const uint32_t *addr, uint32_t value,
		       uint64_t deadline_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(deadline_ns / NS_PER_S),
		.tv_nsec = (long)(deadline_ns % NS_PER_S),
	};

	(void)pl;
	syscall(SYS_futex, addr, FUTEX_WAIT_BITSET_PRIVATE, value,
		deadline_ns == UZ_FOREVER ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void linux_wake(struct uz_plat *pl, const uint32_t *addr)
{
	(void)pl;
	syscall(SYS_futex, addr, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t linux_now(struct uz_plat *pl)
{
	(void)pl;
	return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t linux_cpu(struct uz_plat *pl)
{
	(void)pl;
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static bool linux_pressed(struct uz_plat *pl)
{
	struct uz_host *h = uz__host(pl);

	if (h->pressure.looked_ns)
		return uz__pressure_rose(&h->pressure, linux_now(pl));
	uz__pressure_init(&h->pressure, "", linux_now(pl));
	return false;
}

static void linux_switched(struct uz_plat *pl, const char *from, const char *to, uint32_t percent)
{
	struct uz_host *h = uz__host(pl);

	if (h->on_switch)
		h->on_switch(h->on_switch_arg, from, to, percent);
}

const struct uz_plat_ops uz__plat_linux_ops = {
	.reserve = linux_reserve,
	.release = linux_release,
	.commit = linux_commit,
	.adopt = linux_adopt,
	.decommit = linux_decommit,
	.map_fd = uz__map_fd,
	.unmap_fd = uz__unmap_fd,
	.carry = uz__carry,
	.copy = uz__copy,
	.give_back = linux_give_back,
	.held = linux_held,
	.store_held = linux_store_held,
	.store_bytes = linux_store_bytes,
	.store_peek = linux_store_peek,
	.wait = linux_wait,
	.wake = linux_wake,
	.now = linux_now,
	.cpu = linux_cpu,
	.pressed = linux_pressed,
	.switched = linux_switched,
};
