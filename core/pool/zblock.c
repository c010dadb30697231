/* SPDX-License-Identifier: MIT */
/*
 * zblock: equal slots in blocks of 1, 2, 4 or 8 frames, after the pool of that
 * name by Vitaly Wool and Ananda Badmaev. Few classes and short blocks: little is lost
 * in the last block of each class, more in the step of each object. It is the denser of
 * the two while a pool is small.
 *
 *   slot = 4-byte owner + object;  slots * stride <= frames * 4096
 *
 * The original has a table of 29 shapes made by hand. Here it is computed by
 * zsmalloc's rule with constants of its own: a 64-byte grid and 200 objects a class give 36
 * classes. RAM / object bytes after fill, computed from sizes of liblz4 on 150,000
 * pages: 1.050 to 1.063 at 13 to 30 MiB of objects (zsmalloc 1.06 to 1.11), 1.041
 * to 1.051 at 200 to 480 MiB (zsmalloc 1.016 to 1.025).
 *
 * Unlike the original it compacts, since the engine does. Locks are per class.
 */
#include "slab_i.h"

#define STEP 64u
#define FRAMES_MAX 8u
#define OBJECTS 200u

static uint32_t best_frames(uint32_t stride)
{
	uint32_t least = UINT32_MAX, best = 1;

	for (uint32_t f = 1; f <= FRAMES_MAX && f * UZ_FRAME_SIZE / stride <= SLAB_CELLS; f *= 2) {
		uint32_t bytes = f * UZ_FRAME_SIZE;
		uint32_t cost = OBJECTS * bytes / (bytes / stride) + bytes / 2;

		if (cost < least) {
			least = cost;
			best = f;
		}
	}
	return best;
}

static int zblock_init(struct uz_pool *p)
{
	struct slab *s = slab_of(p);

	s->plat = uz__pool_plat(p);
	for (uint32_t stride = SLAB_STRIDE_MIN; stride <= SLAB_STRIDE_MAX; stride += STEP)
		uz__slab_add_class(s, stride, best_frames(stride));
	return 0;
}

const struct uz_pool_ops uz_pool_zblock = {
	.abi_version = UZ_POOL_ABI,
	.struct_size = sizeof(struct uz_pool_ops),
	.name = "zblock",
	.max_object = SLAB_OBJECT_MAX,
	.instance_bytes = uz__slab_bytes,
	.init = zblock_init,
	.fini = uz__pool_destroy_blocks,
	.alloc = uz__slab_alloc,
	.free = uz__slab_free,
	.read_begin = uz__slab_read,
	.isolate = uz__slab_isolate,
	.move = uz__slab_move,
	.undo = uz__slab_undo,
	.spare = uz__slab_spare,
	.residents = uz__slab_residents,
	.victim = uz__slab_victim,
	.attach_block = uz__slab_attach_block,
	.attach_object = uz__slab_attach_object,
	.attach_done = uz__slab_attach_done,
	.stats = uz__slab_stats,
	.check = uz__slab_check,
	.prefetch = uz__slab_prefetch,
	.prepare = uz__slab_prepare,
};
