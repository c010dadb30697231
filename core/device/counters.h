/* SPDX-License-Identifier: MIT */
/*
 * What is counted of a disk.
 */
#ifndef UZ_COUNTERS_H
#define UZ_COUNTERS_H

#include <uz/hist.h>
#include <uz/stats.h>
#include <uz/store.h>

struct uz__counters {
	int64_t pages; /* stored: objects and raw */
	int64_t compressed_bytes;
	int64_t same_pages, huge_pages, idle_pages;
	/* from here to codec_pages: since creation or reset */
	uint64_t huge_since, notify_free, enospc, bad_pages, recompressed;
	uint64_t failed_reads, failed_writes, invalid_io;
	uint64_t reads, writes, read_bytes, write_bytes;
	int64_t codec_pages[UZ_CODEC_MAX]; /* stored pages by codec entry */
	int64_t bd_pages, bd_codec_pages[UZ_CODEC_MAX]; /* on the backing */
	uint64_t bd_reads, bd_writes, bd_failed_reads, bd_failed_writes, clean_hits;
};

/* One stream's counters of one disk: written by that stream only, read by all. */
struct uz__shard {
	struct uz__counters c;
	struct uz_hist hist[UZ_OP_NR];
};

#endif
