/* SPDX-License-Identifier: MIT */
/*
 * A platform for tests of core/ without host/: memory that has not been
 * committed cannot be touched, the n-th commit can fail, and the store is mapped somewhere else
 * each time it is reserved, so that a pointer kept in it does not survive. Its page is
 * test_page_bytes.
 */
#ifndef UZ_TEST_MEM_PLAT_H
#define UZ_TEST_MEM_PLAT_H

#include <uz/plat.h>

struct mem_plat {
	struct uz_plat pl; /* first */
	int fd; /* the store's memory */
	uint64_t store_bytes; /* 0: there is none yet */
	uint8_t *committed; /* a byte a page of the store */
	void *store; /* where it is mapped now */
	uint64_t nr_commits;
	uint64_t fail_commit; /* the commit with this number (1..) and all after it fail; 0: none */
	uint64_t skip_ns; /* by which its clock is ahead */
	bool pressed; /* the system is short of memory */
	uint64_t nr_carries; /* of arena blocks, tried */
	uint64_t nr_lazy; /* times that memory was given back lazily */
};

/* From here on there is a choice of methods, beside them one that frees nothing, and one that fails. */
void mem_plat_offer_methods(struct mem_plat *m);

void mem_plat_open(struct mem_plat *m);
void mem_plat_close(struct mem_plat *m); /* the store is gone */

#endif
