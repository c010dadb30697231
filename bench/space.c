/* SPDX-License-Identifier: MIT */
/*
 * space: what a disk costs before anything is on it, and how long it takes to find one again.
 *
 *	space what=empty [size_gib=1024] [rounds=5]
 *		ram_total of an empty disk, the time to create store and disk, and ram_total
 *		after its map was asked for from end to end
 *	space what=attach data=FILE [size_gib=4] [rounds=5]
 *		the time to open the store again when every second page of the disk holds data
 *	space what=control [bytes_mib=256]
 *		the worst gap that a thread sees which only looks at the clock for half a second, and the
 *		time to copy so many bytes: what the machine itself does to times given beside it
 */
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "disk.h"

static uint64_t ask_for_map(struct bench_disk *d)
{
	uint64_t size = uz_dev_size(d->dev), off = 0, len, extents = 0;
	bool hole;

	for (; off < size; off += len, extents++)
		BENCH_CHECK(!uz_dev_extent(d->dev, d->st[0], off, size - off, &len, &hole) && hole,
			    "the empty disk has data at %llu", (unsigned long long)off);
	return extents;
}

static void empty(void)
{
	struct bench_disk_config c = { .backing = UZ_HOST_PRIVATE,
				       .size_bytes = bench_number("size_gib", 1024) << 30,
				       .limit_bytes = (uint64_t)1 << 30 };
	struct bench_disk d;
	uint64_t start = bench_now_ns(), ns, extents;
	struct uz_dev_stats before, after;

	bench_disk_open(&d, &c);
	ns = bench_now_ns() - start;
	before = bench_disk_stats(&d);
	extents = ask_for_map(&d);
	after = bench_disk_stats(&d);
	bench_emit("empty");
	bench_emit_number("create_ms", (double)ns / 1e6);
	bench_emit_number("ram_total_mib", (double)before.ram_total / 1048576);
	bench_emit_number("map_grew_bytes", (double)(after.ram_total - before.ram_total));
	bench_emit_number("extents", (double)extents);
	bench_emit_end();
	bench_disk_close(&d);
}

static void half_fill(const struct bench_disk_config *c)
{
	uint64_t nr = c->size_bytes >> UZ_PAGE_SHIFT, have = bench_data_pages();
	char *pages = bench_pages(have);
	struct bench_disk d;

	bench_disk_open(&d, c);
	for (uint64_t i = 0; i < nr; i += 2)
		BENCH_CHECK(!uz_dev_write(d.dev, d.st[0], i << UZ_PAGE_SHIFT,
					  pages + (i / 2 % have << UZ_PAGE_SHIFT), UZ_PAGE_SIZE, 0),
			    "write");
	bench_disk_close(&d);
	bench_memory_free(pages, have << UZ_PAGE_SHIFT);
}

static void attach(void)
{
	struct bench_disk_config c = { .backing = UZ_HOST_MEMFD,
				       .size_bytes = bench_number("size_gib", 4) << 30,
				       .memfd = memfd_create("bench", MFD_CLOEXEC) };
	struct bench_disk d;

	BENCH_CHECK(c.memfd >= 0, "no memfd");
	half_fill(&c);
	c.attach = true;
	for (uint64_t r = bench_number("rounds", 5); r > 0; r--) {
		uint64_t start = bench_now_ns(), cpu = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID), ns;
		struct uz_dev_stats st;

		bench_disk_open(&d, &c);
		ns = bench_now_ns() - start;
		cpu = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
		st = bench_disk_stats(&d);
		bench_emit("attach");
		bench_emit_number("ms", (double)ns / 1e6);
		bench_emit_number("cpu_ms", (double)cpu / 1e6);
		bench_emit_number("pages", (double)(st.orig_data_size >> UZ_PAGE_SHIFT));
		bench_emit_number("ram_total_mib", (double)st.ram_total / 1048576);
		bench_emit_end();
		bench_disk_close(&d);
	}
	close(c.memfd);
}

static void control(void)
{
	uint64_t bytes = bench_number("bytes_mib", 256) << 20, worst = 0, start, last, now;
	char *src = bench_memory(bytes), *dst = bench_memory(bytes);

	start = last = bench_now_ns();
	while (last - start < 500000000) {
		now = bench_now_ns();
		worst = UZ_MAX(worst, now - last);
		last = now;
	}
	start = bench_now_ns();
	memcpy(dst, src, bytes);
	now = bench_now_ns();
	bench_emit("control");
	bench_emit_number("worst_gap_us", (double)worst / 1e3);
	bench_emit_number("memcpy_ms", (double)(now - start) / 1e6);
	bench_emit_number("memcpy_mib", (double)bytes / 1048576);
	bench_emit_number("check", (double)dst[bytes - 1]);
	bench_emit_end();
}

int main(int argc, char **argv)
{
	const char *what;

	bench_args(argc, argv);
	what = bench_text("what", "");
	if (!strcmp(what, "empty")) {
		for (uint64_t r = bench_number("rounds", 5); r > 0; r--)
			empty();
	} else if (!strcmp(what, "attach")) {
		attach();
	} else if (!strcmp(what, "control")) {
		control();
	} else {
		bench_die("what=empty, attach or control");
	}
	return 0;
}
