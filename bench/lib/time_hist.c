/* SPDX-License-Identifier: MIT */
#include "time_hist.h"

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int shift;

	if (ns < TIME_HIST_SUB)
		return (unsigned int)ns;
	shift = 58 - (unsigned int)__builtin_clzll(ns);
	return (shift + 1) * TIME_HIST_SUB + (unsigned int)((ns >> shift) - TIME_HIST_SUB);
}

static uint64_t bucket_top(unsigned int i)
{
	unsigned int shift = i / TIME_HIST_SUB;

	return shift ? (uint64_t)(TIME_HIST_SUB + i % TIME_HIST_SUB + 1) << (shift - 1) : i;
}

void time_hist_add(struct time_hist *h, uint64_t ns)
{
	unsigned int i = bucket_of(ns);

	h->count[i < TIME_HIST_NR ? i : TIME_HIST_NR - 1]++;
	h->total++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

double time_hist_us(const struct time_hist *h, double q)
{
	uint64_t rank = (uint64_t)(q * (double)h->total), seen = 0;

	for (unsigned int i = 0; i < TIME_HIST_NR; i++) {
		seen += h->count[i];
		if (seen > rank)
			return (double)bucket_top(i) / 1000;
	}
	return (double)h->max_ns / 1000;
}

void time_hist_merge(struct time_hist *sum, const struct time_hist *h)
{
	for (unsigned int i = 0; i < TIME_HIST_NR; i++)
		sum->count[i] += h->count[i];
	sum->total += h->total;
	if (h->max_ns > sum->max_ns)
		sum->max_ns = h->max_ns;
}
