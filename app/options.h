/* SPDX-License-Identifier: MIT */
/*
 * The one table of options. It feeds the command line, the configuration file, `set` and
 * `create` over the control socket, --help, --dump-config, the manual page's check and the shell's
 * completion. A value is checked where it is set and kept as canonical text.
 */
#ifndef UZ_APP_OPTIONS_H
#define UZ_APP_OPTIONS_H

#include "error.h"
#include "nearest.h"

#include <stdbool.h>
#include <stdint.h>
#include <uz/store.h>

#define UZ_SERVER_SECTION "uzram" /* of a configuration file */
#define UZ_NO_BACKING "none" /* as a backing's path: without one */

enum uz_option_id {
	OPT_NAME,
	OPT_SIZE,
	OPT_RAM,
	OPT_MEM_LIMIT,
	OPT_POOL,
	OPT_CODEC,
	OPT_LEVEL,
	OPT_DICT,
	OPT_CHECKSUM,
	OPT_RECOMPRESS,
	OPT_BACKING,
	OPT_BACKING_FORMAT,
	OPT_WRITEBACK_IDLE,
	OPT_WRITEBACK_LIMIT,
	OPT_READ_ONLY,
	OPT_REGION,
	OPT_NBD,
	OPT_LISTEN_INSECURE,
	OPT_SOCKET_MODE,
	OPT_MEMORY,
	OPT_MEMFD,
	OPT_PRIVATE,
	OPT_RETURN,
	OPT_CONTROL,
	OPT_CONFIG,
	OPT_DUMP_CONFIG,
	OPT_PID_FILE,
	OPT_EXIT_WITH_PARENT,
	OPT_OUTPUT,
	OPT_OUTPUT_ALL,
	OPT_NOHEADINGS,
	OPT_RAW,
	OPT_BYTES,
	OPT_JSON,
	OPT_SYSFS,
	OPT_LATENCY,
	OPT_METRICS_FILE,
	OPT_SCATTER,
	OPT_DEADLINE,
	OPT_POOLS,
	OPT_CODECS,
	OPT_PID,
	OPT_SAMPLE,
	OPT_METHODS,
	OPT_BACKINGS,
	OPT_PIECES,
	OPT_THREADS,
	OPT_FOOTPRINT,
	OPT_REPEATS,
	OPT_CGROUP,
	OPT_FROM,
	OPT_COMPARE,
	OPT_PLOT,
	OPT_HELP,
	OPT_NR,
};

/* What others call it, for whoever comes from there. Only files take these words. */
struct uz_synonym {
	const char *word;
	enum uz_option_id id;
	bool file; /* taken there */
	bool mib; /* a size without a unit is in MiB there */
};

/* A row without a word ends. */
extern const struct uz_synonym uz__synonyms[];

enum uz_option_kind {
	UZ_KIND_FLAG, /* yes or no; no argument on the command line but --flag=no */
	UZ_KIND_TEXT,
	UZ_KIND_NAME,
	UZ_KIND_SIZE,
	UZ_KIND_CODEC, /* also sets level and dict */
	UZ_KIND_LEVEL,
	UZ_KIND_RECOMPRESS,
	UZ_KIND_SECONDS,
	UZ_KIND_LIMIT, /* a size, or off */
	UZ_KIND_DEADLINE, /* 50ms */
	UZ_KIND_REGION, /* may be repeated: lines; so may ENDPOINT */
	UZ_KIND_ENDPOINT,
	UZ_KIND_MODE,
	UZ_KIND_RETURN, /* auto, eager or lazy */
};

/* Whom a value belongs to. DISK options before the first --name are defaults for all disks. */
enum uz_option_scope { UZ_SCOPE_DISK, UZ_SCOPE_SERVER, UZ_SCOPE_CLIENT };

struct uz_option {
	const char *name;
	char letter; /* 0: none */
	enum uz_option_kind kind;
	enum uz_option_scope scope;
	uint32_t commands; /* bit i: command i of uz__commands takes it */
	const char *arg; /* as --help shows it, NULL for flags */
	const char *fallback; /* what holds when it is not given; NULL: nothing, or worked out */
	const char *help;
};

extern const struct uz_option uz__options[OPT_NR];

/* The options of one disk, or of the server and the defaults for its disks (no name). */
struct uz_section {
	char name[UZ_DISK_NAME_MAX];
	char *value[OPT_NR]; /* canonical text, NULL: not given */
};

void uz__section_fini(struct uz_section *s);

/* '_' may be typed for '-'. */
bool uz__option_name_is(const char *name, const char *typed);
/* The option of that long name, OPT_NR: none. */
/* Tries the option's name, also for who typed what others call it. */
void uz__option_try(struct uz_nearest *n, enum uz_option_id id);
enum uz_option_id uz__option_find(const char *name);
enum uz_option_id uz__option_letter(char letter);

/*
 * Checks @text and keeps it. @where says in messages what it is ("--size", "uzram.conf:3: size").
 * In a section with a name, ram means mem-limit.
 */
int uz__option_set(struct uz_section *s, enum uz_option_id id, const char *where, const char *text,
		   struct uz_error *e);

/* The value that holds for disk @s, from itself, the defaults of @server, or the table; or NULL. */
const char *uz__option_value(const struct uz_section *s, const struct uz_section *server,
			     enum uz_option_id id);

/* -EINVAL when both were given: the second would be without effect. */
int uz__options_exclude(const struct uz_section *s, enum uz_option_id a, enum uz_option_id b,
			struct uz_error *e);

/* A whole number from 1 to @max, of an option whose text the table does not check. 0 or -EINVAL. */
int uz__option_count(const struct uz_section *s, enum uz_option_id id, unsigned int max,
		     unsigned int *n, struct uz_error *e);

/* For RETURN values; and back. */
enum uz_return_policy uz__option_return(const char *text);
const char *uz__return_name(enum uz_return_policy policy);
/* -EINVAL: memory of that kind does not go back so. */
int uz__return_check(enum uz_return_policy policy, bool private, const char *where,
		     struct uz_error *e);

/* For FLAG values. */
bool uz__option_is_on(const struct uz_section *s, const struct uz_section *server,
		      enum uz_option_id id);

/* @bytes of @text, at most @max, are what disks and regions may be called. */
bool uz__is_name(const char *text, size_t bytes, size_t max);
int uz__disk_name_check(const char *name, const char *where, struct uz_error *e);

#endif
