/* SPDX-License-Identifier: MIT */
/*
 * The short way into the library: more threads than streams, every option, a memory file that
 * is adopted, and errors in words.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <uzram.h>

#include "test.h"

#define PAGES 4096u
#define SIZED .struct_size = sizeof(struct uz_ram_options)
#define THREADS (UZ_STREAM_MAX + 16)

static struct uz_ram *open_ram(const struct uz_ram_options *o)
{
	struct uz_ram *ram = NULL;
	char why[200] = "";
	int rc = uz_ram_open(o, &ram, why, sizeof(why));

	CHECK_MSG(rc == 0, "uz_ram_open: %d %s", rc, why);
	return ram;
}

static void page_of(uint64_t page, uint32_t generation, char *buf)
{
	for (unsigned int i = 0; i < 4096; i += 16)
		snprintf(buf + i, 17, "%08x%08x", (unsigned int)page * 31 + i / 256, generation);
}

static void write_page(struct uz_ram *ram, uint64_t page, uint32_t generation)
{
	char buf[4097];

	page_of(page, generation, buf);
	CHECK_EQ(uz_ram_write(ram, page * 4096, buf, 4096), 0);
}

static void check_page(struct uz_ram *ram, uint64_t page, uint32_t generation)
{
	char want[4097], got[4096];

	page_of(page, generation, want);
	CHECK_EQ(uz_ram_read(ram, page * 4096, got, 4096), 0);
	CHECK_MEM(got, want, 4096);
}

struct worker {
	struct uz_ram *ram;
	pthread_t thread;
	unsigned int i;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (uint64_t p = w->i; p < PAGES; p += THREADS) {
		write_page(w->ram, p, w->i);
		check_page(w->ram, p, w->i);
	}
	return NULL;
}

static void test_many_threads(void)
{
	static struct worker w[THREADS];
	struct uz_ram *ram = open_ram(&(struct uz_ram_options){
		SIZED, .size_bytes = PAGES * 4096, .ram_bytes = 64u << 20, .background = true });

	for (unsigned int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .ram = ram, .i = i };
		CHECK_EQ(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	for (uint64_t p = 0; p < PAGES; p++)
		check_page(ram, p, p % THREADS);
	CHECK_EQ(uz_ram_discard(ram, 0, PAGES * 4096), 0);
	uz_ram_close(ram);
}

static void test_options(void)
{
	struct uz_ram *ram = open_ram(&(struct uz_ram_options){ SIZED, .size_bytes = 1 << 20,
								.pool = "zsmalloc", .codec = "zstd",
								.level = -3, .checksum = true });
	struct uz_codec_info info;

	CHECK(strcmp(uz_dev_pool(uz_ram_dev(ram))->name, "zsmalloc") == 0);
	CHECK_EQ(uz_store_codec_info(uz_ram_store(ram), uz_dev_codec(uz_ram_dev(ram)), &info), 0);
	CHECK(strcmp(info.name, "zstd") == 0 && info.level == -3 && info.checksum);
	CHECK_EQ(uz_ram_read(ram, 1 << 20, &info, 1), -EINVAL);
	uz_ram_close(ram);
}

static void test_memory_file(void)
{
	struct uz_ram_options o = { SIZED, .size_bytes = 1 << 20,
				    .memory_file = test_path("store") };
	struct uz_ram *ram = open_ram(&o), *second;
	char why[200];

	write_page(ram, 7, 1);
	CHECK_EQ(uz_ram_open(&o, &second, why, sizeof(why)), -EBUSY);
	CHECK(strstr(why, "store"));
	uz_ram_close(ram);
	ram = open_ram(&(struct uz_ram_options){
		SIZED, .size_bytes = 0, .memory_file = o.memory_file, .ram_bytes = 32u << 20 });
	CHECK_EQ(uz_dev_size(uz_ram_dev(ram)), 1 << 20);
	check_page(ram, 7, 1);
	uz_ram_close(ram);
}

/* An open that fails leaves no file, and what was there before as it was. */
static void test_failed_memory_file(void)
{
	struct uz_ram_options o = { SIZED, .size_bytes = 1 << 20, .codec = "lz5",
				    .memory_file = test_path("none") };
	struct uz_ram *ram;

	CHECK_EQ(uz_ram_open(&o, &ram, NULL, 0), -ENOENT);
	CHECK_EQ(access(o.memory_file, F_OK), -1);
	o.codec = NULL;
	ram = open_ram(&o);
	write_page(ram, 1, 3);
	uz_ram_close(ram);
	o.size_bytes = 100;
	ram = open_ram(&o);
	check_page(ram, 1, 3);
	uz_ram_close(ram);
}

