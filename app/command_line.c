/* SPDX-License-Identifier: MIT */
/*
 * A command line taken apart after the table of options. Names are matched whole: an option that
 * is added later cannot change what a script means.
 */
#include "command.h"
#include "nearest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
	struct uz_command_line *cl;
	char **argv;
	int at, argc;
	bool only_args; /* after "--" */
};

static int add_disk(struct uz_command_line *cl, const char *name, struct uz_error *e)
{
	int err = uz__disk_name_check(name, "--name", e);
	struct uz_section *disk;

	for (unsigned int i = 0; !err && i < cl->nr_disks; i++)
		if (!strcmp(cl->disk[i].name, name))
			err = uz__error(e, EINVAL, "--name %s: the name is given twice", name);
	if (err)
		return err;
	if (cl->nr_disks == UZ_DISK_MAX)
		return uz__error(e, EINVAL, "--name %s: a server has at most %d disks", name,
				 UZ_DISK_MAX);
	disk = reallocarray(cl->disk, cl->nr_disks + 1, sizeof(*disk));
	if (!disk)
		return uz__error(e, ENOMEM, "out of memory");
	cl->disk = disk;
	memset(&disk[cl->nr_disks], 0, sizeof(*disk));
	memcpy(disk[cl->nr_disks++].name, name, strlen(name) + 1);
	return 0;
}

static bool takes_keys(const struct uz_command_line *cl)
{
	return strstr(uz__commands[cl->command].args, "=") != NULL;
}

static int set(struct uz_command_line *cl, enum uz_option_id id, const char *text,
	       struct uz_error *e)
{
	const struct uz_option *o = &uz__options[id];
	struct uz_section *s = cl->nr_disks ? &cl->disk[cl->nr_disks - 1] : &cl->server;
	char where[40];

	snprintf(where, sizeof(where), "--%s", o->name);
	if (!(o->commands >> cl->command & 1) && takes_keys(cl) && o->scope == UZ_SCOPE_DISK)
		return uz__error(e, EINVAL, "'uzram %s' has no %s: write it as %s=%s",
				 uz__commands[cl->command].name, where, o->name, text);
	if (!(o->commands >> cl->command & 1))
		return uz__error(e, EINVAL, "%s does not belong to 'uzram %s'; see 'uzram help %s'",
				 where, uz__commands[cl->command].name,
				 uz__commands[cl->command].name);
	if (id == OPT_NAME)
		return add_disk(cl, text, e);
	if (o->scope == UZ_SCOPE_CLIENT || id == OPT_DUMP_CONFIG)
		s = &cl->server;
	else if (o->scope == UZ_SCOPE_SERVER && cl->nr_disks && id != OPT_RAM)
		return uz__error(
			e, EINVAL,
			"%s belongs to the server, not to disk %s: write it before the first --name",
			where, s->name);
	return uz__option_set(s, id, where, text, e);
}

static int unknown(const struct cursor *c, const char *text, struct uz_error *e)
{
	const char *command = uz__commands[c->cl->command].name;

	return uz__error(e, EINVAL, "no option '%s'; see 'uzram help %s'", text, command);
}

/* @name: of it, without dashes and value. */
static int unknown_name(const struct cursor *c, const char *text, const char *name,
			struct uz_error *e)
{
	struct uz_nearest n = { .word = name };

	for (int i = 0; i < OPT_NR; i++)
		if (uz__options[i].commands >> c->cl->command & 1)
			uz__option_try(&n, (enum uz_option_id)i);
	if (!n.best)
		return unknown(c, text, e);
	return uz__error(e, EINVAL, "no option '%s'; did you mean --%s? See 'uzram help %s'", text,
			 n.best, uz__commands[c->cl->command].name);
}

/* @value: what stands behind '=', or NULL. */
static int option(struct cursor *c, enum uz_option_id id, const char *value, struct uz_error *e)
{
	const struct uz_option *o = &uz__options[id];

	if (!o->arg)
		return set(c->cl, id, value ? value : "yes", e);
	if (!value && c->at == c->argc)
		return uz__error(e, EINVAL, "--%s needs a value: --%s %s", o->name, o->name,
				 o->arg);
	return set(c->cl, id, value ? value : c->argv[c->at++], e);
}

