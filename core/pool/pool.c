/* SPDX-License-Identifier: MIT */
/*
 * The dispatcher: makes instances, and stands between the device and a pool's
 * callbacks to check the contract of pool.h on the way in and out, so that no
 * pool has to. The checks are comparisons of values at hand and always on.
 *
 * The helpers for pools are here too. A pool keeps no list of all its blocks:
 * the block table is that list, and what needs every block (fini, attach, check)
 * reads the table, 16 bytes a block.
 */
#include <uz/san.h>

#include "pool_i.h"

const struct uz_pool_ops *const uz_pools[] = {
	&uz_pool_zslot, &uz_pool_zsmalloc, &uz_pool_zblock, &uz_pool_z3fold, &uz_pool_zbud, NULL,
};

static bool name_ok(const char *name)
{
	size_t n = 0;

	while (name && n < UZ_POOL_NAME_MAX && name[n])
		n++;
	return n > 0 && n < UZ_POOL_NAME_MAX;
}

static bool moves_ok(const struct uz_pool_ops *ops)
{
	bool any = ops->isolate || ops->undo || ops->residents || ops->victim || ops->move;

	return !any || (ops->isolate && ops->undo && ops->residents && !ops->victim == !ops->spare);
}

int uz_pool_ops_check(const struct uz_pool_ops *ops)
{
	if (ops->abi_version != UZ_POOL_ABI || ops->struct_size < sizeof(*ops))
		return -UZ_ENOTSUP;
	if (!name_ok(ops->name) || !ops->max_object || !moves_ok(ops))
		return -UZ_EINVAL;
	if (!ops->instance_bytes || !ops->init || !ops->fini || !ops->alloc || !ops->free ||
	    !ops->read_begin || !ops->attach_block || !ops->attach_object || !ops->attach_done ||
	    !ops->stats || !ops->check)
		return -UZ_EINVAL;
	return 0;
}

int uz_pool_create(struct uz_blocktab *tab, const struct uz_pool_ops *ops, uint8_t disk,
		   uint8_t entry, struct uz_pool **out)
{
	struct uz_pool *p;
	void *mem;
	int err;

	err = uz_pool_ops_check(ops);
	if (err)
		return err;
	if (ops->instance_bytes() < sizeof(*p))
		return -UZ_EINVAL;
	err = uz_scratch_alloc(tab->arena, ops->instance_bytes(), &mem);
	if (err)
		return err;
	p = mem;
	p->ops = ops;
	p->tab = tab;
	p->disk = disk;
	p->entry = entry;
	err = ops->init(p);
	if (err)
		goto out_destroy;
	*out = p;
	return 0;

out_destroy:
	uz_pool_destroy(p);
	return err;
}

void uz_pool_destroy(struct uz_pool *p)
{
	if (!p)
		return;
	p->ops->fini(p);
	UZ_ASSERT(p->tab->closing || uz_load(&p->nr_frames) == 0);
	uz_scratch_free(p->tab->arena, p, p->ops->instance_bytes());
}

int uz_pool_alloc(struct uz_pool *p, uint32_t size, uint32_t owner, unsigned int flags,
		  unsigned int hint, struct uz_object *out)
{
	int err;

	UZ_ASSERT(size - 1 < p->ops->max_object && owner < UZ_OWNER_MAX);
	err = p->ops->alloc(p, size, owner, flags, hint, out);
	if (UZ_SAN && !err)
		uz_san_poison(out->addr, size);
	UZ_ASSERT(err ? err == -UZ_ENOSPC || err == -UZ_ENOMEM
		      : uz_handle_block(out->handle) && out->addr);
	return err;
}

/* Poisoned before the pool takes it back, since a pool may keep its own words in free objects. */
static void poison_freed(struct uz_pool *p, uint64_t handle, uint32_t size)
{
	const void *addr = p->ops->read_begin(p, handle, size);

	uz_san_poison_freed(addr, size);
	if (p->ops->read_end)
		p->ops->read_end(p, handle, addr);
}

void uz_pool_free(struct uz_pool *p, uint64_t handle, uint32_t size)
{
	UZ_ASSERT(uz_handle_block(handle) && size - 1 < p->ops->max_object);
	if (UZ_SAN)
		poison_freed(p, handle, size);
	p->ops->free(p, handle, size);
}

void uz_pool_free_many(struct uz_pool *p, struct uz_freed *f, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		UZ_ASSERT(uz_handle_block(f[i].handle) && f[i].size - 1 < p->ops->max_object);
		if (UZ_SAN)
			poison_freed(p, f[i].handle, f[i].size);
		if (!p->ops->free_many)
			p->ops->free(p, f[i].handle, f[i].size);
	}
	if (p->ops->free_many)
		p->ops->free_many(p, f, nr);
}

int uz__pool_block_create(struct uz_pool *p, uint32_t nr_frames, uint32_t class, unsigned int flags,
			  uint32_t *block)
{
	struct uz_block_id id = {
		.nr_frames = (uint8_t)nr_frames,
		.kind = UZ_BLOCK_POOL,
		.entry = p->entry,
		.disk = p->disk,
		.class_nr = (uint16_t) class,
	};
	int err = uz_block_create(p->tab, id, flags, block);

	if (!err)
		uz_fetch_add(&p->nr_frames, nr_frames);
	return err;
}

void uz__pool_block_destroy(struct uz_pool *p, uint32_t block)
{
	uint32_t nr_frames = uz_block_id(p->tab, block).nr_frames;

	uz_block_destroy(p->tab, block);
	uz_fetch_sub(&p->nr_frames, nr_frames);
}

bool uz__pool_owns(const struct uz_pool *p, uint32_t block, struct uz_block_id *id)
{
	if (!block || block >= uz_load(&p->tab->nr))
		return false;
	*id = uz_block_id(p->tab, block);
	return id->kind == UZ_BLOCK_POOL && id->disk == p->disk && id->entry == p->entry;
}

uint32_t uz__pool_next(const struct uz_pool *p, uint32_t block, struct uz_block_id *id)
{
	uint32_t nr = uz_load(&p->tab->nr);

	while (++block < nr)
		if (uz__pool_owns(p, block, id))
			return block;
	return 0;
}

void uz__pool_destroy_blocks(struct uz_pool *p)
{
	struct uz_block_id id;
	uint32_t block = 0;

	while ((block = uz__pool_next(p, block, &id)))
		uz__pool_block_destroy(p, block);
}

void uz__pool_head_stats(const struct uz_pool *p, struct uz_pool_stats *st)
{
	*st = (struct uz_pool_stats){
		.frames = uz_load(&p->nr_frames),
		.moved = uz_load(&p->nr_moved),
	};
}
