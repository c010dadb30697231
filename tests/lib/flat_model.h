/* SPDX-License-Identifier: MIT */
/*
 * A disk and a flat array that has the same content: random operations on both, and the comparison.
 * What a test adds to that is its own.
 */
#ifndef UZ_TEST_FLAT_MODEL_H
#define UZ_TEST_FLAT_MODEL_H

#include "dev_rig.h"

struct flat_model {
	struct dev_rig rig;
	struct test_rng *rng;
	uint64_t pages_max, len_max; /* of the disk; of an operation, in bytes */
	uint64_t size; /* of the disk now */
	unsigned char *flat; /* pages_max pages; beyond size all zero */
	unsigned char *buf; /* len_max bytes and a page */
};

/* Half as large as it may become; @c->size_bytes is set here. */
void flat_open(struct flat_model *m, struct test_rng *rng, uint64_t pages_max, uint64_t len_max,
	       struct dev_rig_config *c);
void flat_close(struct flat_model *m);

/* Somewhere on the disk, on page boundaries every other time. */
uint64_t flat_range(struct flat_model *m, uint64_t *len);

void flat_write(struct flat_model *m); /* pages of all kinds */
void flat_read(struct flat_model *m);
void flat_discard(struct flat_model *m);
void flat_set_pool(struct flat_model *m);
void flat_resize(struct flat_model *m);

/* All of the disk, and everything recounted. */
void flat_check_all(struct flat_model *m);

#endif
