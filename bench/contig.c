/* SPDX-License-Identifier: MIT */
/*
 * contig: how long grants of contiguous memory take, and what they cost the disks.
 *
 *	contig what=discard [pages=32000] [grants=300] [memfd=0]
 *		the region is full of copies that can be dropped
 *	contig what=move [pages=32000] [grants=100] [memfd=0]
 *		the region is full of data that has to be moved; what it moves to is resident. Beside
 *		each grant: a copy of as many bytes, from and to memory that was touched before
 *
 *	contig what=trace [mib=1024] [grants=100] [policy=guaranteed] [pinners=8] [seed=1] [memfd=0]
 *		[deadline_ms=1000] [retry=0] [rest_us=0]
 *		grants of a quarter of all memory, beside requests and held pages (grant_trace.h)
 *
 *	contig what=io [mib=1024] [rounds=20] [ms=1000] [memfd=0]
 *		4 KiB requests of one thread, 7 reads to 3 writes, for so long, with one grant of a quarter of
 *		all memory in the midst of it and without one, in turn. own_ms: the longest request but for
 *		the time in which it could have run and did not, which is the system's
 *	contig what=lending [mib=512] [rounds=48] [region=1] [memfd=0]
 *		4 KiB writes of the same pages to a store with a region of a quarter of it and to one without,
 *		in turn; two new stores for every second round, and the other one first: where a store lies in
 *		memory and in caches is worth some percent. region=0: without one in both, to see how many
 *
 * A line for each grant. discard, move: pages of both kinds in the region before it, pages moved; back_ms:
 * until what it still owed the system had gone back, given back by the caller himself.
 * trace: where its time went (uz_contig_stage), CPU time of its thread, and time in which that was ready to
 * run and something else did; and a line with all counts at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "grant_trace.h"

#define MIB (1ull << 20)
#define LENDING_ROUNDS 2ull /* with the same two stores */

static uint64_t region_bytes(void)
{
	return UZ_ALIGN_UP(bench_number("pages", 32000) << UZ_FRAME_SHIFT, 2 * MIB);
}

static void emit_grant(struct grant_load *l, const char *name, const struct bench_time *copy)
{
	struct uz_region_stats before, after;
	struct uz_contig_failure why;
	struct uz_grant g;
	uint64_t ns, cpu, back;
	int r;

	uz_region_stats(l->region, &before);
	back = bench_now_ns();
	cpu = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	r = grant_load_grant(l, before.count << UZ_FRAME_SHIFT, 1000, &g, &why, &ns);
	cpu = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	BENCH_CHECK(r == 0, "grant: %s, %u culprits", strerror(-r), why.nr_culprits);
	BENCH_CHECK(!uz_arena_pay(uz_store_arena(l->rig.store), UINT64_MAX), "memory is owed");
	back = bench_now_ns() - back;
	uz_region_stats(l->region, &after);
	uz_contig_free(l->region, g.id);
	bench_emit(name);
	bench_emit_number("ms", (double)ns / 1e6);
	bench_emit_number("cpu_ms", (double)cpu / 1e6);
	bench_emit_number("back_ms", (double)back / 1e6);
	bench_emit_number("lent_discard", (double)before.lent_discard);
	bench_emit_number("lent_move", (double)before.lent_move);
	bench_emit_number("moved", (double)(after.pgmigrate_success - before.pgmigrate_success));
	if (copy) {
		bench_emit_number("copied", (double)before.count);
		bench_emit_number("copy_ms", (double)copy->wall_ns / 1e6);
		bench_emit_number("copy_cpu_ms", (double)copy->cpu_ns / 1e6);
	}
	bench_emit_end();
}

/* Copies fill the region again, and what was free outside before that. */
static void refill(struct grant_load *l)
{
	struct uz_region_stats rs;

	for (int pass = 0; pass < 3; pass++) {
		grant_load_check_all(&l->cold, l->rig.st);
		uz_region_stats(l->region, &rs);
		if (rs.lent_discard * 100 >= rs.count * 98)
			return;
	}
}

static void discard(void)
{
	struct grant_load_config c = { .region_bytes = region_bytes(),
				       .private_memory = !bench_number("memfd", 0) };
	struct grant_load l;

	c.discard_bytes = 2 * c.region_bytes;
	c.limit_bytes = 4 * c.region_bytes;
	grant_load_open(&l, &c);
	for (uint64_t i = bench_number("grants", 300); i; i--) {
		refill(&l);
		emit_grant(&l, "discard", NULL);
	}
	grant_load_close(&l);
}

static struct bench_time time_copy(uint64_t bytes)
{
	char *src = bench_memory(bytes), *dst = bench_memory(bytes);
	struct bench_time t = { 0 };

	bench_start(&t);
	memcpy(dst, src, bytes);
	bench_stop(&t);
	BENCH_CHECK(dst[bytes - 1] == src[bytes - 1], "the copy is wrong");
	bench_memory_free(src, bytes);
	bench_memory_free(dst, bytes);
	return t;
}

