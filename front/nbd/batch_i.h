/* SPDX-License-Identifier: MIT */
/* Writes that arrived together, and the second thread that takes its share of them. */
#ifndef UZ_NBD_BATCH_I_H
#define UZ_NBD_BATCH_I_H

#include <uz/device.h>

#define UZ_NBD_BATCH 64 /* writes that two threads share */

struct uz_nbd;
struct uz_nbd_conn;
struct uz_nbd_helper;

struct uz_nbd_request {
	uint64_t cookie;
	uint64_t offset;
	uint32_t length;
	uint16_t flags;
	uint16_t type;
};

/* A write that is there whole: a job of a batch. No pages when there is nothing to store. */
struct uz_nbd_job {
	struct uz_nbd_request request;
	uint64_t first_page, end_page;
	const char *data;
	const char *why;
	int error;
};

struct uz_nbd_batch {
	uint32_t nr;
	uint32_t bytes; /* to be stored */
	uint32_t turn; /* atomic: number of the next job to take << 16 | nr */
	struct uz_nbd_job job[UZ_NBD_BATCH];
};

/* batch.c: does the writes that come next and are there whole; false: there is none. */
bool uz__nbd_batch(struct uz_nbd_conn *c);
/* Takes jobs of c->batch until none is left; how many it did. */
uint32_t uz__nbd_batch_work(struct uz_nbd_conn *c, struct uz_stream *st);

/* helper.c: the connection's second thread. True: there is one now. */
bool uz__nbd_helper_ready(struct uz_nbd_conn *c);
void uz__nbd_helper_wake(struct uz_nbd_conn *c);
/* Until it has done the @nr jobs that it took of this batch. */
void uz__nbd_helper_wait(struct uz_nbd_conn *c, uint32_t nr);
void uz__nbd_helper_end(struct uz_nbd_conn *c);
/* No connection is helped for a while: true when one helper less has its memory, within two seconds. */
bool uz__nbd_helpers_leave(struct uz_nbd *n);

#endif
