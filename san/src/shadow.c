/* SPDX-License-Identifier: MIT */
/* What every layout of metadata has: memory that has none, and giving back. */
#include "shadow.h"

#define PAGE 4096ul

const struct kmsan__nothing kmsan__nothing;
struct kmsan__nothing kmsan__sink;

static void release_segment(struct kmsan__segment s)
{
	uintptr_t from = (uintptr_t)s.shadow, to = from + s.size_bytes;
	uintptr_t page = (from + PAGE - 1) & ~(PAGE - 1), end = to & ~(PAGE - 1);

	if (page >= end) {
		kmsan__memset(s.shadow, 0, s.size_bytes);
		return;
	}
	kmsan__memset(s.shadow, 0, page - from);
	kmsan__memset((void *)end, 0, to - end);
	kmsan__sys_give_back((void *)page, end - page);
	kmsan__sys_give_back((void *)((uintptr_t)s.origin + (from & 3) + (page - from)),
			     end - page);
}

void kmsan__shadow_release(uintptr_t a, size_t n)
{
	kmsan__settle(a, n);
	while (n > 0) {
		struct kmsan__segment s = kmsan__segment(a, n, false);

		if (s.shadow)
			release_segment(s);
		a += s.size_bytes;
		n -= s.size_bytes;
	}
}
