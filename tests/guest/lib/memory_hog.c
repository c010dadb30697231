/* SPDX-License-Identifier: MIT */
/*
 * memory_hog MIB SEED: fills MIB of memory, more than the guest has, with pages that can be computed
 * again, and looks at every word of each page twice after it has been swapped out. A word that
 * differs is printed with its page, and the exit status is 1.
 *
 * Of eight pages one is noise, one is a single repeated word, the others are noise in a sixth to
 * five sixths and text in the rest, all different from each other.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_WORDS 512
#define MAX_REPORTS 10

struct hog {
	uint64_t *words;
	uint64_t nr_pages;
	uint64_t seed;
	uint64_t nr_bad;
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

/* What makes a page of one kind: the noise before word nr_noise, the number that it starts from. */
struct recipe {
	uint64_t number;
	unsigned int nr_noise;
	bool is_fill;
};

/* Every third page is written again after the first look: generation 1. */
static struct recipe recipe_of(const struct hog *h, uint64_t page, uint64_t generation)
{
	uint64_t kind = mix(h->seed + page) % 8;

	return (struct recipe){
		.number = mix(h->seed + page * 2 + generation),
		.nr_noise = kind >= 6 ? PAGE_WORDS : kind * PAGE_WORDS / 6,
		.is_fill = kind == 7,
	};
}

static uint64_t word_of(const struct recipe *r, unsigned int i)
{
	static const char text[] =
		"what is kept here is found again, by whom and where it may move.";
	uint64_t word;

	if (r->is_fill)
		return (r->number & 0xffffffff) * 0x100000001;
	if (i < r->nr_noise)
		return mix(r->number + i);
	if (i % 32 == 31)
		return r->number;
	memcpy(&word, text + i % 8 * 8, 8);
	return word;
}

static void fill_page(struct hog *h, uint64_t page, uint64_t generation)
{
	struct recipe r = recipe_of(h, page, generation);
	unsigned int i;

	for (i = 0; i < PAGE_WORDS; i++)
		h->words[page * PAGE_WORDS + i] = word_of(&r, i);
}

static void look(struct hog *h, uint64_t page, uint64_t generation)
{
	struct recipe r = recipe_of(h, page, generation);
	unsigned int i;

	for (i = 0; i < PAGE_WORDS; i++) {
		uint64_t want = word_of(&r, i);
		uint64_t got = h->words[page * PAGE_WORDS + i];

		if (got == want)
			continue;
		if (h->nr_bad++ < MAX_REPORTS)
			printf("page %" PRIu64 " word %u: %" PRIx64 ", want %" PRIx64 "\n", page, i,
			       got, want);
		return;
	}
}

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

static void work(struct hog *h)
{
	uint64_t page, i;

	for (page = 0; page < h->nr_pages; page++)
		fill_page(h, page, 0);
	say("filled");
	if (getchar() == EOF)
		exit(1);
	for (page = h->nr_pages; page-- > 0;) {
		look(h, page, 0);
		if (page % 3 == 0)
			fill_page(h, page, 1);
	}
	say("looked");
	for (i = 0; i < h->nr_pages; i++) {
		/* A prime that is no divisor of nr_pages: every page once, far from the one before. */
		page = i * 7919 % h->nr_pages;
		look(h, page, page % 3 == 0);
	}
}

int main(int argc, char **argv)
{
	struct hog h = { 0 };

	if (argc != 3)
		return 2;
	h.nr_pages = strtoull(argv[1], NULL, 0) * 256;
	h.seed = mix(strtoull(argv[2], NULL, 0));
	h.words = mmap(NULL, h.nr_pages * PAGE_WORDS * 8, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (h.words == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	work(&h);
	printf("verified %" PRIu64 " pages, %" PRIu64 " bad\n", h.nr_pages, h.nr_bad);
	return h.nr_bad > 0;
}
