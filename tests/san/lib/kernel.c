/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's own test of KMSAN asks of it, for a program: malloc stands for kmalloc,
 * a thread-local variable for a per-CPU one, snprintf for printk, a file that is mapped
 * twice for vmap.
 */
#include "cases.h"

#include <sys/mman.h>
#include <unistd.h>

static __thread int per_thread;

static void uninit_malloc(void)
{
	int *p = HIDE(malloc(sizeof(*p))); /*@make*/

	BRANCH(*p); /*@use*/
	free(p);
}

static void init_malloc(void)
{
	int *p = HIDE(malloc(sizeof(*p)));

	memset(p, 0, sizeof(*p));
	BRANCH(*p);
	free(p);
}

static void init_calloc(void)
{
	int *p = HIDE(calloc(1, sizeof(*p)));

	BRANCH(*p);
	free(p);
}

static void uninit_stack(void)
{
	volatile int cond; /*@make*/

	BRANCH(cond); /*@use*/
}

static void init_stack(void)
{
	volatile int cond = 1;

	BRANCH(cond);
}

static NOINLINE void two_param_fn(int arg1, int arg2)
{
	int init = 0;

	BRANCH(init);
	BRANCH(arg1);
	BRANCH(arg2);
}

static NOINLINE void one_param_fn(int arg)
{
	int init = 1;

	two_param_fn(init, arg);
	BRANCH(arg);
}

static void params(void)
{
	volatile int uninit; /*@make*/

	one_param_fn(uninit); /*@use*/
}

static NOINLINE int signed_sum3(int a, int b, int c)
{
	return a + b + c;
}

static void uninit_multiple_params(void)
{
	volatile char b = 3, c; /*@make*/
	volatile int a;

	BRANCH(signed_sum3(a, b, c)); /*@use*/
}

static NOINLINE void uninit_kmsan_check_memory(void)
{
	volatile char local[8]; /*@make*/
	char *p = (char *)HIDE(&local);

	memset(p, 0, 4);
	kmsan_check(p, 8); /*@use*/
}

static void init_two_mappings(void)
{
	const size_t size = 8 * 4096;
	int fd = memfd_create("two", 0);
	char *a, *b;

	if (ftruncate(fd, (off_t)size))
		exit(3);
	a = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	kmsan_poison(b, size);
	if (kmsan_alias(a, b, size))
		exit(3);
	memset(HIDE(a), 0xfe, size);
	kmsan_check(b, size);
	kmsan_alias(a, b, 0);
}

static void init_large(void)
{
	const size_t size = 8 * 4096;
	char *p = HIDE(malloc(size));

	memset(p, 0xfe, size);
	kmsan_check(p, size);
	free(p);
}

static NOINLINE void release(int *p)
{
	free(p); /*@freed*/
}

static void use_after_free(void)
{
	int *p = HIDE(malloc(sizeof(*p)));

	*p = 1;
	release(p);
	BRANCH(*HIDE(p)); /*@use*/
}

static void per_thread_propagate(void)
{
	volatile int uninit; /*@make*/
	volatile int check;

	per_thread = uninit; /*@store*/
	check = *HIDE(&per_thread);
	BRANCH(check); /*@use*/
}

static void printing(void)
{
	volatile int uninit; /*@make*/
	char text[20];

	snprintf(text, sizeof(text), "%d", uninit); /*@use*/
}

static void memcpy_aligned_to_aligned(void)
{
	volatile int uninit_src; /*@make*/
	volatile int dst = 0;

	memcpy(HIDE((void *)&dst), HIDE((void *)&uninit_src), HIDE(sizeof(uninit_src))); /*@store*/
	kmsan_check((void *)&dst, sizeof(dst)); /*@use*/
}

static void memcpy_aligned_to_unaligned(void)
{
	volatile int uninit_src; /*@make*/
	volatile char dst[8] = { 0 };

	memcpy(HIDE((void *)&dst[1]), HIDE((void *)&uninit_src), HIDE(4)); /*@store*/
	kmsan_check((void *)dst, 4); /*@use*/
}

static void memcpy_aligned_to_unaligned2(void)
{
	volatile int uninit_src; /*@make*/
	volatile char dst[8] = { 0 };

	memcpy(HIDE((void *)&dst[1]), HIDE((void *)&uninit_src), HIDE(4)); /*@store*/
	kmsan_check((void *)&dst[4], sizeof(uninit_src)); /*@use*/
}

