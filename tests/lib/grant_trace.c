/* SPDX-License-Identifier: MIT */
#include "grant_trace.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PINNERS_MAX (GRANT_STREAMS_MAX - 1)
#define PIN_MIN_NS 10000u
#define PIN_OCTAVES 10u /* up to 10 ms */
#define SAMPLE 64

struct trace;

struct worker {
	struct trace *t;
	struct uz_stream *st;
	struct test_rng rng;
	uint64_t count, refused;
	pthread_t thread;
};

struct trace {
	struct grant_load l;
	struct worker io, pinner[PINNERS_MAX];
	uint32_t nr_pinners;
	bool stop, rewrite; /* atomic */
	pthread_barrier_t step; /* of the two threads that write */
	uint32_t rest_us;
	struct test_rng rng;
	struct grant_trace *out;
};

static uint32_t page_of(struct test_rng *rng, const struct grant_disk *d)
{
	return (uint32_t)test_below(rng, d->nr);
}

static void io_request(struct worker *w)
{
	struct grant_load *l = &w->t->l;
	struct grant_disk *d = &l->disk[test_below(&w->rng, 2)];
	uint64_t what = test_below(&w->rng, 10);

	if (what < 6)
		grant_load_check(d, w->st, page_of(&w->rng, d));
	else if (what < 7)
		grant_load_check(&l->cold, w->st, page_of(&w->rng, &l->cold));
	else
		w->refused += !grant_load_write(&l->disk[1], w->st, page_of(&w->rng, &l->disk[1]));
	w->count++;
}

static void *io_main(void *arg)
{
	struct worker *w = arg;
	struct trace *t = w->t;

	while (!uz_load_acquire(&t->stop)) {
		if (uz_load_acquire(&t->rewrite)) {
			pthread_barrier_wait(&t->step);
			pthread_barrier_wait(&t->step);
			w->refused += grant_load_write_all(&t->l.disk[1], w->st);
			pthread_barrier_wait(&t->step);
		} else {
			io_request(w);
			if (t->rest_us)
				nanosleep(&(struct timespec){ 0, (long)t->rest_us * 1000 }, NULL);
		}
	}
	return NULL;
}

/*
 * Data stays where a grant has moved it, and what is written in its place goes there too. So all of it
 * is discarded and written again.
 */
static void spread(struct trace *t)
{
	uz_store_release(&t->rewrite, true);
	pthread_barrier_wait(&t->step);
	grant_load_discard(&t->l.disk[0], t->l.rig.st);
	grant_load_discard(&t->l.disk[1], t->l.rig.st);
	uz_store_release(&t->rewrite, false);
	pthread_barrier_wait(&t->step);
	t->out->refused += grant_load_write_all(&t->l.disk[0], t->l.rig.st);
	pthread_barrier_wait(&t->step);
}

/* As many pins of each octave of length, and about as long a rest after each. */
static void *pin_main(void *arg)
{
	struct worker *w = arg;
	struct trace *t = w->t;
	char buf[UZ_PAGE_SIZE];

	for (; !uz_load_acquire(&t->stop); w->count++) {
		uint64_t ns = (uint64_t)PIN_MIN_NS << test_below(&w->rng, PIN_OCTAVES);
		struct grant_disk *d = &t->l.disk[test_below(&w->rng, 2)];
		uint64_t page = page_of(&w->rng, d);

		ns += test_below(&w->rng, ns);
		grant_load_pin_ns = ns;
		CHECK_EQ(uz_dev_read(d->dev, w->st, page << UZ_PAGE_SHIFT, buf, sizeof(buf), 0), 0);
		nanosleep(&(struct timespec){ 0, (long)ns }, NULL);
	}
	return NULL;
}

static void worker_start(struct trace *t, struct worker *w, void *(*main)(void *arg))
{
	w->t = t;
	w->rng = test_rng_of(test_random(&t->rng));
	w->st = t->l.st[w == &t->io ? 0 : 1 + (w - t->pinner)];
	CHECK_EQ(pthread_create(&w->thread, NULL, main, w), 0);
}

static void check_some(struct trace *t)
{
	for (int i = 0; i < SAMPLE; i++) {
		struct grant_disk *d = &t->l.disk[0];

		grant_load_check(d, t->l.rig.st, page_of(&t->rng, d));
	}
	t->out->verified += SAMPLE;
}

