/* SPDX-License-Identifier: MIT */
/*
 * Private memory at other addresses: its page tables move, not its bytes, in one call, so that the lock of the
 * address space, for which commits and page faults wait, is taken once for it. What they leave is
 * mapped and empty.
 *
 * Before Linux 6.17 the call moves one mapping, and pieces with other advice about huge pages are mappings of
 * their own. So the same advice is given for all of it before: none, since what is there in part must
 * not be filled up.
 *
 * What has moved is a mapping that the kernel can join with no neighbour any more, so there is a bound
 * on them: the process needs some of its 65,530 for itself. What such a one leaves is mapped afresh, and joins.
 */
#include "host_i.h"

#define MOVED_MAX 16384u

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* Whether the 2 MiB at @p have moved there. */
static void note(struct uz_host *h, const char *p, bool now)
{
	size_t i = (size_t)(p - h->store) / UZ__CARRY_BYTES;
	uint8_t bit = (uint8_t)(1u << (i % 8));
	bool was = h->moved[i / 8] & bit;

	h->moved[i / 8] = (uint8_t)(now ? h->moved[i / 8] | bit : h->moved[i / 8] & ~bit);
	h->nr_moved += now;
	h->nr_moved -= was;
}

static bool is_moved(const struct uz_host *h, const char *p)
{
	size_t i = (size_t)(p - h->store) / UZ__CARRY_BYTES;

	return h->moved[i / 8] >> (i % 8) & 1;
}

int uz__carry(struct uz_plat *pl, void *from, void *to)
{
	const int how = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
	const size_t len = UZ__CARRY_BYTES;
	struct uz_host *h = uz__host(pl);

	if (h->nr_moved >= MOVED_MAX)
		return -EOPNOTSUPP;
	if (!h->moved)
		h->moved = calloc(h->store_len / UZ__CARRY_BYTES / 8 + 1, 1);
	if (!h->moved)
		return -EOPNOTSUPP;
	if (h->huge)
		madvise(from, len, MADV_NOHUGEPAGE);
	if (mremap(from, len, len, how, to) != to) {
		uz__map_fresh(h, to, len, MAP_FIXED_NOREPLACE); /* it may be gone already */
		return -EOPNOTSUPP;
	}
	note(h, to, true);
	if (is_moved(h, from) && uz__map_fresh(h, from, len, MAP_FIXED) == 0)
		note(h, from, false);
	return 0;
}
