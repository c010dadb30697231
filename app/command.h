/* SPDX-License-Identifier: MIT */
/* The commands of the program, and a command line taken apart. */
#ifndef UZ_APP_COMMAND_H
#define UZ_APP_COMMAND_H

#include "options.h"

enum uz_command_id {
	UZ_CMD_SERVE,
	UZ_CMD_CREATE,
	UZ_CMD_REMOVE,
	UZ_CMD_SET,
	UZ_CMD_LIST,
	UZ_CMD_STAT,
	UZ_CMD_COMPACT,
	UZ_CMD_RECOMPRESS,
	UZ_CMD_IDLE,
	UZ_CMD_WRITEBACK,
	UZ_CMD_TRAIN,
	UZ_CMD_RESET,
	UZ_CMD_RESIZE,
	UZ_CMD_METRICS,
	UZ_CMD_TOP,
	UZ_CMD_CONTIG,
	UZ_CMD_MEASURE,
	UZ_CMD_MADVISE_BENCH,
	UZ_CMD_VERSION,
	UZ_CMD_HELP,
	UZ_CMD_NR,
};

#define UZ_ARGS_MAX 32

struct uz_command_line {
	enum uz_command_id command;
	struct uz_section server; /* and everything that is not of a disk */
	struct uz_section *disk;
	unsigned int nr_disks;
	const char *arg[UZ_ARGS_MAX];
	unsigned int nr_args;
	unsigned int nr_words; /* of them before "--" */
};

struct uz_command {
	const char *name;
	const char *args; /* as --help shows them */
	unsigned int args_min, args_max;
	const char *help;
	int (*run)(const struct uz_command_line *cl,
		   struct uz_error *e); /* 0 or -errno, @e filled */
};

extern const struct uz_command uz__commands[UZ_CMD_NR];

/* 0, or -EINVAL with @e filled. @cl is to be ended in both cases. */
int uz__command_line_parse(struct uz_command_line *cl, int argc, char **argv, struct uz_error *e);
void uz__command_line_fini(struct uz_command_line *cl);

/* There is no such command: -EINVAL. */
int uz__no_command(const char *name, struct uz_error *e);

/* Text of `uzram help` (NULL) and `uzram help COMMAND`. */
void uz__help_print(const struct uz_command *command);

int uz__cmd_serve(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_create(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_remove(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_set(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_list(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_stat(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_compact(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_recompress(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_writeback(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_idle(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_train(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_reset(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_resize(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_metrics(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_top(const struct uz_command_line *cl, struct uz_error *e);
int uz__contig_stat(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_contig(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_measure(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_madvise_bench(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_version(const struct uz_command_line *cl, struct uz_error *e);
int uz__cmd_help(const struct uz_command_line *cl, struct uz_error *e);

#endif
