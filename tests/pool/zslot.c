/* SPDX-License-Identifier: MIT */
/*
 * What is special to zslot: holes that join, blocks with more cells than their first
 * words hold, moves inside blocks beside readers, and an attach that
 * finds garbage wherever there is no live object.
 */
#include <pthread.h>
#include <string.h>

#include "pool_rig.h"
#include "zslot_i.h"

#define LIMIT (64ull << 20)
#define SLOTS 12000
#define READERS 2

static struct zslot_foot *foot_of(struct pool_rig *r, uint32_t page)
{
	return zslot_foot(&r->tab, uz_handle_block(r->slot[page].handle));
}

/* Three neighbours freed in each order leave one hole that takes them all. */
static void test_join(void)
{
	static const uint8_t order[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					     { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	struct pool_rig r;

	rig_open(&r, &uz_pool_zslot, 100, LIMIT);
	for (uint32_t i = 0; i < 20; i++)
		CHECK_EQ(rig_write(&r, i, 1000, 0, 0), 0);
	for (int i = 0; i < 6; i++) {
		uint32_t holes = foot_of(&r, 0)->nr_holes;

		for (int k = 0; k < 3; k++)
			rig_discard(&r, 8 + order[i][k]);
		CHECK_EQ(foot_of(&r, 0)->nr_holes, holes + 1);
		CHECK_EQ(rig_write(&r, 50, 3000, 0, 0), 0);
		CHECK_EQ(foot_of(&r, 0)->nr_holes, holes);
		rig_check(&r);
		rig_discard(&r, 50);
		for (uint32_t k = 8; k < 11; k++)
			CHECK_EQ(rig_write(&r, k, 1000, 0, 0), 0);
		rig_check(&r);
	}
	CHECK_EQ(r.pool->nr_frames, FRAMES_MAX);
	rig_verify_all(&r);
	rig_close(&r);
}

/* The tightest hole wins, wherever it is. */
static void test_tightest(void)
{
	struct pool_rig r;
	uint64_t handle;

	rig_open(&r, &uz_pool_zslot, 1000, LIMIT);
	for (uint32_t i = 0; i < 500; i++)
		CHECK_EQ(rig_write(&r, i, i % 2 ? 3000 : 2000, 0, 0), 0);
	handle = r.slot[100].handle;
	for (uint32_t i = 131; i < 500; i += 50)
		rig_discard(&r, i);
	rig_discard(&r, 100);
	CHECK_EQ(rig_write(&r, 900, 1999, 0, 0), 0);
	CHECK(r.slot[900].handle == handle);
	rig_check(&r);
	rig_close(&r);
}

/* Blocks full of the smallest objects, thinned out, then the largest among them. */
static void test_cells(struct test_rng *rng)
{
	uint64_t thin, mixed;
	struct pool_rig r;

	rig_open(&r, &uz_pool_zslot, SLOTS, LIMIT);
	for (uint32_t i = 0; i < SLOTS; i++)
		CHECK_EQ(rig_write(&r, i, 1 + (uint32_t)test_below(rng, 8), 0, 0), 0);
	rig_check(&r);
	CHECK(foot_of(&r, SLOTS / 2)->nr_objects > 100);
	CHECK(r.pool->nr_frames * UZ_FRAME_SIZE < SLOTS * 18);
	for (uint32_t i = 0; i < SLOTS; i++)
		if (i % 5)
			rig_discard(&r, i);
	rig_check(&r);
	thin = r.pool->nr_frames;
	for (uint32_t i = 0; i < 1000; i++) {
		uint32_t size = 4096 - (uint32_t)test_below(rng, 8);

		CHECK_EQ(rig_write(&r, i * 5 + 1, size, 0, 0), 0);
	}
	rig_check(&r);
	mixed = r.pool->nr_frames;
	while (uz_pool_compact(r.pool, 10, false, &r.mover))
		;
	rig_check(&r);
	rig_verify_all(&r);
	CHECK(thin > 0 && r.pool->nr_frames <= mixed);
	test_count("moved", r.moves);
	rig_close(&r);
}

/* A full block of tiny objects whose last words are wanted back by large ones. */
static void test_cap(void)
{
	struct pool_rig r;
	uint32_t full;

	rig_open(&r, &uz_pool_zslot, 3000, LIMIT);
	for (uint32_t i = 0; i < 200; i++)
		CHECK_EQ(rig_write(&r, i, 40, 0, 0), 0);
	CHECK_EQ(r.pool->nr_frames, FRAMES_MAX);
	full = FRAMES_MAX * UNITS_FRAME - foot_of(&r, 0)->cap;
	CHECK(full > 400);
	for (uint32_t i = 1; i < 200; i++)
		rig_discard(&r, i);
	CHECK(FRAMES_MAX * UNITS_FRAME - foot_of(&r, 0)->cap < 64);
	rig_check(&r);
	rig_verify_all(&r);
	rig_close(&r);
}

struct reader {
	pthread_t thread;
	struct pool_rig *rig;
	uint32_t id, stop; /* atomic */
	uint64_t reads;
};

static void *read_all(void *arg)
{
	struct reader *d = arg;
	struct test_rng rng = test_rng_of(test_seed() + d->id);

	for (; !uz_load(&d->stop) || d->reads < 100; d->reads++)
		rig_verify(d->rig, (uint32_t)test_below(&rng, d->rig->nr_slots));
	return NULL;
}

static uint64_t largest_holes(struct pool_rig *r)
{
	uint64_t sum = 0;
	struct uz_block_id id;
	uint32_t block = 0;

	while ((block = uz__pool_next(r->pool, block, &id)))
		sum += uz__zslot_room(zslot_foot(&r->tab, block)).largest;
	return sum;
}

/* Objects move inside their blocks while threads read them. */
static void test_tidy(struct test_rng *rng)
{
	struct reader d[READERS];
	uint64_t before, frames, moved = 0;
	struct pool_rig r;

	rig_open(&r, &uz_pool_zslot, 4000, LIMIT);
	for (uint32_t i = 0; i < r.nr_slots; i++)
		CHECK_EQ(rig_write(&r, i, 100 + (uint32_t)test_below(rng, 2000), 0, i), 0);
	for (uint32_t i = 0; i < r.nr_slots; i++)
		if (test_one_in(rng, 3))
			rig_discard(&r, i);
	before = largest_holes(&r);
	frames = r.pool->nr_frames;
	for (uint32_t i = 0; i < READERS; i++) {
		d[i] = (struct reader){ .rig = &r, .id = i };
		CHECK(pthread_create(&d[i].thread, NULL, read_all, &d[i]) == 0);
	}
	for (int i = 0; i < 200; i++) {
		uint32_t n = r.ops->tidy(r.pool, 10, &r.mover);

		CHECK(n <= 10);
		moved += n;
	}
	for (uint32_t i = 0; i < READERS; i++) {
		uz_store(&d[i].stop, 1u);
		CHECK(pthread_join(d[i].thread, NULL) == 0);
	}
	CHECK_EQ(moved, r.moves);
	CHECK(moved > 100 && r.pool->nr_frames == frames);
	CHECK(largest_holes(&r) > before);
	rig_check(&r);
	rig_verify_all(&r);
	test_count("tidied", moved);
	rig_close(&r);
}

struct writer {
	pthread_t thread;
	struct pool_rig *rig;
	uint32_t id;
	uint64_t emptied;
};

static void *write_some(void *arg)
{
	struct writer *w = arg;
	struct test_rng rng = test_rng_of(test_seed() + w->id);
	uint64_t steps = test_scale(15000, 100000, 2000000);

	for (uint64_t i = 0; i < steps; i++) {
		uint32_t page = (uint32_t)test_below(&rng, w->rig->nr_slots);
		uint64_t what = test_below(&rng, 1000);

		if (what < 500)
			CHECK_EQ(rig_write(w->rig, page, 3000 + (uint32_t)test_below(&rng, 1000), 0,
					   w->id),
				 0);
		else if (what < 600)
			rig_discard(w->rig, page);
		else if (what < 980)
			rig_verify(w->rig, page);
		else if (what < 990)
			w->emptied += uz_pool_compact(w->rig->pool, 2, what % 2, &w->rig->mover);
		else
			w->rig->ops->tidy(w->rig->pool, 2, &w->rig->mover);
	}
	return NULL;
}

/* Enough data for several shards, and threads at work on all of them. */
static void test_shards(void)
{
	struct writer w[4];
	uint32_t seen = 0, block = 0;
	struct uz_block_id id;
	struct pool_rig r;

	rig_open(&r, &uz_pool_zslot, 20000, 3 * LIMIT);
	for (uint32_t i = 0; i < r.nr_slots; i++)
		CHECK_EQ(rig_write(&r, i, 3500, 0, i / 100), 0);
	CHECK(r.pool->nr_frames >= 4 * SHARD_FRAMES);
	while ((block = uz__pool_next(r.pool, block, &id)))
		seen |= 1u << id.class_nr;
	CHECK_EQ(seen, 15);
	for (uint32_t i = 0; i < 4; i++) {
		w[i] = (struct writer){ .rig = &r, .id = i };
		CHECK(pthread_create(&w[i].thread, NULL, write_some, &w[i]) == 0);
	}
	for (uint32_t i = 0; i < 4; i++)
		CHECK(pthread_join(w[i].thread, NULL) == 0);
	rig_check(&r);
	rig_verify_all(&r);
	rig_reattach(&r, NULL);
	rig_check(&r);
	rig_verify_all(&r);
	rig_close(&r);
}

/* With no new memory to be had, an urgent write takes any hole of any shard. */
static void test_urgent(void)
{
	struct uz_arena_stats a;
	struct pool_rig r;

	rig_open(&r, &uz_pool_zslot, 21000, 3 * LIMIT);
	for (uint32_t i = 0; i < 20000; i++)
		CHECK_EQ(rig_write(&r, i, 3500, 0, i / 100), 0);
	uz_arena_stats(r.arena, &a);
	uz_arena_set_limit(r.arena, a.ram_total_bytes);
	for (uint32_t i = 20000; rig_write(&r, i, 3500, UZ_ALLOC_URGENT, 0) == 0; i++)
		CHECK(i < 20999);
	for (uint32_t i = 0; i < 20000; i += 1000) {
		CHECK_EQ(rig_write(&r, 20999, 3500, UZ_ALLOC_URGENT, 3), -UZ_ENOSPC);
		rig_discard(&r, i);
		CHECK_EQ(rig_write(&r, 20999, 3496, UZ_ALLOC_URGENT, i), 0);
		rig_discard(&r, 20999);
		CHECK_EQ(rig_write(&r, i, 3500, UZ_ALLOC_URGENT, i), 0);
	}
	rig_check(&r);
	rig_verify_all(&r);
	rig_close(&r);
}

static void random_state(struct pool_rig *r, struct test_rng *rng)
{
	rig_open(r, &uz_pool_zslot, 3000, LIMIT);
	for (uint32_t i = 0; i < 9000; i++) {
		uint32_t page = (uint32_t)test_below(rng, r->nr_slots);
		uint32_t size = 1 + (uint32_t)test_below(rng, test_one_in(rng, 2) ? 4096 : 300);

		if (test_one_in(rng, 3))
			rig_discard(r, page);
		else
			CHECK_EQ(rig_write(r, page, size, 0, i), 0);
	}
}

/* What a crash leaves: dead objects, a cell copied but not yet dropped, holes with any content. */
static void spoil(struct pool_rig *r, struct test_rng *rng)
{
	struct uz_block_id id;
	uint32_t block = 0;
	struct uz_object o;

	for (uint32_t i = 0; i < 30; i++)
		CHECK_EQ(uz_pool_alloc(r->pool, 1 + (uint32_t)test_below(rng, 4096), i, 0, 0, &o),
			 0);
	while ((block = uz__pool_next(r->pool, block, &id))) {
		struct zslot_foot *f = zslot_foot(&r->tab, block);
		uint32_t *hole = zslot_holes(f);
		bool room = uz__zslot_room(f).largest != 0;

		for (uint32_t i = 0; i < f->nr_holes; i++)
			test_fill_random(rng, zslot_start(f) + zslot_hole_off(hole[i]),
					 (size_t)zslot_hole_len(hole[i]) * UNIT_BYTES);
		test_fill_random(rng, hole, 4u * f->nr_holes);
		f->nr_holes = (uint16_t)test_random(rng);
		if (room) {
			*zslot_cell(f, f->nr_objects + 1u) =
				*zslot_cell(f, 1 + (uint32_t)test_below(rng, f->nr_objects));
			f->nr_objects++;
		}
	}
}

static void test_garbage(struct test_rng *rng)
{
	struct pool_rig r;

	random_state(&r, rng);
	for (int i = 0; i < 5; i++) {
		spoil(&r, rng);
		rig_reattach(&r, NULL);
		rig_check(&r);
		rig_verify_all(&r);
		for (uint32_t k = 0; k < 500; k++)
			CHECK_EQ(rig_write(&r, (uint32_t)test_below(rng, r.nr_slots),
					   1 + (uint32_t)test_below(rng, 4096), 0, k),
				 0);
		rig_check(&r);
	}
	rig_close(&r);
}

static uint64_t nr_refused;

/* A slot whose object is gone is told so; the device would quarantine it. */
static void attach_some(struct pool_rig *r)
{
	for (uint32_t i = 0; i < r->nr_slots; i++) {
		struct rig_slot *s = &r->slot[i];
		int err;

		if (!s->size)
			continue;
		err = r->ops->attach_object(r->pool, s->handle, s->size, i);
		CHECK(err == 0 || err == -UZ_EBADMSG);
		if (err) {
			s->size = 0;
			nr_refused++;
		}
	}
}

/* Bits flipped in the words behind cap cost objects, never the pool's sanity. */
static void test_damage(struct test_rng *rng)
{
	struct pool_rig r;

	random_state(&r, rng);
	for (int i = 0; i < 20; i++) {
		uint32_t block = 0;
		struct uz_block_id id;

		while ((block = uz__pool_next(r.pool, block, &id))) {
			struct zslot_foot *f = zslot_foot(&r.tab, block);
			uint64_t words = (zslot_foot_units(f) - f->cap) / WORD_UNITS;

			if (test_one_in(rng, 4))
				*zslot_cell(f, (uint32_t)test_below(rng, words)) ^=
					1ull << test_below(rng, 64);
		}
		rig_reattach(&r, attach_some);
		rig_check(&r);
		rig_verify_all(&r);
		for (uint32_t k = 0; k < 1000; k++)
			CHECK_EQ(rig_write(&r, (uint32_t)test_below(rng, r.nr_slots),
					   1 + (uint32_t)test_below(rng, 4096), 0, k),
				 0);
		rig_check(&r);
		rig_verify_all(&r);
	}
	CHECK(nr_refused > 0);
	test_count("refused", nr_refused);
	rig_close(&r);
}

/* Cells that leave no room for the holes between them: somebody made them on purpose. */
static void forge(struct pool_rig *r)
{
	uint32_t block = uz_handle_block(r->slot[0].handle), nr;
	struct zslot_foot *f = zslot_foot(&r->tab, block);

	nr = (zslot_foot_units(f) - WORD_UNITS) / (2 + WORD_UNITS);
	f->cap = (uint16_t)(2 * nr);
	f->nr_objects = (uint16_t)nr;
	for (uint32_t i = 0; i < nr; i++) {
		*zslot_cell(f, i + 1) = zslot_cell_pack(2 * i + 1, 1, i);
		r->slot[i].handle = uz_handle(block, 2 * i + 1);
		r->slot[i].size = UNIT_BYTES;
	}
}

static void test_forged(void)
{
	struct pool_rig r;

	nr_refused = 0;
	rig_open(&r, &uz_pool_zslot, UZ_INDEX_NR, LIMIT);
	CHECK_EQ(rig_write(&r, 0, 1000, 0, 0), 0);
	forge(&r);
	rig_reattach(&r, attach_some);
	CHECK(nr_refused > 100);
	rig_check(&r);
	CHECK_EQ(rig_write(&r, 0, 1000, 0, 0), 0);
	rig_check(&r);
	rig_verify_all(&r);
	rig_close(&r);
}

int main(void)
{
	struct test_rng rng = test_start();

	test_join();
	test_tightest();
	test_cells(&rng);
	test_cap();
	test_tidy(&rng);
	test_shards();
	test_urgent();
	test_garbage(&rng);
	test_damage(&rng);
	test_forged();
	return 0;
}
