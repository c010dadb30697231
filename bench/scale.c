/* SPDX-License-Identifier: MIT */
/*
 * scale: two threads against one, for our disk and for the bare codec, which shares nothing and
 * so shows what two threads can reach on this machine at this moment. All take turns every few
 * MiB. Two threads share a turn request by request, so they work on neighbouring 1 MiB.
 *
 *	scale data=FILE [size_mib=256] [rounds=5] [pool=NAME]
 */
#include <pthread.h>

#include "side.h"

#define TURN_BYTES (32u << 20)
#define THREADS 2u
#define SIDES 2u

struct job {
	struct side *side;
	uint64_t off;
	unsigned int threads;
	bool read;
};

struct scale {
	struct side *side[SIDES];
	struct job job; /* of this turn; side NULL: the end */
	pthread_barrier_t begin, end;
	const char *pages;
	char *buf[THREADS];
	uint64_t size, shift;
};

static void work(struct scale *s, unsigned int thread)
{
	const struct job *j = &s->job;

	if (thread >= j->threads)
		return;
	for (uint64_t at = thread * BENCH_REQUEST; at < TURN_BYTES;
	     at += j->threads * BENCH_REQUEST) {
		uint64_t off = j->off + at, from = (off + s->shift) % s->size;

		if (j->read)
			j->side->read(j->side, thread, off, s->buf[thread], BENCH_REQUEST);
		else
			j->side->write(j->side, thread, off, s->pages + from, BENCH_REQUEST);
	}
}

static void *helper(void *arg)
{
	struct scale *s = arg;

	for (;;) {
		pthread_barrier_wait(&s->begin);
		if (!s->job.side)
			return NULL;
		work(s, 1);
		pthread_barrier_wait(&s->end);
	}
}

static uint64_t turn(struct scale *s, struct job job)
{
	uint64_t start;

	s->job = job;
	pthread_barrier_wait(&s->begin);
	start = bench_now_ns();
	work(s, 0);
	pthread_barrier_wait(&s->end);
	return bench_now_ns() - start;
}

static void pass(struct scale *s, bool read)
{
	uint64_t ns[SIDES][THREADS] = { { 0 } };

	for (uint64_t off = 0; off < s->size; off += TURN_BYTES) {
		for (unsigned int k = 0; k < SIDES * THREADS; k++) {
			struct job j = { s->side[k % SIDES], off, k / SIDES + 1, read };

			ns[k % SIDES][k / SIDES] += turn(s, j);
		}
	}
	for (unsigned int i = 0; i < SIDES; i++) {
		bench_emit(read ? "read" : "rewrite");
		bench_emit_text("who", s->side[i]->name);
		for (unsigned int k = 0; k < THREADS; k++)
			bench_emit_number(k ? "mb_s_2" : "mb_s_1",
					  (double)s->size * 1e3 / (double)ns[i][k]);
		bench_emit_end();
	}
}

static void fill(struct scale *s)
{
	for (uint64_t off = 0; off < s->size; off += BENCH_REQUEST)
		s->side[0]->write(s->side[0], 0, off, s->pages + off, BENCH_REQUEST);
}

int main(int argc, char **argv)
{
	struct scale s = { .shift = 0 };
	struct bench_disk_config dc = { .backing = UZ_HOST_PRIVATE };
	pthread_t thread;

	bench_args(argc, argv);
	s.size = bench_number("size_mib", 256) << 20;
	BENCH_CHECK(s.size && s.size % TURN_BYTES == 0, "size_mib must be a multiple of 32");
	s.pages = bench_pages(s.size >> UZ_PAGE_SHIFT);
	for (unsigned int i = 0; i < THREADS; i++)
		s.buf[i] = bench_memory(BENCH_REQUEST);
	dc.size_bytes = s.size;
	dc.pool = bench_text("pool", NULL);
	s.side[0] = side_ours(&dc);
	s.side[1] = side_bare(s.pages, s.size >> UZ_PAGE_SHIFT);
	s.side[0]->reset(s.side[0]);
	fill(&s);
	pthread_barrier_init(&s.begin, NULL, THREADS);
	pthread_barrier_init(&s.end, NULL, THREADS);
	BENCH_CHECK(!pthread_create(&thread, NULL, helper, &s), "no thread");
	for (unsigned int r = 0; r < bench_number("rounds", 5); r++) {
		s.shift = (s.shift + UZ_ALIGN_UP(s.size / 3, BENCH_REQUEST)) % s.size;
		side_bare_turn(s.side[1], s.shift >> UZ_PAGE_SHIFT);
		pass(&s, false);
		pass(&s, true);
	}
	s.job.side = NULL;
	pthread_barrier_wait(&s.begin);
	pthread_join(thread, NULL);
	return 0;
}
