/* SPDX-License-Identifier: MIT */
/*
 * Private memory at other addresses: its page tables move, not its bytes. By way of a mapping of its own,
 * for which the kernel finds the place: what can fail, fails there, with the store as it was. Then
 * only the number of mappings or the kernel's own memory can be short, and the content comes back
 * by being copied.
 *
 * What has moved is a mapping that the kernel can join with no neighbour any more, so there is a bound
 * on them: the process needs some of its 65,530 for itself. What it leaves is mapped afresh, and joins.
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

/*
 * What @at has, to @p, which is empty. It is read to know that: mincore says of a page that is
 * swapped out that it is not there.
 */
static void copy_back(struct uz_host *h, char *p, char *at, size_t len)
{
	size_t page = h->plat.page_bytes;

	for (char *end = at + len; at < end; at += page, p += page)
		if (*at || memcmp(at, at + 1, page - 1))
			memcpy(p, at, page);
	munmap(at - len, len);
}

int uz__carry(struct uz_plat *pl, void *from, void *to)
{
	const size_t len = UZ__CARRY_BYTES;
	struct uz_host *h = uz__host(pl);
	char *at;

	if (h->nr_moved >= MOVED_MAX)
		return -EOPNOTSUPP;
	if (!h->moved)
		h->moved = calloc(h->store_len / UZ__CARRY_BYTES / 8 + 1, 1);
	if (!h->moved)
		return -EOPNOTSUPP;
	at = mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	if (at == MAP_FAILED)
		return -EOPNOTSUPP;
	if (mremap(at, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to) {
		copy_back(h, from, at, len);
		uz__map_fresh(h, to, len, MAP_FIXED_NOREPLACE);
		return -ENOMEM;
	}
	note(h, to, true);
	if (uz__map_fresh(h, from, len, MAP_FIXED) == 0)
		note(h, from, false);
	return 0;
}
