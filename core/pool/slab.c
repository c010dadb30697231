/* SPDX-License-Identifier: MIT */
/*
 * slab, the hot half: alloc, free, read. slab_i.h has the layout and the rules.
 *
 * An allocation takes a cell of the fullest block that has one, so that the
 * emptiest ones drain by themselves; eight bins of fill are fine enough. Its cost is one
 * lock and four cache lines (class, block, descriptor, cell); a free's one lock and two
 * (class, block). A block changes lists only when its eighth changes.
 *
 * The owner is written without the lock: the cell is cold, and an unlock would wait for
 * that store, while the copy of the object waits for it anyway. So a mover may
 * find a live cell whose owner is not yet written; its slot will not name it.
 *
 * Empty blocks are destroyed at once. A new block is made with the class lock held: others of the
 * class would have to wait for memory anyway, and two would make two blocks.
 *
 * A move takes a cell that exists, of its class or the next larger one that has one; one that is to
 * fill gaps between runs, a cell that exists nearby, or a shorter block of a larger class. At the
 * limit an urgent allocation takes, in this order: a new block, a cell of any larger class, a
 * block of the emergency reserve, a shorter block of a larger class. So free cells that exist
 * anyhow are spent before the reserve is, which raw pages need.
 */
#include "slab_i.h"

/* Classes whose cells do for an object that is to win room: with little waste, and with some. */
#define REACH 8u
#define REACH_FAR 24u

size_t uz__slab_bytes(void)
{
	return sizeof(struct slab);
}

void uz__slab_add_class(struct slab *s, uint32_t stride, uint32_t nr_frames)
{
	struct slab_class *last = s->nr_classes ? &s->class[s->nr_classes - 1] : NULL;
	uint32_t nr = nr_frames * UZ_FRAME_SIZE / stride;
	struct slab_class *c = &s->class[s->nr_classes];
	uint32_t from = last ? last->stride / 4 + 1 : 0;

	stride = UZ_MIN(nr_frames * UZ_FRAME_SIZE / nr & ~3u, SLAB_STRIDE_MAX);
	if (last && stride <= last->stride)
		return;
	UZ_ASSERT(s->nr_classes < SLAB_CLASSES && nr <= SLAB_CELLS && nr_frames <= UZ_RUN_MAX);
	c->stride = (uint16_t)stride;
	c->nr = (uint16_t)nr;
	c->nr_frames = nr_frames;
	c->bin_mul = (SLAB_BINS << 16) / nr;
	memset(s->map + from, (int)s->nr_classes, stride / 4 + 1 - from);
	s->nr_classes++;
}

struct slab_class *uz__slab_class(struct slab *s, struct uz_block_id id)
{
	struct slab_class *c;

	if (id.class_nr > SLAB_STRIDE_MAX / 4)
		return NULL;
	c = &s->class[s->map[id.class_nr]];
	return c->stride == id.class_nr * 4u && c->nr_frames == id.nr_frames ? c : NULL;
}

static struct slab_class *class_for(struct slab *s, uint32_t size)
{
	return &s->class[s->map[(size + SLAB_OWNER + 3) / 4]];
}

/* The block whose cells are taken first; there is one. */
static uint32_t fullest(const struct slab_class *c)
{
	return c->head[31 - __builtin_clz(c->bins)];
}

static uint32_t first_free(const struct uz_block *b)
{
	return (uint32_t)__builtin_ctzll(~b->u64[SLAB_LIVE]);
}

/* A cell of the fullest block. */
static void take_cell(struct slab *s, struct slab_class *c, struct uz_object *out)
{
	struct uz_blocktab *tab = s->pool.tab;
	uint32_t block = fullest(c);
	struct uz_block *b = &tab->block[block];
	uint32_t index = first_free(b);
	uint32_t used = ++b->u8[SLAB_USED];
	uint32_t bin = used == c->nr ? SLAB_NO_BIN : slab_bin(c, used);

	b->u64[SLAB_LIVE] |= 1ull << index;
	if (bin != b->u8[SLAB_BIN]) {
		slab_unlink(s, c, block);
		slab_link(s, c, block, bin);
	}
	c->nr_free--;
	c->nr_live++;
	slab_note_worth(s, c);
	out->handle = uz_handle(block, index);
	out->addr = slab_cell(uz_block_addr(tab, block), c, index) + 1;
}

static int add_block(struct slab *s, struct slab_class *c, unsigned int flags)
{
	uint32_t block;
	int err = uz__pool_block_create(&s->pool, c->nr_frames, c->stride / 4u, flags, &block);

	if (err)
		return err;
	slab_reset(s, c, block);
	c->nr_free += c->nr;
	uz_store(&s->grown[c - s->class], SLAB_GROWN);
	slab_link(s, c, block, 0);
	return 0;
}

static int alloc_in(struct slab *s, struct slab_class *c, unsigned int flags, struct uz_object *out)
{
	int err = 0;

	uz_lock(s->plat, &c->lock);
	if (UZ_UNLIKELY(!c->bins))
		err = flags & UZ_ALLOC_MOVE ? -UZ_ENOSPC : add_block(s, c, flags);
	if (!err)
		take_cell(s, c, out);
	uz_unlock(s->plat, &c->lock);
	return err;
}

/* A cell that one of the next @reach classes has anyway. */
static bool alloc_larger(struct slab *s, struct slab_class *c, uint32_t reach,
			 struct uz_object *out)
{
	uint32_t left = s->nr_classes - 1 - (uint32_t)(c - s->class);
	const struct slab_class *last = c + UZ_MIN(left, reach);
	bool found = false;

