/* SPDX-License-Identifier: MIT */
/* options WHAT: one kind of mistake, or several; what is reported is up to KMSAN_OPTIONS. */
#include "cases.h"

static NOINLINE void decide(const int *p)
{
	BRANCH(*HIDE(p) == 7);
}

static NOINLINE int *made_by_3(void)
{
	return HIDE((int *)malloc(64));
}

static NOINLINE int *made_by_2(void)
{
	return HIDE(made_by_3());
}

static NOINLINE int *made(void)
{
	return HIDE(made_by_2());
}

static NOINLINE void pass_on(int *to, const int *from)
{
	memcpy(HIDE(to), HIDE(from), 4);
}

static void once(void)
{
	decide(made());
}

static void five_times(void)
{
	int *p = made(), i;

	for (i = 0; i < 5; i++)
		decide(p);
}

static void stored(void)
{
	int *p = made(), *q = made();

	q[2] = q[1] = 0;
	pass_on(q, p);
	pass_on(q + 1, q);
	pass_on(q + 2, q + 1);
	decide(q + 2);
}

static void freed(void)
{
	int *p = made();

	memset(p, 1, 64);
	free(p);
	decide(HIDE(p));
}

/* 4 to the power of 8 stacks, which differ in their last 16 frames. */
static NOINLINE void fill_depot(unsigned int which, int depth);
#define ROAD(n) \
	static NOINLINE void road_##n(unsigned int which, int depth) \
	{ \
		fill_depot(which, depth); \
		sink = n; \
	}
ROAD(0)
ROAD(1)
ROAD(2)
ROAD(3)
static void (*const roads[])(unsigned int, int) = { road_0, road_1, road_2, road_3 };

static NOINLINE void fill_depot(unsigned int which, int depth)
{
	if (depth)
		HIDE(roads[which & 3])(which >> 2, depth - 1);
	else
		free(HIDE(malloc(8)));
	sink = depth;
}

static void full_depot(void)
{
	unsigned int i;

	for (i = 0; i < 1u << 16; i++)
		fill_depot(i, 8);
	decide(made());
}

static const struct test_case whats[] = {
	CASE(once), CASE(five_times), CASE(stored), CASE(freed), CASE(full_depot), { NULL, NULL },
};

int main(int argc, char **argv)
{
	int status = run_case(whats, argc, argv);

	puts("the end");
	return status;
}
