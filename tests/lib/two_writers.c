/* SPDX-License-Identifier: MIT */
#include "two_writers.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static struct dev_rig *rig;
static uint32_t version[WRITERS_PAGES]; /* 0: discarded; each page belongs to one writer */
static bool stop; /* atomic */
static uint64_t refused; /* atomic */

static void make_page(uint32_t page, uint32_t ver, char *buf)
{
	struct test_rng r = test_rng_of((uint64_t)ver << 32 | (page + 1));

	memset(buf, (int)page, UZ_PAGE_SIZE);
	test_fill_random(&r, buf, page % 16 ? 1200 + page % 1500 : UZ_PAGE_SIZE);
}

static void check_page(struct uz_stream *st, uint32_t page)
{
	char want[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];

	memset(want, 0, sizeof(want));
	if (version[page])
		make_page(page, version[page], want);
	CHECK_EQ(uz_dev_read(rig->dev, st, (uint64_t)page << UZ_PAGE_SHIFT, got, UZ_PAGE_SIZE, 0),
		 0);
	CHECK_MEM(got, want, UZ_PAGE_SIZE);
}

static void write_page(struct uz_stream *st, uint32_t page)
{
	char buf[UZ_PAGE_SIZE];
	int r;

	make_page(page, version[page] + 1, buf);
	r = uz_dev_write(rig->dev, st, (uint64_t)page << UZ_PAGE_SHIFT, buf, UZ_PAGE_SIZE, 0);
	CHECK(r == 0 || r == -ENOSPC);
	if (r == 0)
		version[page]++;
	else
		uz_fetch_add(&refused, 1);
}

static struct writer {
	uint32_t which;
	struct uz_stream *st;
	pthread_t thread;
} writer[2];

static void *work(void *arg)
{
	struct writer *w = arg;
	uint32_t which = w->which;
	struct test_rng r = test_rng_of(test_seed() + 1 + which);
	struct uz_stream *st = w->st;

	while (!uz_load_acquire(&stop)) {
		uint32_t page = (uint32_t)test_below(&r, WRITERS_PAGES / 2) * 2 + which;

		check_page(st, page);
		if (test_one_in(&r, 8)) {
			CHECK_EQ(uz_dev_discard(rig->dev, st, (uint64_t)page << UZ_PAGE_SHIFT,
						UZ_PAGE_SIZE),
				 0);
			version[page] = 0;
		} else {
			write_page(st, page);
		}
	}
	return NULL;
}

void writers_disk(struct dev_rig *on, struct dev_rig_config c)
{
	c.size_bytes = (uint64_t)WRITERS_PAGES << UZ_PAGE_SHIFT;
	dev_rig_open(on, &c);
	rig = on;
	memset(version, 0, sizeof(version));
}

void writers_open(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		writer[i].which = i;
		CHECK_EQ(uz_stream_open(rig->store, &writer[i].st), 0);
	}
}

void writers_fill(uint32_t first, uint32_t end)
{
	for (uint32_t page = first; page < end; page++)
		write_page(rig->st, page);
}

void writers_fill_copies(uint32_t copies)
{
	writers_fill(0, copies);
	CHECK(uz_dev_writeback(rig->dev, UZ_WRITEBACK_ALL, 0) > 0);
	writers_check(0, copies);
	writers_fill(copies, WRITERS_PAGES);
}

void writers_start(void)
{
	uz_store_release(&stop, false);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&writer[i].thread, NULL, work, &writer[i]), 0);
}

void writers_stop(void)
{
	uz_store_release(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(writer[i].thread, NULL);
}

void writers_check(uint32_t first, uint32_t end)
{
	for (uint32_t page = first; page < end; page++)
		check_page(rig->st, page);
}

uint64_t writers_refused(void)
{
	return uz_load(&refused);
}
