/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int nr_args;
static char **args;

void bench_die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

void bench_args(int argc, char **argv)
{
	nr_args = argc - 1;
	args = argv + 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
}

const char *bench_text(const char *key, const char *missing)
{
	size_t n = strlen(key);

	for (int i = 0; i < nr_args; i++) {
		if (!strncmp(args[i], key, n) && args[i][n] == '=')
			return args[i] + n + 1;
	}
	return missing;
}

uint64_t bench_number(const char *key, uint64_t missing)
{
	const char *text = bench_text(key, NULL);
	char *end;
	uint64_t n;

	if (!text)
		return missing;
	n = strtoull(text, &end, 10);
	BENCH_CHECK(*text && !*end, "%s=%s is not a number", key, text);
	return n;
}

double bench_ticks_per_ns(void)
{
	static double rate;
	uint64_t ns, ticks;

	if (rate > 0)
		return rate;
	ns = bench_now_ns();
	ticks = bench_ticks();
	while (bench_now_ns() - ns < 20000000)
		;
	ns = bench_now_ns() - ns;
	rate = (double)(bench_ticks() - ticks) / (double)ns;
	return rate;
}

uint64_t bench_ticks_cost(void)
{
	uint64_t gap[1001];

	for (int i = 0; i < 1001; i++) {
		uint64_t t = bench_ticks();

		gap[i] = bench_ticks() - t;
	}
	qsort(gap, 1001, sizeof(gap[0]), bench_compare_u64);
	return gap[500];
}

void *bench_alloc(size_t bytes)
{
	void *p = aligned_alloc(64, UZ_ALIGN_UP(bytes, (size_t)64));

	BENCH_CHECK(p, "no memory for %zu bytes", bytes);
	return memset(p, 0, bytes);
}

void *bench_memory(uint64_t bytes)
{
	uint64_t whole = UZ_ALIGN_UP(bytes, 2u << 20);
	char *p = mmap(NULL, whole + (2u << 20), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	BENCH_CHECK(p != MAP_FAILED, "no memory for %llu bytes", (unsigned long long)bytes);
	p = (char *)UZ_ALIGN_UP((uintptr_t)p, (uintptr_t)2 << 20);
	madvise(p, whole, MADV_HUGEPAGE);
	memset(p, 1, bytes);
	return p;
}

void bench_memory_free(void *p, uint64_t bytes)
{
	munmap(p, bytes);
}

void bench_warm(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	BENCH_CHECK(p != MAP_FAILED, "no memory for %llu bytes", (unsigned long long)bytes);
	madvise(p, bytes, MADV_HUGEPAGE);
	memset(p, 1, bytes);
	munmap(p, bytes);
}

bool bench_same_filled(const void *page)
{
	return !memcmp(page, (const char *)page + 4, UZ_PAGE_SIZE - 4);
}

static void change_word(char *page, uint64_t *rng)
{
	uint64_t at = bench_random(rng) % (UZ_PAGE_SIZE / 8) * 8, word = bench_random(rng);

	if (!bench_same_filled(page))
		memcpy(page + at, &word, sizeof(word));
}

static const char *data_map(uint64_t *nr)
{
	const char *path = bench_text("data", NULL);
	struct stat sb;
	char *file;
	int fd;

	BENCH_CHECK(path, "data=FILE is missing");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	BENCH_CHECK(fd >= 0 && !fstat(fd, &sb) && sb.st_size >= UZ_PAGE_SIZE,
		    "%s: cannot be read, or shorter than a page", path);
	*nr = (uint64_t)sb.st_size >> UZ_PAGE_SHIFT;
	file = mmap(NULL, *nr << UZ_PAGE_SHIFT, PROT_READ, MAP_PRIVATE, fd, 0);
	BENCH_CHECK(file != MAP_FAILED, "%s: cannot be mapped", path);
	close(fd);
	return file;
}

uint64_t bench_data_pages(void)
{
	uint64_t nr;
	const char *file = data_map(&nr);

	munmap((void *)(uintptr_t)file, nr << UZ_PAGE_SHIFT);
	return nr;
}

char *bench_pages(uint64_t nr)
{
	uint64_t rng = 1, have;
	const char *file = data_map(&have);
	char *pages = bench_memory(nr << UZ_PAGE_SHIFT);

	for (uint64_t i = 0; i < nr; i++) {
		char *page = pages + (i << UZ_PAGE_SHIFT);

		memcpy(page, file + (i % have << UZ_PAGE_SHIFT), UZ_PAGE_SIZE);
		if (i >= have)
			change_word(page, &rng);
	}
	munmap((void *)(uintptr_t)file, have << UZ_PAGE_SHIFT);
	return pages;
}

void bench_emit(const char *name)
{
	printf("{\"case\":\"%s\"", name);
}

void bench_emit_text(const char *key, const char *value)
{
	printf(",\"%s\":\"%s\"", key, value);
}

void bench_emit_number(const char *key, double value)
{
	printf(",\"%s\":%.6g", key, value);
}

void bench_emit_end(void)
{
	puts("}");
}

void bench_emit_run(const char *name, const char *who, uint64_t bytes, const struct bench_time *t)
{
	bench_emit(name);
	bench_emit_text("who", who);
	bench_emit_number("mb_s", (double)bytes * 1e3 / (double)t->wall_ns);
	bench_emit_number("cpu_mb_s", (double)bytes * 1e3 / (double)t->cpu_ns);
	bench_emit_end();
}

int bench_compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}
