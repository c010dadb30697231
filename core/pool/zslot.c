/* SPDX-License-Identifier: MIT */
/*
 * zslot: slotted blocks without classes. Objects of any length lie side by side in a block,
 * and a new one goes into the tightest of the holes that blocks offer, each block
 * offering its largest. No room is lost to rounding up to a class (only to 4 bytes), and
 * none to classes with half-filled blocks. What is left over are holes too small for
 * anything: about 1% of the data after long random overwriting.
 *
 * The index in a handle is the object's place in its block, so a read is one load
 * (the descriptor) and no look into the block before the object itself. The block's cells say
 * who owns which place: 8 bytes an object, needed for free, moves and attach only.
 *
 * Blocks belong to shards, each with a lock and lists of its own: one for a pool of less than
 * 32 MiB, one more for each 16 MiB up to 8. A new object goes into a hole of the thread's own
 * shard if that fits to 8 bytes, else into the tightest of all shards: looking at their bitmaps
 * needs no lock, and if the lock is then busy the own shard will do. (A thread that filled holes
 * of its own shard only would leave those that it makes by freeing in the others: measured 1.05 to
 * 1.10 instead of 1.02.) The block at which a thread fills fresh memory, its shard's open
 * block, is left to it. The hint says whose shard is whose.
 *
 * What is written in sequence lies in sequence, but overwriting at random puts neighbouring pages
 * into unrelated blocks, and then nothing guesses what comes next but the caller.
 * Prefetching such an object while the page before it is read takes a fifth off the time to read
 * 2 KiB objects, and the one to be dropped while its successor is compressed a quarter off what a
 * store costs besides the codec. The block that a new object will go to was met just before, mostly: looking
 * for it ahead of time, to prefetch it, costs more than it wins.
 *
 * Blocks have 8 frames; small objects get smaller ones, so that the cells of a block stay few:
 * they are searched by free. Where nearly all sizes are alike nothing fits into
 * what is left at a block's end, and the length of up to 16 frames is taken that leaves least: 1% of
 * 1.4 KiB objects instead of 4. Mixed sizes would gain 0.2% from 16 frames, and lose more than
 * that in frames which the arena cannot give back.
 */
#include "zslot_i.h"

#define MEAN_FIRST (256u << MEAN_SHIFT)
#define BLOCK_OBJECTS 64u /* about so many in a block at most, if it has more than a frame */
#define TIGHT 2u /* units that may be left over before other shards are asked */
#define AHEAD_DROP (12u * UZ_CACHE_LINE)
#define AHEAD (8u * UZ_CACHE_LINE) /* the hardware sees the rest coming; more delays the caller */
#define MIXED_FRAMES 8u
#define FILL_OBJECTS 4u /* at least, in a block that only fills a gap */
#define FOOT_UNITS 32u /* more than the last words of a new block */
#define REST_UNITS 11u /* of a full block of equal objects: foot, a hole, slack */
#define DESC_UNITS ((sizeof(struct uz_desc) + sizeof(struct uz_block)) / UNIT_BYTES)

static size_t zslot_instance_bytes(void)
{
	return sizeof(struct zslot);
}

static int zslot_init(struct uz_pool *p)
{
	struct zslot *z = zslot_of(p);

	z->plat = uz__pool_plat(p);
	for (uint32_t i = 0; i < NR_SHARDS; i++)
		z->shard[i].mean = MEAN_FIRST;
	return 0;
}

/* The number of shards in use, a power of two. */
static uint32_t nr_active(const struct zslot *z)
{
	uint64_t n = uz_load(&z->pool.nr_frames) / SHARD_FRAMES;

	return n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
}

/* From objects that found no hole: others are a choice. */
static void learn(struct zslot_shard *s, uint32_t len)
{
	uint32_t mean = s->mean >> MEAN_SHIFT, off = len > mean ? len - mean : mean - len;

	uz_store(&s->mean, s->mean + len - mean);
	uz_store(&s->spread, s->spread + off - (s->spread >> SPREAD_SHIFT));
}

