/* SPDX-License-Identifier: MIT */
/* A platform that fails the calls it was told to fail; see the header. */
#include "fault_plat.h"

#include "test.h"

static struct fault_plat *to_fault(struct uz_plat *pl)
{
	return UZ_CONTAINER_OF(pl, struct fault_plat, plat);
}

static int verdict(struct fault_plat *fp, enum fault_call call)
{
	struct fault_rule *r = &fp->rule[call];
	uint64_t n = uz_fetch_add(&r->calls, 1) + 1;

	uz_fetch_add(&fp->total[call], 1);
	if (r->first == 0 || n < r->first || n > r->last)
		return 0;
	uz_fetch_add(&r->failed, 1);
	return r->error;
}

static int fault_reserve(struct uz_plat *pl, enum uz_backing kind, size_t len, size_t align,
			 void **base)
{
	struct uz_plat *below = to_fault(pl)->below;
	int rc = verdict(to_fault(pl), FAULT_RESERVE);

	return rc ? rc : below->ops->reserve(below, kind, len, align, base);
}

static void fault_release(struct uz_plat *pl, void *base, size_t len)
{
	struct uz_plat *below = to_fault(pl)->below;

	below->ops->release(below, base, len);
}

static void check_whole_pages(struct uz_plat *pl, const void *p, size_t len)
{
	CHECK((uintptr_t)p % pl->page_bytes == 0 && len % pl->page_bytes == 0 && len);
}

static int fault_commit(struct uz_plat *pl, void *p, size_t len)
{
	struct uz_plat *below = to_fault(pl)->below;
	int rc = verdict(to_fault(pl), FAULT_COMMIT);

	check_whole_pages(pl, p, len);
	return rc ? rc : below->ops->commit(below, p, len);
}

static int fault_decommit(struct uz_plat *pl, void *p, size_t len)
{
	struct uz_plat *below = to_fault(pl)->below;
	int rc = verdict(to_fault(pl), FAULT_DECOMMIT);

	check_whole_pages(pl, p, len);
	return rc ? rc : below->ops->decommit(below, p, len);
}

/* Fails as a decommit does. */
static int fault_give_back(struct uz_plat *pl, unsigned int method, const struct uz_range *v,
			   unsigned int nr)
{
	struct uz_plat *below = to_fault(pl)->below;
	int rc = verdict(to_fault(pl), FAULT_DECOMMIT);

	return rc ? rc : below->ops->give_back(below, method, v, nr);
}

static void fault_copy(struct uz_plat *pl, void *to, const void *from, size_t len)
{
	struct uz_plat *below = to_fault(pl)->below;

	if (below->ops->copy)
		below->ops->copy(below, to, from, len);
	else
		memcpy(to, from, len);
}

static int fault_carry(struct uz_plat *pl, void *from, void *to)
{
	struct uz_plat *below = to_fault(pl)->below;
	int rc = verdict(to_fault(pl), FAULT_CARRY);

	return rc ? rc : below->ops->carry(below, from, to);
}

static int64_t fault_held(struct uz_plat *pl, const void *p, size_t len)
{
	struct uz_plat *below = to_fault(pl)->below;

	return below->ops->held(below, p, len);
}

static uint64_t fault_store_bytes(struct uz_plat *pl)
{
	struct uz_plat *below = to_fault(pl)->below;

	return below->ops->store_bytes(below);
}

static int fault_store_peek(struct uz_plat *pl, void *buf, size_t len)
{
	struct uz_plat *below = to_fault(pl)->below;

	return below->ops->store_peek(below, buf, len);
}

static void fault_wait(struct uz_plat *pl, const uint32_t *addr, uint32_t value,
		       uint64_t deadline_ns)
{
	struct uz_plat *below = to_fault(pl)->below;

	below->ops->wait(below, addr, value, deadline_ns);
}

static int fault_map_fd(struct uz_plat *pl, void *p, size_t len, int fd, uint64_t off)
{
	struct uz_plat *below = to_fault(pl)->below;

	return below->ops->map_fd(below, p, len, fd, off);
}

static int fault_unmap_fd(struct uz_plat *pl, void *p, size_t len)
{
	struct uz_plat *below = to_fault(pl)->below;

	return below->ops->unmap_fd(below, p, len);
}

static void fault_wake(struct uz_plat *pl, const uint32_t *addr)
{
	struct uz_plat *below = to_fault(pl)->below;

	below->ops->wake(below, addr);
}

static uint64_t fault_now(struct uz_plat *pl)
{
	struct uz_plat *below = to_fault(pl)->below;

	return below->ops->now(below);
}

static bool fault_pressed(struct uz_plat *pl)
{
	struct uz_plat *below = to_fault(pl)->below;

	return below->ops->pressed && below->ops->pressed(below);
}

static const struct uz_plat_ops fault_ops = {
	.reserve = fault_reserve,
	.release = fault_release,
	.commit = fault_commit,
	.adopt = fault_commit,
	.decommit = fault_decommit,
	.carry = fault_carry,
	.copy = fault_copy,
	.give_back = fault_give_back,
	.held = fault_held,
	.store_bytes = fault_store_bytes,
	.store_peek = fault_store_peek,
	.wait = fault_wait,
	.wake = fault_wake,
	.map_fd = fault_map_fd,
	.unmap_fd = fault_unmap_fd,
	.now = fault_now,
	.pressed = fault_pressed,
};

void fault_plat_init(struct fault_plat *fp, struct uz_plat *below)
{
	*fp = (struct fault_plat){ .plat = *below, .below = below };
	fp->plat.ops = &fault_ops;
	fp->plat.page_bytes = test_page_bytes(below->page_bytes);
	CHECK(fp->plat.page_bytes % below->page_bytes == 0);
}

void fault_plat_fail(struct fault_plat *fp, enum fault_call call, uint64_t nth, uint64_t count,
		     int error)
{
	fp->rule[call] = (struct fault_rule){
		.first = nth,
		.last = count > UINT64_MAX - nth ? UINT64_MAX : nth + count - 1,
		.error = error,
	};
}

void fault_plat_clear(struct fault_plat *fp)
{
	for (int i = 0; i < FAULT_NR; i++)
		fp->rule[i] = (struct fault_rule){ 0 };
}

bool fault_plat_fired(const struct fault_plat *fp, enum fault_call call)
{
	return uz_load(&fp->rule[call].failed) != 0;
}
