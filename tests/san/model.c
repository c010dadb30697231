/* SPDX-License-Identifier: MIT */
/*
 * uz-test: timeout 60
 *
 * The metadata against a model of one shadow byte and one origin a byte: the same random
 * operations on both, among them what instrumented code does (ask for a pointer, then write
 * there), most of them across an edge between chunks, where metadata is not contiguous.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "../../san/src/shadow.h"
#include "test.h"

#ifndef KMSAN__CHUNK /* the linear layout has no edges, and is tested at the same places */
#define KMSAN__CHUNK (1ul << 20)
#endif
#define CHUNK KMSAN__CHUNK
#define CHUNK_MASK (CHUNK - 1)
#define SPAN (3 * CHUNK)
/* A range that is large, in an operation on ranges. */
#define LARGE (1ul << 20)

extern struct kmsan__meta __msan_metadata_ptr_for_load_1(const void *p);
extern struct kmsan__meta __msan_metadata_ptr_for_load_2(const void *p);
extern struct kmsan__meta __msan_metadata_ptr_for_load_4(const void *p);
extern struct kmsan__meta __msan_metadata_ptr_for_load_8(const void *p);
extern struct kmsan__meta __msan_metadata_ptr_for_load_n(const void *p, uintptr_t n);
extern struct kmsan__meta __msan_metadata_ptr_for_store_1(const void *p);
extern struct kmsan__meta __msan_metadata_ptr_for_store_2(const void *p);
extern struct kmsan__meta __msan_metadata_ptr_for_store_4(const void *p);
extern struct kmsan__meta __msan_metadata_ptr_for_store_8(const void *p);
extern struct kmsan__meta __msan_metadata_ptr_for_store_n(const void *p, uintptr_t n);
extern void *__msan_memmove(void *dst, const void *src, uintptr_t n);

static char *base; /* SPAN bytes from a chunk's beginning on */
static uint8_t model[SPAN];
static uint64_t nr_crossings;

static bool crosses(const char *p, size_t n)
{
	return n && ((uintptr_t)p ^ ((uintptr_t)p + n - 1)) & ~CHUNK_MASK;
}

/* An address whose range of n bytes is mostly at, or near, one of the two inner edges. */
static size_t place(struct test_rng *rng, size_t n)
{
	size_t edge = CHUNK * (1 + test_below(rng, 2)), near = test_one_in(rng, 4) ? 2500 : 600;
	size_t at = test_one_in(rng, 8) ? test_below(rng, SPAN - n)
					: edge - near + test_below(rng, 2 * near);

	if (at + n > SPAN)
		at = SPAN - n;
	nr_crossings += crosses(base + at, n);
	return at;
}

static size_t access_size(struct test_rng *rng)
{
	static const size_t sizes[] = { 1, 2, 4, 8, 3, 16, 24, 32, 64, 100, 256 };

	return sizes[test_below(rng, sizeof(sizes) / sizeof(sizes[0]))];
}

static struct kmsan__meta getter(const char *p, size_t n, bool store)
{
	switch (n) {
	case 1:
		return store ? __msan_metadata_ptr_for_store_1(p)
			     : __msan_metadata_ptr_for_load_1(p);
	case 2:
		return store ? __msan_metadata_ptr_for_store_2(p)
			     : __msan_metadata_ptr_for_load_2(p);
	case 4:
		return store ? __msan_metadata_ptr_for_store_4(p)
			     : __msan_metadata_ptr_for_load_4(p);
	case 8:
		return store ? __msan_metadata_ptr_for_store_8(p)
			     : __msan_metadata_ptr_for_load_8(p);
	default:
		return store ? __msan_metadata_ptr_for_store_n(p, n)
			     : __msan_metadata_ptr_for_load_n(p, n);
	}
}

static void step_store(struct test_rng *rng)
{
	size_t n = access_size(rng), at = place(rng, n);
	struct kmsan__meta m = getter(base + at, n, true);

	test_fill_random(rng, &model[at], n);
	if (test_one_in(rng, 2))
		memset(&model[at], 0, n);
	memcpy(m.shadow, &model[at], n);
}

/* As clang does for saved registers and structs: asks for one byte, uses up to 800. */
static void step_store_from_one(struct test_rng *rng)
{
	size_t n = 1 + test_below(rng, 800), at = place(rng, n);
	struct kmsan__meta m = getter(base + at, 1, true);

	test_fill_random(rng, &model[at], n);
	memcpy(m.shadow, &model[at], n);
	n = 1 + test_below(rng, 800);
	at = place(rng, n);
	CHECK_MEM(getter(base + at, 1, false).shadow, &model[at], n);
}

static void step_load(struct test_rng *rng)
{
	size_t n = access_size(rng), at = place(rng, n);
	struct kmsan__meta m = getter(base + at, n, false);

	CHECK_MEM(m.shadow, &model[at], n);
}

static void step_set(struct test_rng *rng)
{
	size_t n = test_below(rng, test_one_in(rng, 16) ? LARGE + 999 : 400);
	size_t at = place(rng, n);
	uint8_t bits = test_one_in(rng, 2) ? 0xff : 0;

	if (bits)
		kmsan_poison(base + at, n);
	else
		kmsan_unpoison(base + at, n);
	memset(&model[at], bits, n);
}

