/* SPDX-License-Identifier: MIT */
/*
 * Places of pages that have left the backing are given back, those of pages that are on it never are:
 * after discards, overwrites, a cut and an adoption. A backing without discard works as before.
 */
#include <string.h>

#include "dev_rig.h"
#include "self_page.h"
#include "test_backing.h"

#define PAGES 4096u
#define SIZE ((uint64_t)PAGES * UZ_PAGE_SIZE)

static struct dev_rig rig;
static struct test_backing b;
static bool on[PAGES], in_memory[PAGES]; /* where the page is; neither: it is zeros */

static void fill(uint32_t first, uint32_t nr)
{
	for (uint32_t i = first; i < first + nr; i++) {
		dev_rig_put(&rig, rig.dev, i, 1, SELF_HARD);
		on[i] = false;
		in_memory[i] = true;
	}
}

static void write_back(void)
{
	CHECK(uz_dev_writeback(rig.dev, UZ_WRITEBACK_ALL, 0) > 0);
	for (uint32_t i = 0; i < PAGES; i++)
		on[i] |= in_memory[i];
	memset(in_memory, 0, sizeof(in_memory));
}

static void discard(uint32_t first, uint32_t nr)
{
	CHECK_EQ(uz_dev_discard(rig.dev, rig.st, (uint64_t)first * UZ_PAGE_SIZE,
				(uint64_t)nr * UZ_PAGE_SIZE),
		 0);
	memset(on + first, 0, nr);
	memset(in_memory + first, 0, nr);
}

static void background(void)
{
	for (int i = 0; i < 8; i++)
		uz_store_background(rig.store, UINT64_MAX / 2, 1000000000);
}

static bool is_hole(uint32_t page)
{
	const unsigned char *at = b.bytes + (uint64_t)(page + 1) * UZ_PAGE_SIZE;

	return at[0] == TEST_BACKING_HOLE && memcmp(at, at + 1, UZ_PAGE_SIZE - 1) == 0;
}

static void check(void)
{
	background();
	for (uint32_t i = 0; i < PAGES; i++)
		CHECK_MSG(is_hole(i) == !on[i], "page %u is%s on the backing", i,
			  on[i] ? "" : " not");
}

static void open_disk(void)
{
	struct dev_rig_config c = { .size_bytes = SIZE, .limit_bytes = 64 << 20 };

	dev_rig_open(&rig, &c);
	test_backing_open(&b, SIZE + UZ_PAGE_SIZE);
	CHECK_EQ(uz_dev_set_backing(rig.dev, &b.dev, "m", UZ_BACKING_KEPT), 0);
	fill(0, PAGES);
	write_back();
}

static void close_disk(void)
{
	dev_rig_close(&rig);
	test_backing_close(&b);
}

static void run(struct test_rng *rng)
{
	open_disk();
	CHECK_EQ(b.discarded, 0);
	for (int i = 0; i < 20; i++) {
		uint32_t first = (uint32_t)test_below(rng, PAGES - 100);

		discard(first, 1 + (uint32_t)test_below(rng, 100));
		fill(first + 40, 1);
	}
	check();
	write_back();
	background();
	discard(0, PAGES / 2);
	check();
	CHECK_EQ(uz_dev_resize(rig.dev, SIZE / 4 * 3), 0);
	memset(on + PAGES / 4 * 3, 0, PAGES / 4);
	check();

	/* Who adopts it does not know what has left it; and nothing is looked at twice. */
	memset(b.bytes + UZ_PAGE_SIZE, 0xee, (size_t)PAGES / 4 * UZ_PAGE_SIZE);
	dev_rig_adopt(&rig);
	CHECK_EQ(uz_dev_set_backing(rig.dev, &b.dev, "m", UZ_BACKING_KEPT), 0);
	check();
	b.discarded = 0;
	check();
	CHECK_EQ(b.discarded, 0);
	CHECK_EQ(uz_dev_drop_backing(rig.dev), 0);
	CHECK_EQ(uz_store_check(rig.store), 0);
	close_disk();
}

static void run_without(void)
{
	struct uz_backing_ops without;

	open_disk();
	without = *b.dev.ops;
	without.discard = NULL;
	b.dev.ops = &without;
	discard(0, PAGES);
	background();
	CHECK_EQ(b.discarded, 0);
	close_disk();
}

int main(void)
{
	struct test_rng rng = test_start();

	run(&rng);
	run_without();
	return 0;
}
