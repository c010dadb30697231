/* SPDX-License-Identifier: MIT */
/*
 * A codec that fails in ways that it must not (a plugin's compress returns any error, 0 or more than there
 * was room for): no write is refused and none waits for it, the page is kept as it is.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dev_rig.h"

#define PAGES 64u
#define WAIT_S 20

static const int results[] = { -EAGAIN, -ENOMEM, -EINVAL, -ENOSPC, 0, UZ_PAGE_SIZE + 1 };
static int result;

static int compress(const void *shared, void *state, const void *src, void *dst, uint32_t cap)
{
	(void)shared, (void)state, (void)src, (void)dst, (void)cap;
	return result;
}

/* Whole pages, then a part of each. */
static void write_all(struct dev_rig *rig)
{
	static unsigned char page[UZ_PAGE_SIZE], back[UZ_PAGE_SIZE];

	for (uint32_t i = 0; i < PAGES; i++) {
		uint64_t at = (uint64_t)i << UZ_PAGE_SHIFT;

		dev_rig_put(rig, rig->dev, i, i, SELF_EASY);
		CHECK_EQ(uz_dev_write(rig->dev, rig->st, at + 100, &i, sizeof(i), 0), 0);
		self_page_make(page, i, i, test_seed(), SELF_EASY);
		memcpy(page + 100, &i, sizeof(i));
		CHECK_EQ(uz_dev_read(rig->dev, rig->st, at, back, sizeof(back), 0), 0);
		CHECK_EQ(memcmp(page, back, sizeof(page)), 0);
	}
}

int main(void)
{
	struct uz_codec_ops bad = uz_codec_zstd;
	struct dev_rig_config c = { .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				    .limit_bytes = 16 << 20,
				    .private_memory = true,
				    .ops = &bad };

	test_start();
	bad.compress = compress;
	for (unsigned int i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		struct dev_rig rig;

		test_step = i;
		result = results[i];
		alarm(WAIT_S);
		dev_rig_open(&rig, &c);
		write_all(&rig);
		CHECK_EQ(dev_rig_stats(&rig).huge_pages, PAGES);
		CHECK_EQ(uz_store_check(rig.store), 0);
		dev_rig_close(&rig);
	}
	return 0;
}
