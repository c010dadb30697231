/* SPDX-License-Identifier: MIT */
/*
 * Large ranges that are marked as unwritten: a block of many MiB from malloc is mostly
 * touched later, in part, or not at all, and its metadata should cost no more memory than
 * what is touched. So its metadata becomes a private mapping of a small file that holds one
 * piece of shadow (all bits set) and one of origins (all the same): a page of it is copied
 * when instrumented code first writes there, and untouched pages cost nothing.
 *
 * The file has no name and is closed at once; it lives as long as the mappings. A piece is
 * at most 1 MiB, so a range costs 2 mappings a MiB, or one where the layout has shadow and
 * origins of a piece side by side; and the file 1/8 of a small range, less of larger ones.
 * Where the system refuses (descriptors, mappings, a sandbox), the range is filled in place.
 */
#include "shadow.h"

#define PIECE_LEAST (256ul << 10)
#define PIECE_MOST (1ul << 20)

static size_t piece_size(size_t n)
{
	size_t size = PIECE_LEAST;

	while (size < PIECE_MOST && size * 16 < n)
		size *= 2;
	return size;
}

static void poison_piece(int fd, uintptr_t a, size_t size, uint32_t origin)
{
	struct kmsan__segment s = kmsan__segment(a, size, true);

	if (!s.shadow || s.size_bytes < size ||
	    !kmsan__sys_map_file(fd, s.shadow, size, 0, false) ||
	    (kmsan__options.origins && !kmsan__sys_map_file(fd, s.origin, size, size, false)))
		kmsan__fill((const void *)a, size, 0xff, origin);
}

bool kmsan__poison_lazily(uintptr_t a, size_t n, uint32_t origin)
{
	size_t size = piece_size(n);
	uintptr_t from = (a + size - 1) & ~(size - 1), to = (a + n) & ~(size - 1), at;
	int fd = kmsan__shadow_is_plain() ? kmsan__sys_pattern(size, origin) : -1;

	if (fd < 0)
		return false;
	kmsan__fill((const void *)a, from - a, 0xff, origin);
	for (at = from; at < to; at += size)
		poison_piece(fd, at, size, origin);
	kmsan__fill((const void *)to, a + n - to, 0xff, origin);
	kmsan__sys_close(fd);
	return true;
}
