/* SPDX-License-Identifier: MIT */
/*
 * oscillate: an arena whose load grows and shrinks by the same amount again and again, with a
 * background thread as a server has it. All system calls that take memory or give it back
 * are timed with the CPU clock of their thread.
 *
 *	oscillate [backing=private] [period_ms=1000] [cycles=20] [learn=2] [mib=256]
 *		[live_mib=256] [after_ms=12000]
 *
 * The first two cycles, in which memory is new and the arena does not know the load yet, are told
 * by themselves. After the cycles the load grows once more for half a period and shrinks; after_ms later what is
 * resident is compared with what is in use.
 */
#include <pthread.h>

#include "bench.h"
#include <uz/host.h>

static const struct uz_plat_ops *below;
static struct uz_plat_ops timed;
static uint64_t spent_ns, faulted_bytes, returned_bytes; /* atomic */

static int timed_commit(struct uz_plat *pl, void *p, size_t len)
{
	uint64_t start = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int r = below->commit(pl, p, len);

	uz_fetch_add(&spent_ns, bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - start);
	uz_fetch_add(&faulted_bytes, len);
	return r;
}

static int timed_decommit(struct uz_plat *pl, void *p, size_t len)
{
	uint64_t start = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int r = below->decommit(pl, p, len);

	uz_fetch_add(&spent_ns, bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - start);
	uz_fetch_add(&returned_bytes, len);
	return r;
}

struct load {
	struct uz_host *host;
	struct uz_arena *a;
	uint32_t *run;
	uint64_t nr, mib, half_ms;
	bool stop; /* atomic */
};

static void *background(void *arg)
{
	struct load *l = arg;
	struct uz_plat *pl = l->a->plat;

	while (!uz_load_acquire(&l->stop))
		if (!uz_arena_background(l->a, 2000000))
			uz_arena_background_wait(l->a, pl->ops->now(pl) + 100000000);
	return NULL;
}

static void grow(struct load *l, uint64_t mib)
{
	for (uint64_t i = mib << 20 >> UZ_FRAME_SHIFT; i; i -= UZ_RUN_MAX) {
		BENCH_CHECK(!uz_run_alloc(l->a, UZ_RUN_MAX, 0, &l->run[l->nr]), "no run");
		memset(uz_frame_addr(l->a, l->run[l->nr++]), 1, 64);
	}
}

static void shrink(struct load *l)
{
	for (uint64_t i = l->mib << 20 >> UZ_FRAME_SHIFT; i; i -= UZ_RUN_MAX)
		uz_run_free(l->a, l->run[--l->nr], UZ_RUN_MAX);
}

static void rest(uint64_t ms)
{
	nanosleep(&(struct timespec){ (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 }, NULL);
}

/* @name: of the line that tells what these cycles cost. */
static void cycles(struct load *l, const char *name, uint64_t nr)
{
	uint64_t start = bench_now_ns(), wall;

	uz_store(&spent_ns, 0);
	uz_store(&faulted_bytes, 0);
	uz_store(&returned_bytes, 0);
	for (uint64_t n = nr; n; n--) {
		grow(l, l->mib);
		rest(l->half_ms);
		shrink(l);
		rest(l->half_ms);
	}
	wall = bench_now_ns() - start;
	bench_emit(name);
	bench_emit_number("cpu_percent", 100.0 * (double)uz_load(&spent_ns) / (double)wall);
	bench_emit_number("faulted_mib", (double)uz_load(&faulted_bytes) / 1048576);
	bench_emit_number("returned_mib", (double)uz_load(&returned_bytes) / 1048576);
	bench_emit_end();
}

static void after(struct load *l)
{
	struct uz_arena_stats st;
	double used, resident;

	grow(l, l->mib);
	rest(l->half_ms);
	shrink(l);
	rest(bench_number("after_ms", 12000));
	uz_arena_stats(l->a, &st);
	used = (double)st.used_bytes / 1048576;
	resident = (double)uz_host_resident(l->host) / 1048576;
	bench_emit("after");
	bench_emit_number("live_mib", used);
	bench_emit_number("resident_mib", resident);
	bench_emit_number("ratio", resident / used);
	bench_emit_number("reserve_mib", (double)st.reserve_bytes / 1048576);
	bench_emit_end();
}

static enum uz_host_backing backing(void)
{
	const char *name = bench_text("backing", "private");

	BENCH_CHECK(!strcmp(name, "private") || !strcmp(name, "memfd"), "backing=private or memfd");
	return strcmp(name, "memfd") ? UZ_HOST_PRIVATE : UZ_HOST_MEMFD;
}

/* The platform's calls are timed from now on. */
static void open_load(struct load *l, uint64_t live)
{
	struct uz_arena_config ac = { .capacity_bytes = 4ull << 30, .limit_bytes = 4ull << 30 };
	struct uz_host_config hc = { .backing = backing(), .fd = -1 };
	uint64_t runs;

	l->mib = bench_number("mib", 256);
	l->half_ms = bench_number("period_ms", 1000) / 2;
	runs = ((live + l->mib) << 20 >> UZ_FRAME_SHIFT) / UZ_RUN_MAX;
	l->run = bench_alloc(runs * sizeof(*l->run));
	BENCH_CHECK(!uz_host_open(&hc, &l->host), "no platform");
	below = uz_host_plat(l->host)->ops;
	timed = *below;
	timed.commit = timed_commit;
	timed.decommit = timed_decommit;
	uz_host_plat(l->host)->ops = &timed;
	BENCH_CHECK(!uz_arena_open(uz_host_plat(l->host), &ac, false, &l->a), "no arena");
}

int main(int argc, char **argv)
{
	struct load l = { .nr = 0 };
	uint64_t live;
	pthread_t t;

	bench_args(argc, argv);
	live = bench_number("live_mib", 256);
	bench_warm((live + bench_number("mib", 256)) << 20);
	open_load(&l, live);
	BENCH_CHECK(!pthread_create(&t, NULL, background, &l), "no thread");
	grow(&l, live);
	cycles(&l, "learn", bench_number("learn", 2));
	cycles(&l, "cycles", bench_number("cycles", 20));
	after(&l);
	uz_store_release(&l.stop, true);
	uz_arena_background_wake(l.a);
	pthread_join(t, NULL);
	uz_arena_close(l.a);
	uz_host_close(l.host);
	free(l.run);
	return 0;
}
