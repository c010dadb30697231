/* SPDX-License-Identifier: MIT */
/*
 * A side of a comparison: something that stores pages. Ours, the kernel's zram, and the bare
 * codec, which stores nothing and so bounds the others from below.
 */
#ifndef UZ_BENCH_SIDE_H
#define UZ_BENCH_SIDE_H

#include "disk.h"

struct side {
	const char *name;
	/* Makes it empty. */
	void (*reset)(struct side *s);
	/* @len at most BENCH_REQUEST, whole pages; @thread below BENCH_STREAMS. */
	void (*write)(struct side *s, unsigned int thread, uint64_t off, const void *src,
		      uint64_t len);
	/* NULL: it cannot. */
	void (*read)(struct side *s, unsigned int thread, uint64_t off, void *dst, uint64_t len);
	void (*close)(struct side *s);
};

struct side *side_ours(const struct bench_disk_config *c);
struct bench_disk *side_ours_disk(struct side *s);

/*
 * Kernel zram number zram= with lz4, O_DIRECT; NULL when it is not given. The caller of the
 * program has made the device and takes it away.
 */
struct side *side_zram(uint64_t size_bytes);
/* /sys/block/zramN/mm_stat: orig_data_size compr_data_size mem_used_total ... */
void side_zram_stat(struct side *s, uint64_t stat[9]);
void side_zram_discard(struct side *s, uint64_t off, uint64_t len);

/*
 * liblz4 alone: write compresses each page into one warm buffer; read decompresses from one
 * array that holds the compressed pages of @pages one behind the other. bare_turn says which
 * of them is at the disk's start.
 */
struct side *side_bare(const char *pages, uint64_t nr);
/*
 * The same, and writing copies the compressed bytes to memory that is not in the cache: no store
 * that copies what it is given can do less. It reads nothing.
 */
struct side *side_kept(const char *pages, uint64_t nr);
/* The same without the copy: compressed straight to where it stays, which has to be known before its size. */
struct side *side_placed(const char *pages, uint64_t nr);
void side_bare_turn(struct side *s, uint64_t first);
uint64_t side_bare_bytes(struct side *s);

#endif
