/* SPDX-License-Identifier: MIT */
/*
 * Ranges of metadata: set, copy, look for unwritten bits.
 *
 * A copy takes the source's bits exactly and gives each aligned 4 bytes of the destination
 * the origin of the first unwritten byte that came there, with the place of the copy put
 * before it. Each origin is looked up once a run, since a range mostly has one.
 */
#include "shadow.h"

#define PAGE 4096ul

struct word {
	uint64_t v;
} __attribute__((packed, may_alias));

static void set_origins(struct kmsan__segment s, uintptr_t a, uint32_t origin)
{
	size_t i, nr = kmsan__options.origins ? ((a & 3) + s.size_bytes + 3) / 4 : 0;

	for (i = 0; i < nr; i++)
		s.origin[i] = origin;
}

void kmsan__fill(const void *p, size_t n, uint8_t bits, uint32_t origin)
{
	uintptr_t a = (uintptr_t)p;

	while (n > 0) {
		struct kmsan__segment s = kmsan__segment(a, n, bits != 0);

		if (s.shadow) {
			kmsan__memset(s.shadow, bits, s.size_bytes);
			if (bits)
				set_origins(s, a, origin);
		}
		a += s.size_bytes;
		n -= s.size_bytes;
	}
}

void kmsan__set(const void *p, size_t n, uint8_t bits, uint32_t origin)
{
	bool is_large = bits == 0xff && n / 1024 >= (size_t)kmsan__options.lazy_kib;

	kmsan__settle((uintptr_t)p, n);
	if (kmsan_likely(!is_large) || !kmsan__poison_lazily((uintptr_t)p, n, origin))
		kmsan__fill(p, n, bits, origin);
}

static size_t skip_written(const uint8_t *shadow, size_t n)
{
	size_t i = 0;

	while (i + 8 <= n && !((const struct word *)(const void *)(shadow + i))->v)
		i += 8;
	while (i < n && !shadow[i])
		i++;
	return i;
}

size_t kmsan__find_bad(const void *p, size_t from, size_t n)
{
	uintptr_t a = (uintptr_t)p;

	kmsan__settle(a, n);
	while (from < n) {
		struct kmsan__segment s = kmsan__segment(a + from, n - from, false);
		size_t written = s.shadow ? skip_written(s.shadow, s.size_bytes) : s.size_bytes;

		from += written;
		if (written < s.size_bytes)
			return from;
	}
	return n;
}

size_t kmsan__find_good(const void *p, size_t from, size_t n)
{
	for (; from < n; from++) {
		struct kmsan__segment s = kmsan__segment((uintptr_t)p + from, 1, false);

		if (!s.shadow || !*s.shadow)
			break;
	}
	return from;
}

/* A copy of at most a page, inside one page of each side. */
struct piece {
	uintptr_t dst, src;
	size_t n;
	struct kmsan__segment to, from;
	struct kmsan_caller at;
	uint32_t old_origin, new_origin; /* the last one chained */
};

static uint32_t chained(struct piece *p, uint32_t origin)
{
	if (!origin)
		return 0;
	if (origin != p->old_origin) {
		p->old_origin = origin;
		p->new_origin = kmsan__origin_chain(p->at, origin);
	}
	return p->new_origin;
}

/* The destination's 4 bytes number slot: their part of the range, and what came there. */
static void copy_origin(struct piece *p, size_t slot)
{
	uintptr_t base = (p->dst & ~3ul) + 4 * slot;
	uintptr_t a = base < p->dst ? p->dst : base;
	uintptr_t end = base + 4 > p->dst + p->n ? p->dst + p->n : base + 4;

	for (; a < end; a++) {
		size_t i = a - p->dst;

		if (!p->from.shadow[i])
			continue;
		p->to.origin[slot] = chained(p, p->from.origin[((p->src & 3) + i) / 4]);
		return;
	}
}

static void copy_piece(struct piece *p, bool down)
{
	size_t i, nr = ((p->dst & 3) + p->n + 3) / 4;

	p->from = kmsan__segment(p->src, p->n, false);
	if (!p->from.shadow || skip_written(p->from.shadow, p->n) == p->n) {
		p->to = kmsan__segment(p->dst, p->n, false);
		if (p->to.shadow)
			kmsan__memset(p->to.shadow, 0, p->n);
		return;
	}
	p->to = kmsan__segment(p->dst, p->n, true);
	if (!p->to.shadow)
		return;
	for (i = 0; i < nr; i++)
		copy_origin(p, down ? nr - 1 - i : i);
	kmsan__memmove(p->to.shadow, p->from.shadow, p->n);
}

/* Bytes of the last, or first, page of a range. */
static size_t part(uintptr_t a, size_t n, bool down)
{
	size_t in_page = down ? ((a + n - 1) & (PAGE - 1)) + 1 : PAGE - (a & (PAGE - 1));

	return in_page < n ? in_page : n;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

void kmsan__copy(struct kmsan_caller at, void *dst, const void *src, size_t n)
{
	struct piece p = { .at = at };
	uintptr_t d = (uintptr_t)dst, s = (uintptr_t)src;
	bool down = d - s < n;

	if (d == s)
		return;
	kmsan__settle(d, n);
	kmsan__settle(s, n);
	while (n > 0) {
		p.n = least(part(d, n, down), part(s, n, down));
		p.dst = down ? d + n - p.n : d;
		p.src = down ? s + n - p.n : s;
		copy_piece(&p, down);
		n -= p.n;
		if (!down) {
			d += p.n;
			s += p.n;
		}
	}
}
