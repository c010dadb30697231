/* SPDX-License-Identifier: MIT */
/*
 * Grants beside background work that never ends: changes of the codec, recompression, compaction of a disk whose
 * pages are discarded and written, ages, and commands of the same kinds. Each step of it is given
 * 50 ms, and gives way to a grant within about a page's work. How long a grant of free memory took says
 * little on a machine that has other things to do; what the threads that work worked meanwhile
 * does: 1 ms at most, 9 times out of 10.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <uz/contig.h>

#include "two_writers.h"

#define PAGES WRITERS_PAGES
#define LIMIT (128ull << 20)
#define REGION (8ull << 20)
#define MS 1000000ull
#define STEP_NS (50 * MS)
#define GRANTS_MAX 4096
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MOST_NS (10 * MS)
#else
#define MOST_NS MS
#endif

static struct dev_rig rig;
static bool stop; /* atomic */
static unsigned int codec[2];
static uint64_t steps, commands; /* atomic */

static uint64_t now(void)
{
	return rig.fault.plat.ops->now(&rig.fault.plat);
}

static void *work(void *arg)
{
	(void)arg;
	while (!uz_load_acquire(&stop)) {
		uint64_t t = uz_fetch_add(&steps, 1);

		if (t % 16 == 0)
			CHECK_EQ(uz_dev_set_recompress(rig.dev, (int)codec[t / 16 % 2], 0, 0, 100),
				 0);
		uz_dev_background(rig.dev, now() + t * 1000 * MS, STEP_NS);
	}
	return NULL;
}

static void *command(void *arg)
{
	(void)arg;
	while (!uz_load_acquire(&stop)) {
		struct uz_recompress r = { .codec = codec[uz_fetch_add(&commands, 1) % 2],
					   .max_pages = 4096 };

		CHECK(uz_dev_recompress(rig.dev, &r) >= 0);
		CHECK(uz_dev_compact(rig.dev) >= 0);
		uz_dev_idle(rig.dev, 0);
	}
	return NULL;
}

static pthread_t thread[2];

/* What the two threads that work have had of the CPU. */
static uint64_t worked(void)
{
	uint64_t ns = 0;

	for (int i = 0; i < 2; i++) {
		struct timespec ts;
		clockid_t clock;

		CHECK_EQ(pthread_getcpuclockid(thread[i], &clock), 0);
		CHECK_EQ(clock_gettime(clock, &ts), 0);
		ns += (uint64_t)ts.tv_sec * 1000 * MS + (uint64_t)ts.tv_nsec;
	}
	return ns;
}

/* What was worked during each of @nr grants, sorted. */
static void measure(struct uz_region *region, uint64_t *work_ns, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++) {
		struct uz_contig_failure why;
		struct uz_grant g;
		uint64_t before = worked(), t;

		CHECK_EQ(dev_rig_grant(&rig, region, 1, 10000 * MS, &g, &why), 0);
		work_ns[i] = worked() - before;
		CHECK_EQ(uz_contig_free(region, g.id), 0);
		for (t = now() + MS; now() < t;)
			uz_nap(&rig.fault.plat, t);
	}
	qsort(work_ns, nr, sizeof(*work_ns), test_compare_u64);
}

static void print(const char *what, const uint64_t *ns, uint64_t nr)
{
	printf("%s: p50 %llu p90 %llu p99 %llu max %llu us\n", what,
	       (unsigned long long)ns[nr / 2] / 1000, (unsigned long long)ns[nr * 9 / 10] / 1000,
	       (unsigned long long)ns[nr * 99 / 100] / 1000, (unsigned long long)ns[nr - 1] / 1000);
}

int main(void)
{
	static uint64_t work_ns[GRANTS_MAX];
	struct uz_region_config rc = { .name = "cam0", .bytes = REGION };
	uint64_t nr = test_scale(200, 400, GRANTS_MAX);
	struct uz_region *region;

	test_start();
	writers_disk(&rig, (struct dev_rig_config){ .limit_bytes = LIMIT });
	codec[0] = dev_rig_codec(&rig, "zstd", 9, false);
	codec[1] = dev_rig_codec(&rig, "lz4hc", 9, false);
	CHECK_EQ(uz_store_region_create(rig.store, &rc, &region), 0);
	writers_open();
	writers_fill(0, PAGES);
	writers_start();
	CHECK_EQ(pthread_create(&thread[0], NULL, work, NULL), 0);
	CHECK_EQ(pthread_create(&thread[1], NULL, command, NULL), 0);
	measure(region, work_ns, nr);
	uz_store_release(&stop, true);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(thread[i], NULL), 0);
	writers_stop();
	print("worked meanwhile", work_ns, nr);
	test_count("steps", uz_load(&steps));
	test_count("commands", uz_load(&commands));
	test_count("recompressed", dev_rig_stats(&rig).recompressed);
	CHECK(dev_rig_stats(&rig).recompressed > 1000);
	CHECK_MSG(work_ns[nr * 9 / 10] <= MOST_NS, "1 of 10 grants waited for %llu us of work",
		  (unsigned long long)work_ns[nr * 9 / 10] / 1000);
	writers_check(0, PAGES);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	dev_rig_close(&rig);
	return 0;
}
