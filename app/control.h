/* SPDX-License-Identifier: MIT */
/*
 * The control socket's protocol: one JSON object a line each way. docs/control.md is its
 * description. A request is {"uzram":1,"cmd":"stat","disk":"d0",...}; the answer has "ok", and
 * "error" and "errno" when that is false.
 */
#ifndef UZ_APP_CONTROL_H
#define UZ_APP_CONTROL_H

#include "json.h"
#include "server.h"
#include "wire.h"

#define UZ_CONTROL_VERSION 1
#define UZ_CONTROL_TOKENS 256
#define UZ_CONTROL_CLIENTS 32

struct uz_request {
	struct uz_server *server;
	struct uz_wire *wire; /* for descriptors */
	struct uz_json json;
	struct uz_json_out out; /* members of the answer */
	struct uz_disk *disk; /* referenced; NULL: the command has none */
	struct uz_section values; /* options in the request */
	int dict_fd; /* -1: none */
};

/* One line into one answer, newline included; *answer is to be freed. Fails only with -ENOMEM. */
int uz__control_answer(struct uz_server *s, struct uz_wire *w, const char *line, size_t bytes,
		       char **answer, size_t *answer_bytes);

/* The answer to something that is no request. */
int uz__control_refuse(const struct uz_error *e, char **answer, size_t *answer_bytes);

/* The server's side: accepts on @listen_fd, which it takes over, a thread a client. */
struct uz_control;
int uz__control_start(struct uz_server *s, int listen_fd, struct uz_control **out);
/* Has running commands end, long ones before their time, then ends all clients. Accepts NULL. */
void uz__control_stop(struct uz_control *c);

/* The client's side. */
struct uz_call {
	struct uz_wire wire;
	struct uz_json json; /* the answer */
	struct uz_json_token *token;
};

/* A request that is being written: its members go to out. */
struct uz_message {
	struct uz_json_out out;
	char *text;
	size_t bytes;
};

/* 0 or -ENOMEM: the beginning, with the version and the command. Then send it or drop it. */
int uz__message_begin(struct uz_message *m, const char *command, struct uz_error *e);
/* As uz__call; @m ends. */
int uz__message_send(struct uz_message *m, struct uz_call *call, const struct uz_section *options,
		     const int *fds, unsigned int nr_fds, struct uz_error *e);
void uz__message_drop(struct uz_message *m);

#define UZ_CALL_S 30 /* until a server answers what it need not work for */

/*
 * Sends one request line (newline included) and waits for its answer, as long as it takes. 0: "ok" is
 * true; else @e is what the server says. @call is to be ended in both cases.
 */
int uz__call(struct uz_call *call, const struct uz_section *options, const char *line, size_t bytes,
	     const int *fds, unsigned int nr_fds, struct uz_error *e);
/* The same, but -ETIMEDOUT after UZ_CALL_S. */
int uz__call_quick(struct uz_call *call, const struct uz_section *options, const char *line,
		   struct uz_error *e);
void uz__call_fini(struct uz_call *call);

#endif
