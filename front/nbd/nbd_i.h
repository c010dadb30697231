/* SPDX-License-Identifier: MIT */
/*
 * What the files of the NBD front share. A connection belongs to its thread;
 * the server looks only at the members marked (shared).
 *
 * A connection that lost its client stays usable: what is put into the reply
 * buffer is dropped, so no handler has an error path for a socket. The loops
 * look at ->lost once a request.
 */
#ifndef UZ_NBD_I_H
#define UZ_NBD_I_H

#include <pthread.h>
#include <stdarg.h>

#include <uz/nbd.h>

#include "batch_i.h"
#include "proto.h"

#define UZ_NBD_PAYLOAD_MAX (32u << 20) /* of one request, as advertised */
#define UZ_NBD_PART (256u << 10) /* most of a request that is handled at once */
#define UZ_NBD_RX_BYTES (UZ_NBD_PART + 4096)
#define UZ_NBD_TX_BYTES (UZ_NBD_PART + 4096)
#define UZ_NBD_BUFFER_BYTES (UZ_NBD_RX_BYTES + UZ_NBD_TX_BYTES)
#define UZ_NBD_OPTION_MAX (64u << 10) /* data of one option */
#define UZ_NBD_PEER_MAX 96
#define UZ_NBD_CONTEXT_ID 1u /* base:allocation, the only one */

/* A write whose payload is arriving. */
struct uz_nbd_write {
	struct uz_nbd_request request;
	uint64_t offset; /* of the next byte */
	uint32_t left; /* bytes still to come */
	int error; /* negative errno: the rest is received and dropped */
	const char *why;
	bool active;
};

struct uz_nbd_conn {
	struct uz_nbd *server;
	struct uz_nbd_conn *next, *prev; /* (shared) server->lock */
	struct uz_dev *dev; /* (shared) server->lock to change it */
	pthread_t thread;
	bool own_thread;
	int fd;
	uint32_t id;
	char peer[UZ_NBD_PEER_MAX];

	uint32_t batches; /* (shared) atomic: goes up with every receive that returned */
	uint32_t quiet_at; /* server->lock: batches when last looked at */
	bool waiting; /* (shared) atomic: in receive */
	bool ending; /* (shared) atomic: requests received from now on get ESHUTDOWN */

	struct uz_stream *stream;
	uint64_t deadline_ns; /* of the handshake; 0: none */
	int lost; /* negative errno once the client cannot be reached, or must not be */
	bool closing; /* the client asked to end */
	bool refusing; /* this batch was received after ending was set */
	bool read_only, structured, no_zeroes;
	bool meta; /* base:allocation is selected */
	const struct uz_dev *meta_dev; /* for this disk; never followed */
	uint32_t option;

	char *rx, *tx;
	uint32_t rx_pos, rx_end, tx_end;
	uint32_t rx_seen; /* reads before it have their slots on the way */
	struct uz_nbd_write write;
	struct uz_nbd_batch batch;
	struct uz_nbd_helper *helper; /* NULL: none now */
	uint64_t alone_until_ns; /* no helper until then; 0: no such time */
	uint64_t nr_requests, nr_failed, nr_helped;
};

struct uz_nbd {
	struct uz_nbd_config config;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a connection ended */
	struct uz_nbd_conn *active; /* list */
	struct uz_nbd_conn *done; /* list through next: threads to join */
	unsigned int nr_active;
	unsigned int nr_helpers; /* atomic */
	uint64_t alone_until_ns; /* atomic: no second threads until then */
	uint32_t last_id;
	bool stopping; /* atomic */
	int accept_error; /* the acceptor's: that was logged last; 0: none since it worked */
	int wake_fd; /* eventfd: the acceptor has something new to look at */
	int listen_fd[UZ_NBD_LISTEN_MAX];
	unsigned int nr_listen;
	pthread_t acceptor;
};

