/* SPDX-License-Identifier: MIT */
/*
 * Random operations on each pool, every object's bytes verified, everything
 * recounted every now and then. UZ_POOL=NAME tests one pool.
 */
#include <string.h>

#include "pool_rig.h"

#define LIMIT (64ull << 20)
#define SLOTS 2000

struct model {
	struct pool_rig rig;
	struct test_rng rng;
	uint64_t discards, compacted, isolated, emptied, reattached, refused;
};

/* Sizes change their style from time to time, so that classes grow and empty. */
static uint32_t random_size(struct model *m)
{
	uint32_t max = m->rig.ops->max_object;

	switch (test_step / 1000 % 5) {
	case 0:
		return 1 + (uint32_t)test_below(&m->rng, max);
	case 1:
		return 1 + (uint32_t)test_below(&m->rng, UZ_MIN(max, 64u));
	case 2:
		return max - (uint32_t)test_below(&m->rng, UZ_MIN(max, 64u));
	case 3:
		return UZ_MIN(max, 1000 + (uint32_t)test_below(&m->rng, 100));
	default:
		return UZ_MIN(max,
			      1 + (uint32_t)(test_below(&m->rng, 64) * test_below(&m->rng, 64)));
	}
}

static uint32_t random_page(struct model *m)
{
	return (uint32_t)test_below(&m->rng, m->rig.nr_slots);
}

/* Isolated, a block gets no new object; its residents are what the slots say. */
static void isolate_one(struct model *m)
{
	struct pool_rig *r = &m->rig;
	uint32_t page = random_page(m), block, from = 0, n, listed = 0, want = 0;
	struct uz_resident res[7];

	for (int i = 0; i < 20 && !r->slot[page].size; i++)
		page = random_page(m);
	if (!r->slot[page].size || !r->ops->isolate)
		return;
	block = uz_handle_block(r->slot[page].handle);
	CHECK_EQ(r->ops->isolate(r->pool, block), 0);
	CHECK_EQ(r->ops->isolate(r->pool, block), -UZ_EBUSY);
	for (int i = 0; i < 50; i++) {
		page = random_page(m);
		if (r->slot[page].size && uz_handle_block(r->slot[page].handle) == block)
			continue;
		CHECK_EQ(rig_write(r, page, random_size(m), 0, 0), 0);
		CHECK(uz_handle_block(r->slot[page].handle) != block);
	}
	while ((n = r->ops->residents(r->pool, block, from, res, 7))) {
		for (uint32_t i = 0; i < n; i++, listed++)
			CHECK(res[i].index >= from &&
			      r->slot[res[i].owner].handle == uz_handle(block, res[i].index));
		from = res[n - 1].index + 1;
	}
	for (uint32_t i = 0; i < r->nr_slots; i++)
		want += r->slot[i].size && uz_handle_block(r->slot[i].handle) == block;
	CHECK_EQ(listed, want);
	if (r->ops->spare) /* victim has not isolated it */
		r->ops->spare(r->pool, block);
	CHECK_EQ(r->ops->isolate(r->pool, block), -UZ_EBUSY);
	r->ops->undo(r->pool, block);
	r->ops->undo(r->pool, block);
	m->isolated++;
}

static uint64_t ram_total(struct pool_rig *r)
{
	struct uz_arena_stats a;

	uz_arena_stats(r->arena, &a);
	return a.ram_total_bytes;
}

/* A block's objects into others and into frames that lie free: none is left, or the block goes on. */
static void empty_one(struct model *m)
{
	struct pool_rig *r = &m->rig;
	uint64_t before = ram_total(r), moves = r->moves;
	uint32_t page = random_page(m), block, left = 0;
	bool gone;

	if (!r->slot[page].size || !r->ops->isolate)
		return;
	block = uz_handle_block(r->slot[page].handle);
	gone = uz_pool_empty(r->pool, block, UZ_ALLOC_RESIDENT, &r->mover);
	CHECK(ram_total(r) <= before);
	for (uint32_t i = 0; i < r->nr_slots; i++)
		left += r->slot[i].size && uz_handle_block(r->slot[i].handle) == block;
	CHECK(gone == !left && r->moves >= moves + gone);
	if (!gone) {
		CHECK_EQ(r->ops->isolate(r->pool, block), 0);
		r->ops->undo(r->pool, block);
	}
	m->emptied += gone;
}

static void compact_some(struct model *m)
{
	struct pool_rig *r = &m->rig;
	uint64_t before = r->pool->nr_frames, moves = r->moves;
	uint32_t n = uz_pool_compact(r->pool, 1 + (uint32_t)test_below(&m->rng, 4),
				     test_one_in(&m->rng, 2), &r->mover);

	/* what finds no hole may have begun one new block */
	CHECK(r->pool->nr_frames <= before + UZ_RUN_MAX);
	CHECK(n == 0 || r->moves > moves);
	m->compacted += n;
}

