/* SPDX-License-Identifier: MIT */
/*
 * One request of the control socket. The answer is flat, its keys are known and a quote inside a
 * text is escaped, so it is searched rather than parsed.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <uz/errno_name.h>
#include <uz/host.h>
#include <uz/region.h>
#include <uzram_grant.h>

#define ANSWER_MAX 4096
#define DEADLINE_MS 100 /* the server's, when none is named */
#define STRUCT_MIN (offsetof(struct uz_client_grant, offset_bytes) + sizeof(uint64_t))
#define STRUCT_MAX 4096 /* more is memory that nobody set */

static int explain(char *why, size_t why_bytes, int rc, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int explain(char *why, size_t why_bytes, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (why && why_bytes)
		vsnprintf(why, why_bytes, format, args);
	va_end(args);
	return rc;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t left_ms(uint64_t until_ms)
{
	uint64_t now = now_ms();

	return until_ms > now ? until_ms - now : 0;
}

/* For connect too: one that finds the queue of a server full waits as long as a send may. */
static void limit_sends(int fd, uint64_t until_ms)
{
	uint64_t ms = left_ms(until_ms) + 1;
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
			      .tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

static int connect_to(const char *path, uint64_t until_ms)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	limit_sends(fd, until_ms);
	if (!connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return fd;
	rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
	close(fd);
	return rc;
}

static void keep_fd(struct msghdr *m, int *fd)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && *fd < 0)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
}

/* 0: there is something to read, or the end. */
static int wait_readable(int fd, uint64_t until_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t ms;
	int n;

	do {
		ms = left_ms(until_ms);
		n = poll(&p, 1, ms < INT32_MAX ? (int)ms : INT32_MAX);
	} while ((n < 0 && errno == EINTR) || (!n && ms));
	return n > 0 ? 0 : n ? -errno : -ETIMEDOUT;
}

/* Until the end of the line; the descriptor comes with its first byte. */
static int read_answer(int connection, uint64_t until_ms, char *line, int *fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	size_t len = 0;

	*fd = -1;
	while (!len || line[len - 1] != '\n') {
		struct iovec iov = { line + len, ANSWER_MAX - 1 - len };
		struct msghdr m = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = control.bytes,
				    .msg_controllen = sizeof(control.bytes) };
		int rc = wait_readable(connection, until_ms);
		ssize_t n = rc ? 0 : recvmsg(connection, &m, MSG_CMSG_CLOEXEC);

		if (rc)
			return rc;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EPROTO;
		keep_fd(&m, fd);
		len += (size_t)n;
	}
	line[len] = 0;
	return 0;
}

/* A text of the answer, up to its quote; newlines and quotes are all that is escaped there. */
static void decode(const char *text, char *out, size_t bytes)
{
	size_t n = 0;

	while (*text && *text != '"' && n + 1 < bytes) {
		if (*text != '\\') {
			out[n++] = *text++;
		} else if (text[1] == 'u') {
			out[n++] = '\n';
			text += strnlen(text, 6);
		} else {
			out[n++] = text[1];
			text += 2;
		}
	}
	out[n] = 0;
}

static int error_of(const char *line, char *why, size_t why_bytes)
{
	const char *text = strstr(line, "\"error\":\""), *name = strstr(line, "\"errno\":\"");
	size_t n = name ? strcspn(name + 9, "\"") : 0;
	int code;

	if (!text || !name || name < text)
		return explain(why, why_bytes, -EPROTO, "the server's answer is not understood");
	if (why && why_bytes)
		decode(text + 9, why, why_bytes);
	code = uz_errno_of(name + 9, n);
	return code ? -code : -EIO;
}

