/* SPDX-License-Identifier: MIT */
/* The main part of every file of cases. */
#include "cases.h"

volatile int sink;

void branch_taken(void)
{
	sink++;
}

int run_case(const struct test_case *cases, int argc, char **argv)
{
	for (; cases->name; cases++) {
		if (argc > 1 && !strcmp(cases->name, argv[1])) {
			cases->run();
			return 0;
		}
		if (argc == 1)
			puts(cases->name);
	}
	return argc == 1 ? 0 : 2;
}
