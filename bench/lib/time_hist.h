/* SPDX-License-Identifier: MIT */
/* A histogram of times in buckets of 1/32 octave: a percentile is at most 3.2% too high. */
#ifndef UZ_BENCH_TIME_HIST_H
#define UZ_BENCH_TIME_HIST_H

#include <stdint.h>

#define TIME_HIST_SUB 32u
#define TIME_HIST_NR (40u * TIME_HIST_SUB)

struct time_hist {
	uint64_t count[TIME_HIST_NR];
	uint64_t total, max_ns;
};

void time_hist_add(struct time_hist *h, uint64_t ns);
void time_hist_merge(struct time_hist *sum, const struct time_hist *h);
/* 0 <= @q < 1 */
double time_hist_us(const struct time_hist *h, double q);

#endif
