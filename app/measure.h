/* SPDX-License-Identifier: MIT */
/*
 * measure: what disks would cost and do with the caller's own data, before one is chosen.
 *
 * A sample is pages of that data, spread evenly over it. A row is one pool with one codec: a store of
 * its own, in private memory, is filled with the sample and read back by one thread, one request a page,
 * every byte compared; all rows take turns, several rounds, and the medians count. Its cost is what the
 * store has taken for the sample once it is compacted, tables included, what an empty one takes not.
 */
#ifndef UZ_APP_MEASURE_H
#define UZ_APP_MEASURE_H

#include "codec_spec.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uz/pool.h>

#define UZ_MEASURE_LIST_MAX 16
#define UZ_MEASURE_REPEATS_MAX 100
#define UZ_MEASURE_SAMPLE_MAX (64ull << 30)
#define UZ_MEASURE_TRAIN "train" /* as a dictionary's path: made of the sample */

struct uz_measure_sample {
	char *pages;
	size_t nr, max; /* in pages */
	uint64_t of_bytes; /* of the data that it is of */
};

/* A codec as asked for. @dict is its own. */
struct uz_measure_codec {
	struct uz_codec_spec spec;
	const struct uz_codec_ops *ops;
	void *dict;
	uint32_t dict_bytes;
};

/* Bytes of the sample a second; of a page, as struct uz_latency has it. */
enum uz_measure_figure {
	UZ_MEASURE_WRITE_BPS,
	UZ_MEASURE_READ_BPS,
	UZ_MEASURE_WRITE_P99_NS,
	UZ_MEASURE_READ_P99_NS,
	UZ_MEASURE_FIGURE_NR,
};

struct uz_measure_row {
	const struct uz_pool_ops *pool;
	const struct uz_measure_codec *codec;
	uint64_t cost_bytes, compr_bytes; /* compr: what the codec made, with raw pages */
	uint64_t same_pages, huge_pages;
	uint64_t figure[UZ_MEASURE_FIGURE_NR]; /* medians */
};

struct uz_measure_plan {
	const struct uz_pool_ops *pool[UZ_MEASURE_LIST_MAX];
	struct uz_measure_codec codec[UZ_MEASURE_LIST_MAX];
	unsigned int nr_pools, nr_codecs;
	unsigned int repeats;
};

struct uz_measure_report {
	struct uz_measure_sample sample;
	unsigned int repeats;
	struct uz_measure_row *row; /* codec by codec */
	size_t nr;
};

/* sample: room for @bytes, whole pages. Each is to be ended in every case. 0 or -errno. */
int uz__measure_sample_init(struct uz_measure_sample *s, uint64_t bytes, struct uz_error *e);
void uz__measure_sample_fini(struct uz_measure_sample *s);

/*
 * Files and block devices, each by its share of all bytes, or one pipe ("-" is standard input), which is
 * read to its end. The last page of a file is filled up with zeros.
 */
int uz__measure_files(struct uz_measure_sample *s, const char *const *paths, unsigned int nr,
		      struct uz_error *e);

/* What the system would swap out of a process: its own pages that are in memory. It goes on meanwhile. */
int uz__measure_process(struct uz_measure_sample *s, pid_t pid, struct uz_error *e);

/*
 * codec: @text is NAME[:level=N][,dict=FILE]; what is wrong with it is found here. Its dictionary comes of the
 * sample where that is asked for. Each is to be ended in every case. 0 or -errno.
 */
int uz__measure_codec_init(struct uz_measure_codec *c, const char *text, const char *where,
			   struct uz_error *e);
int uz__measure_codec_train(struct uz_measure_codec *c, const struct uz_measure_sample *s,
			    struct uz_error *e);
void uz__measure_codec_fini(struct uz_measure_codec *c);

/* run: @r->sample is taken; fills the rest. @r is to be ended in every case. 0 or -errno. */
int uz__measure_run(struct uz_measure_plan *plan, struct uz_measure_report *r, struct uz_error *e);
void uz__measure_report_fini(struct uz_measure_report *r);

/* once: one row, one round. A page that comes back changed is -EBADMSG. */
int uz__measure_once(const struct uz_measure_sample *s, struct uz_measure_row *row,
		     uint64_t figure[UZ_MEASURE_FIGURE_NR], struct uz_error *e);

/* table and JSON on standard output. */
int uz__measure_table(const struct uz_measure_report *r, const char *columns, struct uz_error *e);
int uz__measure_table_check(const char *columns, struct uz_error *e);
void uz__measure_table_help(void);
void uz__measure_json(const struct uz_measure_report *r);

#endif
