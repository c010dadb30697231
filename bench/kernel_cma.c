/* SPDX-License-Identifier: MIT */
/*
 * kernel_cma: contiguous memory out of the kernel's own CMA region, through its debugfs, while what
 * the kernel lends the region to is in use.
 *
 *	kernel_cma file=PATH anon_mib=N file_mib=N [tries=100] [part=1] [holders=8] [seed=1]
 *		each try asks for the region's size divided by part, and gives it back at once
 *
 * The same load as what=trace of contig (grant_trace.h) puts on ours, in the kernel's terms:
 * anonymous memory, and the zram that it is swapped to, have to be moved; page cache of a file can be
 * dropped. One thread reads and writes pages of each at random and compares them; holders hold single
 * pages of the memory for 10 us to 10 ms, by vmsplice(2), which takes a reference as drivers do.
 * A try begins when the region is full again.
 *
 * For root on a kernel with CMA_DEBUGFS and CMA_SYSFS that was booted with cma=SIZE, in a guest of
 * its own: the region is taken from whoever needs it. scripts/cma/run makes such a guest.
 *
 * A line for each try, and one with all counts at the end. Why a try failed is in the kernel's log
 * only, which keeps silent when it has to say so more often than twice in a second: hence GAP_MS.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench.h"
#include "grant_page.h"

#define MIB (1ull << 20)
#define GAP_MS 600
#define FILL_MS 20000
#define HOLDERS_MAX 15
#define HOLD_MIN_NS 10000u
#define HOLD_OCTAVES 10u /* up to 10 ms */
#define DEBUG "/sys/kernel/debug/cma"

/* Bits of /proc/kpageflags. */
#define KPF_LRU 5
#define KPF_BUDDY 10
#define KPF_ANON 12

/* What a page of the region is; zsmalloc's pages have no flag, nor do the few that are on their way. */
enum kind { FREE, ANON, CACHE, ZRAM, NR_KINDS };

struct region {
	char name[64];
	uint64_t base, count, used_before; /* pages */
	int alloc, free, log, flags;
	uint64_t *flag;
};

/* Memory, or else a file. A page has its number and a sequence, from which the rest follows. */
struct content {
	unsigned char *memory;
	int fd;
	uint32_t nr, *seq;
	uint64_t rng, requests, compared;
	pthread_t thread;
};

struct holder {
	const struct content *of;
	uint64_t rng, count;
	pthread_t thread;
};

struct counts {
	uint64_t tries, enomem, ebusy;
	uint64_t kind[NR_KINDS]; /* sums over what was before each try */
};

static bool stop; /* atomic */

