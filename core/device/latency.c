/* SPDX-License-Identifier: MIT */
/*
 * Latency histograms: eight buckets an octave, so a value is known to 12.5%.
 */
#include <uz/bits.h>

#include "device_i.h"

static unsigned int bucket_of(uint64_t ns)
{
	uint32_t octave;

	if (ns < HIST_SUB)
		return (unsigned int)ns;
	octave = uz_log2(ns) - 3; /* ns >> octave is in 8..15 */
	return UZ_MIN((octave << 3) + (unsigned int)(ns >> octave), HIST_BUCKETS - 1u);
}

/* The largest value that falls in the bucket. */
static uint64_t bucket_top(unsigned int b)
{
	uint32_t octave = b < 2 * HIST_SUB ? 0 : (b >> 3) - 1;

	return b < 2 * HIST_SUB ? b : ((uint64_t)((b & 7) + HIST_SUB + 1) << octave) - 1;
}

void uz__latency_add(struct uz_dev *d, struct uz_stream *st, enum uz_op op, uint64_t ns)
{
	struct uz__hist *h = &d->shard[st->index]->hist[op];
	unsigned int b = bucket_of(ns);

	uz_store(&h->bucket[b], uz_load(&h->bucket[b]) + 1);
	if (ns > uz_load(&h->max_ns))
		uz_store(&h->max_ns, ns);
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

	for (unsigned int b = 0; b < HIST_BUCKETS - 1; b++) {
		seen += bucket_sum(d, op, b);
		if (seen >= rank)
			return UZ_MIN(bucket_top(b), max);
	}
	return max;
}

void uz_dev_latency(struct uz_dev *d, enum uz_op op, struct uz_latency *out)
{
	uint64_t n = 0;

	for (unsigned int b = 0; b < HIST_BUCKETS; b++)
		n += bucket_sum(d, op, b);
	*out = (struct uz_latency){ .count = n, .max_ns = max_of(d, op) };
	if (!n)
		return;
	out->p50_ns = at_rank(d, op, UZ_DIV_UP(n, 2), out->max_ns);
	out->p99_ns = at_rank(d, op, n - n / 100, out->max_ns);
	out->p999_ns = at_rank(d, op, n - n / 1000, out->max_ns);
}