/* A store for each grant: what was moved out does not come back by itself. */
static void move(void)
{
	struct grant_load_config c = { .region_bytes = region_bytes(),
				       .private_memory = !bench_number("memfd", 0) };
	struct grant_load l;

	c.inside = c.quiet = true;
	c.move_bytes = c.region_bytes;
	c.region_bytes += 4 * MIB;
	c.capacity_bytes = 2 * c.region_bytes + 16 * MIB;
	c.reserve_bytes = c.capacity_bytes;
	c.limit_bytes = 3 * c.region_bytes;
	for (uint64_t i = bench_number("grants", 100); i; i--) {
		struct bench_time copy = time_copy(c.region_bytes);

		grant_load_open(&l, &c);
		emit_grant(&l, "move", &copy);
		grant_load_close(&l);
	}
}

static enum uz_contig_policy policy(void)
{
	static const char *const names[] = { "guaranteed", "gcma", "cma" };
	const char *text = bench_text("policy", names[0]);

	for (unsigned int i = 0; i < 3; i++)
		if (!strcmp(text, names[i]))
			return (enum uz_contig_policy)i;
	bench_die("policy=guaranteed, gcma or cma");
}

static void emit_time(const struct grant_time *t)
{
	static const char *const names[UZ_STAGE_NR] = {
		[UZ_STAGE_WAIT] = "wait_ms", [UZ_STAGE_SEARCH] = "search_ms",
		[UZ_STAGE_DROP] = "drop_ms", [UZ_STAGE_MOVE] = "move_ms",
		[UZ_STAGE_PIN] = "pin_ms",   [UZ_STAGE_RETURN] = "return_ms",
	};

	bench_emit("grant");
	bench_emit_number("ms", (double)t->ns / 1e6);
	bench_emit_number("cpu_ms", (double)t->cpu_ns / 1e6);
	bench_emit_number("ready_ms", (double)t->ready_ns / 1e6);
	for (unsigned int i = 0; i < UZ_STAGE_NR; i++)
		bench_emit_number(names[i], (double)t->stage_ns[i] / 1e6);
	bench_emit_end();
}

static void emit_trace(const struct grant_trace_config *c, const struct grant_trace *t)
{
	for (uint64_t i = 0; i < t->grants; i++)
		emit_time(&t->time[i]);
	bench_emit("trace");
	bench_emit_text("policy", bench_text("policy", "guaranteed"));
	bench_emit_number("mib", (double)(c->bytes / MIB));
	bench_emit_number("seed", (double)c->seed);
	bench_emit_number("grants", (double)t->grants);
	bench_emit_number("given_up", (double)t->given_up);
	bench_emit_number("enomem", (double)t->enomem);
	bench_emit_number("ebusy", (double)t->ebusy);
	bench_emit_number("move_percent", 100.0 * (double)t->lent_move / (double)t->count);
	bench_emit_number("discard_percent", 100.0 * (double)t->lent_discard / (double)t->count);
	bench_emit_number("moved", (double)t->moved);
	bench_emit_number("held", (double)t->pins);
	bench_emit_number("requests", (double)t->ios);
	bench_emit_number("writes_refused", (double)t->refused);
	bench_emit_number("compared", (double)t->verified);
	bench_emit_end();
}

static void trace(void)
{
	struct grant_trace_config c = { .bytes = bench_number("mib", 1024) * MIB,
					.grants = bench_number("grants", 100),
					.deadline_ms = bench_number("deadline_ms", 1000),
					.seed = bench_number("seed", 1),
					.retry = bench_number("retry", 0),
					.pinners = (uint32_t)bench_number("pinners", 8),
					.rest_us = (uint32_t)bench_number("rest_us", 0),
					.private_memory = !bench_number("memfd", 0),
					.policy = policy() };
	struct grant_trace t;

	grant_trace_run(&c, &t);
	emit_trace(&c, &t);
	grant_trace_free(&t);
}

struct load_io {
	struct grant_load *l;
	struct test_rng rng;
	uint64_t end_ns, requests, worst_ns, own_ns;
};

/* A moment of a thread: the time, and how long it was ready to run while the CPUs ran others. */
struct moment {
	uint64_t ns, ready_ns;
};

static struct moment moment(int schedstat)
{
	struct moment m = { .ns = bench_now_ns() };
	char text[64], *ready;
	ssize_t nr = pread(schedstat, text, sizeof(text) - 1, 0);

	BENCH_CHECK(nr > 0, "no account of the thread");
	text[nr] = 0;
	strtoull(text, &ready, 10);
	m.ready_ns = strtoull(ready, NULL, 10);
	return m;
}

static void note_request(struct load_io *io, const struct moment *from, const struct moment *to)
{
	uint64_t ns = to->ns - from->ns;

	io->requests++;
	io->worst_ns = UZ_MAX(io->worst_ns, ns);
	io->own_ns = UZ_MAX(io->own_ns, ns - UZ_MIN(ns, to->ready_ns - from->ready_ns));
}

