/* SPDX-License-Identifier: MIT */
#include "grant_page.h"

#include <stdlib.h>
#include <string.h>

#include <uz/codec.h>

#include "test.h"

#define TABLE_BYTES (1u << 20)

static unsigned char *table;

void grant_page_open(void)
{
	struct test_rng rng = test_rng_of(1);

	if (table)
		return;
	table = malloc(TABLE_BYTES);
	CHECK(table);
	test_fill_random(&rng, table, TABLE_BYTES);
}

void grant_page_make(void *buf, uint32_t disk, uint32_t page, uint32_t seq)
{
	uint32_t name[] = { disk, page, seq };
	uint64_t hash = ((uint64_t)seq << 32 | (disk << 24 ^ page)) * 0x9e3779b97f4a7c15ull;
	uint32_t from = (uint32_t)(hash >> 44) % (TABLE_BYTES - UZ_PAGE_SIZE);
	uint32_t len = page % 8 ? 2600 + (uint32_t)(hash >> 20) % 900 : UZ_PAGE_SIZE;

	memcpy(buf, table + from, len);
	memset((unsigned char *)buf + len, (int)page, UZ_PAGE_SIZE - len);
	memcpy(buf, name, sizeof(name));
}
