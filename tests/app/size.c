/* SPDX-License-Identifier: MIT */
/* Sizes: what is read, what is refused, and that the exact text reads back. */
#include "size.h"
#include "test.h"

#include <errno.h>
#include <string.h>

#define RAM (8ULL << 30)

static const struct {
	const char *text;
	uint64_t bytes;
} good[] = {
	{ "0", 0 },
	{ "4096", 4096 },
	{ "4K", 4096 },
	{ "4k", 4096 },
	{ "4KiB", 4096 },
	{ "4KB", 4096 },
	{ "512B", 512 },
	{ "1.5G", 3ULL << 29 },
	{ " 2M ", 2 << 20 },
	{ "1T", 1ULL << 40 },
	{ "50%", RAM / 2 },
	{ "12.5%", RAM / 8 },
	{ "ram", RAM },
	{ "ram / 2", RAM / 2 },
	{ "ram*0.25", RAM / 4 },
	{ "min(ram / 2, 1G)", 1ULL << 30 },
	{ "max(1M,2M)", 2 << 20 },
	{ "(1G + 1M) * 2", (1ULL << 31) + (2 << 20) },
	{ "ram - 1", RAM - 1 },
	{ "9007199254740991", 9007199254740991ULL },
};

static const char *const bad[] = {
	"",    " ",	  "G",	   "4Q",     "3 G",	 "4 apples",
	"-1",  "1-2",	  "4G4",   "1..5",   ".",	 "0x10",
	"1e3", "ram ram", "ram /", "min(1)", "min(1,2",	 "(1",
	"1)",  "1/0",	  "nan",   "inf",    "9000000T", "((((((((((((((((((1))))))))))))))))))",
	"%",   "5%%",	  "4GiBB", "1.5",    "4.0",
};

static const struct {
	const char *text;
	uint64_t bytes;
} mib[] = {
	{ "512", 512 << 20 }, { "ram / 2", RAM / 2 }, { "min(ram / 2, 1024)", 1ULL << 30 },
	{ "1G", 1ULL << 30 }, { "100B", 100 },
};

static void check_human(uint64_t bytes, const char *want)
{
	char text[UZ_SIZE_TEXT];

	uz__size_human(bytes, text);
	CHECK_MSG(!strcmp(text, want), "%llu is %s, want %s", (unsigned long long)bytes, text,
		  want);
}

static void check_exact(uint64_t bytes)
{
	char text[UZ_SIZE_TEXT];
	uint64_t back;

	CHECK_EQ(uz__size_parse(uz__size_exact(bytes, text), RAM, &back), 0);
	CHECK_MSG(back == bytes, "%s is not %llu", text, (unsigned long long)bytes);
}

int main(void)
{
	struct test_rng rng = test_start();
	uint64_t v;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		CHECK_MSG(!uz__size_parse(good[i].text, RAM, &v) && v == good[i].bytes,
			  "'%s' is %llu", good[i].text, (unsigned long long)v);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_MSG(uz__size_parse(bad[i], RAM, &v) == -EINVAL, "'%s' was taken", bad[i]);
	for (size_t i = 0; i < sizeof(mib) / sizeof(*mib); i++)
		CHECK_MSG(!uz__size_parse_mib(mib[i].text, RAM, &v) && v == mib[i].bytes,
			  "'%s' is %llu", mib[i].text, (unsigned long long)v);
	for (int i = 0; i < 2000; i++)
		check_exact(test_random(&rng) >> (11 + test_below(&rng, 50))
							 << test_below(&rng, 8));
	check_human(0, "0B");
	check_human(1023, "1023B");
	check_human(1024, "1K");
	check_human(1536, "1.5K");
	check_human(1048575, "1M");
	check_human(5ULL << 40, "5T");
	return 0;
}
