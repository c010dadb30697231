/* SPDX-License-Identifier: MIT */
/*
 * The table of block descriptors. Index 0 is never used, so that handle 0 is
 * none; its descriptor keeps how many were ever used, so that attach knows where
 * to stop. A free descriptor is all zero; the list of free ones is volatile.
 * Both arrays grow by need, so an empty store pays for a page of each.
 */
#include <uz/block.h>
#include <uz/san.h>

int uz_blocktab_init(struct uz_blocktab *t, struct uz_arena *a)
{
	int r;

	*t = (struct uz_blocktab){ .arena = a, .nr = 1 };
	uz_arena_area(a, UZ_AREA_DESC, &t->desc_area);
	t->desc = (void *)t->desc_area.base;
	t->nr_max = (uint32_t)UZ_MIN(t->desc_area.bytes / sizeof(struct uz_desc),
				     1ull << UZ_BLOCK_BITS);
	r = uz_scratch_reserve(a, (uint64_t)t->nr_max * sizeof(struct uz_block), &t->block_area);
	if (r < 0)
		return r;
	t->block = (void *)t->block_area.base;
	return 0;
}

void uz_blocktab_fini(struct uz_blocktab *t)
{
	if (!t->arena)
		return;
	uz_scratch_release(t->arena, &t->block_area);
	uz_arena_charge(t->arena, -(int64_t)t->desc_area.committed);
	*t = (struct uz_blocktab){ 0 };
}

static int grow(struct uz_blocktab *t, uint32_t nr)
{
	int r = uz_area_grow(t->arena, &t->desc_area, (uint64_t)nr * sizeof(struct uz_desc));

	return r < 0 ? r
		     : uz_area_grow(t->arena, &t->block_area,
				    (uint64_t)nr * sizeof(struct uz_block));
}

static int take_index(struct uz_blocktab *t, uint32_t *block)
{
	int r = 0;

	uz_lock(t->arena->plat, &t->lock);
	*block = t->free_head;
	if (*block) {
		t->free_head = t->block[*block].next;
	} else if (t->nr == t->nr_max) {
		r = -UZ_ENOSPC;
	} else {
		r = grow(t, t->nr + 1);
		if (r == 0) {
			*block = t->nr;
			uz_store(&t->nr, *block + 1);
			uz_store_release(&t->desc[0].owner, *block + 1);
		}
	}
	uz_unlock(t->arena->plat, &t->lock);
	return r;
}

static void put_index(struct uz_blocktab *t, uint32_t block)
{
	uz_lock(t->arena->plat, &t->lock);
	t->block[block].next = t->free_head;
	t->free_head = block;
	uz_unlock(t->arena->plat, &t->lock);
}

int uz_block_create(struct uz_blocktab *t, struct uz_block_id id, unsigned int flags,
		    uint32_t *block)
{
	int r = uz_run_alloc(t->arena, id.nr_frames, flags, &id.start);

	if (r < 0)
		return r;
	r = take_index(t, block);
	if (r < 0) {
		uz_run_free(t->arena, id.start, id.nr_frames);
		return r;
	}
	t->block[*block] = (struct uz_block){ 0 };
	uz_store_release(&t->desc[*block].word, uz_desc_pack(id));
	return 0;
}

/* A sanitizer sees what memcpy does. */
static void copy(struct uz_arena *a, uint32_t to, uint32_t from, uint32_t nr)
{
	void *dst = uz_frame_addr(a, to), *src = uz_frame_addr(a, from);
	size_t len = (size_t)nr << UZ_FRAME_SHIFT;

	if (a->plat->ops->copy && !UZ_SAN)
		a->plat->ops->copy(a->plat, dst, src, len);
	else
		memcpy(dst, src, len);
}

void uz_block_switch(struct uz_blocktab *t, uint32_t block, uint32_t to)
{
	struct uz_block_id id = uz_block_id(t, block);

	if (!t->carried)
		copy(t->arena, to, id.start, id.nr_frames);
	id.start = to;
	uz_store_release(&t->desc[block].word, uz_desc_pack(id));
}

void uz_block_destroy(struct uz_blocktab *t, uint32_t block)
{
	struct uz_block_id id = uz_block_id(t, block);

	if (t->closing)
		return;
	uz_store_release(&t->desc[block].word, 0);
	uz_run_free(t->arena, id.start, id.nr_frames);
	put_index(t, block);
}

/* -EINVAL: it cannot be a block. */
static int claim(struct uz_blocktab *t, uint32_t block)
{
	struct uz_block_id id = uz_block_id(t, block);

	if (id.kind == UZ_BLOCK_FREE || id.kind >= UZ_BLOCK_KINDS)
		return -UZ_EINVAL;
	return uz_run_claim(t->arena, id.start, id.nr_frames, 0);
}

/* One descriptor; one that cannot be a block is dropped, so that its frames are not in use. */
static int adopt(struct uz_blocktab *t, uint32_t block, int (*each)(void *ctx, uint32_t block),
		 void *ctx, uint32_t *nr_bad)
{
	bool used = t->desc[block].word != 0;
	int r = used ? claim(t, block) : -UZ_EINVAL;

	if (r == 0)
		return each(ctx, block);
	if (r != -UZ_EINVAL)
		return r;
	uz_store(&t->desc[block].word, 0);
	*nr_bad += used;
	t->block[block].next = t->free_head;
	t->free_head = block;
	return 0;
}

int uz_blocktab_attach(struct uz_blocktab *t, int (*each)(void *ctx, uint32_t block), void *ctx,
		       uint32_t *nr_bad)
{
	uint32_t nr;
	int r = grow(t, 1);

	*nr_bad = 0;
	if (r < 0)
		return r;
	nr = UZ_MAX(t->desc[0].owner, 1u);
	if (nr > t->nr_max)
		return -UZ_EBADMSG;
	r = grow(t, nr);
	if (r < 0)
		return r;
	t->nr = nr;
	for (uint32_t b = nr - 1; b >= 1 && r == 0; b--)
		r = adopt(t, b, each, ctx, nr_bad);
	return r;
}
