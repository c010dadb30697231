/* SPDX-License-Identifier: MIT */
/*
 * returned HOW: a block of 4 MiB is marked as unwritten, written in part and let go, 16 times, each
 * time at another address where the program says where. Prints by how many KiB the process has
 * grown since the second round, and how many its metadata takes in a round.
 */
#include "cases.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE (4ul << 20)
#define ROUNDS 16

static char *place(void)
{
	static char *next = (char *)0x5f0000000000;

	return next += 2 * SIZE;
}

static char *map(void)
{
	char *p = mmap(place(), SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		exit(2);
	return p;
}

/* Marks with metadata in memory: not lazily, and stored to by instrumented code. */
static NOINLINE void use(char *p)
{
	size_t i;

	for (i = 0; i < SIZE; i += 64 << 10)
		kmsan_poison(p + i, 64 << 10);
	for (i = 0; i < SIZE; i += 4096)
		p[i] = 1;
}

static void by_munmap(void)
{
	char *p = map();

	use(p);
	munmap(p, SIZE);
}

static void by_mremap(void)
{
	char *p = map(), *q;

	use(p);
	q = mremap(p, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, place());
	if (q == MAP_FAILED || kmsan_test(q, SIZE) != 1)
		exit(2);
	q = mremap(q, SIZE, 4096, 0);
	munmap(q, 4096);
}

static void by_madvise(void)
{
	char *p = map();

	use(p);
	madvise(p, SIZE, MADV_DONTNEED);
	if (kmsan_test(p, SIZE) != -1)
		exit(2);
}

static void by_free(void)
{
	char *p = malloc(SIZE);

	use(p);
	free(p);
}

static void by_realloc(void)
{
	char *p = malloc(SIZE);

	use(p);
	p = realloc(HIDE(p), 100);
	free(p);
}

static const struct test_case ways[] = {
	CASE(by_munmap), CASE(by_mremap),  CASE(by_madvise),
	CASE(by_free),	 CASE(by_realloc), { NULL, NULL },
};

static long resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long all, resident;

	if (!f || fscanf(f, "%ld %ld", &all, &resident) != 2)
		exit(2);
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static long one_round(void)
{
	long before = resident_kib();
	char *p = map();

	use(p);
	return resident_kib() - before - (long)(SIZE / 1024);
}

int main(int argc, char **argv)
{
	long settled = 0;
	int i;

	if (argc == 1)
		return run_case(ways, argc, argv);
	for (i = 0; i < ROUNDS; i++) {
		if (i == 2)
			settled = resident_kib();
		if (run_case(ways, argc, argv))
			return 2;
	}
	printf("grown %ld KiB, metadata of a round ", resident_kib() - settled);
	printf("%ld KiB\n", one_round());
	return 0;
}
