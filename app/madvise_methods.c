/* SPDX-License-Identifier: MIT */
/*
 * The ways to tell the system that memory is not needed: the methods by which the arena may give
 * memory back, through the very calls that it makes, and two kinds of advice that people take for
 * such methods.
 */
#include "madvise.h"

#include <errno.h>
#include <sys/mman.h>
#include <uz/bits.h>
#include <uz/return_method.h>

const char *const uz__madvise_methods[] = { "none", "dontneed", "dontneed_batch",
					    "free", "remove",	"punch_hole",
					    "cold", "pageout",	NULL };

static const enum uz_host_return return_of[UZ_MADVISE_METHOD_NR] = {
	[UZ_MADVISE_DONTNEED] = UZ_HOST_DONTNEED,
	[UZ_MADVISE_DONTNEED_BATCH] = UZ_HOST_DONTNEED_BATCH,
	[UZ_MADVISE_FREE] = UZ_HOST_FREE,
	[UZ_MADVISE_REMOVE] = UZ_HOST_REMOVE,
	[UZ_MADVISE_PUNCH_HOLE] = UZ_HOST_PUNCH_HOLE,
};

static int advise(const struct uz_range *v, unsigned int nr, int advice)
{
	for (unsigned int i = 0; i < nr; i++)
		while (madvise(v[i].p, v[i].len, advice))
			if (errno != EAGAIN && errno != EINTR)
				return -errno;
	return 0;
}

static int advise_ranges(const struct uz_madvise_memory *m, enum uz_madvise_method method,
			 const struct uz_range *v, unsigned int nr)
{
	const struct uz_host_map map = { .fd = m->fd, .base = m->base };

	switch (method) {
	case UZ_MADVISE_NONE:
		return 0;
	case UZ_MADVISE_COLD:
		return advise(v, nr, MADV_COLD);
	case UZ_MADVISE_PAGEOUT:
		return advise(v, nr, MADV_PAGEOUT);
	default:
		return uz_host_give_back(return_of[method], &map, v, nr);
	}
}

int uz__madvise_advise(const struct uz_madvise_memory *m, enum uz_madvise_method method, char *p,
		       size_t bytes, size_t piece_bytes)
{
	struct uz_range v[UZ_RANGE_MAX];
	int err = 0;

	piece_bytes = piece_bytes ? piece_bytes : bytes;
	for (size_t at = 0; !err && at < bytes;) {
		unsigned int nr = 0;

		for (; nr < UZ_RANGE_MAX && at < bytes; nr++, at += piece_bytes)
			v[nr] = (struct uz_range){ p + at, UZ_MIN(piece_bytes, bytes - at) };
		err = advise_ranges(m, method, v, nr);
	}
	return err;
}