static void step_copy(struct test_rng *rng)
{
	size_t n = test_below(rng, test_one_in(rng, 16) ? LARGE / 2 : 600);
	size_t to = place(rng, n), from = place(rng, n);

	__msan_memmove(base + to, base + from, n);
	memmove(&model[to], &model[from], n);
}

static void step_release(struct test_rng *rng)
{
	size_t n = test_below(rng, 3 * 4096), at = place(rng, n);

	kmsan_release(base + at, n);
	memset(&model[at], 0, n);
}

static void step_test(struct test_rng *rng)
{
	size_t n = test_below(rng, 1500), at = place(rng, n), i = 0;

	while (i < n && !model[at + i])
		i++;
	CHECK_EQ(kmsan_test(base + at, n), i < n ? (int64_t)i : -1);
}

static void check_all(void)
{
	size_t at;

	for (at = 0; at < SPAN; at += 4096)
		if (at % CHUNK > CHUNK - 8192 || at % CHUNK < 8192) {
			size_t i;

			for (i = 0; i < 4096; i++)
				CHECK_EQ(kmsan_shadow_bits(base + at + i), model[at + i]);
		}
}

static void (*const steps[])(struct test_rng *rng) = {
	step_store, step_store, step_load,    step_load,	  step_set,
	step_copy,  step_test,	step_release, step_store_from_one
};

/* Each byte around an edge, each size: stored bits are seen by another size at once. */
static void every_edge(void)
{
	size_t n, at, i;

	for (n = 1; n <= 64; n++)
		for (at = CHUNK - n - 2; at < CHUNK + 2; at++) {
			struct kmsan__meta m = getter(base + at, n, true);

			for (i = 0; i < n; i++)
				((uint8_t *)m.shadow)[i] = (uint8_t)(i + 1);
			for (i = 0; i < n; i++)
				CHECK_EQ(kmsan_shadow_bits(base + at + i), i + 1);
			m = getter(base + at, n, false);
			for (i = 0; i < n; i++)
				CHECK_EQ(((uint8_t *)m.shadow)[i], i + 1);
			kmsan_unpoison(base + at, n);
		}
}

/* An origin that is stored over an edge is there for what loads on the other side. */
static void origins_at_edge(void)
{
	struct kmsan__meta m = getter(base + CHUNK - 8, 16, true);
	size_t i;

	memset(m.shadow, 0xff, 16);
	for (i = 0; i < 4; i++)
		m.origin[i] = (uint32_t)(100 + i);
	for (i = 0; i < 4; i++)
		CHECK_EQ(kmsan_origin(base + CHUNK - 8 + 4 * i), 100 + i);
	kmsan_unpoison(base + CHUNK - 8, 16);
}

static size_t resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long all, resident = 0;

	CHECK(f && fscanf(f, "%lu %lu", &all, &resident) == 2);
	fclose(f);
	return resident * 4;
}

/* A large range costs what is touched of it, has one origin, and is forgotten as others are. */
static void large_range(void)
{
	size_t n = 64ul << 20, i, before = resident_kib();
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		       -1, 0);
	uint32_t origin;

	CHECK(p != MAP_FAILED);
	kmsan_poison(p + 100, n - 200);
	CHECK(resident_kib() < before + n / 1024 / 8);
	CHECK_EQ(kmsan_test(p, n), 100);
	origin = kmsan_origin(p + 100);
	for (i = 100; i < n - 100; i += 40961) {
		struct kmsan__meta m = getter(p + i, 8, false);

		CHECK_EQ(*(uint8_t *)m.shadow, 0xff);
		CHECK_EQ(kmsan_origin(p + i), origin);
	}
	CHECK_EQ(kmsan_shadow_bits(p + n - 101), 0xff);
	CHECK_EQ(kmsan_shadow_bits(p + n - 100), 0);
	kmsan_unpoison(p + 5 * 4096, 4096);
	CHECK_EQ(kmsan_test(p + 5 * 4096, 4097), 4096);
	kmsan_release(p, n);
	CHECK_EQ(kmsan_test(p, n), -1);
	CHECK(resident_kib() < before + n / 1024 / 8);
	munmap(p, n);
}

int main(void)
{
	struct test_rng rng = test_start();
	uint64_t nr = test_scale(60000, 400000, 20000000);
	char *p = mmap(NULL, SPAN + CHUNK, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	base = (char *)(((uintptr_t)p + CHUNK - 1) & ~CHUNK_MASK);
	kmsan__depot_init(1 << 20);
	large_range();
	kmsan__options.lazy_kib = 512; /* also among the random steps */
	every_edge();
	origins_at_edge();
	for (test_step = 0; test_step < nr; test_step++) {
		steps[test_below(&rng, sizeof(steps) / sizeof(steps[0]))](&rng);
		if (test_step % 10000 == 9999)
			check_all();
	}
	check_all();
	CHECK(nr_crossings > nr / 10);
	test_count("crossings", nr_crossings);
	test_count("steps", nr);
	return 0;
}
