/* SPDX-License-Identifier: MIT */
/*
 * hist: a latency histogram. Eight buckets an octave, so a value is known to 12.5%; 320 of them cover
 * 1 ns to 18 minutes. Fields are read and written one by one, with uz_load and uz_store where
 * others look at them.
 */
#ifndef UZ_HIST_H
#define UZ_HIST_H

#include <uz/bits.h>

#define UZ_HIST_SUB 8
#define UZ_HIST_BUCKETS (UZ_HIST_SUB * 40)

struct uz_hist {
	uint32_t bucket[UZ_HIST_BUCKETS];
	uint64_t max_ns;
};

static inline unsigned int uz_hist_bucket(uint64_t ns)
{
	uint32_t octave;

	if (ns < UZ_HIST_SUB)
		return (unsigned int)ns;
	octave = uz_log2(ns) - 3; /* ns >> octave is in 8..15 */
	return UZ_MIN((octave << 3) + (unsigned int)(ns >> octave), UZ_HIST_BUCKETS - 1u);
}

/* The largest value that falls in the bucket. */
static inline uint64_t uz_hist_top(unsigned int b)
{
	uint32_t octave = b < 2 * UZ_HIST_SUB ? 0 : (b >> 3) - 1;

	return b < 2 * UZ_HIST_SUB ? b : ((uint64_t)((b & 7) + UZ_HIST_SUB + 1) << octave) - 1;
}

/* One writer at a time. */
static inline void uz_hist_add(struct uz_hist *h, uint64_t ns)
{
	unsigned int b = uz_hist_bucket(ns);

	uz_store(&h->bucket[b], uz_load(&h->bucket[b]) + 1);
	if (ns > uz_load(&h->max_ns))
		uz_store(&h->max_ns, ns);
}

#endif