/* What the thread was ready to run, 0 where the kernel does not say. */
static uint64_t ready_ns(void)
{
	FILE *f = fopen("/proc/thread-self/schedstat", "re");
	unsigned long long ns = 0;

	if (f && fscanf(f, "%*u %llu", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int try_grant(struct trace *t, const struct grant_trace_config *c, struct uz_grant *g,
		     uint64_t *ns)
{
	struct grant_trace *out = t->out;
	struct uz_contig_failure why;
	uint64_t once;
	int r = grant_load_grant(&t->l, c->bytes / 4, c->deadline_ms, g, &why, &once);

	CHECK_MSG(r == 0 || r == -ENOMEM || r == -EBUSY, "grant: %d", r);
	*ns += once;
	out->enomem += r == -ENOMEM;
	out->ebusy += r == -EBUSY;
	return r;
}

static void one_grant(struct trace *t, const struct grant_trace_config *c)
{
	struct grant_trace *out = t->out;
	struct grant_time *time = &out->time[out->grants];
	struct uz_region_stats rs, after;
	struct uz_grant g;
	int r;

	uz_region_stats(t->l.region, &rs);
	out->lent_move += rs.lent_move;
	out->lent_discard += rs.lent_discard;
	out->count += rs.count;
	*time = (struct grant_time){ .cpu_ns = cpu_ns(), .ready_ns = ready_ns() };
	do
		r = try_grant(t, c, &g, &time->ns);
	while (r < 0 && c->retry && time->ns < c->deadline_ms * 1000000);
	time->cpu_ns = cpu_ns() - time->cpu_ns;
	time->ready_ns = ready_ns() - time->ready_ns;
	uz_region_stats(t->l.region, &after);
	for (unsigned int i = 0; i < UZ_STAGE_NR; i++)
		time->stage_ns[i] = after.stage_ns[i] - rs.stage_ns[i];
	out->grants++;
	out->given_up += r < 0;
	check_some(t);
	if (r == 0)
		CHECK_EQ(uz_contig_free(t->l.region, g.id), 0);
}

static void load_open(struct trace *t, const struct grant_trace_config *c)
{
	struct grant_load_config lc = grant_load_nearly_full(c->bytes);

	lc.nr_disks = 2;
	lc.nr_streams = 1 + c->pinners;
	lc.private_memory = c->private_memory;
	lc.policy = c->policy;
	grant_load_open(&t->l, &lc);
}

static void stop_workers(struct trace *t)
{
	struct grant_trace *out = t->out;

	uz_store_release(&t->stop, true);
	pthread_join(t->io.thread, NULL);
	for (uint32_t i = 0; i < t->nr_pinners; i++) {
		pthread_join(t->pinner[i].thread, NULL);
		out->pins += t->pinner[i].count;
	}
	out->ios = t->io.count;
	out->refused += t->io.refused;
	uz_background_stop(t->l.background);
	t->l.background = NULL;
}

static void finish(struct trace *t)
{
	struct grant_trace *out = t->out;
	struct uz_region_stats rs;

	stop_workers(t);
	uz_region_stats(t->l.region, &rs);
	out->moved = rs.pgmigrate_success;
	out->carries = uz_load(&t->l.rig.fault.total[FAULT_CARRY]);
	CHECK_EQ(uz_store_check(t->l.rig.store), 0);
	out->verified += grant_load_check_all(&t->l.cold, t->l.rig.st);
	for (uint32_t i = 0; i < t->l.nr_disks; i++)
		out->verified += grant_load_check_all(&t->l.disk[i], t->l.rig.st);
	grant_load_close(&t->l);
}

void grant_trace_run(const struct grant_trace_config *c, struct grant_trace *out)
{
	struct trace *t = calloc(1, sizeof(*t));

	*out = (struct grant_trace){ .time = calloc(c->grants, sizeof(*out->time)) };
	CHECK(t && out->time && c->pinners <= PINNERS_MAX);
	t->out = out;
	t->nr_pinners = c->pinners;
	t->rest_us = c->rest_us;
	t->rng = test_rng_of(c->seed);
	CHECK_EQ(pthread_barrier_init(&t->step, NULL, 2), 0);
	load_open(t, c);
	worker_start(t, &t->io, io_main);
	for (uint32_t i = 0; i < c->pinners; i++)
		worker_start(t, &t->pinner[i], pin_main);
	while (out->grants < c->grants) {
		one_grant(t, c);
		spread(t);
		out->verified += grant_load_check_all(&t->l.cold, t->l.rig.st);
	}
	finish(t);
	pthread_barrier_destroy(&t->step);
	free(t);
}

void grant_trace_free(struct grant_trace *t)
{
	free(t->time);
}
