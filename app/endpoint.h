/* SPDX-License-Identifier: MIT */
/* Where to listen: unix:PATH or tcp:HOST:PORT. */
#ifndef UZ_APP_ENDPOINT_H
#define UZ_APP_ENDPOINT_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define UZ_ENDPOINT_TEXT 512

/* Only the form; 0 or -EINVAL with a message that starts with @where. */
int uz__endpoint_check(const char *text, const char *where, struct uz_error *e);

/*
 * A listening socket. A unix socket that nobody answers at is replaced. Without @insecure a TCP
 * address must be a loopback one.
 */
int uz__endpoint_listen(const char *text, mode_t mode, bool insecure, int *fd, struct uz_error *e);

/* The same for a plain path: the control socket. */
int uz__unix_listen(const char *path, mode_t mode, int *fd, struct uz_error *e);
int uz__unix_connect(const char *path, int *fd, struct uz_error *e);

/* The NBD URI of an export on a listening socket, for messages. */
void uz__endpoint_uri(int fd, const char *export_name, char *text, size_t bytes);

/* Removes the socket's path if it is a unix one that we bound. */
void uz__endpoint_unlink(const char *text);

#endif
