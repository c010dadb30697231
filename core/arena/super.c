/* SPDX-License-Identifier: MIT */
/*
 * The superblock: where everything is in a store, and whether it is one. It is
 * written once, when the store is made, magic last; after that only the epoch
 * changes. Layout, each part starting on a 2 MiB boundary:
 *
 *   superblock | META | DESC (16 bytes a frame) | ROOT (4 bytes for 2 MiB of disk) | frames
 *
 * The parts are address space: they cost memory only where they are committed.
 */
#include <uz/hash.h>

#include "arena_i.h"

#define MAGIC "uzramST1"
#define VERSION 2u
#define ENDIAN 0x01020304u
#define META_BYTES (4ull << 20)
#define ROOT_BYTES (256ull << 20) /* 128 TiB of disks */
#define CAPACITY_MAX (1ull << 40)

static uint64_t super_check(const struct uz__super *sb)
{
	return uz_hash64(sb, offsetof(struct uz__super, check), 0);
}

int uz__super_plan(struct uz__super *sb, uint64_t capacity_bytes)
{
	uint64_t frames = UZ_ALIGN_UP(capacity_bytes, ABLOCK_BYTES);
	uint64_t off = ABLOCK_BYTES;
	uint64_t bytes[UZ_AREA_NR] = {
		[UZ_AREA_META] = META_BYTES,
		[UZ_AREA_DESC] = UZ_ALIGN_UP(frames / UZ_FRAME_SIZE * 16, ABLOCK_BYTES),
		[UZ_AREA_ROOT] = ROOT_BYTES,
	};

	if (!capacity_bytes || capacity_bytes > CAPACITY_MAX)
		return -UZ_EINVAL;
	*sb = (struct uz__super){
		.version = VERSION,
		.endian = ENDIAN,
		.frame_size = UZ_FRAME_SIZE,
		.page_size = UZ_FRAME_SIZE,
	};
	memcpy(sb->magic, MAGIC, sizeof(sb->magic));
	for (unsigned int i = 0; i < UZ_AREA_NR; i++) {
		sb->area[i].off = off;
		sb->area[i].bytes = bytes[i];
		off += bytes[i];
	}
	sb->frames_off = off;
	sb->total_bytes = off + frames;
	sb->check = super_check(sb);
	return 0;
}

static bool super_valid(const struct uz__super *sb, uint64_t store_bytes)
{
	struct uz__super want;

	if (memcmp(sb->magic, MAGIC, sizeof(sb->magic)) != 0 || sb->check != super_check(sb))
		return false;
	if (sb->total_bytes != store_bytes || sb->total_bytes <= sb->frames_off)
		return false;
	if (uz__super_plan(&want, sb->total_bytes - sb->frames_off) < 0)
		return false;
	return memcmp(&want, sb, offsetof(struct uz__super, epoch)) == 0;
}

int uz__super_read(struct uz__super *sb, struct uz_plat *pl)
{
	uint64_t bytes = pl->ops->store_bytes(pl);

	if (bytes < sizeof(*sb) || pl->ops->store_peek(pl, sb, sizeof(*sb)) < 0)
		return -UZ_EBADMSG;
	return super_valid(sb, bytes) ? 0 : -UZ_EBADMSG;
}

/* The page of the system that it lies in. */
int uz__super_commit(struct uz__arena *a)
{
	return a->pub.plat->ops->commit(a->pub.plat, a->pub.base, a->pub.plat->page_bytes);
}

int uz__super_write(struct uz__arena *a)
{
	struct uz__super *sb = (void *)a->pub.base;
	int r = uz__super_commit(a);

	if (r < 0)
		return r;
	memcpy((char *)sb + sizeof(sb->magic), (char *)&a->super + sizeof(sb->magic),
	       sizeof(*sb) - sizeof(sb->magic));
	uz_fence();
	memcpy(sb->magic, a->super.magic, sizeof(sb->magic));
	return 0;
}

int uz__super_raise_epoch(struct uz__arena *a)
{
	struct uz__super *sb = (void *)a->pub.base;
	int r = uz__super_commit(a);

	if (r < 0)
		return r;
	a->super.epoch = uz_load(&sb->epoch) + 1;
	uz_store_release(&sb->epoch, a->super.epoch);
	return 0;
}
