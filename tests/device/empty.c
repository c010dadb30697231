/* SPDX-License-Identifier: MIT */
/*
 * An empty disk of 1 TiB costs at most 8 MiB, is made at once, and looking at all of it costs nothing.
 *
 * uz-test: serial
 * uz-test: no-tsan a measurement
 * uz-test: no-asan a measurement
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dev_rig.h"

#define TIB (1ull << 40)
#define BAR_MS 50.0
#define MARGIN 4 /* tests share their machine; the benchmark has the bar itself */

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t walk_extents(struct dev_rig *rig, uint64_t step)
{
	uint64_t off = 0, len, n = 0;
	bool hole;

	for (; off < TIB; off += len, n++) {
		CHECK_EQ(uz_dev_extent(rig->dev, rig->st, off, UZ_MIN(step, TIB - off), &len,
				       &hole),
			 0);
		CHECK(hole && len == UZ_MIN(step, TIB - off));
	}
	return n;
}

static void read_sample(struct dev_rig *rig, struct test_rng *rng)
{
	static unsigned char buf[1 << 20], zero[1 << 20];

	for (int i = 0; i < 500; i++) {
		uint64_t off = test_below(rng, TIB - sizeof(buf));

		memset(buf, 1, sizeof(buf));
		CHECK_EQ(uz_dev_read(rig->dev, rig->st, off, buf, sizeof(buf), 0), 0);
		CHECK_MEM(buf, zero, sizeof(buf));
		CHECK_EQ(uz_dev_discard(rig->dev, rig->st, off, sizeof(buf)), 0);
		CHECK_EQ(uz_dev_zero(rig->dev, rig->st, off, sizeof(buf)), 0);
		CHECK_EQ(uz_dev_write(rig->dev, rig->st, off & ~4095ull, zero, sizeof(buf), 0), 0);
	}
	CHECK_EQ(uz_dev_discard(rig->dev, rig->st, 0, TIB), 0);
}

int main(void)
{
	struct test_rng rng = test_start();
	struct dev_rig_config c = { .size_bytes = 4096, .limit_bytes = 64 << 20 };
	struct uz_dev_config dc = { .name = "big", .size_bytes = TIB, .pool = uz_pools[0] };
	struct dev_rig rig;
	uint64_t before;
	double start, ms = 1e9;

	dev_rig_open(&rig, &c);
	for (int i = 0; i < 5; i++) {
		uz_dev_destroy(rig.dev);
		start = now_ms();
		CHECK_EQ(uz_dev_create(rig.store, &dc, &rig.dev), 0);
		ms = UZ_MIN(ms, now_ms() - start);
	}
	before = dev_rig_stats(&rig).ram_total;
	printf("1 TiB: %.2f ms, ram_total %.2f MiB, resident %.2f MiB\n", ms,
	       (double)before / 1048576, (double)uz_host_resident(rig.host) / 1048576);
	CHECK_MSG(ms < BAR_MS * MARGIN, "%.1f ms", ms);
	CHECK_MSG(before <= 8 << 20, "%llu bytes", (unsigned long long)before);
	CHECK((uint64_t)uz_host_resident(rig.host) <= before);
	test_count("extents", walk_extents(&rig, TIB) + walk_extents(&rig, 1ull << 32));
	read_sample(&rig, &rng);
	CHECK_EQ(dev_rig_stats(&rig).ram_total, before);
	CHECK_EQ(dev_rig_stats(&rig).orig_data_size, 0);
	CHECK_EQ(uz_store_check(rig.store), 0);
	dev_rig_close(&rig);
	return 0;
}
