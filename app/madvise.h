/* SPDX-License-Identifier: MIT */
/*
 * madvise-bench: what it costs to give memory back and to get it again.
 *
 * A cell is one way to do it: a method on a backing, in pieces of a size, by so many threads, with
 * or without memory pressure. A sample is one go through a cell in a process of its own: touch
 * every page, give the advice, let a hog take the memory (under pressure), touch every page
 * again. A row is a cell with the medians of its samples. Times are picoseconds a page, as one
 * of the threads sees them; shares are thousandths of the pages that were touched.
 */
#ifndef UZ_APP_MADVISE_H
#define UZ_APP_MADVISE_H

#include "error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum uz_madvise_backing {
	UZ_MADVISE_PRIVATE_4K,
	UZ_MADVISE_PRIVATE_THP,
	UZ_MADVISE_MEMFD,
	UZ_MADVISE_TMPFS,
	UZ_MADVISE_HUGETLB,
	UZ_MADVISE_BACKING_NR,
};

enum uz_madvise_method {
	UZ_MADVISE_NONE,
	UZ_MADVISE_DONTNEED,
	UZ_MADVISE_DONTNEED_BATCH,
	UZ_MADVISE_FREE,
	UZ_MADVISE_REMOVE,
	UZ_MADVISE_PUNCH_HOLE,
	UZ_MADVISE_COLD,
	UZ_MADVISE_PAGEOUT,
	UZ_MADVISE_METHOD_NR,
};

enum uz_madvise_phase {
	UZ_MADVISE_TOUCH,
	UZ_MADVISE_ADVICE,
	UZ_MADVISE_HOG,
	UZ_MADVISE_RETOUCH,
	UZ_MADVISE_PHASE_NR,
};

extern const char *const uz__madvise_backings[UZ_MADVISE_BACKING_NR + 1]; /* names, NULL */
extern const char *const uz__madvise_methods[UZ_MADVISE_METHOD_NR + 1];
extern const char *const uz__madvise_phases[UZ_MADVISE_PHASE_NR + 1];

#define UZ_MADVISE_SLICE_ALIGN (2u << 20)
#define UZ_MADVISE_THREADS_MAX 256
#define UZ_MADVISE_REPEATS_MAX 1000
#define UZ_MADVISE_LIST_MAX 16
#define UZ_MADVISE_REASON 120
#define UZ_MADVISE_NO_CGROUP "no --cgroup to limit memory in"

struct uz_madvise_cell {
	enum uz_madvise_backing backing;
	enum uz_madvise_method method;
	bool pressure;
	unsigned int threads;
	uint64_t piece_bytes; /* 0: the method has no pieces */
};

/* @reason is why there are no figures; empty: there are. @disturbed: others had a CPU for 2% of the time or more. */
struct uz_madvise_sample {
	uint64_t ps[UZ_MADVISE_PHASE_NR];
	bool disturbed;
	uint32_t freed, lazy, unmapped;
	char reason[UZ_MADVISE_REASON];
};

struct uz_madvise_spread {
	uint64_t median, min, max;
};

/* Shares are the least of all samples. @disturbed: samples in which others took a CPU. */
struct uz_madvise_row {
	struct uz_madvise_cell cell;
	struct uz_madvise_spread ps[UZ_MADVISE_PHASE_NR];
	uint64_t disturbed;
	uint32_t freed, lazy, unmapped;
	char reason[UZ_MADVISE_REASON];
};

struct uz_madvise_report {
	char date[32], kernel[80], machine[32], cpu[80]; /* date: 2026-01-31T12:00:00Z */
	char thp[16], thp_defrag[16], thp_shmem[16];
	uint64_t cpus, page_bytes, swap_bytes;
	uint64_t footprint_bytes; /* of each thread */
	uint64_t repeats;
	struct uz_madvise_row *row;
	size_t nr;
};

/* What to measure. */
struct uz_madvise_plan {
	bool method[UZ_MADVISE_METHOD_NR], backing[UZ_MADVISE_BACKING_NR];
	uint64_t piece_bytes[UZ_MADVISE_LIST_MAX];
	unsigned int threads[UZ_MADVISE_LIST_MAX];
	unsigned int nr_pieces, nr_threads;
	uint64_t footprint_bytes;
	unsigned int repeats;
	const char *cgroup; /* NULL: nothing under pressure */
};

