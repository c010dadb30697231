/* SPDX-License-Identifier: MIT */
/*
 * The system calls by which memory goes back to Linux, by name. Which of them free memory on this
 * kernel and this backing is for uz_host_held to find out, not for a table: several cost time
 * and free nothing, and MADV_FREE only marks.
 */
#ifndef UZ_RETURN_METHOD_H
#define UZ_RETURN_METHOD_H

#include <uz/plat.h>

enum uz_host_return {
	UZ_HOST_DONTNEED, /* madvise MADV_DONTNEED, a call a range */
	UZ_HOST_DONTNEED_BATCH, /* process_madvise MADV_DONTNEED, one call for all ranges */
	UZ_HOST_FREE, /* madvise MADV_FREE: lazy */
	UZ_HOST_PUNCH_HOLE, /* fallocate, on the file */
	UZ_HOST_REMOVE, /* madvise MADV_REMOVE */
	UZ_HOST_RETURN_NR,
};

/* Their names and which are lazy, in the order above. */
extern const struct uz_return_method uz_host_return_methods[UZ_HOST_RETURN_NR];

/* A mapping: of a file from its offset 0 on, or anonymous (fd -1). */
struct uz_host_map {
	int fd;
	const char *base;
};

/*
 * Gives ranges of one mapping back; page-aligned, at most UZ_RANGE_MAX of them. 0, or what the
 * system says when it does not have this method here (-EINVAL, -EBADF, -EOPNOTSUPP, -EPERM,
 * -ENOSYS); some of the ranges may have gone then. Any thread.
 */
int uz_host_give_back(enum uz_host_return method, const struct uz_host_map *map,
		      const struct uz_range *v, unsigned int nr);

/*
 * Bytes of the range that the system holds: of a file those in its page cache, mapped or not; of
 * private memory those in the page table, so what was freed lazily counts until it is taken. Or
 * -errno. About 1 ns a page.
 */
int64_t uz_host_held(const void *p, size_t len);

#endif
