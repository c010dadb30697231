/* SPDX-License-Identifier: MIT */
/*
 * z3fold: up to three objects a frame, after the kernel's pool of that name: one
 * from the start, one from the end, one between.
 *
 *   owner + first | owner + middle | hole | owner + last
 *   12 + first + middle + last + gaps == 4096
 *
 * The kernel's has a page header that says where the middle one is, and moves it
 * when the first one goes. Here the handle says where an object is, so there is no header
 * and all three are the same; a hole that opens before the middle one is used as
 * it is if it is the longer one. Never fewer than a third of a frame an object.
 */

#include "fold_i.h"

static int z3fold_init(struct uz_pool *p)
{
	return uz__fold_init(p, 3);
}

const struct uz_pool_ops uz_pool_z3fold = {
	.abi_version = UZ_POOL_ABI,
	.struct_size = sizeof(struct uz_pool_ops),
	.name = "z3fold",
	.max_object = FOLD_OBJECT_MAX,
	.instance_bytes = uz__fold_bytes,
	.init = z3fold_init,
	.fini = uz__pool_destroy_blocks,
	.alloc = uz__fold_alloc,
	.free = uz__fold_free,
	.read_begin = uz__fold_read,
	.isolate = uz__fold_isolate,
	.move = uz__fold_move,
	.undo = uz__fold_undo,
	.spare = uz__fold_spare,
	.residents = uz__fold_residents,
	.victim = uz__fold_victim,
	.attach_block = uz__fold_attach_block,
	.attach_object = uz__fold_attach_object,
	.attach_done = uz__fold_attach_done,
	.stats = uz__fold_stats,
	.check = uz__fold_check,
};
