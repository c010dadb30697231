/* SPDX-License-Identifier: MIT */
/*
 * pool: packs objects of 1..max_object bytes into blocks. An instance belongs to one disk. A pool is
 * a const table of callbacks; the dispatcher functions at the end check the contract on the way in
 * and out, so no pool has to.
 *
 * Objects are read in place: an object is contiguous in the mapping while its block exists. An object
 * has an owner, the page number on the disk (31 bits, bit 31 is reserved), kept in the store so that
 * the object can be moved.
 *
 * Threads: every callback may be called from any thread, but init, fini and the attach group. A pool
 * locks itself, per class or finer. Lock order: slot -> class -> block table -> arena; a mover's
 * callbacks are called with no pool lock held.
 *
 * Crash rules: what a slot needs to find its object (the descriptor, a directory entry) is complete
 * before alloc returns and changes only by single atomic stores; bytes of a live object are never
 * overwritten. Everything else a pool knows is volatile and rebuilt by the attach group.
 */
#ifndef UZ_POOL_H
#define UZ_POOL_H

#include <uz/block.h>

#define UZ_POOL_ABI 1
#define UZ_POOL_NAME_MAX 16
#define UZ_OWNER_MAX 0x7fff0000u /* one past the largest page number */

/* Beside UZ_ALLOC_URGENT: compaction is asking, for an object that has a place already. */
#define UZ_ALLOC_MOVE 0x100u
/* With UZ_ALLOC_URGENT: not room that is wasteful, for an object that is to win some. */
#define UZ_ALLOC_THRIFTY 0x200u

struct uz_pool_ops;

/* The head of every instance; the pool's own memory follows. */
struct uz_pool {
	const struct uz_pool_ops *ops;
	struct uz_blocktab *tab;
	uint8_t disk, entry; /* written in every descriptor */
	uint64_t nr_frames; /* frames of all blocks; atomic, kept by whoever makes a block */
	uint64_t nr_moved; /* objects moved; atomic, kept by uz_pool_compact and tidy */
};

/* A fresh object: its handle, and where its bytes go before the handle is published. */
struct uz_object {
	uint64_t handle;
	void *addr;
};

/* A live object as found in a block. Stale at once unless its slot is locked. */
struct uz_resident {
	uint32_t index, owner;
};

/* An object that is freed beside others. */
struct uz_freed {
	uint64_t handle;
	uint32_t size;
};

struct uz_pool_stats {
	uint64_t frames, objects; /* in blocks; live */
	uint64_t free_bytes; /* inside blocks, usable for new objects */
	uint64_t moved; /* objects moved since init */
};

/*
 * How a pool moves an object: the device's side. lock takes the slot of page @owner if it names
 * @handle (false: it does not, or is busy: leave the object alone) and says how many bytes the
 * object has; then publish (the slot names @to now) or unlock. Called with no pool lock held.
 */
struct uz_mover {
	bool (*lock)(struct uz_mover *m, uint32_t owner, uint64_t handle, uint32_t *size);
	void (*publish)(struct uz_mover *m, uint32_t owner, uint64_t to); /* and unlocks */
	void (*unlock)(struct uz_mover *m, uint32_t owner);
	/* Optional. Somebody waits: what is not begun yet is left for the next time. */
	bool (*stops)(struct uz_mover *m);
};

struct uz_pool_ops {
	uint32_t abi_version; /* UZ_POOL_ABI */
	uint32_t struct_size; /* sizeof(struct uz_pool_ops); new members are added at the end */
	const char *name; /* as users type it, shorter than UZ_POOL_NAME_MAX */
	uint32_t max_object; /* bytes; the device keeps larger objects as raw frames */

	/* Required. Bytes of an instance, struct uz_pool included; it comes zeroed, head filled. */
	size_t (*instance_bytes)(void);
	int (*init)(struct uz_pool *p);
	/* Required. Destroys all blocks that are left; accepts a half-initialised instance. */
	void (*fini)(struct uz_pool *p);

	/*
	 * Required. Room for @size bytes owned by page @owner. @flags as uz_run_alloc; @hint is a
	 * small number that differs between threads. 0, -ENOSPC, -ENOMEM (nothing changed). The
	 * caller fills out->addr before it publishes the handle; nothing moves the object till then.
	 * UZ_ALLOC_URGENT: use any fitting room, however wasteful, before failing. UZ_ALLOC_MOVE:
	 * the same for moves. A pool may begin a block for them and so gain more, several victims'
	 * objects side by side; it then sees to it that its victim callback comes to an end.
	 */
	int (*alloc)(struct uz_pool *p, uint32_t size, uint32_t owner, unsigned int flags,
		     unsigned int hint, struct uz_object *out);

	/* Required. No slot names the object any more. An empty block is destroyed. */
	void (*free)(struct uz_pool *p, uint64_t handle, uint32_t size);

	/* Required. The object's bytes, valid while the caller holds the slot's lock: that is the pin. */
	const void *(*read_begin)(struct uz_pool *p, uint64_t handle, uint32_t size);
	/* Optional. Not everybody who reads says when he has: nothing may depend on it. */
	void (*read_end)(struct uz_pool *p, uint64_t handle, const void *addr);

