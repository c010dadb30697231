/* SPDX-License-Identifier: MIT */
/* The commands of the control socket. */
#ifndef UZ_APP_CONTROL_COMMANDS_H
#define UZ_APP_CONTROL_COMMANDS_H

#include "control.h"

struct uz_control_command {
	const char *name;
	enum { UZ_DISK_NONE, UZ_DISK_NEW, UZ_DISK_OPTIONAL, UZ_DISK_REQUIRED } disk;
	enum { UZ_TAKES_NO_OPTIONS, UZ_TAKES_DISK_OPTIONS, UZ_TAKES_RAM, UZ_TAKES_OWN } options;
	const char *keys; /* besides options, separated by blanks */
	int (*run)(struct uz_request *r, struct uz_error *e);
};

/* For messages: what set and create take, and what server does. */
#define UZ_DISK_OPTION_NAMES \
	"pool codec level dict checksum size mem-limit recompress backing " \
	"backing-format writeback-idle writeback-limit read-only"
#define UZ_SERVER_OPTION_NAMES "ram return"

/* A bool in the request; false when it is not there. */
int uz__control_flag(struct uz_request *r, const char *key, bool *value, struct uz_error *e);

int uz__control_contig_alloc(struct uz_request *r, struct uz_error *e);
int uz__control_contig_free(struct uz_request *r, struct uz_error *e);
int uz__control_contig_stat(struct uz_request *r, struct uz_error *e);

/* A row without a name ends. */
extern const struct uz_control_command uz__control_commands[];

#endif
