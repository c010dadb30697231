/* SPDX-License-Identifier: MIT */
/*
 * A platform that keeps its own account of every page committed through it, so that what the arena
 * says it costs can be compared with what it really took. Passes everything to the one below.
 */
#ifndef UZ_TEST_COUNT_PLAT_H
#define UZ_TEST_COUNT_PLAT_H

#include <uz/plat.h>

#define COUNT_PLAT_RANGES 128

struct count_range {
	char *base;
	size_t len;
	uint8_t *committed; /* a byte a page */
};

struct count_plat {
	struct uz_plat plat; /* what the code under test gets */
	struct uz_plat *below;
	struct count_range range[COUNT_PLAT_RANGES];
	uint64_t committed_bytes, peak_bytes;
};

/* One thread at a time may be inside. */
void count_plat_init(struct count_plat *cp, struct uz_plat *below);

/* True if every page of the range is committed. */
bool count_plat_is_committed(const struct count_plat *cp, const void *p, size_t len);

#endif
