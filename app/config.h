/* SPDX-License-Identifier: MIT */
/* What the server is to do: the configuration file, with the command line over it. */
#ifndef UZ_APP_CONFIG_H
#define UZ_APP_CONFIG_H

#include "codec_spec.h"
#include "command.h"

#include <stdio.h>

#define UZ_CONFIG_FILE "/etc/uzram.conf"

struct uz_config {
	struct uz_section server; /* and defaults for disks */
	struct uz_section *disk;
	unsigned int nr_disks;
	bool implied; /* nobody named a disk: the one here is the default */
};

/* Option values of one disk, typed. */
struct uz_disk_config {
	const char *name, *pool; /* pool NULL: the default one; texts of the section */
	uint64_t size_bytes, mem_limit_bytes;
	struct uz_codec_spec codec;
	struct uz_recompress_spec recompress;
	bool checksum, read_only;
};

/* Reads the file (if any) and lays @cl over it. @c is to be ended in both cases. */
int uz__config_load(struct uz_config *c, const struct uz_command_line *cl, struct uz_error *e);
void uz__config_fini(struct uz_config *c);

/* Adds the sections of a file; missing disks are appended. "FILE:LINE: ..." on error. */
int uz__ini_read(struct uz_config *c, const char *path, struct uz_error *e);

/* The section of that name, appended if there is none. NULL: no memory. */
struct uz_section *uz__config_disk(struct uz_config *c, const char *name);

/* As a file that reads back to the same. */
void uz__config_dump(const struct uz_config *c, FILE *f);

/* The RAM budget: given, or worked out from disks and regions. */
uint64_t uz__config_ram(const struct uz_config *c);

/* Values were checked when they were set, so this cannot fail. */
void uz__disk_config(const struct uz_section *server, const struct uz_section *disk,
		     struct uz_disk_config *out);

/* Where the control socket is: --control, $UZRAM_CONTROL, $XDG_RUNTIME_DIR, /run. */
void uz__control_path(const struct uz_section *server, char *path, size_t bytes);

#endif
