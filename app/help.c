/* SPDX-License-Identifier: MIT */
/* Help and version, from the tables. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <uz/host.h>

#include "list.h"
#include "madvise.h"
#include "measure.h"
#include "nearest.h"

#define WIDTH 78
#define INDENT 8

/* Words of @text, indented and broken at WIDTH. */
static void wrapped(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column && column + 1 + n > WIDTH) {
			putchar('\n');
			column = 0;
		}
		column += (size_t)(column ? printf(" ") : printf("%*s", INDENT, ""));
		column += (size_t)printf("%.*s", (int)n, text);
		text += n;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static void option(const struct uz_option *o)
{
	printf("  ");
	if (o->letter)
		printf("-%c, ", o->letter);
	printf("--%s%s%s\n", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
	wrapped(o->help);
	if (o->arg && o->fallback)
		printf("%*sdefault: %s\n", INDENT, "", o->fallback);
}

static void overview(void)
{
	printf("usage: uzram COMMAND [arguments] [options]\n\n"
	       "A RAM disk that compresses what is written to it, in an ordinary process.\n\n");
	for (int i = 0; i < UZ_CMD_NR; i++) {
		printf("  %s%s%s\n", uz__commands[i].name, *uz__commands[i].args ? " " : "",
		       uz__commands[i].args);
		wrapped(uz__commands[i].help);
	}
	printf("\n'uzram help COMMAND' shows the options of one command. Exit status: 0 done, 1 failed,\n"
	       "2 usage. First steps:\n\n"
	       "  uzram serve --size 4G --ram 1G --nbd unix:disk.sock\n"
	       "  nbdinfo 'nbd+unix:///?socket=disk.sock'\n");
}

void uz__help_print(const struct uz_command *command)
{
	uint32_t bit;

	if (!command) {
		overview();
		return;
	}
	bit = 1u << (command - uz__commands);
	printf("usage: uzram %s%s%s\n\n", command->name, *command->args ? " " : "", command->args);
	wrapped(command->help);
	printf("\n");
	for (int i = 0; i < OPT_NR; i++)
		if (uz__options[i].commands & bit)
			option(&uz__options[i]);
	if (command == &uz__commands[UZ_CMD_LIST])
		uz__list_help();
	if (command == &uz__commands[UZ_CMD_MEASURE])
		uz__measure_table_help();
	if (command == &uz__commands[UZ_CMD_MADVISE_BENCH])
		uz__madvise_table_help();
}

int uz__no_command(const char *name, struct uz_error *e)
{
	struct uz_nearest n = { .word = name };

	for (int i = 0; i < UZ_CMD_NR; i++)
		uz__nearest_try(&n, uz__commands[i].name);
	return uz__error(e, EINVAL, "no command '%s'; %s%s%s'uzram help' lists what there is", name,
			 n.best ? "did you mean " : "", n.best ? n.best : "", n.best ? "? " : "");
}

int uz__cmd_help(const struct uz_command_line *cl, struct uz_error *e)
{
	if (!cl->nr_args) {
		uz__help_print(NULL);
		return 0;
	}
	for (int i = 0; i < UZ_CMD_NR; i++)
		if (!strcmp(cl->arg[0], uz__commands[i].name)) {
			uz__help_print(&uz__commands[i]);
			return 0;
		}
	return uz__no_command(cl->arg[0], e);
}

int uz__cmd_version(const struct uz_command_line *cl, struct uz_error *e)
{
	const char *name;

	(void)cl, (void)e;
	printf("uzram %s\npools:", UZ_VERSION);
	for (unsigned int i = 0; (name = uz_host_pool_name(i)); i++)
		printf(" %s", name);
	printf("\ncodecs:");
	for (unsigned int i = 0; (name = uz_host_codec_name(i)); i++)
		printf(" %s", name);
	printf("\n");
	return 0;
}