/* The smallest hole of the block at the head of @bin. Shard locked. */
static uint64_t take(struct zslot *z, struct zslot_shard *s, uint32_t block, uint32_t len,
		     uint32_t owner)
{
	struct zslot_foot *f = zslot_foot(z->pool.tab, block);
	struct zslot_room room;
	uint32_t off;

	zslot_prefetch_foot(f);
	off = uz__zslot_carve(f, len, owner, &room);
	if (block == s->open)
		learn(s, len);
	s->nr_objects++;
	uz__zslot_file(z, s, block, room);
	return uz_handle(block, off);
}

/* From the tightest bin below @end. Shard locked. */
static uint64_t take_fit(struct zslot *z, struct zslot_shard *s, uint32_t len, uint32_t owner,
			 uint32_t end)
{
	uint32_t bin = uz__zslot_peek(s, len);

	return bin < end ? take(z, s, s->bin[bin], len, owner) : 0;
}

static uint64_t take_own(struct zslot *z, struct zslot_shard *s, uint32_t len, uint32_t owner)
{
	uint64_t handle;

	uz_lock(z->plat, &s->lock);
	handle = take_fit(z, s, len, owner, NR_BINS);
	uz_unlock(z->plat, &s->lock);
	return handle;
}

/* As uz__zslot_peek if the bin is one of the next 64, else NR_BINS. */
static uint32_t peek_near(const struct zslot_shard *s, uint32_t len)
{
	const uint64_t *map = &s->map[len / 64];
	uint64_t w = uz_load(&map[0]) >> len % 64 | uz_load(&map[1]) << 1 << (63 - len % 64);

	return w ? len + (uint32_t)__builtin_ctzll(w) : NR_BINS;
}

/* The shard with the tightest fit among @nr from @first on, open blocks left out, or NULL. */
static struct zslot_shard *tightest(struct zslot *z, uint32_t first, uint32_t nr, uint32_t len,
				    uint32_t (*peek)(const struct zslot_shard *, uint32_t))
{
	struct zslot_shard *best = NULL;
	uint32_t least = BIN_OPEN;

	for (uint32_t i = 0; i < nr; i++) {
		struct zslot_shard *s = &z->shard[(first + i) & (nr - 1)];
		uint32_t bin = peek(s, len);

		best = bin < least ? s : best;
		least = UZ_MIN(least, bin);
	}
	return best;
}

/* From that shard; if it is busy, only when there is nothing else to do than @wait. */
static uint64_t take_tight(struct zslot *z, uint32_t nr, uint32_t len, uint32_t owner, bool wait)
{
	struct zslot_shard *s = tightest(z, owner, nr, len, peek_near);
	uint64_t handle;

	if (!s)
		s = tightest(z, owner, nr, len, uz__zslot_peek);
	if (!s || (!wait && !uz_trylock(&s->lock)))
		return 0;
	if (wait)
		uz_lock(z->plat, &s->lock);
	handle = take_fit(z, s, len, owner, BIN_OPEN);
	uz_unlock(z->plat, &s->lock);
	return handle;
}

/* Any room at all, in any shard. */
static uint64_t take_any(struct zslot *z, uint32_t len, uint32_t owner)
{
	uint64_t handle = 0;

	for (uint32_t i = 0; i < NR_SHARDS && !handle; i++)
		handle = take_own(z, &z->shard[i], len, owner);
	return handle;
}

static bool halves(uint32_t nr, uint32_t len)
{
	return nr > 1 && nr / 2 * UNITS_FRAME >= len + FOOT_UNITS;
}

/* For mixed sizes: what is left over at a block's end is one hole for any of them. */
static uint32_t mixed_frames(uint32_t mean, uint32_t len)
{
	uint32_t nr = MIXED_FRAMES;

	while (nr * UNITS_FRAME > mean * BLOCK_OBJECTS && halves(nr, len))
		nr /= 2;
	return nr;
}

/* For objects of nearly one size, times 64: the length that costs least for each of them. */
static uint32_t alike_frames(uint32_t mean)
{
	uint32_t best = 1, best_fit = 0;

	for (uint32_t nr = 1; nr <= FRAMES_MAX; nr++) {
		uint32_t fit = ((nr * UNITS_FRAME - REST_UNITS) << MEAN_SHIFT) /
			       (mean + (WORD_UNITS << MEAN_SHIFT));

		if (fit > BLOCK_OBJECTS)
			break;
		if (fit * (best * UNITS_FRAME + DESC_UNITS) >
		    best_fit * (nr * UNITS_FRAME + DESC_UNITS)) {
			best = nr;
			best_fit = fit;
		}
	}
	return best;
}

