/* SPDX-License-Identifier: MIT */
/*
 * One call of each function that libkmsan wraps, as a row. What the call reads and writes is
 * said by its arguments, and what libc really wrote is found out: the row runs with two
 * patterns in the memory that it writes, and a byte that kept both was not written.
 */
#ifndef CALLS_H
#define CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kmsan.h>

struct row {
	const char *name;
	void (*run)(void);
};

#define ROW(name, ...) \
	static void run_##name(void) \
	{ \
		__VA_ARGS__; \
	} \
	static const struct row row_##name \
		__attribute__((section("rows"), used)) = { #name, run_##name }

enum slot_kind {
	SLOT_PLAIN, /* written, and neither checked nor watched */
	SLOT_IN, /* read from its first byte to its last */
	SLOT_OUT, /* written, exactly as far as it is marked */
	SLOT_LOOSE, /* written, and marked to its end: padding, unused room */
};

void *slot(enum slot_kind kind, const void *content, size_t size_bytes);
void expect(bool held, const char *what);
/* True in the run in which what is written is poisoned before. */
bool is_checking(void);

#define V(type, ...) ((type *)slot(SLOT_PLAIN, &(type)__VA_ARGS__, sizeof(type)))
#define IN(type, ...) ((type *)slot(SLOT_IN, &(type)__VA_ARGS__, sizeof(type)))
#define IN_N(type, n, ...) ((type *)slot(SLOT_IN, (type[n])__VA_ARGS__, (n) * sizeof(type)))
#define V_N(type, n, ...) ((type *)slot(SLOT_PLAIN, (type[n])__VA_ARGS__, (n) * sizeof(type)))
/* A string, and the same without its end. */
#define S(text) ((char *)slot(SLOT_IN, text, sizeof(text)))
#define B(text) ((char *)slot(SLOT_IN, text, sizeof(text) - 1))
#define W(text) ((wchar_t *)slot(SLOT_IN, text, sizeof(text)))
#define WB(text) ((wchar_t *)slot(SLOT_IN, text, sizeof(text) - sizeof(wchar_t)))
#define S_PLAIN(text) ((char *)slot(SLOT_PLAIN, text, sizeof(text)))
#define O(type) ((type *)slot(SLOT_OUT, NULL, sizeof(type)))
#define O_N(type, n) ((type *)slot(SLOT_OUT, NULL, (n) * sizeof(type)))
#define LOOSE(type) ((type *)slot(SLOT_LOOSE, NULL, sizeof(type)))
#define LOOSE_N(type, n) ((type *)slot(SLOT_LOOSE, NULL, (n) * sizeof(type)))
#define EXPECT(x) expect(x, #x)

/* A path in the test's folder, of a file with this text (NULL: of no file). */
const char *a_path(const char *text);
/* The same as a slot that is checked. */
char *a_checked_path(const char *text);
int a_file(const char *text);
FILE *a_stream(const char *text);
/* Standard input holds text. */
void input(const char *text);

#endif