static uint64_t number(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static int ask(struct uz_client_grant *g, const char *request, uint64_t until_ms, char *why,
	       size_t why_bytes)
{
	size_t n = strlen(request);
	char line[ANSWER_MAX];
	int rc = send(g->connection, request, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -errno;

	/* A server that refuses the connection says why before it ends it. */
	if (!rc || rc == -EPIPE)
		rc = read_answer(g->connection, until_ms, line, &g->fd);
	if (rc == -ETIMEDOUT || rc == -EAGAIN)
		return -ETIMEDOUT;
	if (rc)
		return explain(why, why_bytes, rc, "the server ended the connection: %s",
			       strerror(-rc));
	if (strncmp(line, "{\"ok\":true", 10) != 0)
		return error_of(line, why, why_bytes);
	g->id = (uint32_t)number(line, "\"grant\":");
	g->bytes = number(line, "\"bytes\":");
	g->offset_bytes = number(line, "\"offset\":");
	if (g->fd < 0 || !g->id || !g->bytes)
		return explain(why, why_bytes, -EPROTO, "the server's answer is not understood");
	return 0;
}

static void drop(struct uz_client_grant *g)
{
	if (g->fd >= 0)
		close(g->fd);
	if (g->connection >= 0)
		close(g->connection);
	g->fd = g->connection = -1;
}

/* @g gets what the server gave; @path: of its socket. */
static int request_at(const char *path, const char *request, uint64_t wait_ms,
		      struct uz_client_grant *g, char *why, size_t why_bytes)
{
	uint64_t until_ms = now_ms() + wait_ms;
	int rc;

	g->connection = connect_to(path, until_ms);
	if (g->connection < 0 && g->connection != -ETIMEDOUT)
		return explain(why, why_bytes, g->connection, "no server answers at %s: %s", path,
			       strerror(-g->connection));
	rc = g->connection < 0 ? g->connection : ask(g, request, until_ms, why, why_bytes);
	if (rc == -ETIMEDOUT)
		explain(why, why_bytes, rc,
			"the server at %s did not answer within %" PRIu64
			" ms: it hangs, or the system "
			"takes longer to clear the memory: ask again with a longer timeout_ms",
			path, wait_ms);
	return rc;
}

static int grant(const char *control, const char *request, unsigned int deadline_ms,
		 struct uz_client_grant *out, char *why, size_t why_bytes)
{
	size_t known = out->struct_size < sizeof(*out) ? out->struct_size : sizeof(*out);
	struct uz_client_grant g = { .fd = -1, .connection = -1 };
	char path[512];
	int rc;

	if (known < STRUCT_MIN || out->struct_size > STRUCT_MAX)
		return explain(why, why_bytes, -EINVAL,
			       "struct_size is %zu: set it to sizeof(struct uz_client_grant)",
			       out->struct_size);
	g.struct_size = out->struct_size;
	g.timeout_ms = out->timeout_ms;
	uz_host_control_path(control, path, sizeof(path));
	rc = request_at(path, request,
			(uint64_t)deadline_ms +
				(g.timeout_ms ? g.timeout_ms : UZ_CLIENT_TIMEOUT_MS),
			&g, why, why_bytes);
	if (rc)
		drop(&g);
	else
		memcpy(out, &g, known);
	return rc;
}

int uz_client_grant(const char *control, uint64_t bytes, struct uz_client_grant *out, char *why,
		    size_t why_bytes)
{
	char request[128];

	snprintf(request, sizeof(request),
		 "{\"uzram\":1,\"cmd\":\"contig-alloc\",\"size\":%" PRIu64 ",\"scatter\":true}\n",
		 bytes);
	return grant(control, request, 0, out, why, why_bytes);
}

int uz_client_grant_region(const char *control, const char *region, uint64_t bytes,
			   unsigned int deadline_ms, struct uz_client_grant *out, char *why,
			   size_t why_bytes)
{
	char request[256], size[40] = "", deadline[40] = "";

	if (strlen(region) >= UZ_REGION_NAME_MAX || strpbrk(region, "\"\\\n"))
		return explain(why, why_bytes, -EINVAL, "'%s' is not the name of a region", region);
	if (bytes)
		snprintf(size, sizeof(size), ",\"size\":%" PRIu64, bytes);
	if (deadline_ms)
		snprintf(deadline, sizeof(deadline), ",\"deadline_ms\":%u", deadline_ms);
	snprintf(request, sizeof(request),
		 "{\"uzram\":1,\"cmd\":\"contig-alloc\",\"region\":\"%s\"%s%s}\n", region, size,
		 deadline);
	return grant(control, request, deadline_ms ? deadline_ms : DEADLINE_MS, out, why,
		     why_bytes);
}

/* What is not of this library's struct stays as it is. */
void uz_client_grant_free(struct uz_client_grant *g)
{
	if (g->struct_size < STRUCT_MIN || !g->id)
		return;
	drop(g);
	g->id = 0;
	g->bytes = g->offset_bytes = 0;
}
