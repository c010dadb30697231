/* SPDX-License-Identifier: MIT */
/*
 * Latencies of requests are counted by kind and known to 12.5%: against a clock that says what the test
 * wants, every quantile is compared with that of the sorted values.
 */
#include <stdlib.h>

#include "dev_rig.h"

#define NR 5000u

static uint64_t clock_ns, step_ns;
static struct uz_plat_ops ops;

/* Each look at the clock moves it on: a request looks twice. */
static uint64_t fake_now(struct uz_plat *pl)
{
	(void)pl;
	clock_ns += step_ns;
	return clock_ns;
}

static void check_near(uint64_t got, uint64_t truth)
{
	CHECK_MSG(got >= truth && got <= truth + truth / 8 + 1, "%llu, true is %llu",
		  (unsigned long long)got, (unsigned long long)truth);
}

static int request(struct dev_rig *rig, enum uz_op op)
{
	static unsigned char buf[UZ_PAGE_SIZE];

	switch (op) {
	case UZ_OP_READ:
		return uz_dev_read(rig->dev, rig->st, 0, buf, sizeof(buf), 0);
	case UZ_OP_WRITE:
		return uz_dev_write(rig->dev, rig->st, 0, buf, sizeof(buf), 0);
	case UZ_OP_ZERO:
		return uz_dev_zero(rig->dev, rig->st, 0, sizeof(buf));
	default:
		return uz_dev_discard(rig->dev, rig->st, 0, sizeof(buf));
	}
}

static void test_op(struct dev_rig *rig, struct test_rng *rng, enum uz_op op)
{
	static uint64_t v[NR];
	struct uz_latency lat;

	for (unsigned int i = 0; i < NR; i++) {
		v[i] = step_ns = test_random(rng) >> (24 + test_below(rng, 40));
		CHECK_EQ(request(rig, op), 0);
	}
	qsort(v, NR, sizeof(v[0]), test_compare_u64);
	uz_dev_latency(rig->dev, op, &lat);
	CHECK_EQ(lat.count, NR);
	CHECK_EQ(lat.max_ns, v[NR - 1]);
	check_near(lat.p50_ns, v[NR / 2 - 1]);
	check_near(lat.p99_ns, v[NR - NR / 100 - 1]);
	check_near(lat.p999_ns, v[NR - NR / 1000 - 1]);
	for (enum uz_op other = op + 1; other < UZ_OP_NR; other++) {
		uz_dev_latency(rig->dev, other, &lat);
		CHECK(lat.count == 0 && lat.max_ns == 0 && lat.p50_ns == 0);
	}
}

int main(void)
{
	struct test_rng rng = test_start();
	struct dev_rig_config c = { .size_bytes = 1 << 20, .limit_bytes = 32 << 20 };
	struct uz_latency lat;
	struct dev_rig rig;

	dev_rig_open(&rig, &c);
	ops = *rig.fault.below->ops;
	ops.now = fake_now;
	rig.fault.below->ops = &ops;
	for (enum uz_op op = 0; op < UZ_OP_NR; op++)
		test_op(&rig, &rng, op);
	CHECK_EQ(uz_dev_reset(rig.dev), 0);
	uz_dev_latency(rig.dev, UZ_OP_READ, &lat);
	CHECK_EQ(lat.count, 0);
	dev_rig_close(&rig);
	return 0;
}
