/* SPDX-License-Identifier: MIT */
#include "count_plat.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

static struct count_plat *to_count(struct uz_plat *pl)
{
	return UZ_CONTAINER_OF(pl, struct count_plat, plat);
}

static struct count_range *range_of(const struct count_plat *cp, const void *p, size_t len)
{
	for (int i = 0; i < COUNT_PLAT_RANGES; i++) {
		const struct count_range *r = &cp->range[i];

		if (r->base && (const char *)p >= r->base &&
		    (const char *)p + len <= r->base + r->len)
			return (struct count_range *)(uintptr_t)r;
	}
	test_fail_at(__FILE__, __LINE__, "%p + %zu is in no reserved range", p, len);
}

static void set_range(struct count_plat *cp, const void *p, size_t len, bool committed)
{
	struct count_range *r = range_of(cp, p, len);
	size_t page = cp->plat.page_bytes, first = (size_t)((const char *)p - r->base) / page;

	CHECK(len > 0 && len % page == 0 && (uintptr_t)p % page == 0);
	for (size_t i = first; i < first + len / page; i++) {
		cp->committed_bytes -= r->committed[i] ? page : 0;
		cp->committed_bytes += committed ? page : 0;
		r->committed[i] = committed;
	}
	if (cp->committed_bytes > cp->peak_bytes)
		cp->peak_bytes = cp->committed_bytes;
}

static int count_reserve(struct uz_plat *pl, enum uz_backing kind, size_t len, size_t align,
			 void **base)
{
	struct count_plat *cp = to_count(pl);
	int i = 0, r = cp->below->ops->reserve(cp->below, kind, len, align, base);

	if (r < 0)
		return r;
	while (i < COUNT_PLAT_RANGES && cp->range[i].base)
		i++;
	CHECK(i < COUNT_PLAT_RANGES);
	cp->range[i] = (struct count_range){ *base, len, calloc(len / pl->page_bytes, 1) };
	CHECK(cp->range[i].committed);
	return 0;
}

static void count_release(struct uz_plat *pl, void *base, size_t len)
{
	struct count_plat *cp = to_count(pl);
	struct count_range *r = range_of(cp, base, len);

	CHECK(r->base == base && r->len == len);
	set_range(cp, base, len, false);
	free(r->committed);
	*r = (struct count_range){ 0 };
	cp->below->ops->release(cp->below, base, len);
}

static int count_commit(struct uz_plat *pl, void *p, size_t len)
{
	struct count_plat *cp = to_count(pl);
	int r = cp->below->ops->commit(cp->below, p, len);

	if (r == 0)
		set_range(cp, p, len, true);
	return r;
}

static int count_decommit(struct uz_plat *pl, void *p, size_t len)
{
	struct count_plat *cp = to_count(pl);
	int r = cp->below->ops->decommit(cp->below, p, len);

	if (r == 0)
		set_range(cp, p, len, false);
	return r;
}

static int count_give_back(struct uz_plat *pl, unsigned int method, const struct uz_range *v,
			   unsigned int nr)
{
	struct count_plat *cp = to_count(pl);
	int r = cp->below->ops->give_back(cp->below, method, v, nr);

	for (unsigned int i = 0; i < nr && r == 0 && !pl->methods[method].lazy; i++)
		set_range(cp, v[i].p, v[i].len, false);
	return r;
}

/* What is committed moves with it. */
static int count_carry(struct uz_plat *pl, void *from, void *to)
{
	struct count_plat *cp = to_count(pl);
	size_t page = pl->page_bytes, len = pl->carry_bytes;
	struct count_range *r = range_of(cp, from, len);
	size_t f = (size_t)((char *)from - r->base) / page;
	size_t t = (size_t)((char *)to - r->base) / page;
	int rc = cp->below->ops->carry(cp->below, from, to);

	if (rc < 0)
		return rc;
	set_range(cp, to, len, false);
	memcpy(r->committed + t, r->committed + f, len / page);
	memset(r->committed + f, 0, len / page);
	return 0;
}

static int64_t count_held(struct uz_plat *pl, const void *p, size_t len)
{
	struct uz_plat *below = to_count(pl)->below;

	return below->ops->held(below, p, len);
}

static uint64_t count_store_bytes(struct uz_plat *pl)
{
	struct uz_plat *below = to_count(pl)->below;

	return below->ops->store_bytes(below);
}

static int count_store_peek(struct uz_plat *pl, void *buf, size_t len)
{
	struct uz_plat *below = to_count(pl)->below;

	return below->ops->store_peek(below, buf, len);
}

static void count_wait(struct uz_plat *pl, const uint32_t *addr, uint32_t value,
		       uint64_t deadline_ns)
{
	struct uz_plat *below = to_count(pl)->below;

	below->ops->wait(below, addr, value, deadline_ns);
}

static void count_wake(struct uz_plat *pl, const uint32_t *addr)
{
	struct uz_plat *below = to_count(pl)->below;

	below->ops->wake(below, addr);
}

static uint64_t count_now(struct uz_plat *pl)
{
	struct uz_plat *below = to_count(pl)->below;

	return below->ops->now(below);
}

static bool count_pressed(struct uz_plat *pl)
{
	struct uz_plat *below = to_count(pl)->below;

	return below->ops->pressed && below->ops->pressed(below);
}

static const struct uz_plat_ops count_ops = {
	.reserve = count_reserve,
	.release = count_release,
	.commit = count_commit,
	.adopt = count_commit,
	.decommit = count_decommit,
	.carry = count_carry,
	.give_back = count_give_back,
	.held = count_held,
	.store_bytes = count_store_bytes,
	.store_peek = count_store_peek,
	.wait = count_wait,
	.wake = count_wake,
	.now = count_now,
	.pressed = count_pressed,
};

void count_plat_init(struct count_plat *cp, struct uz_plat *below)
{
	*cp = (struct count_plat){ .plat = *below, .below = below };
	cp->plat.ops = &count_ops;
}

bool count_plat_is_committed(const struct count_plat *cp, const void *p, size_t len)
{
	const struct count_range *r = range_of(cp, p, len);
	size_t page = cp->plat.page_bytes, off = (size_t)((const char *)p - r->base);

	for (size_t i = off / page; i < (off + len + page - 1) / page; i++)
		if (!r->committed[i])
			return false;
	return true;
}
