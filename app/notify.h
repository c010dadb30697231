/* SPDX-License-Identifier: MIT */
/* What systemd wants from a service, by plain sockets: no library. */
#ifndef UZ_APP_NOTIFY_H
#define UZ_APP_NOTIFY_H

#include <stdbool.h>

#define UZ_PASSED_MAX 16

/* A listening socket that systemd (or anybody) passed by LISTEN_FDS. */
struct uz_passed {
	int fd;
	bool control; /* its name in LISTEN_FDNAMES is "control"; any other is for NBD */
};

/* Tells the service manager, if there is one: "READY=1". */
void uz__notify(const char *state);

/* The sockets passed to this process; the variables are unset. How many. */
unsigned int uz__passed_sockets(struct uz_passed out[UZ_PASSED_MAX]);

#endif
