/* SPDX-License-Identifier: MIT */
/* A table of callbacks that cannot be used is refused before it is. */
#include "pool_rig.h"

static void expect(struct uz_pool_ops ops, int want)
{
	CHECK_EQ(uz_pool_ops_check(&ops), want);
}

#define REFUSED(member, value, want) \
	do { \
		struct uz_pool_ops bad = *ops; \
		bad.member = value; \
		expect(bad, want); \
	} while (0)

static void bad_heads(const struct uz_pool_ops *ops)
{
	REFUSED(abi_version, UZ_POOL_ABI + 1, -UZ_ENOTSUP);
	REFUSED(abi_version, 0, -UZ_ENOTSUP);
	REFUSED(struct_size, sizeof(*ops) - 1, -UZ_ENOTSUP);
	REFUSED(struct_size, sizeof(*ops) + 8, 0);
	REFUSED(name, NULL, -UZ_EINVAL);
	REFUSED(name, "", -UZ_EINVAL);
	REFUSED(name, "fifteen-letters", 0);
	REFUSED(name, "sixteen-letters!", -UZ_EINVAL);
	REFUSED(max_object, 0, -UZ_EINVAL);
}

static void missing_members(const struct uz_pool_ops *ops)
{
	REFUSED(instance_bytes, NULL, -UZ_EINVAL);
	REFUSED(init, NULL, -UZ_EINVAL);
	REFUSED(fini, NULL, -UZ_EINVAL);
	REFUSED(alloc, NULL, -UZ_EINVAL);
	REFUSED(free, NULL, -UZ_EINVAL);
	REFUSED(read_begin, NULL, -UZ_EINVAL);
	REFUSED(read_end, NULL, 0);
	REFUSED(isolate, NULL, -UZ_EINVAL);
	REFUSED(undo, NULL, -UZ_EINVAL);
	REFUSED(residents, NULL, -UZ_EINVAL);
	REFUSED(victim, NULL, -UZ_EINVAL);
	REFUSED(spare, NULL, -UZ_EINVAL);
	REFUSED(tidy, NULL, 0);
	REFUSED(attach_block, NULL, -UZ_EINVAL);
	REFUSED(attach_object, NULL, -UZ_EINVAL);
	REFUSED(attach_done, NULL, -UZ_EINVAL);
	REFUSED(stats, NULL, -UZ_EINVAL);
	REFUSED(check, NULL, -UZ_EINVAL);
}

static size_t few_bytes(void)
{
	return sizeof(struct uz_pool) - 1;
}

static int no_init(struct uz_pool *p)
{
	(void)p;
	return -UZ_ENOMEM;
}

/* create says so as well, and a pool that cannot start leaves nothing behind. */
static void bad_creates(const struct uz_pool_ops *ops)
{
	struct uz_pool_ops bad = *ops;
	struct uz_arena_stats before, after;
	struct uz_pool *p = NULL;
	struct pool_rig r;

	rig_open(&r, ops, 1, 16 << 20);
	uz_arena_stats(r.arena, &before);
	bad.instance_bytes = few_bytes;
	CHECK_EQ(uz_pool_create(&r.tab, &bad, 0, 0, &p), -UZ_EINVAL);
	bad.instance_bytes = ops->instance_bytes;
	bad.init = no_init;
	CHECK_EQ(uz_pool_create(&r.tab, &bad, 0, 0, &p), -UZ_ENOMEM);
	bad.check = NULL;
	CHECK_EQ(uz_pool_create(&r.tab, &bad, 0, 0, &p), -UZ_EINVAL);
	CHECK(p == NULL);
	uz_arena_stats(r.arena, &after);
	CHECK_EQ(after.ram_total_bytes, before.ram_total_bytes);
	rig_close(&r);
}

static void test_pool(const struct uz_pool_ops *ops)
{
	expect(*ops, 0);
	bad_heads(ops);
	missing_members(ops);
	bad_creates(ops);
}

int main(void)
{
	test_start();
	rig_each_pool(test_pool);
	return 0;
}
