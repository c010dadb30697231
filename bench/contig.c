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
 *		[deadline_ms=1000] [retry=0]
 *		grants of a quarter of all memory, beside requests and held pages (grant_trace.h)
 *
 * A line for each grant. discard, move: pages of both kinds in the region before it, pages moved.
 * trace: and one with all counts at the end.
 */
#include <errno.h>

#include "bench.h"
#include "grant_trace.h"

#define MIB (1ull << 20)

static uint64_t region_bytes(void)
{
	return UZ_ALIGN_UP(bench_number("pages", 32000) << UZ_FRAME_SHIFT, 2 * MIB);
}

static void emit_grant(struct grant_load *l, const char *name, uint64_t copy_ns)
{
	struct uz_region_stats before, after;
	struct uz_contig_failure why;
	struct uz_grant g;
	uint64_t ns, cpu;
	int r;

	uz_region_stats(l->region, &before);
	cpu = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	r = grant_load_grant(l, before.count << UZ_FRAME_SHIFT, 1000, &g, &why, &ns);
	cpu = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	BENCH_CHECK(r == 0, "grant: %s, %u culprits", strerror(-r), why.nr_culprits);
	uz_region_stats(l->region, &after);
	uz_contig_free(l->region, g.id);
	bench_emit(name);
	bench_emit_number("ms", (double)ns / 1e6);
	bench_emit_number("cpu_ms", (double)cpu / 1e6);
	bench_emit_number("lent_discard", (double)before.lent_discard);
	bench_emit_number("lent_move", (double)before.lent_move);
	bench_emit_number("moved", (double)(after.pgmigrate_success - before.pgmigrate_success));
	if (copy_ns) {
		bench_emit_number("copied", (double)before.count);
		bench_emit_number("copy_ms", (double)copy_ns / 1e6);
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
		emit_grant(&l, "discard", 0);
	}
	grant_load_close(&l);
}

static uint64_t copy_ns(uint64_t bytes)
{
	char *src = bench_memory(bytes), *dst = bench_memory(bytes);
	uint64_t start = bench_now_ns(), ns;

	memcpy(dst, src, bytes);
	ns = bench_now_ns() - start;
	BENCH_CHECK(dst[bytes - 1] == src[bytes - 1], "the copy is wrong");
	bench_memory_free(src, bytes);
	bench_memory_free(dst, bytes);
	return ns;
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
		grant_load_open(&l, &c);
		emit_grant(&l, "move", copy_ns(c.region_bytes));
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

static void emit_trace(const struct grant_trace_config *c, const struct grant_trace *t)
{
	for (uint64_t i = 0; i < t->grants; i++) {
		bench_emit("grant");
		bench_emit_number("ms", (double)t->ns[i] / 1e6);
		bench_emit_end();
	}
	bench_emit("trace");
	bench_emit_text("policy", bench_text("policy", "guaranteed"));
	bench_emit_number("mib", (double)(c->limit_bytes / MIB));
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
	struct grant_trace_config c = { .limit_bytes = bench_number("mib", 1024) * MIB,
					.grants = bench_number("grants", 100),
					.deadline_ms = bench_number("deadline_ms", 1000),
					.seed = bench_number("seed", 1),
					.retry = bench_number("retry", 0),
					.pinners = (uint32_t)bench_number("pinners", 8),
					.private_memory = !bench_number("memfd", 0),
					.policy = policy() };
	struct grant_trace t;

	grant_trace_run(&c, &t);
	emit_trace(&c, &t);
	grant_trace_free(&t);
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
	else
		bench_die("what=discard, move or trace");
	return 0;
}
