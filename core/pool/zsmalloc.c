/* SPDX-License-Identifier: MIT */
/*
 * zsmalloc: size classes with blocks of 1..16 frames, after the kernel's pool of
 * that name. An object may cross a page boundary inside its block, which is what
 * makes odd strides fit; since a block is contiguous in the mapping it is read in
 * place all the same.
 *
 * Which classes? Three kinds of waste, all in bytes:
 *
 *   a step of s      s/2 an object   (the cell is larger than the object)
 *   a tail           frames * 4096 - nr * stride a block, shared by nr objects
 *   the last block   frames * 4096 / 2 a class, and a descriptor (40 B) a block
 *
 * So longer blocks have smaller tails but cost half a block a class, and finer
 * steps mean more classes. For each stride on a 16-byte grid the number of frames is
 * the one of least tail * OBJECTS + frames * 2048, where OBJECTS is the number of
 * objects that a class is made for; neighbours that come out with the same shape
 * (frames and cells) are one class, and its stride grows until the tail is
 * under 4 bytes a cell.
 *
 * Computed from sizes of liblz4 on 150,000 pages (shared libraries, headers
 * and texts, a python heap): with OBJECTS at 400, RAM / object bytes after fill at
 * 200 to 480 MiB of objects is 1.016 to 1.025, at 50 to 120 MiB 1.026 to 1.049; 8-byte steps are
 * no better at the first and 0.5% worse at the second; at most 8 frames give 1.023
 * to 1.026, 4 frames (the kernel's chain) 1.046 to 1.079. An optimum found by dynamic
 * programming over all sets of strides is 0.1% better.
 */
#include "slab_i.h"

#define STEP 16u
#define OBJECTS 400u
#define DESC_BYTES (sizeof(struct uz_desc) + sizeof(struct uz_block))

static uint32_t best_frames(uint32_t stride)
{
	uint64_t least = UINT64_MAX;
	uint32_t best = 1;

	for (uint32_t f = 1; f <= UZ_RUN_MAX && f * UZ_FRAME_SIZE / stride <= SLAB_CELLS; f++) {
		uint32_t bytes = f * UZ_FRAME_SIZE;
		uint64_t cost = OBJECTS * (bytes + DESC_BYTES) / (bytes / stride) + bytes / 2;

		if (cost < least) {
			least = cost;
			best = f;
		}
	}
	return best;
}

static int zsmalloc_init(struct uz_pool *p)
{
	struct slab *s = slab_of(p);

	s->plat = uz__pool_plat(p);
	for (uint32_t stride = SLAB_STRIDE_MIN; stride <= SLAB_STRIDE_MAX; stride += STEP)
		uz__slab_add_class(s, stride, best_frames(stride));
	return 0;
}

const struct uz_pool_ops uz_pool_zsmalloc = {
	.abi_version = UZ_POOL_ABI,
	.struct_size = sizeof(struct uz_pool_ops),
	.name = "zsmalloc",
	.max_object = SLAB_OBJECT_MAX,
	.instance_bytes = uz__slab_bytes,
	.init = zsmalloc_init,
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