static uint32_t block_frames(const struct zslot_shard *s, uint32_t len)
{
	uint32_t mean = uz_load(&s->mean), nr;

	if (!zslot_alike(s))
		return mixed_frames(mean >> MEAN_SHIFT, len);
	nr = alike_frames(mean);
	return nr * UNITS_FRAME < len + FOOT_UNITS ? FRAMES_MAX : nr;
}

/*
 * Blocks of 13 frames leave 5 of each arena block. So when no run is ready for one of @nr, what
 * is left over goes to a shorter one, before the system is asked for more.
 */
static int create_ready(struct zslot *z, uint32_t *nr, uint32_t len, uint32_t shard,
			unsigned int flags, uint32_t *block)
{
	uint32_t rest = UZ_ABLOCK_FRAMES % *nr;
	int err;

	if (rest * UNITS_FRAME < len + FOOT_UNITS)
		return -UZ_ENOSPC;
	flags |= UZ_ALLOC_READY;
	err = uz__pool_block_create(&z->pool, *nr, shard, flags, block);
	if (!err || uz__pool_block_create(&z->pool, rest, shard, flags, block))
		return err;
	*nr = rest;
	return 0;
}

/* The next shorter block that will do; a move that is to fill what lies free takes any of them. */
static uint32_t shorter(uint32_t nr, uint32_t len, unsigned int flags)
{
	if (flags & UZ_ALLOC_RESIDENT)
		return (nr - 1) * UNITS_FRAME < FILL_OBJECTS * len ? 0 : nr - 1;
	return halves(nr, len) ? nr / 2 : 0;
}

/* Frames that are free at the budget's end may lie far apart: a shorter block will do then. */
static int take_new(struct zslot *z, struct zslot_shard *s, uint32_t len, uint32_t owner,
		    unsigned int flags, uint64_t *handle)
{
	uint32_t nr = block_frames(s, len), shard = (uint32_t)(s - z->shard), block;
	int err = create_ready(z, &nr, len, shard, flags, &block);

	for (uint32_t n = nr; err && n; n = shorter(n, len, flags)) {
		nr = n;
		err = uz__pool_block_create(&z->pool, nr, shard, flags, &block);
	}
	if (err)
		return err;
	uz__zslot_format(zslot_foot(z->pool.tab, block), nr);
	uz_lock(z->plat, &s->lock);
	z->pool.tab->block[block].u8[B_READY] = 1;
	uz__zslot_open(z, s, block);
	*handle = take(z, s, block, len, owner);
	uz_unlock(z->plat, &s->lock);
	return 0;
}

static int zslot_alloc(struct uz_pool *p, uint32_t size, uint32_t owner, unsigned int flags,
		       unsigned int hint, struct uz_object *out)
{
	struct zslot *z = zslot_of(p);
	uint32_t active = nr_active(z), len = zslot_units(size);
	struct zslot_shard *s = &z->shard[hint % active];
	uint64_t handle = 0;
	int err = 0;

	if (active > 1 && peek_near(s, len) > len + TIGHT)
		handle = take_tight(z, active, len, owner, false);
	if (!handle)
		handle = take_own(z, s, len, owner);
	if (!handle)
		handle = take_tight(z, NR_SHARDS, len, owner, true);
	if (!handle)
		err = take_new(z, s, len, owner, flags, &handle);
	if (err) {
		handle = take_any(z, len, owner);
		if (!handle)
			return err;
	}
	out->handle = handle;
	out->addr = (char *)uz_block_addr(p->tab, uz_handle_block(handle)) +
		    uz_handle_index(handle) * UNIT_BYTES;
	return 0;
}

