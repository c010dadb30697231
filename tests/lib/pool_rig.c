/* SPDX-License-Identifier: MIT */
#include "pool_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uz/host.h>

#define CAPACITY (1ull << 30)
#define DISK 3
#define ENTRY 1

static void lock_slot(struct rig_slot *s)
{
	while (uz_exchange_acquire(&s->lock, 1u))
		uz_relax();
}

static void unlock_slot(struct rig_slot *s)
{
	uz_exchange_release(&s->lock, 0u);
}

static bool mover_lock(struct uz_mover *m, uint32_t owner, uint64_t handle, uint32_t *size)
{
	struct pool_rig *r = UZ_CONTAINER_OF(m, struct pool_rig, mover);
	struct rig_slot *s = &r->slot[owner];

	if (owner >= r->nr_slots || uz_exchange_acquire(&s->lock, 1u))
		return false;
	*size = s->size;
	if (s->size && s->handle == handle)
		return true;
	unlock_slot(s);
	return false;
}

static void mover_publish(struct uz_mover *m, uint32_t owner, uint64_t to)
{
	struct pool_rig *r = UZ_CONTAINER_OF(m, struct pool_rig, mover);

	r->slot[owner].handle = to;
	uz_fetch_add(&r->moves, 1);
	unlock_slot(&r->slot[owner]);
}

static void mover_unlock(struct uz_mover *m, uint32_t owner)
{
	unlock_slot(&UZ_CONTAINER_OF(m, struct pool_rig, mover)->slot[owner]);
}

static struct uz_arena_config rig_config(const struct pool_rig *r)
{
	return (struct uz_arena_config){
		.capacity_bytes = CAPACITY,
		.limit_bytes = r->limit_bytes,
		.reserve_bytes = 1 << 20,
	};
}

void rig_open(struct pool_rig *r, const struct uz_pool_ops *ops, uint32_t nr_slots,
	      uint64_t limit_bytes)
{
	struct uz_arena_config c;

	*r = (struct pool_rig){
		.ops = ops,
		.nr_slots = nr_slots,
		.limit_bytes = limit_bytes,
		.mover = { .lock = mover_lock, .publish = mover_publish, .unlock = mover_unlock },
	};
	c = rig_config(r);
	mem_plat_open(&r->mem);
	CHECK_EQ(uz_arena_open(&r->mem.pl, &c, false, &r->arena), 0);
	CHECK_EQ(uz_blocktab_init(&r->tab, r->arena), 0);
	CHECK_EQ(uz_pool_create(&r->tab, ops, DISK, ENTRY, &r->pool), 0);
	r->slot = calloc(nr_slots, sizeof(*r->slot));
	CHECK(r->slot);
}

void rig_close(struct pool_rig *r)
{
	struct uz_arena_stats st;

	uz_pool_destroy(r->pool);
	uz_arena_stats(r->arena, &st);
	CHECK_EQ(st.used_bytes, 0);
	uz_blocktab_fini(&r->tab);
	CHECK_EQ(uz_arena_check(r->arena), 0);
	uz_arena_close(r->arena);
	mem_plat_close(&r->mem);
	free(r->slot);
}

static void fill(void *buf, uint32_t size, uint32_t page, uint32_t version)
{
	struct test_rng rng = test_rng_of(((uint64_t)page << 32 | version) + 1);

	for (uint32_t i = 0; i < size; i += 8) {
		uint64_t word = test_random(&rng);

		memcpy((char *)buf + i, &word, UZ_MIN(size - i, 8u));
	}
}

static void verify_locked(struct pool_rig *r, uint32_t page)
{
	struct rig_slot *s = &r->slot[page];
	char want[4096];
	const void *got;

	if (!s->size)
		return;
	fill(want, s->size, page, s->version);
	got = r->ops->read_begin(r->pool, s->handle, s->size);
	CHECK_MEM(got, want, s->size);
	if (r->ops->read_end)
		r->ops->read_end(r->pool, s->handle, got);
}

int rig_write(struct pool_rig *r, uint32_t page, uint32_t size, unsigned int flags,
	      unsigned int hint)
{
	struct rig_slot *s = &r->slot[page], old;
	struct uz_object o;
	int err = uz_pool_alloc(r->pool, size, page, flags, hint, &o);

	if (err)
		return err;
	lock_slot(s);
	old = *s;
	fill(o.addr, size, page, old.version + 1);
	s->size = size;
	s->version++;
	s->handle = o.handle;
	unlock_slot(s);
	if (old.size)
		uz_pool_free(r->pool, old.handle, old.size);
	return 0;
}

