/* SPDX-License-Identifier: MIT */
/*
 * Letters missing, too many, wrong, or two of them exchanged: each counts as one. Row by row of the
 * usual table, of which an exchange needs the row before the last.
 */
#include "nearest.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <uz/bits.h>

#define LETTERS_MAX 40
#define DISTANCE_MAX 2

static bool exchanged(const char *a, const char *b, size_t i, size_t j)
{
	return i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
}

static size_t distance(const char *a, const char *b)
{
	size_t row[3][LETTERS_MAX + 1], nr_a = strlen(a), nr_b = strlen(b);

	if (nr_a > LETTERS_MAX || nr_b > LETTERS_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= nr_b; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= nr_a; i++) {
		const size_t *above = row[(i - 1) % 3], *second = row[(i + 1) % 3];
		size_t *at = row[i % 3];

		at[0] = i;
		for (size_t j = 1; j <= nr_b; j++) {
			at[j] = UZ_MIN(above[j], at[j - 1]) + 1;
			at[j] = UZ_MIN(at[j], above[j - 1] + (a[i - 1] != b[j - 1]));
			if (exchanged(a, b, i, j))
				at[j] = UZ_MIN(at[j], second[j - 2] + 1);
		}
	}
	return row[nr_a % 3][nr_b];
}

void uz__nearest_try(struct uz_nearest *n, const char *name)
{
	size_t d = distance(n->word, name);

	if (d > DISTANCE_MAX || 3 * d > strlen(n->word) || (n->best && d >= n->distance))
		return;
	n->best = name;
	n->distance = d;
}
