/* SPDX-License-Identifier: MIT */
/*
 * At the limit, with no frame left and no room in the class of its size, an urgent
 * allocation is served from room that exists, until there is none; then it fails
 * and changes nothing. Only moves and replacements ask so.
 */
#include <string.h>

#include "pool_rig.h"

#define LIMIT (16ull << 20)
#define SLOTS 60000
#define SMALL 100

/* Writes objects of @size to pages from @page on until the budget is spent; the next page. */
static uint32_t fill(struct pool_rig *r, uint32_t page, uint32_t size)
{
	int err;

	while ((err = rig_write(r, page, size, 0, 0)) == 0)
		CHECK(++page < SLOTS);
	CHECK_EQ(err, -UZ_ENOSPC);
	return page;
}

static void test_pool(const struct uz_pool_ops *ops)
{
	uint32_t nr, page, urgent = 0;
	struct uz_pool_stats before, after;
	struct pool_rig r;

	rig_open(&r, ops, SLOTS, LIMIT);
	nr = fill(&r, 0, 1500);
	for (uint32_t i = 0; i < nr; i += 7)
		rig_discard(&r, i);
	page = fill(&r, nr, ops->max_object);
	page = fill(&r, page, 3000);
	page = fill(&r, page, SMALL);
	r.ops->stats(r.pool, &before);
	while (rig_write(&r, page, SMALL, UZ_ALLOC_URGENT, 0) == 0) {
		CHECK(++page < SLOTS);
		urgent++;
	}
	r.ops->stats(r.pool, &after);
	CHECK_EQ(after.frames, before.frames);
	CHECK_EQ(after.objects, before.objects + urgent);
	CHECK_EQ(rig_write(&r, 0, SMALL, UZ_ALLOC_MOVE, 0), -UZ_ENOSPC);
	test_count("urgent", urgent);
	CHECK(urgent > 0 || strcmp(ops->name, "zsmalloc") != 0);
	rig_check(&r);
	rig_verify_all(&r);
	rig_close(&r);
}

int main(void)
{
	test_start();
	rig_each_pool(test_pool);
	return 0;
}