static int long_option(struct cursor *c, const char *text, struct uz_error *e)
{
	const char *equals = strchr(text, '=');
	char name[40];
	int n = snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - text - 2) : 100,
			 text + 2);
	enum uz_option_id id = n < (int)sizeof(name) ? uz__option_find(name) : OPT_NR;

	if (id == OPT_NR)
		return unknown_name(c, text, name, e);
	return option(c, id, equals ? equals + 1 : NULL, e);
}

/* -n, -nb, -o LIST, -oLIST */
static int short_options(struct cursor *c, const char *text, struct uz_error *e)
{
	for (const char *s = text + 1; *s; s++) {
		enum uz_option_id id = uz__option_letter(*s);
		int err;

		if (id == OPT_NR)
			return unknown(c, text, e);
		if (uz__options[id].arg)
			return option(c, id, s[1] ? s + 1 : NULL, e);
		err = option(c, id, NULL, e);
		if (err)
			return err;
	}
	return 0;
}

/* NAME=VALUE with the name of an option that the command has. */
static bool is_option(const struct cursor *c, const char *text)
{
	const char *equals = strchr(text, '=');
	char name[40] = "";
	enum uz_option_id id;

	if (equals && (size_t)(equals - text) < sizeof(name))
		memcpy(name, text, (size_t)(equals - text));
	id = uz__option_find(name);
	return id != OPT_NR && uz__options[id].commands >> c->cl->command & 1;
}

static int argument(struct cursor *c, const char *text, struct uz_error *e)
{
	const struct uz_command *command = &uz__commands[c->cl->command];

	if (c->cl->nr_args == command->args_max && is_option(c, text))
		return uz__error(e, EINVAL, "'%s' is no argument of 'uzram %s': write it as --%s",
				 text, command->name, text);
	if (c->cl->nr_args == command->args_max)
		return uz__error(e, EINVAL, "'%s' is one argument too many: uzram %s%s%s", text,
				 command->name, *command->args ? " " : "", command->args);
	c->cl->arg[c->cl->nr_args++] = text;
	c->cl->nr_words += !c->only_args;
	return 0;
}

static int word(struct cursor *c, struct uz_error *e)
{
	const char *text = c->argv[c->at++];

	if (c->only_args || text[0] != '-' || !text[1])
		return argument(c, text, e);
	if (text[1] != '-')
		return short_options(c, text, e);
	if (text[2])
		return long_option(c, text, e);
	c->only_args = true;
	return 0;
}

static int find_command(struct uz_command_line *cl, const char *name, struct uz_error *e)
{
	if (!strcmp(name, "--help") || !strcmp(name, "-h"))
		name = "help";
	if (!strcmp(name, "--version") || !strcmp(name, "-V"))
		name = "version";
	for (int i = 0; i < UZ_CMD_NR; i++) {
		cl->command = (enum uz_command_id)i;
		if (!strcmp(name, uz__commands[i].name))
			return 0;
	}
	if (name[0] == '-')
		return uz__error(
			e, EINVAL,
			"the command comes before '%s': uzram COMMAND [arguments] [options]; "
			"'uzram help' lists what there is",
			name);
	return uz__no_command(name, e);
}

int uz__command_line_parse(struct uz_command_line *cl, int argc, char **argv, struct uz_error *e)
{
	struct cursor c = { .cl = cl, .argv = argv, .at = 2, .argc = argc };
	const struct uz_command *command;
	int err;

	memset(cl, 0, sizeof(*cl));
	if (argc < 2)
		return uz__error(e, EINVAL, "no command; 'uzram help' lists what there is");
	err = find_command(cl, argv[1], e);
	while (!err && c.at < argc)
		err = word(&c, e);
	command = &uz__commands[cl->command];
	if (!err && !cl->server.value[OPT_HELP] && cl->nr_args < command->args_min)
		err = uz__error(e, EINVAL, "an argument is missing: uzram %s %s", command->name,
				command->args);
	return err;
}

void uz__command_line_fini(struct uz_command_line *cl)
{
	uz__section_fini(&cl->server);
	for (unsigned int i = 0; i < cl->nr_disks; i++)
		uz__section_fini(&cl->disk[i]);
	free(cl->disk);
	cl->disk = NULL;
	cl->nr_disks = 0;
}