	while (!found && c++ < last) {
		uz_lock(s->plat, &c->lock);
		found = c->bins;
		if (found)
			take_cell(s, c, out);
		uz_unlock(s->plat, &c->lock);
	}
	return found;
}

/*
 * A new block of a larger class whose blocks are shorter: free frames that raw pages have left lie
 * one by one, and a disk full of those must take smaller pages in their place.
 */
static int alloc_shorter(struct slab *s, struct slab_class *c, unsigned int flags,
			 struct uz_object *out)
{
	uint32_t shortest = c->nr_frames;
	int err = -UZ_ENOSPC;

	while (err && ++c < &s->class[s->nr_classes]) {
		if (c->nr_frames >= shortest)
			continue;
		shortest = c->nr_frames;
		err = alloc_in(s, c, flags, out);
	}
	return err;
}

static int alloc_urgent(struct slab *s, struct slab_class *c, unsigned int flags,
			struct uz_object *out)
{
	bool thrifty = flags & UZ_ALLOC_THRIFTY;
	uint32_t reach = thrifty ? REACH : s->nr_classes;
	int err = alloc_larger(s, c, reach, out) ? 0 : alloc_in(s, c, flags, out);

	if (err && thrifty)
		return alloc_larger(s, c, REACH_FAR, out) ? 0 : err;
	return err && flags & UZ_ALLOC_URGENT ? alloc_shorter(s, c, UZ_ALLOC_URGENT, out) : err;
}

/* For a move out of a block that no gap takes as a whole: none will take another of its class. */
static int alloc_gap(struct slab *s, struct slab_class *c, struct uz_object *out)
{
	return alloc_larger(s, c, REACH, out) ? 0 : alloc_shorter(s, c, UZ_ALLOC_RESIDENT, out);
}

int uz__slab_alloc(struct uz_pool *p, uint32_t size, uint32_t owner, unsigned int flags,
		   unsigned int hint, struct uz_object *out)
{
	struct slab *s = slab_of(p);
	struct slab_class *c = class_for(s, size);
	int err = alloc_in(s, c, flags & ~UZ_ALLOC_URGENT, out);

	(void)hint;
	if (UZ_UNLIKELY(err) && flags & UZ_ALLOC_RESIDENT)
		err = alloc_gap(s, c, out);
	else if (UZ_UNLIKELY(err) && flags & (UZ_ALLOC_URGENT | UZ_ALLOC_MOVE))
		err = alloc_urgent(s, c, flags, out);
	if (UZ_LIKELY(!err))
		uz_store((uint32_t *)out->addr - 1, owner);
	return err;
}

/* A cell of @block has become free: the block's place, and its end. */
static void settle_block(struct slab *s, struct slab_class *c, uint32_t block, struct uz_block *b)
{
	uint32_t used = --b->u8[SLAB_USED];
	bool isolated = b->u8[SLAB_ISOLATED];

	c->nr_live--;
	if (!isolated)
		c->nr_free++;
	if (used && !isolated && slab_bin(c, used) != b->u8[SLAB_BIN]) {
		slab_unlink(s, c, block);
		slab_link(s, c, block, slab_bin(c, used));
	} else if (!used) {
		slab_unlink(s, c, block);
		if (!isolated)
			c->nr_free -= c->nr;
		uz__pool_block_destroy(&s->pool, block);
	}
	slab_note_worth(s, c);
}

void uz__slab_free(struct uz_pool *p, uint64_t handle, uint32_t size)
{
	struct slab *s = slab_of(p);
	uint32_t block = uz_handle_block(handle);
	struct uz_block *b = &p->tab->block[block];
	struct slab_class *c = &s->class[b->u8[SLAB_CLASS]];
	uint64_t bit = 1ull << uz_handle_index(handle) % SLAB_CELLS;

	(void)size;
	uz_lock(s->plat, &c->lock);
	UZ_ASSERT(b->u64[SLAB_LIVE] & bit);
	b->u64[SLAB_LIVE] &= ~bit;
	settle_block(s, c, block, b);
	uz_unlock(s->plat, &c->lock);
}

/* A free touches no byte of the object, and fetching it all the same slows the compressor. */
void uz__slab_prefetch(struct uz_pool *p, uint64_t handle, uint32_t size, bool drop)
{
	const char *at = uz__slab_read(p, handle, size);
	uint32_t ahead = drop ? 0 : UZ_MIN(size, SLAB_AHEAD);

	for (uint32_t i = 0; i < ahead; i += UZ_CACHE_LINE)
		uz_prefetch(at + i);
}

/* The cell that alloc will take if nobody is quicker. */
void uz__slab_prepare(struct uz_pool *p, uint32_t size, unsigned int hint)
{
	struct slab *s = slab_of(p);
	struct slab_class *c = class_for(s, size);
	const char *at = NULL;
	uint32_t block;

	(void)hint;
	if (!uz_trylock(&c->lock))
		return;
	if (c->bins) {
		block = fullest(c);
		at = (char *)slab_cell(uz_block_addr(p->tab, block), c,
				       first_free(&p->tab->block[block]));
	}
	uz_unlock(s->plat, &c->lock);
	for (uint32_t i = 0; at && i < UZ_MIN(size, SLAB_AHEAD); i += UZ_CACHE_LINE)
		uz_prefetch_write(at + i);
}

const void *uz__slab_read(struct uz_pool *p, uint64_t handle, uint32_t size)
{
	struct uz_block_id id = uz_block_id(p->tab, uz_handle_block(handle));
	char *base = uz_frame_addr(p->tab->arena, id.start);

	(void)size;
	return base + (size_t)uz_handle_index(handle) * id.class_nr * 4 + SLAB_OWNER;
}