void rig_discard(struct pool_rig *r, uint32_t page)
{
	struct rig_slot *s = &r->slot[page], old;

	lock_slot(s);
	old = *s;
	s->size = 0;
	unlock_slot(s);
	if (old.size)
		uz_pool_free(r->pool, old.handle, old.size);
}

void rig_discard_many(struct pool_rig *r, uint32_t page, uint32_t nr)
{
	struct uz_freed freed[RIG_MANY];
	uint32_t nr_freed = 0;

	for (uint32_t end = UZ_MIN(page + UZ_MIN(nr, RIG_MANY), r->nr_slots); page < end; page++) {
		struct rig_slot *s = &r->slot[page];

		lock_slot(s);
		if (s->size)
			freed[nr_freed++] = (struct uz_freed){ s->handle, s->size };
		s->size = 0;
		unlock_slot(s);
	}
	uz_pool_free_many(r->pool, freed, nr_freed);
}

void rig_verify(struct pool_rig *r, uint32_t page)
{
	lock_slot(&r->slot[page]);
	verify_locked(r, page);
	unlock_slot(&r->slot[page]);
}

void rig_verify_all(struct pool_rig *r)
{
	for (uint32_t i = 0; i < r->nr_slots; i++)
		rig_verify(r, i);
}

void rig_check(struct pool_rig *r)
{
	struct uz_arena_stats a;
	struct uz_pool_stats st;
	uint64_t objects = 0;

	for (uint32_t i = 0; i < r->nr_slots; i++)
		objects += r->slot[i].size != 0;
	CHECK_EQ(r->ops->check(r->pool), 0);
	r->ops->stats(r->pool, &st);
	uz_arena_stats(r->arena, &a);
	CHECK_EQ(st.objects, objects);
	CHECK_EQ(st.frames * UZ_FRAME_SIZE, a.used_bytes);
	CHECK(rig_bytes(r) + st.free_bytes <= a.used_bytes);
}

uint64_t rig_bytes(const struct pool_rig *r)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < r->nr_slots; i++)
		sum += r->slot[i].size;
	return sum;
}

static int attach_block(void *ctx, uint32_t block)
{
	struct pool_rig *r = ctx;

	return r->ops->attach_block(r->pool, block);
}

void rig_attach_slots(struct pool_rig *r)
{
	for (uint32_t i = 0; i < r->nr_slots; i++)
		if (r->slot[i].size)
			CHECK_EQ(r->ops->attach_object(r->pool, r->slot[i].handle, r->slot[i].size,
						       i),
				 0);
}

void rig_reattach(struct pool_rig *r, void (*attach)(struct pool_rig *r))
{
	struct uz_arena_config c = rig_config(r);
	uint32_t nr_bad;

	uz_blocktab_fini(&r->tab);
	uz_arena_close(r->arena);
	CHECK_EQ(uz_arena_open(&r->mem.pl, &c, true, &r->arena), 0);
	CHECK_EQ(uz_blocktab_init(&r->tab, r->arena), 0);
	CHECK_EQ(uz_pool_create(&r->tab, r->ops, DISK, ENTRY, &r->pool), 0);
	CHECK_EQ(uz_blocktab_attach(&r->tab, attach_block, r, &nr_bad), 0);
	CHECK_EQ(nr_bad, 0);
	CHECK_EQ(uz_arena_settle(r->arena), 0);
	if (attach)
		attach(r);
	else
		rig_attach_slots(r);
	r->ops->attach_done(r->pool);
}

static const struct uz_pool_ops *load_pool(const char *path)
{
	char why[256];
	const struct uz_pool_ops *ops = uz_host_pool(path, why, sizeof(why));

	CHECK_MSG(ops, "UZ_POOL=%s: %s", path, why);
	return ops;
}

static void run_pool(void (*test)(const struct uz_pool_ops *ops), const struct uz_pool_ops *ops)
{
	printf("pool %s\n", ops->name);
	test(ops);
}

void rig_each_pool(void (*test)(const struct uz_pool_ops *ops))
{
	const char *only = getenv("UZ_POOL");
	unsigned int nr = 0;

	if (only && strchr(only, '/')) {
		run_pool(test, load_pool(only));
		return;
	}
	for (const struct uz_pool_ops *const *p = uz_pools; *p; p++) {
		if (only && strcmp(only, (*p)->name) != 0)
			continue;
		run_pool(test, *p);
		nr++;
	}
	CHECK_MSG(nr > 0, "UZ_POOL: there is no pool named %s", only);
}
