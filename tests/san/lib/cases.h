/* SPDX-License-Identifier: MIT */
/*
 * A file of cases is one program: it runs the case that its argument names. A comment that
 * begins with "expect" holds the text that the case must make, tests/san/lib/cases.py says how
 * it is compared; "expect nothing" is a claim as well.
 */
#ifndef CASES_H
#define CASES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kmsan.h>

struct test_case {
	const char *name;
	void (*run)(void);
};

#define CASE(name) \
	{ \
#name, name \
	}
#define NOINLINE __attribute__((noinline))

/* The compiler knows nothing about what it is given back. */
#define HIDE(p) \
	({ \
		__typeof__((p) + 0) hidden_ = (p); \
		__asm__ volatile("" : "+r"(hidden_) : : "memory"); \
		hidden_; \
	})

extern volatile int sink;

/* A branch that a compiler cannot turn into a select. */
NOINLINE void branch_taken(void);
#define BRANCH(x) \
	do { \
		if (x) \
			branch_taken(); \
	} while (0)

int run_case(const struct test_case *cases, int argc, char **argv);

#endif