/* server.c */
void uz__nbd_log(struct uz_nbd *n, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The disk of that name becomes c->dev: 0, -ENOENT, -ESHUTDOWN. */
int uz__nbd_open_disk(struct uz_nbd_conn *c, const char *name);
void uz__nbd_close_disk(struct uz_nbd_conn *c);
void uz__nbd_conn_gone(struct uz_nbd_conn *c);
int uz__nbd_spawn(pthread_t *thread, void *(*run)(void *), void *arg);

/* conn.c */
int uz__nbd_conn_new(struct uz_nbd *n, int fd, struct uz_nbd_conn **out);
void uz__nbd_conn_free(struct uz_nbd_conn *c);
void uz__nbd_conn_run(struct uz_nbd_conn *c);
/* What transmission needs: the stream, and the charge of the buffers. 0, -ENOSPC, -ENOMEM. */
int uz__nbd_take_memory(struct uz_nbd_conn *c);
/* The client broke the protocol: a line in the log, what it is owed, and the end. */
void uz__nbd_fault(struct uz_nbd_conn *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* lost.c: from now on calls of the socket, if it is TCP's, fail with EAGAIN now and then. */
void uz__nbd_lost_watch(struct uz_nbd_conn *c);
/* After @looks such calls without success in between: true when the client is gone. */
bool uz__nbd_lost(struct uz_nbd_conn *c, unsigned int looks);

/* io.c */
uint64_t uz__nbd_now_ns(void);
static inline uint32_t uz__nbd_avail(const struct uz_nbd_conn *c)
{
	return c->rx_end - c->rx_pos;
}
/* Waits for more bytes behind those already there; false: the connection is lost. */
bool uz__nbd_receive(struct uz_nbd_conn *c);
/* Waits until @bytes (at most UZ_NBD_RX_BYTES) are there: they start at rx + rx_pos. */
bool uz__nbd_need(struct uz_nbd_conn *c, uint32_t bytes);
/* Receives and drops. */
bool uz__nbd_skip(struct uz_nbd_conn *c, uint64_t bytes);
void uz__nbd_flush(struct uz_nbd_conn *c);
/* Room for @bytes (at most UZ_NBD_TX_BYTES) at the end of the reply buffer. */
char *uz__nbd_room(struct uz_nbd_conn *c, uint32_t bytes);
static inline void uz__nbd_put(struct uz_nbd_conn *c, const char *end)
{
	c->tx_end = (uint32_t)(end - c->tx);
}

/* handshake.c: true when the client has entered transmission. */
bool uz__nbd_handshake(struct uz_nbd_conn *c);
void uz__nbd_option_reply(struct uz_nbd_conn *c, uint32_t type, const void *data, uint32_t bytes);
void uz__nbd_option_error(struct uz_nbd_conn *c, uint32_t type, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Option data is read through a cursor: false when there is too little. */
struct uz_nbd_cursor {
	const char *p;
	uint32_t left;
};
bool uz__nbd_cursor_u16(struct uz_nbd_cursor *cur, uint16_t *out);
bool uz__nbd_cursor_u32(struct uz_nbd_cursor *cur, uint32_t *out);
bool uz__nbd_cursor_string(struct uz_nbd_cursor *cur, uint32_t bytes, const char **out);

/* What an option leads to. */
enum uz_nbd_next { UZ_NBD_OPTIONS, UZ_NBD_TRANSMIT, UZ_NBD_END };

/* option_export.c, option_meta.c: one handler an option. */
enum uz_nbd_next uz__nbd_opt_export_name(struct uz_nbd_conn *c, struct uz_nbd_cursor data);
enum uz_nbd_next uz__nbd_opt_list(struct uz_nbd_conn *c, struct uz_nbd_cursor data);
enum uz_nbd_next uz__nbd_opt_info(struct uz_nbd_conn *c, struct uz_nbd_cursor data);
enum uz_nbd_next uz__nbd_opt_go(struct uz_nbd_conn *c, struct uz_nbd_cursor data);
enum uz_nbd_next uz__nbd_opt_list_meta(struct uz_nbd_conn *c, struct uz_nbd_cursor data);
enum uz_nbd_next uz__nbd_opt_set_meta(struct uz_nbd_conn *c, struct uz_nbd_cursor data);
/* c->dev from a name in an option: false after an error reply. */
bool uz__nbd_opt_disk(struct uz_nbd_conn *c, const char *name, uint32_t bytes);

/* request.c */
bool uz__nbd_is(const char *p, enum nbd_command type);
/* True and the request, or false after a protocol fault. */
bool uz__nbd_parse(struct uz_nbd_conn *c, const char *p, struct uz_nbd_request *rq);

/* serve.c: until the client leaves. */
void uz__nbd_serve(struct uz_nbd_conn *c);
/* 0, or the error that refuses the request, with its reason. */
int uz__nbd_check(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, const char **why);

/* reply.c */
enum nbd_error uz__nbd_wire_error(int error);
/* The end of a request without data: @error is 0 or a negative errno, @why a sentence or NULL. */
void uz__nbd_reply(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, int error,
		   const char *why);
/* The same for a failure at one byte of the disk. */
void uz__nbd_reply_at(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, int error,
		      uint64_t offset);

/* read.c, meta.c */
void uz__nbd_read(struct uz_nbd_conn *c, const struct uz_nbd_request *rq);
void uz__nbd_block_status(struct uz_nbd_conn *c, const struct uz_nbd_request *rq);

#endif
