/* SPDX-License-Identifier: MIT */
/*
 * Latency of requests: a histogram for each stream and kind, summed when somebody asks.
 */
#include "device_i.h"

void uz__latency_add(struct uz_dev *d, struct uz_stream *st, enum uz_op op, uint64_t ns)
{
	uz_hist_add(&d->shard[st->index]->hist[op], ns);
}

static uint64_t bucket_sum(struct uz_dev *d, enum uz_op op, unsigned int b)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < UZ_STREAM_MAX; i++) {
		struct uz__shard *sh = uz_load_acquire(&d->shard[i]);

		if (sh)
			n += uz_load(&sh->hist[op].bucket[b]);
	}
	return n;
}

static uint64_t max_of(struct uz_dev *d, enum uz_op op)
{
	uint64_t max = 0;

	for (unsigned int i = 0; i < UZ_STREAM_MAX; i++) {
		struct uz__shard *sh = uz_load_acquire(&d->shard[i]);

		if (sh)
			max = UZ_MAX(max, uz_load(&sh->hist[op].max_ns));
	}
	return max;
}

/* The value that @rank of the requests do not exceed. */
static uint64_t at_rank(struct uz_dev *d, enum uz_op op, uint64_t rank, uint64_t max)
{
	uint64_t seen = 0;

	for (unsigned int b = 0; b < UZ_HIST_BUCKETS - 1; b++) {
		seen += bucket_sum(d, op, b);
		if (seen >= rank)
			return UZ_MIN(uz_hist_top(b), max);
	}
	return max;
}

void uz_dev_latency(struct uz_dev *d, enum uz_op op, struct uz_latency *out)
{
	uint64_t n = 0;

	for (unsigned int b = 0; b < UZ_HIST_BUCKETS; b++)
		n += bucket_sum(d, op, b);
	*out = (struct uz_latency){ .count = n, .max_ns = max_of(d, op) };
	if (!n)
		return;
	out->p50_ns = at_rank(d, op, UZ_DIV_UP(n, 2), out->max_ns);
	out->p99_ns = at_rank(d, op, n - n / 100, out->max_ns);
	out->p999_ns = at_rank(d, op, n - n / 1000, out->max_ns);
}
