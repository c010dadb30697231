/* SPDX-License-Identifier: MIT */
/*
 * Threads write, discard, read, compact and empty blocks of one pool at once, each object verified
 * at each read; then everything is recounted.
 */
#include <pthread.h>

#include "pool_rig.h"

#define LIMIT (128ull << 20)
#define SLOTS 1500
#define THREADS 4

struct worker {
	pthread_t thread;
	struct pool_rig *rig;
	unsigned int id;
	uint64_t steps, emptied;
};

static void isolate_some(struct pool_rig *r, struct test_rng *rng)
{
	uint32_t block = 1 + (uint32_t)test_below(rng, uz_load(&r->tab.nr));
	struct uz_resident res[8];
	uint32_t n;

	if (r->ops->isolate(r->pool, block) != 0)
		return;
	n = r->ops->residents(r->pool, block, 0, res, 8);
	CHECK(n <= 8);
	r->ops->undo(r->pool, block);
	uz_pool_empty(r->pool, block, UZ_ALLOC_RESIDENT, &r->mover);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct test_rng rng = test_rng_of(test_seed() + w->id);
	struct pool_rig *r = w->rig;

	for (test_step = 0; test_step < w->steps; test_step++) {
		uint32_t page = (uint32_t)test_below(&rng, r->nr_slots);
		uint64_t what = test_below(&rng, 100);
		uint32_t size = 1 + (uint32_t)test_below(&rng, what % 2 ? 600 : 4000);

		if (what < 40)
			CHECK_EQ(rig_write(r, page, UZ_MIN(size, r->ops->max_object), 0, w->id), 0);
		else if (what < 65)
			rig_discard(r, page);
		else if (what < 90)
			rig_verify(r, page);
		else if (what < 98)
			w->emptied += uz_pool_compact(r->pool, 2, what < 94, &r->mover);
		else if (r->ops->isolate)
			isolate_some(r, &rng);
	}
	return NULL;
}

static void test_pool(const struct uz_pool_ops *ops)
{
	struct worker w[THREADS];
	uint64_t emptied = 0;
	struct pool_rig r;

	rig_open(&r, ops, SLOTS, LIMIT);
	for (unsigned int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .rig = &r, .id = i };
		w[i].steps = test_scale(10000, 50000, 1000000);
		CHECK(pthread_create(&w[i].thread, NULL, work, &w[i]) == 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		CHECK(pthread_join(w[i].thread, NULL) == 0);
		emptied += w[i].emptied;
	}
	rig_check(&r);
	rig_verify_all(&r);
	rig_reattach(&r, NULL);
	rig_check(&r);
	rig_verify_all(&r);
	test_count("emptied", emptied);
	CHECK(emptied > 0 || !ops->victim);
	rig_close(&r);
}

int main(void)
{
	test_start();
	rig_each_pool(test_pool);
	return 0;
}
