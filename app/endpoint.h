/* SPDX-License-Identifier: MIT */
/* Addresses as users see them: unix:PATH, tcp:HOST:PORT, NBD URIs. */
#ifndef UZ_APP_ENDPOINT_H
#define UZ_APP_ENDPOINT_H

#include "error.h"

#include <stddef.h>

#define UZ_ENDPOINT_TEXT 512

/* Only the form: uz_listen does the rest. 0, or -EINVAL with a message that starts with @where. */
int uz__endpoint_check(const char *text, const char *where, struct uz_error *e);

int uz__unix_connect(const char *path, int *fd, struct uz_error *e);

/* The NBD URI of an export on a listening socket, for messages. */
void uz__endpoint_uri(int fd, const char *export_name, char *text, size_t bytes);

#endif