static void discard_many(struct model *m)
{
	uint32_t keep = (uint32_t)test_below(&m->rng, 5);

	for (uint32_t i = 0; i < m->rig.nr_slots; i++)
		if (test_below(&m->rng, 5) >= keep)
			rig_discard(&m->rig, i);
}

static void reattach(struct model *m)
{
	rig_reattach(&m->rig, NULL);
	rig_check(&m->rig);
	rig_verify_all(&m->rig);
	m->reattached++;
}

static void step(struct model *m)
{
	uint64_t what = test_below(&m->rng, 1000);
	uint32_t page = random_page(m);

	if (what < 600) {
		CHECK_EQ(rig_write(&m->rig, page, random_size(m), 0, (unsigned int)what), 0);
	} else if (what < 780) {
		rig_discard(&m->rig, page);
		m->discards++;
	} else if (what < 800) {
		rig_discard_many(&m->rig, page, 1 + (uint32_t)test_below(&m->rng, RIG_MANY));
	} else if (what < 960) {
		rig_verify(&m->rig, page);
	} else if (what < 980) {
		compact_some(m);
	} else if (what < 990) {
		isolate_one(m);
	} else if (what < 995) {
		empty_one(m);
	} else if (what < 998) {
		discard_many(m);
	} else {
		reattach(m);
	}
}

static void bad_slots(struct pool_rig *r)
{
	uint32_t page = 0;
	uint64_t h;

	while (!r->slot[page].size)
		page++;
	h = r->slot[page].handle;
	CHECK_EQ(r->ops->attach_object(r->pool, 0, 100, page), -UZ_EBADMSG);
	CHECK_EQ(r->ops->attach_object(r->pool, uz_handle(r->tab.nr, 0), 100, page), -UZ_EBADMSG);
	CHECK_EQ(r->ops->attach_object(r->pool, h | (UZ_INDEX_NR - 1), r->ops->max_object, page),
		 -UZ_EBADMSG);
	CHECK_EQ(r->ops->attach_object(r->pool, h, r->slot[page].size, page + 1), -UZ_EBADMSG);
	rig_attach_slots(r);
	CHECK_EQ(r->ops->attach_object(r->pool, h, r->slot[page].size, page), -UZ_EEXIST);
}

/* An object that no slot names when the store is adopted was being written, or freed. */
static void lost_objects(struct model *m)
{
	struct pool_rig *r = &m->rig;
	struct uz_object o;

	for (uint32_t i = 0; i < 50; i++)
		CHECK_EQ(uz_pool_alloc(r->pool, random_size(m), random_page(m), 0, 0, &o), 0);
	reattach(m);
}

/* At the limit an urgent write still finds room; the old content stays when a write fails. */
static void limit(struct model *m)
{
	struct pool_rig *r = &m->rig;
	struct uz_arena_stats a;

	uz_arena_stats(r->arena, &a);
	uz_arena_set_limit(r->arena, a.ram_total_bytes);
	for (int i = 0; i < 20000 && m->refused < 100; i++) {
		uint32_t page = random_page(m), size = random_size(m), version;

		version = r->slot[page].version;
		if (rig_write(r, page, size, 0, 0) == 0)
			continue;
		CHECK_EQ(r->slot[page].version, version);
		rig_verify(r, page);
		m->refused++;
		rig_discard(r, page);
	}
	CHECK_EQ(m->refused, 100);
	rig_verify_all(r);
	rig_check(r);
	uz_arena_set_limit(r->arena, LIMIT);
}

static void test_pool(const struct uz_pool_ops *ops)
{
	struct model m = { .rng = test_rng_of(test_seed()) };
	uint64_t steps = test_scale(20000, 100000, 2000000);

	rig_open(&m.rig, ops, SLOTS, LIMIT);
	for (test_step = 0; test_step < steps; test_step++) {
		step(&m);
		if (test_step % 256 == 0)
			rig_check(&m.rig);
		if (test_step % 4096 == 0)
			rig_verify_all(&m.rig);
	}
	rig_verify_all(&m.rig);
	lost_objects(&m);
	CHECK_EQ(rig_write(&m.rig, 0, 100, 0, 0), 0);
	rig_reattach(&m.rig, bad_slots);
	rig_check(&m.rig);
	limit(&m);
	test_count("compacted", m.compacted);
	test_count("isolated", m.isolated);
	test_count("emptied", m.emptied);
	test_count("reattached", m.reattached);
	CHECK(m.compacted > 0 || !ops->victim);
	CHECK((m.isolated > 0 && m.emptied > 0) || !ops->isolate);
	CHECK(m.reattached > 0 && m.discards > 0);
	rig_close(&m.rig);
}

int main(void)
{
	test_start();
	rig_each_pool(test_pool);
	return 0;
}
