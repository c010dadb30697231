/* SPDX-License-Identifier: MIT */
/* Pages to test with; see the header. */
#include "pages.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const words[] = {
	"page",	  "frame", "block", "the",   "of",     "and",	 "is",	   "compressed", "object",
	"handle", "slot",  "while", "under", "return", "static", "struct", "const",	 "0x7f",
	"12",	  "\n",	   "; ",    ", ",    "(",      ")",	 " = ",	   "memory",
};

static void make_text(struct test_rng *rng, char *page)
{
	size_t at = 0;

	while (at < UZ_PAGE_SIZE) {
		const char *w = words[test_below(rng, sizeof(words) / sizeof(words[0]))];
		size_t n = UZ_MIN(strlen(w), UZ_PAGE_SIZE - at);

		memcpy(page + at, w, n);
		at += n;
		if (at < UZ_PAGE_SIZE)
			page[at++] = ' ';
	}
}

static void make_code(struct test_rng *rng, char *page)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;
	off_t at;

	CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > (off_t)UZ_PAGE_SIZE);
	at = (off_t)test_below(rng, (uint64_t)st.st_size - UZ_PAGE_SIZE);
	CHECK_EQ(pread(fd, page, UZ_PAGE_SIZE, at), UZ_PAGE_SIZE);
	close(fd);
}

static void make_pointers(struct test_rng *rng, char *page)
{
	uint64_t base = 0x00007f0000000000ull | test_below(rng, 1u << 16) << 24;

	for (size_t i = 0; i < UZ_PAGE_SIZE; i += 8) {
		uint64_t v = test_one_in(rng, 3) ? base | test_below(rng, 1u << 20) << 3 : 0;

		memcpy(page + i, &v, 8);
	}
}

static void make_counters(struct test_rng *rng, char *page)
{
	uint32_t v = (uint32_t)test_random(rng);

	for (size_t i = 0; i < UZ_PAGE_SIZE; i += 4, v++)
		memcpy(page + i, &v, 4);
}

static void make_fill(struct test_rng *rng, char *page)
{
	uint32_t v = (uint32_t)test_random(rng);

	for (size_t i = 0; i < UZ_PAGE_SIZE; i += 4)
		memcpy(page + i, &v, 4);
}

void page_make(struct test_rng *rng, enum page_kind kind, void *page)
{
	memset(page, 0, UZ_PAGE_SIZE);
	switch (kind) {
	case PAGE_FILL:
		make_fill(rng, page);
		break;
	case PAGE_TEXT:
		make_text(rng, page);
		break;
	case PAGE_CODE:
		make_code(rng, page);
		break;
	case PAGE_POINTERS:
		make_pointers(rng, page);
		break;
	case PAGE_COUNTERS:
		make_counters(rng, page);
		break;
	case PAGE_HALF:
		test_fill_random(rng, page, UZ_PAGE_SIZE / 2);
		break;
	case PAGE_RANDOM:
		test_fill_random(rng, page, UZ_PAGE_SIZE);
		break;
	case PAGE_ZERO:
	case PAGE_KINDS:
		break;
	}
}

void *pages_make(struct test_rng *rng, uint32_t nr)
{
	char *pages = malloc((size_t)nr * UZ_PAGE_SIZE);

	CHECK(pages != NULL);
	for (uint32_t i = 0; i < nr; i++)
		page_make(rng, (enum page_kind)(i % PAGE_KINDS), pages + (size_t)i * UZ_PAGE_SIZE);
	return pages;
}
