/* SPDX-License-Identifier: MIT */
/*
 * A store with a region, full of data: disks "d0", "d1" ... whose pages have to be moved for a grant, and
 * a disk "cold" on a backing in memory whose copies can be dropped. Each page holds its number and
 * a sequence, and the rest follows from these; most are an object of 2.6 to 3.5 KiB, one in eight
 * does not compress.
 */
#ifndef UZ_GRANT_LOAD_H
#define UZ_GRANT_LOAD_H

#include <uz/contig.h>

#include "dev_rig.h"
#include "test_backing.h"

#define GRANT_DISKS_MAX 2u
#define GRANT_STREAMS_MAX 16u

struct grant_load_config {
	uint64_t limit_bytes, region_bytes; /* 0: no region */
	uint64_t move_bytes, discard_bytes; /* memory that the data takes */
	uint64_t capacity_bytes, reserve_bytes; /* as dev_rig_config */
	uint32_t nr_disks; /* 0: one */
	uint32_t nr_streams; /* for other threads */
	bool private_memory;
	enum uz_contig_policy policy;
	bool spread; /* as uz_region_config */
	bool quiet; /* without the background thread */
	bool inside; /* move_bytes in the region, with nothing else; one disk */
};

struct grant_disk {
	struct uz_dev *dev;
	uint32_t index, nr; /* pages */
	uint32_t *seq; /* of each page. Who writes a page has it alone */
};

struct grant_load {
	struct dev_rig rig;
	struct grant_disk disk[GRANT_DISKS_MAX], cold;
	uint32_t nr_disks;
	struct test_backing backing;
	struct uz_stream *st[GRANT_STREAMS_MAX]; /* opened while there is room for them */
	struct uz_region *region;
	struct uz_background *background;
};

/*
 * Nearly full: of 1024 parts the region has 256, data that has to be moved 700, spread evenly, and copies
 * 250. The budget is all of them, or if they are small some more, since not all else gets smaller with them.
 */
struct grant_load_config grant_load_nearly_full(uint64_t bytes);

/* The region is made first, then the copies, then what has to be moved. */
void grant_load_open(struct grant_load *l, const struct grant_load_config *c);
void grant_load_close(struct grant_load *l);

/* Writes the next sequence to a page; false: no room, the page is as it was. */
bool grant_load_write(struct grant_disk *d, struct uz_stream *st, uint32_t page);
/* The next sequence to all pages of a disk; how many had no room. */
uint64_t grant_load_write_all(struct grant_disk *d, struct uz_stream *st);
void grant_load_discard(struct grant_disk *d, struct uz_stream *st);
/* Reads a page and compares all of it. */
void grant_load_check(struct grant_disk *d, struct uz_stream *st, uint32_t page);
/* All pages of a disk; how many. */
uint64_t grant_load_check_all(struct grant_disk *d, struct uz_stream *st);

/* As uz_store_contig_alloc with a deadline in @ms from now; *ns is how long it took. */
int grant_load_grant(struct grant_load *l, uint64_t bytes, uint64_t ms, struct uz_grant *g,
		     struct uz_contig_failure *why, uint64_t *ns);

/* The next decompression by this thread sleeps so long with the page's slot locked. */
extern _Thread_local uint64_t grant_load_pin_ns;

#endif
