/* SPDX-License-Identifier: MIT */
#include "control.h"

#include "cleanup.h"
#include "endpoint.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <uz/errno_name.h>

#define ANSWER_TOKENS (128u << 10)

static int connect_server(struct uz_call *call, const struct uz_section *options,
			  struct uz_error *e)
{
	char path[512];
	int fd, err;

	uz__control_path(options, path, sizeof(path));
	err = uz__unix_connect(path, &fd, e);
	if (err == -ENOENT || err == -ECONNREFUSED)
		return uz__error(
			e, -err,
			"no server answers at %s: start one with 'uzram serve', or name its socket with "
			"--control PATH or $UZRAM_CONTROL",
			path);
	if (err)
		return err;
	err = uz__wire_init(&call->wire, fd, UZ_WIRE_REPLY_MAX);
	return err ? uz__error(e, -err, "out of memory") : 0;
}

static int server_error(const struct uz_call *call, struct uz_error *e)
{
	char text[sizeof(e->text)], name[32];
	const struct uz_json *j = &call->json;
	int code;

	if (uz__json_copy(j, uz__json_get(j, 0, "error"), text, sizeof(text)) ||
	    uz__json_copy(j, uz__json_get(j, 0, "errno"), name, sizeof(name)))
		return uz__error(e, EPROTO, "the server's answer is not understood");
	code = uz_errno_of(name, strlen(name));
	return uz__error(e, code ? code : EIO, "%s", text);
}

static int read_answer(struct uz_call *call, struct uz_error *e)
{
	const char *line;
	size_t bytes, at;
	int got = uz__wire_read(&call->wire, &line, &bytes);

	if (got == -EAGAIN)
		return uz__error(e, ETIMEDOUT,
				 "the server did not answer within %d s: it hangs or is very busy: "
				 "try again, or end it",
				 UZ_CALL_S);
	if (got <= 0)
		return uz__error(e, got ? -got : EPIPE, "the server ended the connection%s%s",
				 got ? ": " : "", got ? strerror(-got) : "");
	call->token = calloc(ANSWER_TOKENS, sizeof(*call->token));
	if (!call->token)
		return uz__error(e, ENOMEM, "out of memory");
	if (uz__json_parse(&call->json, line, bytes, call->token, ANSWER_TOKENS, &at))
		return uz__error(e, EPROTO, "the server's answer is not understood at byte %zu",
				 at);
	if (!uz__json_is_true(&call->json, uz__json_get(&call->json, 0, "ok")))
		return server_error(call, e);
	return 0;
}

static int ask(struct uz_call *call, const struct uz_section *options, const char *line,
	       size_t bytes, const int *fds, unsigned int nr_fds, struct uz_error *e)
{
	int err;

	*call = (struct uz_call){ .wire.fd = -1 };
	err = connect_server(call, options, e);
	if (err)
		return err;
	/* A server that refuses the connection says why before it ends it. */
	err = uz__wire_send(call->wire.fd, line, bytes, fds, nr_fds);
	if (err && err != -EPIPE)
		return uz__error(e, -err, "the server does not listen: %s", strerror(-err));
	return 0;
}

int uz__call(struct uz_call *call, const struct uz_section *options, const char *line, size_t bytes,
	     const int *fds, unsigned int nr_fds, struct uz_error *e)
{
	int err = ask(call, options, line, bytes, fds, nr_fds, e);

	return err ? err : read_answer(call, e);
}

int uz__call_quick(struct uz_call *call, const struct uz_section *options, const char *line,
		   struct uz_error *e)
{
	struct timeval limit = { .tv_sec = UZ_CALL_S };
	int err = ask(call, options, line, strlen(line), NULL, 0, e);

	if (err)
		return err;
	setsockopt(call->wire.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return read_answer(call, e);
}

void uz__call_fini(struct uz_call *call)
{
	uz__wire_fini(&call->wire);
	free(call->token);
	*call = (struct uz_call){ .wire.fd = -1 };
}

int uz__message_begin(struct uz_message *m, const char *command, struct uz_error *e)
{
	*m = (struct uz_message){ .text = NULL };
	m->out.f = open_memstream(&m->text, &m->bytes);
	if (!m->out.f)
		return uz__error(e, ENOMEM, "out of memory");
	uz__json_open(&m->out, NULL, '{');
	uz__json_put_u64(&m->out, "uzram", UZ_CONTROL_VERSION);
	uz__json_put_text(&m->out, "cmd", command);
	return 0;
}

int uz__message_send(struct uz_message *m, struct uz_call *call, const struct uz_section *options,
		     const int *fds, unsigned int nr_fds, struct uz_error *e)
{
	int err;

	*call = (struct uz_call){ .wire.fd = -1 };
	uz__json_close(&m->out, '}');
	putc('\n', m->out.f);
	err = fclose(m->out.f) ? uz__error(e, ENOMEM, "out of memory")
			       : uz__call(call, options, m->text, m->bytes, fds, nr_fds, e);
	free(m->text);
	return err;
}

void uz__message_drop(struct uz_message *m)
{
	fclose(m->out.f);
	free(m->text);
}
