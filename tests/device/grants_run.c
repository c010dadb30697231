/* SPDX-License-Identifier: MIT */
/*
 * A hundred grants of a whole region on a nearly full store, with live requests and pages held beside
 * them (lib/grant_trace.h): none fails, no page is damaged. On an eighth of the size that the
 * bench has.
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

int main(void)
{
	struct grant_trace_config c = { .limit_bytes = 128 << 20,
					.deadline_ms = 10000,
					.pinners = 4 };
	struct grant_trace t;

	test_start();
	c.grants = test_scale(QUICK, QUICK, 10000);
	c.seed = test_seed();
	grant_trace_run(&c, &t);
	printf("%llu grants: %llu -ENOMEM, %llu -EBUSY; before a grant %llu%% of the region to be "
	       "moved, %llu%% to be dropped\n",
	       (unsigned long long)t.grants, (unsigned long long)t.enomem,
	       (unsigned long long)t.ebusy, (unsigned long long)(t.lent_move * 100 / t.count),
	       (unsigned long long)(t.lent_discard * 100 / t.count));
	CHECK_EQ(t.enomem + t.ebusy + t.given_up, 0);
	CHECK(t.lent_move * 2 > t.count && t.lent_discard > 0 && t.pins > 0 && t.ios > 0);
	test_count("grants", t.grants);
	test_count("pages_moved", t.moved);
	test_count("pages_held", t.pins);
	test_count("pages_compared", t.verified);
	grant_trace_free(&t);
	return 0;
}