/* Objects of one block. */
static void free_in(struct zslot *z, uint32_t block, const struct uz_freed *o, uint32_t nr)
{
	struct uz_blocktab *tab = z->pool.tab;
	struct zslot_foot *f = zslot_foot(tab, block);
	struct zslot_shard *s = zslot_shard(z, uz_block_id(tab, block));
	struct zslot_room room;
	uint32_t units = 0;

	zslot_prefetch_foot(f);
	uz_lock(z->plat, &s->lock);
	for (uint32_t i = 0; i < nr; i++) {
		uz__zslot_release(f, uz_handle_index(o[i].handle), &room);
		units += zslot_units(o[i].size);
	}
	s->nr_objects -= nr;
	uz_store(&s->freed, s->freed + units);
	if (f->nr_objects)
		uz__zslot_file(z, s, block, room);
	else
		uz__zslot_drop(z, s, block);
	uz_unlock(z->plat, &s->lock);
}

static void zslot_free(struct uz_pool *p, uint64_t handle, uint32_t size)
{
	free_in(zslot_of(p), uz_handle_block(handle), &(struct uz_freed){ handle, size }, 1);
}

static void sort(struct uz_freed *f, uint32_t nr)
{
	for (uint32_t i = 1; i < nr; i++) {
		struct uz_freed now = f[i];
		uint32_t k = i;

		for (; k && f[k - 1].handle > now.handle; k--)
			f[k] = f[k - 1];
		f[k] = now;
	}
}

static void zslot_free_many(struct uz_pool *p, struct uz_freed *f, uint32_t nr)
{
	uint32_t end;

	sort(f, nr);
	for (uint32_t i = 0; i < nr; i = end) {
		uint32_t block = uz_handle_block(f[i].handle);

		end = i + 1;
		while (end < nr && uz_handle_block(f[end].handle) == block)
			end++;
		free_in(zslot_of(p), block, &f[i], end - i);
	}
}

static const void *zslot_read_begin(struct uz_pool *p, uint64_t handle, uint32_t size)
{
	(void)size;
	return (const char *)uz_block_addr(p->tab, uz_handle_block(handle)) +
	       uz_handle_index(handle) * UNIT_BYTES;
}

/* A place that is given up is often the next to be filled. */
static void zslot_prefetch(struct uz_pool *p, uint64_t handle, uint32_t size, bool drop)
{
	uint32_t block = uz_handle_block(handle), ahead = UZ_MIN(size, drop ? AHEAD_DROP : AHEAD);
	const char *base = uz_block_addr(p->tab, block);
	const char *at = base + uz_handle_index(handle) * UNIT_BYTES;

	for (uint32_t i = 0; i < ahead; i += UZ_CACHE_LINE)
		uz_prefetch(at + i);
	if (drop) {
		uz_prefetch(&p->tab->block[block]);
		zslot_prefetch_foot(zslot_foot(p->tab, block));
	}
}

static void zslot_stats(struct uz_pool *p, struct uz_pool_stats *st)
{
	struct zslot *z = zslot_of(p);

	uz__pool_head_stats(p, st);
	for (struct zslot_shard *s = z->shard; s < &z->shard[NR_SHARDS]; s++) {
		uz_lock(z->plat, &s->lock);
		st->objects += s->nr_objects;
		st->free_bytes += s->free * UNIT_BYTES;
		uz_unlock(z->plat, &s->lock);
	}
}

const struct uz_pool_ops uz_pool_zslot = {
	.abi_version = UZ_POOL_ABI,
	.struct_size = sizeof(struct uz_pool_ops),
	.name = "zslot",
	.max_object = UNITS_OBJECT * UNIT_BYTES,
	.instance_bytes = zslot_instance_bytes,
	.init = zslot_init,
	.fini = uz__pool_destroy_blocks,
	.alloc = zslot_alloc,
	.free = zslot_free,
	.free_many = zslot_free_many,
	.read_begin = zslot_read_begin,
	.isolate = uz__zslot_isolate,
	.move = uz__zslot_move,
	.undo = uz__zslot_undo,
	.spare = uz__zslot_spare,
	.residents = uz__zslot_residents,
	.victim = uz__zslot_victim,
	.tidy = uz__zslot_tidy,
	.attach_block = uz__zslot_attach_block,
	.attach_object = uz__zslot_attach_object,
	.attach_done = uz__zslot_attach_done,
	.stats = zslot_stats,
	.check = uz__zslot_check,
	.prefetch = zslot_prefetch,
};
