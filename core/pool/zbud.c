/* SPDX-License-Identifier: MIT */
/*
 * zbud: two objects a frame, one from its start, one from its end, after the
 * kernel's pool of that name ("buddies").
 *
 *   owner + first | hole | owner + last      8 + first + hole + last == 4096
 *
 * It is the pool with the fewest surprises: an allocation touches one frame, nothing
 * ever shares it but one neighbour, and a frame whose objects both go is free
 * at once. It pays with memory: never fewer than half a frame an object, so it
 * gains nothing from pages that compress better than two to one.
 */

#include "fold_i.h"

static int zbud_init(struct uz_pool *p)
{
	return uz__fold_init(p, 2);
}

const struct uz_pool_ops uz_pool_zbud = {
	.abi_version = UZ_POOL_ABI,
	.struct_size = sizeof(struct uz_pool_ops),
	.name = "zbud",
	.max_object = FOLD_OBJECT_MAX,
	.instance_bytes = uz__fold_bytes,
	.init = zbud_init,
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
