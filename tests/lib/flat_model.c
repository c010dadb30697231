/* SPDX-License-Identifier: MIT */
#include "flat_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"

void flat_open(struct flat_model *m, struct test_rng *rng, uint64_t pages_max, uint64_t len_max,
	       struct dev_rig_config *c)
{
	*m = (struct flat_model){ .rng = rng,
				  .pages_max = pages_max,
				  .len_max = len_max,
				  .size = pages_max / 2 * UZ_PAGE_SIZE };
	m->flat = calloc(pages_max, UZ_PAGE_SIZE);
	m->buf = malloc(len_max + UZ_PAGE_SIZE);
	CHECK(m->flat && m->buf);
	c->size_bytes = m->size;
	dev_rig_open(&m->rig, c);
}

void flat_close(struct flat_model *m)
{
	dev_rig_close(&m->rig);
	free(m->flat);
	free(m->buf);
}

uint64_t flat_range(struct flat_model *m, uint64_t *len)
{
	uint64_t off = test_below(m->rng, m->size);

	*len = 1 + test_below(m->rng, UZ_MIN(m->len_max, m->size - off));
	if (test_one_in(m->rng, 2)) {
		off &= ~(uint64_t)(UZ_PAGE_SIZE - 1);
		*len = UZ_MIN(UZ_ALIGN_UP(*len, (uint64_t)UZ_PAGE_SIZE), m->size - off);
	}
	return off;
}

static void make_data(struct flat_model *m, uint64_t len)
{
	for (uint64_t at = 0; at < len; at += UZ_PAGE_SIZE) {
		page_make(m->rng, (enum page_kind)test_below(m->rng, PAGE_KINDS), m->buf + at);
		if (test_one_in(m->rng, 8))
			memset(m->buf + at, 0, UZ_PAGE_SIZE / 2);
	}
}

void flat_write(struct flat_model *m)
{
	uint64_t len, off = flat_range(m, &len);
	unsigned int flags = test_one_in(m->rng, 4) ? UZ_IO_SHARED : 0;

	make_data(m, len);
	CHECK_EQ(uz_dev_write(m->rig.dev, m->rig.st, off, m->buf, len, flags), 0);
	memcpy(m->flat + off, m->buf, len);
}

static void check_range(struct flat_model *m, uint64_t off, uint64_t len)
{
	CHECK_EQ(uz_dev_read(m->rig.dev, m->rig.st, off, m->buf, len, 0), 0);
	CHECK_MEM(m->buf, m->flat + off, len);
}

void flat_read(struct flat_model *m)
{
	uint64_t len, off = flat_range(m, &len);

	check_range(m, off, len);
}

void flat_discard(struct flat_model *m)
{
	uint64_t len, off = flat_range(m, &len);

	CHECK_EQ(uz_dev_discard(m->rig.dev, m->rig.st, off, len), 0);
	memset(m->flat + off, 0, len);
}

void flat_set_pool(struct flat_model *m)
{
	unsigned int nr = 0;

	while (uz_pools[nr])
		nr++;
	nr = (unsigned int)test_below(m->rng, nr);
	CHECK_EQ(uz_dev_set_pool(m->rig.dev, uz_pools[nr]), 0);
	CHECK(uz_dev_pool(m->rig.dev) == uz_pools[nr]);
}

void flat_resize(struct flat_model *m)
{
	uint64_t size = (1 + test_below(m->rng, m->pages_max)) * UZ_PAGE_SIZE;

	CHECK_EQ(uz_dev_resize(m->rig.dev, size), 0);
	if (size < m->size)
		memset(m->flat + size, 0, m->size - size);
	m->size = size;
	CHECK_EQ(uz_dev_size(m->rig.dev), size);
	CHECK_EQ(uz_dev_read(m->rig.dev, m->rig.st, size, m->buf, 1, 0), -UZ_EINVAL);
}

void flat_check_all(struct flat_model *m)
{
	for (uint64_t off = 0; off < m->size; off += m->len_max)
		check_range(m, off, UZ_MIN(m->len_max, m->size - off));
	CHECK_EQ(uz_store_check(m->rig.store), 0);
}