/* Memory of a backing: @base is aligned to 2 MiB and has guard pages on both sides. */
struct uz_madvise_memory {
	enum uz_madvise_backing backing;
	char *base, *raw;
	size_t bytes, raw_bytes;
	int fd; /* -1: private */
};

struct uz_madvise_usage {
	uint64_t rss_bytes, lazy_bytes, huge_bytes; /* smaps */
	uint64_t file_bytes; /* st_blocks */
};

/* A group of the memory controller, made below a folder and removed again. */
struct uz_madvise_cgroup {
	char path[PATH_MAX];
	bool v2;
};

/* memory: 0 or -errno; what failed is in @reason. */
int uz__madvise_map(struct uz_madvise_memory *m, enum uz_madvise_backing backing, size_t bytes,
		    char reason[UZ_MADVISE_REASON]);
void uz__madvise_unmap(struct uz_madvise_memory *m);
int uz__madvise_usage(const struct uz_madvise_memory *m, struct uz_madvise_usage *u);

/* methods: advises @bytes at @p, piece by piece. 0 or -errno. */
int uz__madvise_advise(const struct uz_madvise_memory *m, enum uz_madvise_method method, char *p,
		       size_t bytes, size_t piece_bytes);

/* cycle: one sample, in this process; @slice_bytes for each thread. Its limit under pressure. */
uint64_t uz__madvise_limit(const struct uz_madvise_cell *c, uint64_t slice_bytes);
void uz__madvise_cycle(const struct uz_madvise_cell *c, size_t slice_bytes,
		       struct uz_madvise_sample *s);

/* child: one sample in a process of its own, in @g if the cell is under pressure. -EINTR: stop. */
int uz__madvise_sample(const struct uz_madvise_cell *c, size_t slice_bytes,
		       const struct uz_madvise_cgroup *g, struct uz_madvise_sample *s);
void uz__madvise_catch_signals(void);

/* cgroup */
int uz__madvise_cgroup_make(struct uz_madvise_cgroup *g, const char *folder, struct uz_error *e);
int uz__madvise_cgroup_limit(const struct uz_madvise_cgroup *g, uint64_t bytes);
int uz__madvise_cgroup_join(const struct uz_madvise_cgroup *g); /* the calling process */
int uz__madvise_cgroup_remove(const struct uz_madvise_cgroup *g);

/* cells: measures all that is planned. @r is to be ended in every case. */
int uz__madvise_run(const struct uz_madvise_plan *plan, struct uz_madvise_report *r,
		    struct uz_error *e);
/* How many of all samples were disturbed. */
uint64_t uz__madvise_disturbed(const struct uz_madvise_report *r, uint64_t *samples);
void uz__madvise_report_fini(struct uz_madvise_report *r);

/* system: kernel, machine, date, settings. */
void uz__madvise_system(struct uz_madvise_report *r);
uint64_t uz__madvise_cpus(void); /* that this process may use */

bool uz__madvise_same_cell(const struct uz_madvise_cell *a, const struct uz_madvise_cell *b);

/* table */
int uz__madvise_table(const struct uz_madvise_report *r, const char *columns, struct uz_error *e);
int uz__madvise_table_check(const char *columns, struct uz_error *e);
void uz__madvise_table_help(void);
const char *uz__madvise_verdict(const struct uz_madvise_row *row); /* yes lazily partly no */
const char *uz__madvise_cell_text(const struct uz_madvise_cell *c, char text[96]);

/* json: what is written is read back the same. */
void uz__madvise_json_put(const struct uz_madvise_report *r, FILE *f);
int uz__madvise_json_read(struct uz_madvise_report *r, const char *path, struct uz_error *e);

/* compare: says on @f what became worse; *worse: how many rows. */
void uz__madvise_compare(const struct uz_madvise_report *old, const struct uz_madvise_report *now,
			 FILE *f, size_t *worse, size_t *same);

/* plot: an SVG file. check: whether it can be written; nothing is. */
int uz__madvise_plot_check(const char *path, struct uz_error *e);
int uz__madvise_plot(const struct uz_madvise_report *r, const char *path, struct uz_error *e);

#endif