	/*
	 * Moving. isolate stops allocation from a block (-EBUSY: isolated already, -ESTALE: not a
	 * block of this pool any more); undo allows it again (a no-op when the block has gone).
	 * What victim has isolated it leaves alone: the block may have gone, and its number be another's.
	 * Freeing the last object of an isolated block destroys it. residents lists live objects with
	 * index >= @from, at most @nr; how many. The owner of one that is being made may be any
	 * number. All Required on a region that lends.
	 */
	int (*isolate)(struct uz_pool *p, uint32_t block);
	void (*undo)(struct uz_pool *p, uint32_t block);
	uint32_t (*residents)(struct uz_pool *p, uint32_t block, uint32_t from,
			      struct uz_resident *out, uint32_t nr);

	/*
	 * Moves a block's run to @to, as many frames, with uz_block_switch, if @nr is the number of its
	 * objects (-EBUSY: it is not): the caller holds the slots of so many, found by residents, and
	 * frees the old run. -ESTALE: not a block of this pool any more. Required on a region that lends.
	 */
	int (*move)(struct uz_pool *p, uint32_t block, uint32_t nr, uint32_t to);

	/*
	 * Optional. The block that is most worth emptying, isolated, or 0 when none is under the
	 * pool's fill bound. @hard: any block whose objects fit in other blocks' free space.
	 */
	uint32_t (*victim)(struct uz_pool *p, bool hard);

	/* Optional. Moves at most @nr objects inside blocks to gather free space; how many. */
	uint32_t (*tidy)(struct uz_pool *p, uint32_t nr, struct uz_mover *m);

	/*
	 * Required. Attach, one thread: for each block of this pool attach_block (-EBADMSG: cannot
	 * be one of ours); then for each slot attach_object (-EBADMSG: no such object, -EEXIST:
	 * another slot named it already); then attach_done, which builds the lists and destroys
	 * blocks without objects.
	 */
	int (*attach_block)(struct uz_pool *p, uint32_t block);
	int (*attach_object)(struct uz_pool *p, uint64_t handle, uint32_t size, uint32_t owner);
	void (*attach_done)(struct uz_pool *p);

	void (*stats)(struct uz_pool *p, struct uz_pool_stats *st); /* Required. */
	/* Required. Recounts everything: 0 or -EBADMSG. No thread may be inside. */
	int (*check)(struct uz_pool *p);

	/*
	 * Optional. The object will soon be read, or freed if @drop: prefetch what that touches, and of
	 * its @size bytes, 0 if they are of no use, what there is to gain by. No lock is held, so the
	 * handle may be stale: look at nothing but the block's descriptor.
	 */
	void (*prefetch)(struct uz_pool *p, uint64_t handle, uint32_t size, bool drop);

	/* Optional. alloc will soon be called so, with any owner: prefetch what that touches. */
	void (*prepare)(struct uz_pool *p, uint32_t size, unsigned int hint);
	/* Required beside victim. As undo, of what victim has isolated, and of nothing else. */
	void (*spare)(struct uz_pool *p, uint32_t block);
	/* Optional. free for each of @f, which may be put in another order: often many share a block. */
	void (*free_many)(struct uz_pool *p, struct uz_freed *f, uint32_t nr);
};

/* What a pool's shared object exports. */
const struct uz_pool_ops *uz_pool_plugin_init(void);

extern const struct uz_pool_ops uz_pool_zbud, uz_pool_z3fold, uz_pool_zblock, uz_pool_zsmalloc,
	uz_pool_zslot;

/* The pools built in, NULL-terminated; the first is the default. */
extern const struct uz_pool_ops *const uz_pools[];

/* 0, -EINVAL (a required member missing), -ENOTSUP (ABI). */
int uz_pool_ops_check(const struct uz_pool_ops *ops);

/* Instances: memory from the arena's scratch. destroy accepts NULL. */
int uz_pool_create(struct uz_blocktab *tab, const struct uz_pool_ops *ops, uint8_t disk,
		   uint8_t entry, struct uz_pool **out);
void uz_pool_destroy(struct uz_pool *p);
int uz_pool_alloc(struct uz_pool *p, uint32_t size, uint32_t owner, unsigned int flags,
		  unsigned int hint, struct uz_object *out);
void uz_pool_free(struct uz_pool *p, uint64_t handle, uint32_t size);
void uz_pool_free_many(struct uz_pool *p, struct uz_freed *f, uint32_t nr);

/*
 * Empties victims by moving their objects into other blocks of the same pool, until the pool is
 * smaller by @nr_blocks blocks or has no more, or too many were emptied for nothing. Returns the
 * number of blocks that were emptied. Any thread; holds no slot.
 */
uint32_t uz_pool_compact(struct uz_pool *p, uint32_t nr_blocks, bool hard, struct uz_mover *m);

/* The same for one block, @flags for alloc; false: not all could move. Nobody else isolates meanwhile. */
bool uz_pool_empty(struct uz_pool *p, uint32_t block, unsigned int flags, struct uz_mover *m);

#endif
