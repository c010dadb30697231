/* SPDX-License-Identifier: MIT */
/*
 * The control socket's transport: lines, and file descriptors beside them (SCM_RIGHTS), both ways.
 * Descriptors belong to the line that they are sent with.
 */
#ifndef UZ_APP_WIRE_H
#define UZ_APP_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#define UZ_WIRE_REQUEST_MAX (64u << 10)
#define UZ_WIRE_REPLY_MAX (4u << 20)
#define UZ_WIRE_FDS 4

struct uz_wire {
	int fd;
	char *buf;
	size_t max, len, taken; /* taken: bytes of lines that have been handed out */
	int fds[UZ_WIRE_FDS]; /* -1: none, or claimed */
	unsigned int nr_fds;
	size_t fds_at; /* a byte of the line that they belong to */
	int reply_fd; /* to be sent with the answer to this line and closed; -1: none */
};

/* Takes @fd over. @max: the longest line. 0 or -ENOMEM (@fd is closed). */
int uz__wire_init(struct uz_wire *w, int fd, size_t max);
void uz__wire_fini(struct uz_wire *w);

/*
 * The next line without its newline, valid until the next call; closes descriptors of the line
 * before that nobody claimed. 1; 0: the end; -E2BIG: longer than max; -EAGAIN: the socket's
 * timeout; or what recvmsg says. A line without an end is no line.
 */
int uz__wire_read(struct uz_wire *w, const char **line, size_t *bytes);

/* Claims the i-th descriptor of this line: the caller's from now on; -1: there is none. */
int uz__wire_claim(struct uz_wire *w, unsigned int i);

/* Sends everything, with @nr descriptors that stay the caller's. 0 or -errno. */
int uz__wire_send(int fd, const char *text, size_t bytes, const int *fds, unsigned int nr);

#endif
