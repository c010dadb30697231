/* SPDX-License-Identifier: MIT */
/*
 * A disk for tests: host platform (memfd, so that it can be closed and adopted again), a
 * store, one disk "d0", one stream. The kind of failure to plan: rig.fault.
 */
#ifndef UZ_TEST_DEV_RIG_H
#define UZ_TEST_DEV_RIG_H

#include <uz/contig.h>
#include <uz/device.h>
#include <uz/host.h>

#include "fault_plat.h"
#include "self_page.h"
#include "test.h"

struct dev_rig {
	int memfd; /* keeps the store between close and adopt; -1: private memory */
	struct uz_host *host;
	struct fault_plat fault;
	struct uz_store *store;
	struct uz_dev *dev;
	struct uz_stream *st;
	uint64_t limit_bytes, capacity_bytes, reserve_bytes;
	const struct uz_registry *registry;
};

struct dev_rig_config {
	uint64_t size_bytes; /* disk size */
	uint64_t limit_bytes; /* RAM budget */
	const char *pool, *codec; /* NULL: the default, lz4 */
	const struct uz_codec_ops *ops; /* instead of codec */
	const struct uz_registry *registry; /* NULL: the host's */
	bool checksum;
	bool private_memory; /* cannot be adopted */
	uint64_t capacity_bytes, reserve_bytes; /* as uz_arena_config; capacity 0: much */
};

void dev_rig_open(struct dev_rig *rig, const struct dev_rig_config *c);
void dev_rig_close(struct dev_rig *rig);

/* Closes the store and adopts it again, as another process would. */
void dev_rig_adopt(struct dev_rig *rig);

/* A codec entry by name. */
unsigned int dev_rig_codec(struct dev_rig *rig, const char *name, int32_t level, bool checksum);

/* Writes self_page_make of test_seed() to page @page of @d, a disk of the rig's store; it must succeed. */
void dev_rig_put(struct dev_rig *rig, struct uz_dev *d, uint32_t page, uint32_t seq,
		 enum self_mix mix);

struct uz_dev_stats dev_rig_stats(struct dev_rig *rig);

/* The store's time in @ns from now, such as for a deadline. */
uint64_t dev_rig_in(struct dev_rig *rig, uint64_t ns);

/* As uz_store_contig_alloc with a deadline in @ns from now. */
int dev_rig_grant(struct dev_rig *rig, struct uz_region *region, uint64_t bytes, uint64_t ns,
		  struct uz_grant *g, struct uz_contig_failure *why);

#endif
