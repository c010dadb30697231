/* SPDX-License-Identifier: MIT */
/*
 * One call for each method. process_madvise takes MADV_DONTNEED for the caller's own memory only
 * on newer kernels, and then saves a system call and a TLB flush a range.
 */
#include "host_i.h"

#include <sys/syscall.h>
#include <sys/uio.h>

#include <uz/return_method.h>

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef PIDFD_SELF
#define PIDFD_SELF (-10000)
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

const struct uz_return_method uz_host_return_methods[UZ_HOST_RETURN_NR] = {
	[UZ_HOST_DONTNEED] = { "dontneed", false },
	[UZ_HOST_DONTNEED_BATCH] = { "dontneed_batch", false },
	[UZ_HOST_FREE] = { "free", true },
	[UZ_HOST_PUNCH_HOLE] = { "punch_hole", false },
	[UZ_HOST_REMOVE] = { "remove", false },
};

static int advise(const struct uz_range *r, int advice)
{
	while (madvise(r->p, r->len, advice) < 0)
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	return 0;
}

/* Locked memory needs to be told that it is meant. */
static int dontneed(const struct uz_range *r)
{
	int rc = advise(r, MADV_DONTNEED);

	return rc == -EINVAL ? advise(r, MADV_DONTNEED_LOCKED) : rc;
}

static int punch(const struct uz_host_map *map, const struct uz_range *r)
{
	off_t off = (const char *)r->p - map->base;

	return uz__fallocate(map->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, r->len);
}

/* May take a part of the vector, down to a part of a range: the rest is passed again. */
static int batch(const struct uz_range *v, unsigned int nr)
{
	struct iovec io[UZ_RANGE_MAX];
	unsigned int at = 0;

	if (nr > UZ_RANGE_MAX)
		return -EINVAL;
	for (unsigned int i = 0; i < nr; i++)
		io[i] = (struct iovec){ v[i].p, v[i].len };
	while (at < nr) {
		ssize_t n = syscall(SYS_process_madvise, PIDFD_SELF, io + at, nr - at,
				    MADV_DONTNEED, 0);

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EINVAL;
		for (; at < nr && (size_t)n >= io[at].iov_len; at++)
			n -= (ssize_t)io[at].iov_len;
		if (at < nr) {
			io[at].iov_base = (char *)io[at].iov_base + n;
			io[at].iov_len -= (size_t)n;
		}
	}
	return 0;
}

static int one(enum uz_host_return method, const struct uz_host_map *map, const struct uz_range *r)
{
	switch (method) {
	case UZ_HOST_DONTNEED:
		return dontneed(r);
	case UZ_HOST_FREE:
		return advise(r, MADV_FREE);
	case UZ_HOST_PUNCH_HOLE:
		return punch(map, r);
	case UZ_HOST_REMOVE:
		return advise(r, MADV_REMOVE);
	case UZ_HOST_DONTNEED_BATCH:
	case UZ_HOST_RETURN_NR:
		break;
	}
	return -EINVAL;
}

int uz_host_give_back(enum uz_host_return method, const struct uz_host_map *map,
		      const struct uz_range *v, unsigned int nr)
{
	int rc = 0;

	if (method == UZ_HOST_DONTNEED_BATCH)
		return batch(v, nr);
	for (unsigned int i = 0; i < nr && rc == 0; i++)
		rc = one(method, map, &v[i]);
	return rc;
}

int64_t uz_host_held(const void *p, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char vec[512];
	int64_t held = 0;

	for (size_t at = 0; at < len; at += sizeof(vec) * page) {
		size_t n = UZ_MIN(UZ_DIV_UP(len - at, page), sizeof(vec));

		if (mincore((char *)(uintptr_t)p + at, n * page, vec) < 0)
			return -errno;
		for (size_t i = 0; i < n; i++)
			held += vec[i] & 1 ? (int64_t)page : 0;
	}
	return held;
}