static void memset_between_guards(void)
{
	char *p = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE))
		exit(3);
	memset(HIDE(p + 4096), 0, 4096);
	memset(HIDE(p + 4096 + 5), 1, 4096 - 5);
	kmsan_check(p + 4096, 4096);
}

static NOINLINE void accumulate(char *buf, int step, int last)
{
	buf[step] = buf[step - 1]; /*@store*/
	if (step < last)
		accumulate(HIDE(buf), step + 1, last); /*@deeper*/
}

static void long_origin_chain(void)
{
	char buf[48]; /*@make*/
	char *p = HIDE(buf);

	accumulate(p, 1, 40); /*@begin*/
	BRANCH(p[40]); /*@use*/
}

static void init_memcpy(void)
{
	volatile long long src = 1, dst;

	memcpy(HIDE((void *)&dst), HIDE((void *)&src), sizeof(src));
	kmsan_check((void *)&dst, sizeof(dst));
}

static NOINLINE void fill(void *p, size_t n, size_t step)
{
	char *s = HIDE(p);
	size_t i;

	for (i = 0; i < n; i += step)
		if (step == 2)
			*(unsigned short *)(void *)(s + i) = 7;
		else if (step == 4)
			*(unsigned int *)(void *)(s + i) = 7;
		else
			*(unsigned long *)(void *)(s + i) = 7;
}

static void memset16(void)
{
	unsigned short buf[16];

	fill(buf, sizeof(buf), 2);
	kmsan_check(buf, sizeof(buf));
}

static void memset32(void)
{
	unsigned int buf[16];

	fill(buf, sizeof(buf), 4);
	kmsan_check(buf, sizeof(buf));
}

static void memset64(void)
{
	unsigned long buf[16];

	fill(buf, sizeof(buf), 8);
	kmsan_check(buf, sizeof(buf));
}

static NOINLINE unsigned int origin_of_malloc(size_t size)
{
	char *p = HIDE(malloc(size));
	unsigned int origin = kmsan_origin(p);

	free(p);
	return origin;
}

/* The same place gives the same origin: the depot keeps one record. */
static void depot_keeps_one(void)
{
	unsigned int origin[2];
	size_t i;

	for (i = 0; i < HIDE(2); i++)
		origin[i] = origin_of_malloc(16 + HIDE(i));
	if (!origin[0] || origin[0] != origin[1])
		exit(3);
}

static NOINLINE void with_gap(char *dst)
{
	char src[8]; /*@make*/

	memset(HIDE(src), 0, 2);
	memset(HIDE(src) + 6, 0, 2);
	memcpy(HIDE(dst), HIDE(src), HIDE(sizeof(src))); /*@store*/
}

/* Bytes 2 to 5 are not written, and lie at 3 to 6 of an unaligned destination. */
static void memcpy_initialized_gap(void)
{
	char dst[16] __attribute__((aligned(8))) = { 0 };

	with_gap(dst + 1);
	kmsan_check(dst + 1, 4); /*@first*/
	kmsan_check(dst + 7, 4);
	if (kmsan_test(dst + 1, 8) != 2 || kmsan_test(dst + 7, 2) != -1)
		exit(3);
	kmsan_check(dst + 5, 4); /*@second*/
}

static const struct test_case cases[] = {
	CASE(uninit_malloc),
	CASE(init_malloc),
	CASE(init_calloc),
	CASE(uninit_stack),
	CASE(init_stack),
	CASE(params),
	CASE(uninit_multiple_params),
	CASE(uninit_kmsan_check_memory),
	CASE(init_two_mappings),
	CASE(init_large),
	CASE(use_after_free),
	CASE(per_thread_propagate),
	CASE(printing),
	CASE(memcpy_aligned_to_aligned),
	CASE(memcpy_aligned_to_unaligned),
	CASE(memcpy_aligned_to_unaligned2),
	CASE(memset_between_guards),
	CASE(long_origin_chain),
	CASE(init_memcpy),
	CASE(memset16),
	CASE(memset32),
	CASE(memset64),
	CASE(depot_keeps_one),
	CASE(memcpy_initialized_gap),
	{ NULL, NULL },
};

int main(int argc, char **argv)
{
	return run_case(cases, argc, argv);
}
