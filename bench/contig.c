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
 * A line for each grant: ns, pages of both kinds in the region before it, pages moved.
 */
#include <errno.h>

#include "bench.h"
#include "grant_load.h"

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

	c.inside = true;
	c.region_bytes += 4 * MIB;
	c.move_bytes = bench_number("pages", 32000) << UZ_FRAME_SHIFT;
	c.capacity_bytes = 2 * c.region_bytes + 16 * MIB;
	c.reserve_bytes = c.capacity_bytes;
	c.limit_bytes = 3 * c.region_bytes;
	for (uint64_t i = bench_number("grants", 100); i; i--) {
		grant_load_open(&l, &c);
		emit_grant(&l, "move", copy_ns(c.region_bytes));
		grant_load_close(&l);
	}
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
	else
		bench_die("what=discard or move");
	return 0;
}
