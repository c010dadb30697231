/* SPDX-License-Identifier: MIT */
#ifndef UZ_APP_MEDIAN_H
#define UZ_APP_MEDIAN_H

#include <stdint.h>

/* Sorts @v, of @nr values, at least one; the middle one, or the mean of the two in the middle. */
uint64_t uz__median(uint64_t *v, unsigned int nr);

#endif
