/* SPDX-License-Identifier: MIT */
/*
 * solo: the smallest pool there can be, one object in a frame of its own, built
 * outside the tree from the installed headers. It saves no memory; it shows what a pool
 * has to do. Read <uz/pool.h> beside it.
 *
 *   frame:  4-byte owner | object | unused          4 + size <= 4096
 *
 * The handle is the block's number and index 0. The owner is in the frame, since it
 * must outlive the process; that the block is isolated is in the volatile words.
 * One lock guards those words; no list is needed, since no frame is ever shared.
 */
#include <uz/pool.h>

#define OWNER_BYTES 4u

enum { USED, ISOLATED }; /* u32[] of struct uz_block */

struct solo {
	struct uz_pool pool; /* first */
	struct uz_lock lock;
	uint64_t nr_objects;
};

static struct solo *lock_solo(struct uz_pool *p)
{
	struct solo *s = (struct solo *)(void *)p;

	uz_lock(p->tab->arena->plat, &s->lock);
	return s;
}

static void unlock_solo(struct solo *s)
{
	uz_unlock(s->pool.tab->arena->plat, &s->lock);
}

static bool owns(const struct uz_pool *p, uint32_t block)
{
	struct uz_block_id id;

	if (!block || block >= uz_load(&p->tab->nr))
		return false;
	id = uz_block_id(p->tab, block);
	return id.kind == UZ_BLOCK_POOL && id.disk == p->disk && id.entry == p->entry &&
	       id.nr_frames == 1;
}

static void drop_block(struct uz_pool *p, uint32_t block)
{
	uz_block_destroy(p->tab, block);
	uz_fetch_sub(&p->nr_frames, 1);
}

static size_t solo_bytes(void)
{
	return sizeof(struct solo);
}

static int solo_init(struct uz_pool *p)
{
	(void)p; /* memory comes zeroed, and a zeroed lock is free */
	return 0;
}

static void solo_fini(struct uz_pool *p)
{
	for (uint32_t block = 1; block < uz_load(&p->tab->nr); block++)
		if (owns(p, block))
			drop_block(p, block);
}

static int solo_alloc(struct uz_pool *p, uint32_t size, uint32_t owner, unsigned int flags,
		      unsigned int hint, struct uz_object *out)
{
	struct uz_block_id id = {
		.nr_frames = 1, .kind = UZ_BLOCK_POOL, .entry = p->entry, .disk = p->disk
	};
	struct solo *s;
	uint32_t block;
	int err;

	(void)size;
	(void)hint;
	s = lock_solo(p);
	err = uz_block_create(p->tab, id, flags & ~UZ_ALLOC_MOVE, &block);
	if (!err) {
		uint32_t *frame = uz_block_addr(p->tab, block);

		*frame = owner;
		out->handle = uz_handle(block, 0);
		out->addr = frame + 1;
		p->tab->block[block].u32[USED] = 1;
		uz_fetch_add(&p->nr_frames, 1);
		s->nr_objects++;
	}
	unlock_solo(s);
	return err;
}

static void solo_free(struct uz_pool *p, uint64_t handle, uint32_t size)
{
	struct solo *s = lock_solo(p);

	(void)size;
	drop_block(p, uz_handle_block(handle));
	s->nr_objects--;
	unlock_solo(s);
}

static const void *solo_read(struct uz_pool *p, uint64_t handle, uint32_t size)
{
	(void)size;
	return (char *)uz_block_addr(p->tab, uz_handle_block(handle)) + OWNER_BYTES;
}

static int solo_isolate(struct uz_pool *p, uint32_t block)
{
	struct solo *s = lock_solo(p);
	int err = -UZ_ESTALE;

	if (owns(p, block)) {
		uint32_t *isolated = &p->tab->block[block].u32[ISOLATED];

		err = *isolated ? -UZ_EBUSY : 0;
		*isolated = 1;
	}
	unlock_solo(s);
	return err;
}

static void solo_undo(struct uz_pool *p, uint32_t block)
{
	struct solo *s = lock_solo(p);

	if (owns(p, block))
		p->tab->block[block].u32[ISOLATED] = 0;
	unlock_solo(s);
}

static uint32_t solo_residents(struct uz_pool *p, uint32_t block, uint32_t from,
			       struct uz_resident *out, uint32_t nr)
{
	struct solo *s = lock_solo(p);
	uint32_t found = from == 0 && nr && owns(p, block);

	if (found)
		*out = (struct uz_resident){ 0, *(uint32_t *)uz_block_addr(p->tab, block) };
	unlock_solo(s);
	return found;
}

static int solo_attach_block(struct uz_pool *p, uint32_t block)
{
	if (!owns(p, block))
		return -UZ_EBADMSG;
	p->tab->block[block] = (struct uz_block){ 0 };
	uz_fetch_add(&p->nr_frames, 1);
	return 0;
}

static int solo_attach_object(struct uz_pool *p, uint64_t handle, uint32_t size, uint32_t owner)
{
	uint32_t block = uz_handle_block(handle);
	uint32_t *used;

	if (!owns(p, block) || uz_handle_index(handle) || size - 1 >= p->ops->max_object)
		return -UZ_EBADMSG;
	used = &p->tab->block[block].u32[USED];
	if (*used)
		return -UZ_EEXIST;
	if (*(uint32_t *)uz_block_addr(p->tab, block) != owner)
		return -UZ_EBADMSG;
	*used = 1;
	((struct solo *)(void *)p)->nr_objects++;
	return 0;
}

/* What no slot names was being written, or freed, when the process ended. */
static void solo_attach_done(struct uz_pool *p)
{
	for (uint32_t block = 1; block < uz_load(&p->tab->nr); block++)
		if (owns(p, block) && !p->tab->block[block].u32[USED])
			drop_block(p, block);
}

static void solo_stats(struct uz_pool *p, struct uz_pool_stats *st)
{
	struct solo *s = lock_solo(p);

	*st = (struct uz_pool_stats){
		.frames = uz_load(&p->nr_frames),
		.objects = s->nr_objects,
		.moved = uz_load(&p->nr_moved),
	};
	unlock_solo(s);
}

static int solo_check(struct uz_pool *p)
{
	uint64_t nr = 0;

	for (uint32_t block = 1; block < uz_load(&p->tab->nr); block++) {
		if (!owns(p, block))
			continue;
		if (*(uint32_t *)uz_block_addr(p->tab, block) >= UZ_OWNER_MAX)
			return -UZ_EBADMSG;
		nr++;
	}
	return nr == p->nr_frames && nr == ((struct solo *)(void *)p)->nr_objects ? 0 : -UZ_EBADMSG;
}

static const struct uz_pool_ops solo = {
	.abi_version = UZ_POOL_ABI,
	.struct_size = sizeof(struct uz_pool_ops),
	.name = "solo",
	.max_object = UZ_FRAME_SIZE - OWNER_BYTES,
	.instance_bytes = solo_bytes,
	.init = solo_init,
	.fini = solo_fini,
	.alloc = solo_alloc,
	.free = solo_free,
	.read_begin = solo_read,
	.isolate = solo_isolate,
	.undo = solo_undo,
	.residents = solo_residents,
	.attach_block = solo_attach_block,
	.attach_object = solo_attach_object,
	.attach_done = solo_attach_done,
	.stats = solo_stats,
	.check = solo_check,
};

const struct uz_pool_ops *uz_pool_plugin_init(void)
{
	return &solo;
}