static void *io_main(void *arg)
{
	struct load_io *io = arg;
	struct grant_disk *d = &io->l->disk[0];
	int schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	struct moment last = moment(schedstat), now;

	for (; last.ns < io->end_ns; last = now) {
		uint32_t page = (uint32_t)test_below(&io->rng, d->nr);

		if (test_below(&io->rng, 10) < 7)
			grant_load_check(d, io->l->st[0], page);
		else
			grant_load_write(d, io->l->st[0], page);
		now = moment(schedstat);
		note_request(io, &last, &now);
	}
	close(schedstat);
	return NULL;
}

/* What was moved out is written again, so that the next grant finds as much. */
static void io_refill(struct grant_load *l)
{
	grant_load_discard(&l->disk[0], l->rig.st);
	grant_load_write_all(&l->disk[0], l->rig.st);
	grant_load_check_all(&l->cold, l->rig.st);
}

static void io_round(struct grant_load *l, bool recall)
{
	uint64_t ms = bench_number("ms", 1000), ns = 0, start = bench_now_ns();
	struct load_io io = { .l = l, .rng = test_rng_of(start) };
	struct uz_contig_failure why;
	struct uz_region_stats rs;
	struct uz_grant g;
	pthread_t thread;

	uz_region_stats(l->region, &rs);
	io.end_ns = start + ms * 1000000;
	BENCH_CHECK(!pthread_create(&thread, NULL, io_main, &io), "no thread");
	uz_nap(&l->rig.fault.plat, start + ms * 300000);
	if (recall && grant_load_grant(l, rs.count << UZ_FRAME_SHIFT, 10000, &g, &why, &ns))
		bench_die("grant: %d", why.error);
	pthread_join(thread, NULL);
	bench_emit(recall ? "recall" : "quiet");
	bench_emit_number("kiops", (double)io.requests / (double)ms);
	bench_emit_number("worst_ms", (double)io.worst_ns / 1e6);
	bench_emit_number("own_ms", (double)io.own_ns / 1e6);
	bench_emit_number("grant_ms", (double)ns / 1e6);
	bench_emit_number("lent_move", (double)rs.lent_move);
	bench_emit_end();
	if (recall)
		uz_contig_free(l->region, g.id);
}

static void io(void)
{
	struct grant_load_config c = grant_load_nearly_full(bench_number("mib", 1024) * MIB);
	struct grant_load l;

	c.nr_streams = 1;
	c.private_memory = !bench_number("memfd", 0);
	grant_load_open(&l, &c);
	for (uint64_t i = bench_number("rounds", 20); i; i--) {
		io_round(&l, i % 2);
		io_refill(&l);
		io_round(&l, !(i % 2));
		io_refill(&l);
	}
	grant_load_close(&l);
}

static double write_rate(struct grant_load *l)
{
	struct bench_time t = { 0 };

	bench_start(&t);
	BENCH_CHECK(!grant_load_write_all(&l->disk[0], l->rig.st), "write");
	bench_stop(&t);
	return (double)l->disk[0].nr * 1e6 / (double)t.cpu_ns;
}

/* Both stores have room for the region: only that there is one differs. */
static void lending_pair(uint64_t nr, uint64_t region_bytes, bool on_first)
{
	uint64_t limit = bench_number("mib", 512) * MIB;
	struct grant_load_config c = { .limit_bytes = limit,
				       .move_bytes = limit / 4,
				       .private_memory = !bench_number("memfd", 0) };
	struct grant_load_config with = c;
	struct grant_load on, off;

	with.region_bytes = region_bytes;
	if (on_first)
		grant_load_open(&on, &with);
	grant_load_open(&off, &c);
	if (!on_first)
		grant_load_open(&on, &with);
	for (uint64_t i = 0; i < nr; i++) {
		double first = write_rate(i % 2 ? &on : &off);
		double second = write_rate(i % 2 ? &off : &on);

		bench_emit("lending");
		bench_emit_number("on", i % 2 ? first : second);
		bench_emit_number("off", i % 2 ? second : first);
		bench_emit_end();
	}
	grant_load_close(&on);
	grant_load_close(&off);
}

static void lending(void)
{
	uint64_t rounds = bench_number("rounds", 48), limit = bench_number("mib", 512) * MIB;
	uint64_t region_bytes = bench_number("region", 1) ? limit / 4 : 0;

	for (uint64_t i = 0; i < rounds; i += LENDING_ROUNDS)
		lending_pair(UZ_MIN(rounds - i, LENDING_ROUNDS), region_bytes,
			     i / LENDING_ROUNDS % 2);
}

int main(int argc, char **argv)
{
	const char *what;

	bench_args(argc, argv);
	what = bench_text("what", "");
	if (!strcmp(what, "discard"))
		discard();
	else if (!strcmp(what, "move"))
		move();
	else if (!strcmp(what, "trace"))
		trace();
	else if (!strcmp(what, "io"))
		io();
	else if (!strcmp(what, "lending"))
		lending();
	else
		bench_die("what=discard, move, trace, io or lending");
	return 0;
}
