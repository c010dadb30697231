/* SPDX-License-Identifier: MIT */
/*
 * The persistent tables of a store, in its META area. Every record carries a
 * checksum. A disk has two copies of its record and a selector, so that a change of
 * several fields (size and root at a resize) is published with one store.
 *
 *   0: struct uz__meta | 64 KiB + 64 KiB * e: dictionary of codec entry e
 */
#ifndef UZ_META_H
#define UZ_META_H

#include <uz/backing.h>

#define META_POOLS 16

/* What the words that publish a record hold: no damaged bit makes 0, nothing, of them. */
#define META_VALID 0x5bad5ea1u
#define META_COPY(i) (0x6c0d1501u + (i)*0x0f0f0f0fu)
#define META_DICT_OFF (64u << 10)

struct uz__codec_record {
	uint32_t valid;
	uint32_t abi;
	char name[UZ_CODEC_NAME_MAX];
	int32_t level;
	uint32_t checksum; /* objects of this entry carry one */
	uint32_t dict_bytes, pad;
	uint64_t dict_hash;
	uint64_t check;
};
static_assert(sizeof(struct uz__codec_record) == 56, "store format");

struct uz__pool_record {
	uint32_t valid;
	uint32_t abi;
	char name[UZ_POOL_NAME_MAX];
	uint64_t check;
};
static_assert(sizeof(struct uz__pool_record) == 32, "store format");

struct uz__disk_record {
	char name[UZ_DISK_NAME_MAX];
	uint64_t size_bytes, mem_limit_bytes;
	uint64_t root_off, root_bytes; /* in the ROOT area */
	uint32_t pool, codec; /* entries */
	uint32_t migrating; /* pages may be in another pool or codec by a change, not by choice */
	uint32_t pad;
	uint64_t check;
};
static_assert(sizeof(struct uz__disk_record) == 88, "store format");

/*
 * In a record's codec: pages may be on a backing. Versions of uzram that know no backings take the
 * record for damaged and leave the store as it is.
 */
#define META_BACKED 0x80000000u
/* And: entries of the root have their parity. Where it is missing they get it when the disk is adopted. */
#define META_PARITY 0x40000000u
#define META_CODEC (~(META_BACKED | META_PARITY))

/*
 * An entry of a root: frame 0..28 | parity of the frame's even bits 29, of its odd ones 30 | closing 31.
 * So one damaged bit makes neither another table nor none of it, and no table of an empty one.
 */
#define ROOT_FRAME ((1u << 29) - 1)
#define ROOT_CLOSING (1u << 31)

static inline uint32_t uz__root_entry(uint32_t frame)
{
	uint32_t p = frame ^ frame >> 16;

	p ^= p >> 8;
	p ^= p >> 4;
	p ^= p >> 2;
	return frame | (p & 3) << 29;
}

/* A disk's backing, at the index of the disk. */
struct uz__backing_record {
	uint32_t valid, pad;
	uint64_t id;
	char hint[UZ_BACKING_HINT_MAX];
	uint64_t check;
};
static_assert(sizeof(struct uz__backing_record) == 56, "store format");

struct uz__disk_slot {
	uint32_t current; /* 0: no disk; META_COPY(i): copy[i] counts */
	uint32_t pad;
	struct uz__disk_record copy[2];
};

struct uz__meta {
	struct uz__codec_record codec[UZ_CODEC_MAX];
	struct uz__pool_record pool[META_POOLS];
	struct uz__disk_slot disk[UZ_DISK_MAX];
	/* zeros in a store made before there were any */
	struct uz__backing_record backing[UZ_DISK_MAX];
};
static_assert(sizeof(struct uz__meta) <= META_DICT_OFF, "tables end before the dictionaries");

/* Fills in a record's checksum, its last 8 bytes; whether it is right. */
void uz__record_seal(void *record, size_t bytes);
bool uz__record_ok(const void *record, size_t bytes);

static inline void *uz__meta_dict(struct uz__meta *m, unsigned int entry)
{
	return (char *)m + META_DICT_OFF + (size_t)entry * UZ_DICT_MAX;
}

/* The record that counts, NULL when there is none; then one that replaces it in one step. */
const struct uz__disk_record *uz__disk_record(const struct uz__meta *m, unsigned int i);
void uz__disk_publish(struct uz__meta *m, unsigned int i, const struct uz__disk_record *rec);
void uz__disk_erase(struct uz__meta *m, unsigned int i);

#endif