static void nap_ns(uint64_t ns)
{
	nanosleep(&(struct timespec){ (time_t)(ns / 1000000000), (long)(ns % 1000000000) }, NULL);
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	BENCH_CHECK(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

/* The number behind @key, or at the beginning of the file. */
static uint64_t number_in(const char *path, const char *key)
{
	static char text[1 << 16];
	int fd = open_file(path, O_RDONLY);
	ssize_t n = 0, got;
	char *at = text;

	while ((got = read(fd, text + n, sizeof(text) - 1 - (size_t)n)) > 0)
		n += got;
	text[n] = 0;
	close(fd);
	if (key) {
		at = strstr(text, key);
		BENCH_CHECK(at, "%s has no %s", path, key);
		at += strlen(key);
	}
	return strtoull(at, NULL, 10);
}

static uint64_t region_number(const struct region *r, const char *file)
{
	char path[160];

	snprintf(path, sizeof(path), DEBUG "/%s/%s", r->name, file);
	return number_in(path, NULL);
}

/* Pages, not calls. */
static uint64_t region_failed(const struct region *r)
{
	char path[160];

	snprintf(path, sizeof(path), "/sys/kernel/mm/cma/%s/alloc_pages_fail", r->name);
	return number_in(path, NULL);
}

static void region_find(struct region *r)
{
	DIR *d = opendir(DEBUG);
	struct dirent *e;

	BENCH_CHECK(d, DEBUG ": %s: needs CMA_DEBUGFS, cma=SIZE and a mounted debugfs",
		    strerror(errno));
	while ((e = readdir(d)))
		if (*e->d_name != '.')
			snprintf(r->name, sizeof(r->name), "%.60s", e->d_name);
	closedir(d);
	BENCH_CHECK(*r->name, DEBUG " is empty: boot with cma=SIZE");
}

static void region_open(struct region *r)
{
	char path[160];

	region_find(r);
	r->base = region_number(r, "base_pfn");
	r->count = region_number(r, "count");
	r->used_before = region_number(r, "used");
	snprintf(path, sizeof(path), DEBUG "/%s/alloc", r->name);
	r->alloc = open_file(path, O_WRONLY);
	snprintf(path, sizeof(path), DEBUG "/%s/free", r->name);
	r->free = open_file(path, O_WRONLY);
	r->log = open_file("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	lseek(r->log, 0, SEEK_END);
	r->flags = open_file("/proc/kpageflags", O_RDONLY);
	r->flag = bench_alloc(r->count * sizeof(*r->flag));
}

static void region_close(struct region *r)
{
	close(r->alloc);
	close(r->free);
	close(r->log);
	close(r->flags);
	free(r->flag);
}

static enum kind kind_of(uint64_t flags)
{
	if (flags >> KPF_BUDDY & 1)
		return FREE;
	if (flags >> KPF_ANON & 1)
		return ANON;
	return flags >> KPF_LRU & 1 ? CACHE : ZRAM;
}

static void region_look(struct region *r, uint64_t kind[NR_KINDS])
{
	size_t bytes = r->count * sizeof(*r->flag);
	ssize_t got = pread(r->flags, r->flag, bytes, (off_t)(r->base * sizeof(*r->flag)));

	BENCH_CHECK(got == (ssize_t)bytes, "kpageflags: %zd of %zu bytes", got, bytes);
	for (uint64_t i = 0; i < r->count; i++)
		kind[kind_of(r->flag[i])]++;
}

/* A record of the log at a time; one that was overwritten meanwhile is told by EPIPE. */
static int region_why(struct region *r)
{
	char record[1024], *at;
	int why = 0;
	ssize_t n;

	while ((n = read(r->log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		record[n > 0 ? n : 0] = 0;
		at = strstr(record, "alloc failed, req-size:");
		if (at)
			at = strstr(at, "ret: ");
		if (at)
			why = atoi(at + 5);
	}
	BENCH_CHECK(why == -ENOMEM || why == -EBUSY, "the kernel's reason for a failure is %d",
		    why);
	return why;
}

static ssize_t write_number(int fd, uint64_t n)
{
	char text[24];

	return write(fd, text, (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)n));
}

/* The file says ENOMEM whatever the reason. */
static int region_try(struct region *r, uint64_t pages, uint64_t *ns)
{
	uint64_t start = bench_now_ns();
	ssize_t n = write_number(r->alloc, pages);

	*ns = bench_now_ns() - start;
	if (n < 0)
		return region_why(r);
	BENCH_CHECK(write_number(r->free, pages) > 0, "free: %s", strerror(errno));
	return 0;
}

static void region_fill(const struct region *r)
{
	uint64_t start = bench_now_ns(), ms;

	do {
		nap_ns(50000000);
		ms = (bench_now_ns() - start) / 1000000;
	} while (ms < GAP_MS ||
		 (ms < FILL_MS && number_in("/proc/meminfo", "CmaFree:") / 4 * 50 > r->count));
}

static void make_page(const struct content *c, uint32_t page, unsigned char *buf)
{
	grant_page_make(buf, !c->memory, page, c->seq[page]);
}

static void content_write(struct content *c, uint32_t page)
{
	unsigned char buf[UZ_PAGE_SIZE];
	off_t at = (off_t)page << UZ_PAGE_SHIFT;

	c->seq[page]++;
	make_page(c, page, buf);
	if (c->memory)
		memcpy(c->memory + at, buf, sizeof(buf));
	else
		BENCH_CHECK(pwrite(c->fd, buf, sizeof(buf), at) == sizeof(buf), "write: %s",
			    strerror(errno));
}

static void content_check(struct content *c, uint32_t page)
{
	unsigned char want[UZ_PAGE_SIZE], buf[UZ_PAGE_SIZE], *got = buf;
	off_t at = (off_t)page << UZ_PAGE_SHIFT;

	make_page(c, page, want);
	if (c->memory)
		got = c->memory + at;
	else
		BENCH_CHECK(pread(c->fd, buf, sizeof(buf), at) == sizeof(buf), "read: %s",
			    strerror(errno));
	BENCH_CHECK(!memcmp(want, got, UZ_PAGE_SIZE), "page %u differs", page);
	c->compared++;
}

static void content_open(struct content *c, uint64_t bytes, const char *path)
{
	c->nr = (uint32_t)(bytes >> UZ_PAGE_SHIFT);
	c->seq = bench_alloc(c->nr * sizeof(*c->seq));
	c->fd = -1;
	if (path)
		c->fd = open_file(path, O_RDWR | O_CREAT | O_TRUNC);
	else
		c->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				 -1, 0);
	BENCH_CHECK(c->memory != MAP_FAILED, "no memory for %llu bytes", (unsigned long long)bytes);
	for (uint32_t i = 0; i < c->nr; i++)
		content_write(c, i);
}

static void content_close(struct content *c)
{
	for (uint32_t i = 0; i < c->nr; i++)
		content_check(c, i);
	if (c->memory)
		munmap(c->memory, (size_t)c->nr << UZ_PAGE_SHIFT);
	else
		close(c->fd);
	free(c->seq);
}

/* 7 reads to 3 writes. */
static void *content_main(void *arg)
{
	struct content *c = arg;

	for (; !uz_load_acquire(&stop); c->requests++) {
		uint32_t page = (uint32_t)(bench_random(&c->rng) % c->nr);

		if (bench_random(&c->rng) % 10 < 7)
			content_check(c, page);
		else
			content_write(c, page);
	}
	return NULL;
}

static void hold(const struct content *c, uint64_t page, const int pipe[2], uint64_t ns)
{
	unsigned char buf[UZ_PAGE_SIZE];
	struct iovec v = { c->memory + (page << UZ_PAGE_SHIFT), UZ_PAGE_SIZE };

	BENCH_CHECK(vmsplice(pipe[1], &v, 1, 0) == UZ_PAGE_SIZE, "vmsplice: %s", strerror(errno));
	nap_ns(ns);
	BENCH_CHECK(read(pipe[0], buf, sizeof(buf)) == sizeof(buf), "pipe: %s", strerror(errno));
}

static void *holder_main(void *arg)
{
	struct holder *h = arg;
	int ends[2];

	BENCH_CHECK(!pipe(ends), "pipe: %s", strerror(errno));
	for (; !uz_load_acquire(&stop); h->count++) {
		uint64_t ns = (uint64_t)HOLD_MIN_NS << bench_random(&h->rng) % HOLD_OCTAVES;

		ns += bench_random(&h->rng) % ns;
		hold(h->of, bench_random(&h->rng) % h->of->nr, ends, ns);
		nap_ns(ns);
	}
	close(ends[0]);
	close(ends[1]);
	return NULL;
}

static void start(pthread_t *thread, void *(*main)(void *arg), void *arg)
{
	BENCH_CHECK(!pthread_create(thread, NULL, main, arg), "no thread");
}

static void one_try(struct region *r, uint64_t pages, struct counts *n)
{
	uint64_t ns;
	int why;

	region_fill(r);
	region_look(r, n->kind);
	why = region_try(r, pages, &ns);
	n->tries++;
	n->enomem += why == -ENOMEM;
	n->ebusy += why == -EBUSY;
	bench_emit("grant");
	bench_emit_number("ms", (double)ns / 1e6);
	bench_emit_number("error", why);
	bench_emit_end();
}

static void all_tries(struct region *r, uint64_t pages, struct counts *n)
{
	uint64_t failed = region_failed(r);

	for (uint64_t i = bench_number("tries", 100); i; i--)
		one_try(r, pages, n);
	failed = region_failed(r) - failed;
	BENCH_CHECK(failed == (n->enomem + n->ebusy) * pages, "the kernel counts %llu failed pages",
		    (unsigned long long)failed);
}

static double percent(const struct region *r, const struct counts *n, enum kind kind)
{
	return 100.0 * (double)n->kind[kind] / (double)(n->tries * r->count);
}

static void emit(const struct region *r, const struct counts *n, uint64_t pages)
{
	bench_emit("trace");
	bench_emit_text("policy", "kernel");
	bench_emit_number("region_pages", (double)r->count);
	bench_emit_number("request_pages", (double)pages);
	bench_emit_number("used_before", (double)r->used_before);
	bench_emit_number("grants", (double)n->tries);
	bench_emit_number("enomem", (double)n->enomem);
	bench_emit_number("ebusy", (double)n->ebusy);
	bench_emit_number("anon_percent", percent(r, n, ANON));
	bench_emit_number("zram_percent", percent(r, n, ZRAM));
	bench_emit_number("move_percent", percent(r, n, ANON) + percent(r, n, ZRAM));
	bench_emit_number("discard_percent", percent(r, n, CACHE));
}

static void run(struct region *r, struct content *memory, struct content *file)
{
	struct holder holder[HOLDERS_MAX] = { 0 };
	uint64_t nr = bench_number("holders", 8), pages = r->count / bench_number("part", 1);
	struct counts n = { 0 };
	uint64_t held = 0;

	BENCH_CHECK(nr <= HOLDERS_MAX, "holders=0 to %u", HOLDERS_MAX);
	start(&memory->thread, content_main, memory);
	start(&file->thread, content_main, file);
	for (uint64_t i = 0; i < nr; i++) {
		holder[i] = (struct holder){ .of = memory, .rng = memory->rng + i + 1 };
		start(&holder[i].thread, holder_main, &holder[i]);
	}
	all_tries(r, pages, &n);
	uz_store_release(&stop, true);
	pthread_join(memory->thread, NULL);
	pthread_join(file->thread, NULL);
	for (uint64_t i = 0; i < nr; i++) {
		pthread_join(holder[i].thread, NULL);
		held += holder[i].count;
	}
	emit(r, &n, pages);
	bench_emit_number("held", (double)held);
}

int main(int argc, char **argv)
{
	struct content memory = { 0 }, file = { 0 };
	struct region r = { 0 };
	uint64_t seed;

	bench_args(argc, argv);
	seed = bench_number("seed", 1);
	memory.rng = seed * 2 + 1;
	file.rng = seed * 2 + 1000001;
	grant_page_open();
	BENCH_CHECK(bench_text("file", NULL), "file=PATH is missing");
	region_open(&r);
	content_open(&file, bench_number("file_mib", 0) * MIB, bench_text("file", NULL));
	content_open(&memory, bench_number("anon_mib", 0) * MIB, NULL);
	run(&r, &memory, &file);
	content_close(&memory);
	content_close(&file);
	bench_emit_number("seed", (double)seed);
	bench_emit_number("requests", (double)(memory.requests + file.requests));
	bench_emit_number("compared", (double)(memory.compared + file.compared));
	bench_emit_end();
	region_close(&r);
	return 0;
}