/* Without a RAM budget an adopted disk has that of its own size, not of the one that was asked for. */
static void test_adopted_budget(void)
{
	struct uz_ram_options o = { SIZED, .size_bytes = 64 << 20,
				    .memory_file = test_path("large") };
	struct uz_ram *ram = open_ram(&o);
	char page[4096];
	uint64_t r = 1;

	uz_ram_close(ram);
	o.size_bytes = 0;
	ram = open_ram(&o);
	for (uint64_t p = 0; p < uz_dev_size(uz_ram_dev(ram)) / 4096; p++) {
		for (size_t i = 0; i < sizeof(page); i++)
			page[i] =
				(char)((r = r * 6364136223846793005u + 1442695040888963407u) >> 56);
		CHECK_EQ(uz_ram_write(ram, p * 4096, page, sizeof(page)), 0);
	}
	uz_ram_close(ram);
}

static void refuse(const struct uz_ram_options *o, int want, const char *word)
{
	struct uz_ram *ram = NULL;
	char why[200] = "";

	CHECK_EQ(uz_ram_open(o, &ram, why, sizeof(why)), want);
	CHECK_MSG(strstr(why, word), "'%s' is not in '%s'", word, why);
}

/* A program that knows more, or less, of the options than the library. */
static void test_struct_size(void)
{
	struct {
		struct uz_ram_options known;
		uint64_t later;
	} o = { .known = { .struct_size = sizeof(o), .size_bytes = 1 << 20 } };
	struct uz_ram *ram = open_ram(&o.known);

	CHECK_EQ(uz_dev_size(uz_ram_dev(ram)), 1 << 20);
	uz_ram_close(ram);
	o.later = 1;
	refuse(&o.known, -E2BIG, "does not know");
	refuse(&(struct uz_ram_options){ .size_bytes = 4096 }, -EINVAL, "struct_size");
	o.known.struct_size = 16;
	refuse(&o.known, -EINVAL, "struct_size");
	o.known.struct_size = (size_t)-1;
	refuse(&o.known, -EINVAL, "struct_size");
}

/* Those need a terabyte of addresses, which ThreadSanitizer has only now and then. */
static void test_large_sizes(void)
{
#if !defined(__SANITIZE_THREAD__)
	refuse(&(struct uz_ram_options){ SIZED, .size_bytes = 1ull << 43 }, -EINVAL,
	       "less than 8 TiB");
	uz_ram_close(open_ram(&(struct uz_ram_options){ SIZED, .size_bytes = 7ull << 40 }));
#endif
}

int main(void)
{
	test_start();
	test_struct_size();
	test_large_sizes();
	test_many_threads();
	test_options();
	test_memory_file();
	test_failed_memory_file();
	test_adopted_budget();
	refuse(&(struct uz_ram_options){ SIZED, .size_bytes = 4096, .pool = "zsmallo" }, -ENOENT,
	       "zsmallo");
	refuse(&(struct uz_ram_options){ SIZED, .size_bytes = 4096, .codec = "lz5" }, -ENOENT,
	       "lz5");
	refuse(&(struct uz_ram_options){ SIZED, .size_bytes = 100 }, -EINVAL, "disk");
	refuse(&(struct uz_ram_options){ SIZED, .size_bytes = 4096, .level = 99999,
					 .codec = "zstd" },
	       -EINVAL, "codec: it does not take this level");
	refuse(&(struct uz_ram_options){ SIZED, .size_bytes = 7ull << 40, .ram_bytes = 1 << 20 },
	       -ENOSPC, "ram_bytes");
	refuse(&(struct uz_ram_options){ SIZED, .size_bytes = 1 << 20, .ram_bytes = 4096 }, -ENOSPC,
	       "ram_bytes");
	refuse(&(struct uz_ram_options){ SIZED, .size_bytes = 4096,
					 .memory_file = "/nonexistent/x" },
	       -ENOENT, "/nonexistent/x");
	return 0;
}
