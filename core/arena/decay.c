/* SPDX-License-Identifier: MIT */
/*
 * Which free memory stays: only what was shown to be needed again. A constant delay before
 * memory goes back serves no load well: one that shrinks for good waits for nothing, one that
 * oscillates slower than the delay pays every fault all the same. So the frames in use
 * are noted 128 times in 10 s, and a dip of that curve (it was high, went low, came back) proves that
 * its depth was worth keeping while it lasted. The proof fades along a smoothstep of the
 * time since the level was last that low, and is gone after 10 s:
 *
 *   hot = max over steps j of (min(highest before j, highest since j) - level[j]) * fade(age of j)
 *
 * A first shrink has no proof, so all of it goes back at once; of a load with a period of 1 s the
 * second shrink keeps 99%, and 10 s after the last dip nothing is kept. Dips of less
 * than an eighth of the level are churn and prove nothing: the reserve is there for them.
 * Cost: 512 bytes, and two passes over them at each step.
 */
#include "decay.h"

#define STEP_NS (UZ__DECAY_NS / UZ__DECAY_STEPS)
#define CHURN_PART 8
#define ONE_SHIFT 35 /* 128^5: fixed point in which the smoothstep is exact */

/* 1 - (6x^5 - 15x^4 + 10x^3) for x = age / 128, times 2^35. */
static uint64_t fade(uint64_t age)
{
	const uint64_t n = UZ__DECAY_STEPS;

	return (1ull << ONE_SHIFT) - age * age * age * (10 * n * n + 6 * age * age - 15 * n * age);
}

/* The level @age steps ago. */
static uint32_t level_at(const struct uz__decay *d, uint32_t age)
{
	return d->level[(d->newest - age) % UZ__DECAY_STEPS];
}

static uint64_t proven(const struct uz__decay *d)
{
	uint32_t before[UZ__DECAY_STEPS], high = 0;
	uint64_t hot = 0;

	for (uint32_t age = UZ__DECAY_STEPS; age-- > 0;)
		before[age] = high = UZ_MAX(high, level_at(d, age));
	high = 0;
	for (uint32_t age = 0; age < UZ__DECAY_STEPS; age++) {
		uint32_t low = level_at(d, age), top;
		uint64_t depth;

		high = UZ_MAX(high, low);
		top = UZ_MIN(high, before[age]);
		depth = top - low;
		if (depth * CHURN_PART >= top)
			hot = UZ_MAX(hot, depth * fade(age) >> ONE_SHIFT);
	}
	return hot;
}

static void start(struct uz__decay *d, uint64_t now_ns, uint32_t used)
{
	for (uint32_t i = 0; i < UZ__DECAY_STEPS; i++)
		d->level[i] = used;
	d->next_ns = now_ns + STEP_NS;
	d->hot_frames = 0;
}

/* Steps that nobody noted had the level of the last one that somebody did. */
void uz__decay_note(struct uz__decay *d, uint64_t now_ns, uint64_t used_frames)
{
	uint32_t used = (uint32_t)used_frames, last = level_at(d, 0);

	if (!d->next_ns || now_ns >= d->next_ns + UZ__DECAY_NS) {
		start(d, now_ns, used);
		return;
	}
	if (now_ns < d->next_ns)
		return;
	for (; now_ns >= d->next_ns; d->next_ns += STEP_NS) {
		d->newest = (d->newest + 1) % UZ__DECAY_STEPS;
		d->level[d->newest] = last;
	}
	d->level[d->newest] = used;
	d->hot_frames = proven(d);
}
