/* SPDX-License-Identifier: MIT */
/* A disk of ours to be measured: platform, store, one disk, up to two streams. */
#ifndef UZ_BENCH_DISK_H
#define UZ_BENCH_DISK_H

#include <uz/device.h>
#include <uz/host.h>

#include "bench.h"

#define BENCH_STREAMS 2u

struct bench_disk_config {
	enum uz_host_backing backing;
	uint64_t size_bytes;
	uint64_t limit_bytes; /* 0: more than the disk can need */
	const char *pool; /* NULL: the default */
	const char *codec; /* NULL: lz4 */
	const struct uz_codec_ops *ops; /* instead of codec */
	int memfd; /* MEMFD: duplicated; the caller's stays open */
	bool attach;
};

struct bench_disk {
	struct uz_host *host;
	struct uz_store *store;
	struct uz_dev *dev;
	struct uz_stream *st[BENCH_STREAMS];
};

void bench_disk_open(struct bench_disk *d, const struct bench_disk_config *c);
void bench_disk_close(struct bench_disk *d);

struct uz_dev_stats bench_disk_stats(const struct bench_disk *d);

#endif
