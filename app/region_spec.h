/* SPDX-License-Identifier: MIT */
/* NAME:SIZE[,fd=N|,path=FILE][,offset=SIZE][,policy=POLICY][,evac=SIZE][,spread], as users write it. */
#ifndef UZ_APP_REGION_SPEC_H
#define UZ_APP_REGION_SPEC_H

#include "error.h"
#include "size.h"

#include <uz/region.h>

#define UZ_WINDOW_BYTES (2ULL << 20) /* regions and their grants are multiples of it */
#define UZ_REGION_PATH_MAX 256
#define UZ_REGION_SPEC_TEXT (UZ_REGION_NAME_MAX + 3 * UZ_SIZE_TEXT + UZ_REGION_PATH_MAX + 80)
#define UZ_REGION_MEMORY_TEXT (UZ_REGION_PATH_MAX + 16)

struct uz_region_spec {
	char name[UZ_REGION_NAME_MAX];
	uint64_t bytes; /* whole arena blocks */
	enum uz_contig_policy policy;
	uint64_t evac_bytes; /* 0: the least */
	bool spread;
	int fd; /* that the server inherited, whose memory the region is on; -1: none */
	char path[UZ_REGION_PATH_MAX]; /* the same by name; "": none */
	uint64_t offset_bytes; /* where the region begins in it */
};

/* 0 or -EINVAL; @where says in the message what it is. */
int uz__region_spec_parse(struct uz_region_spec *spec, const char *text, const char *where,
			  struct uz_error *e);
/* The text that reads back to the same. */
void uz__region_spec_print(const struct uz_region_spec *spec, char text[UZ_REGION_SPEC_TEXT]);

/* Whether it is on memory that somebody else made, and how that is called. */
bool uz__region_in_place(const struct uz_region_spec *spec);
const char *uz__region_memory(const struct uz_region_spec *spec, char text[UZ_REGION_MEMORY_TEXT]);

/* "guaranteed", "gcma", "cma" */
const char *uz__policy_name(enum uz_contig_policy policy);

/* Checks @spec against the @lines that were given before, which may be NULL. */
int uz__region_spec_add(const char *lines, const struct uz_region_spec *spec, const char *where,
			struct uz_error *e);

/* Takes lines apart: the number of regions, at most UZ_REGION_MAX. They were checked before. */
unsigned int uz__region_specs(const char *lines, struct uz_region_spec spec[UZ_REGION_MAX]);

#endif
