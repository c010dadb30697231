/* SPDX-License-Identifier: MIT */
/*
 * A block with nothing but an object whose owner is not written yet, which may be any number: who wants
 * to empty it gets nothing, and the block goes back into use. For the pools that keep the owner in
 * front of the object.
 */
#include <string.h>

#include "pool_rig.h"

#define BYTES 100

static void test_pool(const struct uz_pool_ops *ops)
{
	struct uz_object being_made, next;
	struct pool_rig r;
	uint32_t owner = 1;

	rig_open(&r, ops, 16, 8 << 20);
	CHECK_EQ(uz_pool_alloc(r.pool, BYTES, owner, 0, 0, &being_made), 0);
	if (strcmp(ops->name, "zslot") != 0) {
		CHECK_MEM((char *)being_made.addr - sizeof(owner), &owner, sizeof(owner));
		memset((char *)being_made.addr - sizeof(owner), 0xff, sizeof(owner));
		CHECK(!uz_pool_empty(r.pool, uz_handle_block(being_made.handle), 0, &r.mover));
		CHECK_EQ(uz_pool_alloc(r.pool, BYTES, owner, 0, 0, &next), 0);
		CHECK_EQ(uz_handle_block(next.handle), uz_handle_block(being_made.handle));
		uz_pool_free(r.pool, next.handle, BYTES);
		test_count("in_front", 1);
	}
	uz_pool_free(r.pool, being_made.handle, BYTES);
	rig_check(&r);
	rig_close(&r);
}

int main(void)
{
	test_start();
	rig_each_pool(test_pool);
	return 0;
}
