/* SPDX-License-Identifier: MIT */
#include "mem_plat.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

static struct mem_plat *mem_of(struct uz_plat *pl)
{
	return (struct mem_plat *)(void *)pl;
}

/* @len bytes at a multiple of @align, nothing accessible. */
static void *map_aligned(size_t len, size_t align)
{
	char *p = mmap(NULL, len + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
	char *at;

	if (p == MAP_FAILED)
		return NULL;
	at = p + (align - (uintptr_t)p % align) % align;
	if (at > p)
		munmap(p, (size_t)(at - p));
	munmap(at + len, (size_t)(p + align - at));
	return at;
}

static void protect_committed(struct mem_plat *m)
{
	uint64_t page = m->pl.page_bytes, nr = m->store_bytes / page;

	for (uint64_t i = 0, end; i < nr; i = end) {
		for (end = i + 1; end < nr && m->committed[end] == m->committed[i];)
			end++;
		if (m->committed[i])
			CHECK(mprotect((char *)m->store + i * page, (end - i) * page,
				       PROT_READ | PROT_WRITE) == 0);
	}
}

static int reserve_store(struct mem_plat *m, size_t len, void *base)
{
	if (m->store)
		return -EBUSY;
	if (m->store_bytes && m->store_bytes != len)
		return -EINVAL;
	if (!m->store_bytes) {
		CHECK(ftruncate(m->fd, (off_t)len) == 0);
		m->committed = calloc(len / m->pl.page_bytes, 1);
		m->store_bytes = len;
	}
	CHECK(mmap(base, len, PROT_NONE, MAP_SHARED | MAP_FIXED, m->fd, 0) == base);
	m->store = base;
	protect_committed(m);
	return 0;
}

static int mem_reserve(struct uz_plat *pl, enum uz_backing kind, size_t len, size_t align,
		       void **base)
{
	int r = 0;

	*base = map_aligned(len, align);
	if (!*base)
		return -ENOMEM;
	if (kind == UZ_BACKING_STORE)
		r = reserve_store(mem_of(pl), len, *base);
	if (r < 0)
		munmap(*base, len);
	return r;
}

static void mem_release(struct uz_plat *pl, void *base, size_t len)
{
	if (base == mem_of(pl)->store)
		mem_of(pl)->store = NULL;
	munmap(base, len);
}

static void mark(struct mem_plat *m, void *p, size_t len, bool committed)
{
	uint64_t off = (uint64_t)((char *)p - (char *)m->store);

	if (m->store && (char *)p >= (char *)m->store && off < m->store_bytes)
		memset(m->committed + off / m->pl.page_bytes, committed, len / m->pl.page_bytes);
}

static void check_whole_pages(struct uz_plat *pl, const void *p, size_t len)
{
	CHECK((uintptr_t)p % pl->page_bytes == 0 && len % pl->page_bytes == 0 && len);
}

static int mem_commit(struct uz_plat *pl, void *p, size_t len)
{
	struct mem_plat *m = mem_of(pl);
	uint64_t n = uz_fetch_add(&m->nr_commits, 1) + 1;

	if (m->fail_commit && n >= m->fail_commit)
		return -ENOMEM;
	check_whole_pages(pl, p, len);
	CHECK(mprotect(p, len, PROT_READ | PROT_WRITE) == 0);
	mark(m, p, len, true);
	return 0;
}

static int mem_decommit(struct uz_plat *pl, void *p, size_t len)
{
	check_whole_pages(pl, p, len);
	CHECK(madvise(p, len, MADV_REMOVE) == 0 || madvise(p, len, MADV_DONTNEED) == 0);
	CHECK(mprotect(p, len, PROT_NONE) == 0);
	mark(mem_of(pl), p, len, false);
	return 0;
}

enum { AT_ONCE, LAZY, USELESS, ALIEN, NR_METHODS };
static const struct uz_return_method methods[NR_METHODS] = {
	[AT_ONCE] = { "at_once", false },
	[LAZY] = { "lazy", true },
	[USELESS] = { "useless", false },
	[ALIEN] = { "alien", false },
};

/* What goes lazily cannot be touched until commit; half of the time it is gone at once. */
static int mem_give_back(struct uz_plat *pl, unsigned int method, const struct uz_range *v,
			 unsigned int nr)
{
	struct mem_plat *m = mem_of(pl);
	int r = method == ALIEN ? -EINVAL : 0;

	for (unsigned int i = 0; i < nr && r == 0; i++) {
		CHECK((uintptr_t)v[i].p >> 21 == ((uintptr_t)v[i].p + v[i].len - 1) >> 21);
		if (method == AT_ONCE)
			r = mem_decommit(pl, v[i].p, v[i].len);
		if (method != LAZY)
			continue;
		CHECK(uz_fetch_add(&m->nr_lazy, 1) % 2 ||
		      madvise(v[i].p, v[i].len, MADV_REMOVE) == 0);
		CHECK(mprotect(v[i].p, v[i].len, PROT_NONE) == 0);
	}
	return r;
}

/* By way of a copy, page by page; one in eight times not. */
static int mem_carry(struct uz_plat *pl, void *from, void *to)
{
	struct mem_plat *m = mem_of(pl);
	uint64_t page = pl->page_bytes, len = pl->carry_bytes;
	uint64_t first = (uint64_t)((char *)from - (char *)m->store) / page;

	CHECK((uintptr_t)from % len == 0 && (uintptr_t)to % len == 0);
	if (uz_fetch_add(&m->nr_carries, 1) % 8 == 7)
		return -EOPNOTSUPP;
	mem_decommit(pl, to, len);
	for (uint64_t at = 0; at < len; at += page) {
		if (!m->committed[first + at / page])
			continue;
		CHECK(mprotect((char *)to + at, page, PROT_READ | PROT_WRITE) == 0);
		memcpy((char *)to + at, (char *)from + at, page);
		mark(m, (char *)to + at, page, true);
	}
	return mem_decommit(pl, from, len);
}

static int64_t mem_held(struct uz_plat *pl, const void *p, size_t len)
{
	struct mem_plat *m = mem_of(pl);
	uint64_t page = pl->page_bytes;
	uint64_t first = (uint64_t)((const char *)p - (char *)m->store) / page;
	int64_t held = 0;

	for (uint64_t i = first; i < first + len / page; i++)
		held += m->committed[i] ? (int64_t)page : 0;
	return held;
}

static uint64_t mem_store_bytes(struct uz_plat *pl)
{
	return mem_of(pl)->store_bytes;
}

static int mem_store_peek(struct uz_plat *pl, void *buf, size_t len)
{
	return pread(mem_of(pl)->fd, buf, len, 0) == (ssize_t)len ? 0 : -EIO;
}

static void mem_wait(struct uz_plat *pl, const uint32_t *addr, uint32_t value, uint64_t deadline_ns)
{
	uint64_t end = deadline_ns - UZ_MIN(deadline_ns, mem_of(pl)->skip_ns);
	struct timespec t = { (time_t)(end / 1000000000), (long)(end % 1000000000) };

	syscall(SYS_futex, addr, FUTEX_WAIT_BITSET_PRIVATE, value,
		deadline_ns == UZ_FOREVER ? NULL : &t, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void mem_wake(struct uz_plat *pl, const uint32_t *addr)
{
	(void)pl;
	syscall(SYS_futex, addr, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0);
}

static uint64_t mem_now(struct uz_plat *pl)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec + mem_of(pl)->skip_ns;
}

static bool mem_pressed(struct uz_plat *pl)
{
	return mem_of(pl)->pressed;
}

static const struct uz_plat_ops mem_ops = {
	.reserve = mem_reserve,
	.release = mem_release,
	.commit = mem_commit,
	.adopt = mem_commit,
	.decommit = mem_decommit,
	.carry = mem_carry,
	.give_back = mem_give_back,
	.held = mem_held,
	.store_bytes = mem_store_bytes,
	.store_peek = mem_store_peek,
	.wait = mem_wait,
	.wake = mem_wake,
	.now = mem_now,
	.pressed = mem_pressed,
};

void mem_plat_open(struct mem_plat *m)
{
	*m = (struct mem_plat){
		.pl = { .ops = &mem_ops,
			.page_bytes = test_page_bytes(4096),
			.commit_bytes = 64 << 10,
			.return_bytes = 64 << 10,
			.carry_bytes = 2 << 20 },
		.fd = memfd_create("mem_plat", MFD_CLOEXEC),
	};
	CHECK(m->fd >= 0);
}

void mem_plat_offer_methods(struct mem_plat *m)
{
	m->pl.methods = methods;
	m->pl.nr_methods = NR_METHODS;
	m->pl.default_method = AT_ONCE;
}

void mem_plat_close(struct mem_plat *m)
{
	CHECK(!m->store);
	free(m->committed);
	close(m->fd);
}
