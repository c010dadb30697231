/* SPDX-License-Identifier: MIT */
/* What every layout of metadata has: memory that has none, giving back, and a list of aliases. */
#include "shadow.h"

#if __STDC_HOSTED__
#include <errno.h>
#else
#define EINVAL 22
#define ENOSPC 28
#endif

#define PAGE 4096ul

const struct kmsan__nothing kmsan__nothing;
struct kmsan__nothing kmsan__sink;

struct kmsan__alias kmsan__aliases[KMSAN__ALIASES];
uint32_t kmsan__nr_aliases;
static uint32_t shadow_lock;

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

void kmsan__shadow_lock(uint64_t *signals)
{
	kmsan__sys_block_signals(signals);
	while (kmsan__swap(&shadow_lock, 1))
		kmsan__sys_yield();
}

void kmsan__shadow_unlock(const uint64_t *signals)
{
	kmsan__store_release(&shadow_lock, 0);
	kmsan__sys_restore_signals(signals);
}

static int alias_add(uintptr_t from, uintptr_t to, size_t n)
{
	uint32_t i = 0;

	while (i < KMSAN__ALIASES && kmsan__aliases[i].size_bytes)
		i++;
	if (i == KMSAN__ALIASES || !kmsan__alias_begin(from, to, n))
		return -ENOSPC;
	kmsan__aliases[i].from = from;
	kmsan__aliases[i].to = to;
	kmsan__store_release(&kmsan__aliases[i].size_bytes, n);
	if (i >= kmsan__nr_aliases)
		kmsan__store_release(&kmsan__nr_aliases, i + 1);
	return 0;
}

static int alias_remove(uintptr_t from)
{
	uint32_t i;

	for (i = 0; i < kmsan__nr_aliases; i++) {
		struct kmsan__alias *l = &kmsan__aliases[i];

		if (l->from != from || !l->size_bytes)
			continue;
		kmsan__alias_end(from, l->size_bytes);
		kmsan__store_release(&l->size_bytes, 0);
		return 0;
	}
	return -EINVAL;
}

bool kmsan__shadow_is_plain(void)
{
	return !kmsan__load(&kmsan__nr_aliases);
}

int kmsan__shadow_alias(uintptr_t from, uintptr_t to, size_t n)
{
	uint64_t signals;
	int err;

	if ((from | to | n) & (PAGE - 1) || from == to)
		return -EINVAL;
	kmsan__shadow_lock(&signals);
	err = n ? alias_add(from, to, n) : alias_remove(from);
	kmsan__shadow_unlock(&signals);
	return err;
}
