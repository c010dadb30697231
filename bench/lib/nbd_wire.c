/* SPDX-License-Identifier: MIT */
/* Connecting and fixed newstyle negotiation, blocking, one option after the other. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "nbd_wire.h"

#define TEXT_MAX 4096

enum { OPT_GO = 7, OPT_STRUCTURED = 8, REP_ACK = 1, REP_INFO = 3 };

void nbd_wire_die(const char *what, const char *why)
{
	fprintf(stderr, "nbd client: %s: %s\n", what, why);
	exit(1);
}

static void send_all(int fd, const char *p, size_t bytes)
{
	while (bytes) {
		ssize_t n = send(fd, p, bytes, MSG_NOSIGNAL);

		if (n <= 0)
			nbd_wire_die("send", strerror(errno));
		p += n;
		bytes -= (size_t)n;
	}
}

static void receive_exactly(int fd, void *buf, size_t bytes)
{
	if (bytes && recv(fd, buf, bytes, MSG_WAITALL) != (ssize_t)bytes)
		nbd_wire_die("handshake", "the server closed the connection");
}

static void send_option(int fd, uint32_t option, const void *data, uint32_t bytes)
{
	char head[16];
	char *p = nbd_wire_put(head, 0x49484156454f5054ull, 8);

	nbd_wire_put(nbd_wire_put(p, option, 4), bytes, 4);
	send_all(fd, head, sizeof(head));
	send_all(fd, data, bytes);
}

/* One option reply; its type. The data is a string, too. */
static uint32_t option_reply(int fd, char *data, uint32_t *bytes)
{
	char head[20];

	receive_exactly(fd, head, sizeof(head));
	*bytes = (uint32_t)nbd_wire_get(head + 16, 4);
	if (nbd_wire_get(head, 8) != 0x0003e889045565a9ull || *bytes >= TEXT_MAX)
		nbd_wire_die("handshake", "not an option reply");
	receive_exactly(fd, data, *bytes);
	data[*bytes] = 0;
	return (uint32_t)nbd_wire_get(head + 12, 4);
}

static uint64_t go(int fd, const char *export)
{
	char buf[512], data[TEXT_MAX];
	uint32_t name_bytes = (uint32_t)strlen(export), bytes, type;
	uint64_t size_bytes = 0;
	char *p = nbd_wire_put(buf, name_bytes, 4);

	if (name_bytes > 255)
		nbd_wire_die("export name", "longer than 255 bytes");
	memcpy(p, export, name_bytes);
	p = nbd_wire_put(p + name_bytes, 0, 2);
	send_option(fd, OPT_GO, buf, (uint32_t)(p - buf));
	while ((type = option_reply(fd, data, &bytes)) == REP_INFO)
		if (bytes >= 12 && nbd_wire_get(data, 2) == 0)
			size_bytes = nbd_wire_get(data + 2, 8);
	if (type != REP_ACK)
		nbd_wire_die("the server refuses the export", data);
	return size_bytes;
}

static int connect_to(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int buffer_bytes = 1 << 20;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (strlen(path) >= sizeof(sa.sun_path))
		nbd_wire_die(path, "path too long");
	memcpy(sa.sun_path, path, strlen(path));
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		nbd_wire_die(path, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
	return fd;
}

int nbd_wire_connect(const char *socket_path, const char *export, bool *structured,
		     uint64_t *size_bytes)
{
	char buf[TEXT_MAX];
	uint32_t bytes;
	int fd = connect_to(socket_path);

	receive_exactly(fd, buf, 18);
	nbd_wire_put(buf, 3, 4);
	send_all(fd, buf, 4);
	if (*structured) {
		send_option(fd, OPT_STRUCTURED, "", 0);
		*structured = option_reply(fd, buf, &bytes) == REP_ACK;
	}
	*size_bytes = go(fd, export);
	return fd;
}
