/* SPDX-License-Identifier: MIT */
/*
 * listen: listening sockets for fronts and for the control socket. An address is
 * unix:PATH, or tcp:HOST:PORT with an IPv6 HOST in brackets and PORT 0 for any.
 * A unix socket is made for its owner only; TCP listens on loopback addresses
 * unless the caller insists, because NBD without TLS has no authentication.
 */
#ifndef UZ_LISTEN_H
#define UZ_LISTEN_H

#include <stddef.h>
#include <stdint.h>

#define UZ_LISTEN_INSECURE 1u /* TCP on any address */
#define UZ_LISTEN_PATH_MAX 108
#define UZ_LISTEN_NAME_MAX 128

struct uz_listener {
	int fd;
	char name[UZ_LISTEN_NAME_MAX]; /* the address with the real port; a passed socket's name */
	char path[UZ_LISTEN_PATH_MAX]; /* of a unix socket that we made; "" otherwise */
	uint64_t dev, ino, mtime_ns; /* of the path: inode numbers are used again */
};

struct uz_listen_options {
	unsigned int flags;
	unsigned int mode; /* of a unix socket; 0: 0600 */
};

/*
 * Opens @address and listens. @o may be NULL. On failure @why gets a sentence that names the
 * address and the fix. -EINVAL: syntax; -EPERM: not a loopback address; -EADDRINUSE: somebody
 * answers there; -EEXIST: the path is something else than a socket; or what the system says.
 */
int uz_listen(const char *address, const struct uz_listen_options *o, struct uz_listener *out,
	      char *why, size_t why_bytes);

/* Removes the path of a unix socket that uz_listen made, if it is still that one. Closes nothing. */
void uz_listen_unlink(struct uz_listener *l);

/*
 * Sockets passed by a service manager (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), name as given
 * there, at most @nr_max. The variables are removed. How many (0: none were passed), or -EINVAL:
 * a number is malformed or there are too many; -ENOTSOCK: one is not a listening stream socket.
 */
int uz_listen_inherited(struct uz_listener *out, unsigned int nr_max, char *why, size_t why_bytes);

#endif
