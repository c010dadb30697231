/* SPDX-License-Identifier: MIT */
/*
 * Where stacks and chains are kept: records that are equal are one record, and an origin
 * is a record's number. The area is bounded and only grows; a look-up takes no lock, so
 * it may happen in a signal handler that interrupted another one.
 *
 *	id = 1 + offset / 8		0 is no record
 *
 * A bucket is a list that only gets new heads. Two threads may put the same record twice:
 * that costs 40 bytes and nothing else. A record is complete before a bucket names it.
 * The last eighth is kept for the coarse records that are put when the rest is full.
 */
#include "kmsan_i.h"

#define NR_BUCKETS (1u << 16)

static uint8_t *area;
static uint64_t area_size_bytes;
static uint64_t used_bytes;
static uint64_t nr_full;
static uint32_t buckets[NR_BUCKETS];

void kmsan__depot_init(size_t size_bytes)
{
	uint8_t *p;

	if (kmsan__load_acquire(&area))
		return;
	p = kmsan__sys_reserve(size_bytes);
	if (!p)
		return;
	area_size_bytes = size_bytes;
	kmsan__store_release(&area, p);
}

const struct kmsan__record *kmsan__depot_get(uint32_t id)
{
	if (!id || (uint64_t)(id - 1) * 8 >= kmsan__load(&used_bytes))
		return NULL;
	return (const void *)(area + (uint64_t)(id - 1) * 8);
}

size_t kmsan__depot_used_bytes(void)
{
	return kmsan__load(&used_bytes);
}

uint64_t kmsan__depot_full_count(void)
{
	return kmsan__load(&nr_full);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static uint32_t hash_of(const struct kmsan__record *key, const uint64_t *words)
{
	uint64_t h = mix(key->previous, key->kind | key->depth << 8 | key->freed << 16 |
						(uint64_t)key->nr_words << 24);
	unsigned int i;

	for (i = 0; i < key->nr_words; i++)
		h = mix(h, words[i]);
	return (uint32_t)(h >> 32);
}

static bool is_same(const struct kmsan__record *r, const struct kmsan__record *key, uint32_t hash,
		    const uint64_t *words)
{
	return r->hash == hash && r->kind == key->kind && r->depth == key->depth &&
	       r->freed == key->freed && r->nr_words == key->nr_words &&
	       r->previous == key->previous && !kmsan__memcmp(r->words, words, 8u * key->nr_words);
}

static uint32_t find(uint32_t id, const struct kmsan__record *key, uint32_t hash,
		     const uint64_t *words)
{
	while (id) {
		const struct kmsan__record *r = kmsan__depot_get(id);

		if (!r || is_same(r, key, hash, words))
			break;
		id = r->next;
	}
	return id;
}

/* 0: no room. Adding only where it fits keeps used_bytes below the size. */
static uint32_t take(size_t size_bytes, bool reserve)
{
	uint64_t limit = reserve ? area_size_bytes : area_size_bytes - area_size_bytes / 8;
	uint64_t at = kmsan__load(&used_bytes);

	do {
		at = kmsan__load(&used_bytes);
		if (at + size_bytes > limit) {
			kmsan__add(&nr_full, 1);
			return 0;
		}
	} while (!kmsan__cas(&used_bytes, at, at + size_bytes));
	return (uint32_t)(at / 8) + 1;
}

uint32_t kmsan__depot_put(const struct kmsan__record *key, const uint64_t *words, bool reserve)
{
	uint32_t hash = hash_of(key, words), *bucket = &buckets[hash % NR_BUCKETS];
	uint32_t head = kmsan__load_acquire(bucket), id;
	struct kmsan__record *r;

	if (!kmsan__load_acquire(&area))
		return 0;
	id = find(head, key, hash, words);
	if (id)
		return id;
	id = take(sizeof(*r) + 8u * key->nr_words, reserve);
	if (!id)
		return 0;
	r = (void *)(area + (uint64_t)(id - 1) * 8);
	*r = *key;
	r->hash = hash;
	kmsan__memcpy(r->words, words, 8u * key->nr_words);
	do {
		head = kmsan__load_acquire(bucket);
		r->next = head;
	} while (!kmsan__cas(bucket, head, id));
	return id;
}
