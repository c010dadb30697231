/* SPDX-License-Identifier: MIT */
/*
 * One request of the control socket. The answer is flat, its keys are known and a quote inside a
 * text is escaped, so it is searched rather than parsed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <uz/host.h>
#include <uz/region.h>
#include <uzram_grant.h>

#define ANSWER_MAX 4096

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

static int connect_to(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static void keep_fd(struct msghdr *m, int *fd)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && *fd < 0)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
}

/* Until the end of the line; the descriptor comes with its first byte. */
static int read_answer(int connection, char *line, int *fd)
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
		ssize_t n = recvmsg(connection, &m, MSG_CMSG_CLOEXEC);

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

	if (!text || !name || name < text)
		return explain(why, why_bytes, -EPROTO, "the server's answer is not understood");
	if (why && why_bytes)
		decode(text + 9, why, why_bytes);
	for (int code = 1; code < 200; code++) {
		const char *known = strerrorname_np(code);

		if (known && strlen(known) == n && !memcmp(known, name + 9, n))
			return -code;
	}
	return -EIO;
}

static uint64_t number(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static int ask(struct uz_client_grant *g, const char *request, char *why, size_t why_bytes)
{
	size_t n = strlen(request);
	char line[ANSWER_MAX];
	int rc = send(g->connection, request, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -errno;

	/* A server that refuses the connection says why before it ends it. */
	if (!rc || rc == -EPIPE)
		rc = read_answer(g->connection, line, &g->fd);
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

static int grant(const char *control, const char *request, struct uz_client_grant *out, char *why,
		 size_t why_bytes)
{
	struct uz_client_grant g = { .fd = -1 };
	char path[512];
	int rc;

	uz_host_control_path(control, path, sizeof(path));
	g.connection = connect_to(path);
	if (g.connection < 0)
		return explain(why, why_bytes, g.connection, "no server answers at %s: %s", path,
			       strerror(-g.connection));
	rc = ask(&g, request, why, why_bytes);
	if (rc)
		uz_client_grant_free(&g);
	else
		*out = g;
	return rc;
}

int uz_client_grant(const char *control, uint64_t bytes, struct uz_client_grant *out, char *why,
		    size_t why_bytes)
{
	char request[128];

	snprintf(request, sizeof(request),
		 "{\"uzram\":1,\"cmd\":\"contig-alloc\",\"size\":%" PRIu64 ",\"scatter\":true}\n",
		 bytes);
	return grant(control, request, out, why, why_bytes);
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
	return grant(control, request, out, why, why_bytes);
}

void uz_client_grant_free(struct uz_client_grant *g)
{
	if (g->fd >= 0)
		close(g->fd);
	if (g->connection >= 0)
		close(g->connection);
	*g = (struct uz_client_grant){ .fd = -1, .connection = -1 };
}
