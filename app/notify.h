/* SPDX-License-Identifier: MIT */
#ifndef UZ_APP_NOTIFY_H
#define UZ_APP_NOTIFY_H

/* Tells the service manager, if there is one: "READY=1". By a plain socket, no library. */
void uz__notify(const char *state);

#endif
