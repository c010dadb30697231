/* SPDX-License-Identifier: MIT */
/*
 * A hundred grants of a whole region on a nearly full store, with live requests and pages held beside
 * them (lib/grant_trace.h): none fails, no page is damaged. On an eighth of the size that the
 * bench has, half of them on memory that others could adopt, half where arena blocks move as a whole.
 *
 * uz-test: timeout 120
 */
#include <stdio.h>

#include "grant_trace.h"

#if defined(__SANITIZE_THREAD__)
#define QUICK 10 /* one takes seconds */
#else
#define QUICK 100
#endif

static void run(bool private_memory, struct grant_trace *sum)
{
	struct grant_trace_config c = { .bytes = 128 << 20,
					.deadline_ms = 10000,
					.private_memory = private_memory,
					.pinners = 4 };
	struct grant_trace t;

	c.grants = test_scale(QUICK, QUICK, 10000) / 2;
	c.seed = test_seed();
	grant_trace_run(&c, &t);
	printf("%llu grants: %llu -ENOMEM, %llu -EBUSY; before a grant %llu%% of the region to be "
	       "moved, %llu%% to be dropped; %llu times an arena block as a whole\n",
	       (unsigned long long)t.grants, (unsigned long long)t.enomem,
	       (unsigned long long)t.ebusy, (unsigned long long)(t.lent_move * 100 / t.count),
	       (unsigned long long)(t.lent_discard * 100 / t.count), (unsigned long long)t.carries);
	CHECK_EQ(t.enomem + t.ebusy + t.given_up, 0);
	CHECK(t.lent_move * 2 > t.count && t.lent_discard > 0 && t.pins > 0 && t.ios > 0);
	CHECK_EQ(t.carries > t.grants, private_memory);
	sum->grants += t.grants;
	sum->moved += t.moved;
	sum->pins += t.pins;
	sum->verified += t.verified;
	grant_trace_free(&t);
}

int main(void)
{
	struct grant_trace t = { 0 };

	test_start();
	run(false, &t);
	run(true, &t);
	test_count("grants", t.grants);
	test_count("pages_moved", t.moved);
	test_count("pages_held", t.pins);
	test_count("pages_compared", t.verified);
	return 0;
}
