/* SPDX-License-Identifier: MIT */
/*
 * The configuration file: [uzram] is the server and the defaults for disks, every other section
 * is a disk; keys are the names of options. Keys that users of zram-generator and of the kernel's
 * sysfs know are taken too; sizes under zram-generator's keys are in MiB there, so they are here.
 */
#include "cleanup.h"
#include "config.h"
#include "nearest.h"
#include "size.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <uz/host.h>

/* Keys of zram-generator that are about what is done with the block device afterwards. */
static const char *const foreign[] = { "swap-priority", "fs-type", "mount-point", "options",
				       "host-memory-limit" };

struct reader {
	struct uz_config *config;
	const char *path;
	struct uz_section *section;
	unsigned int line;
};

static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		*--end = 0;
	return s;
}

static int set_mib(struct reader *r, enum uz_option_id id, const char *where, const char *text,
		   struct uz_error *e)
{
	char exact[UZ_SIZE_TEXT];
	uint64_t bytes;

	if (uz__size_parse_mib(text, uz_host_ram_bytes(), &bytes))
		return uz__error(e, EINVAL, "%s: '%s' is not a size in MiB such as 4096 or ram / 2",
				 where, text);
	return uz__option_set(r->section, id, where, uz__size_exact(bytes, exact), e);
}

/* Whether a file may have it. */
static bool is_key(enum uz_option_id id)
{
	return id != OPT_NR && uz__options[id].scope != UZ_SCOPE_CLIENT && id != OPT_CONFIG &&
	       id != OPT_DUMP_CONFIG && id != OPT_NAME;
}

static int unknown_key(const char *where, const char *key, struct uz_error *e)
{
	struct uz_nearest n = { .word = key };

	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
		if (!strcmp(key, foreign[i]))
			return uz__error(
				e, EINVAL,
				"%s: not for uzram, which serves a disk and leaves its use to you: remove "
				"the line",
				where);
	for (int i = 0; i < OPT_NR; i++)
		if (is_key((enum uz_option_id)i))
			uz__option_try(&n, (enum uz_option_id)i);
	for (const struct uz_synonym *s = uz__synonyms; s->word; s++)
		if (s->file)
			uz__nearest_try(&n, s->word);
	return uz__error(e, EINVAL,
			 "%s: no such key%s%s; keys are the long options of 'uzram help serve'",
			 where, n.best ? ": did you mean " : "", n.best ? n.best : "");
}

static int set(struct reader *r, const char *where, const char *key, const char *text,
	       struct uz_error *e)
{
	enum uz_option_id id = uz__option_find(key);

	for (const struct uz_synonym *s = uz__synonyms; s->word; s++)
		if (s->file && !strcmp(key, s->word))
			return s->mib ? set_mib(r, s->id, where, text, e)
				      : uz__option_set(r->section, s->id, where, text, e);
	if (!is_key(id))
		return unknown_key(where, key, e);
	if (uz__options[id].scope == UZ_SCOPE_SERVER && id != OPT_RAM && r->section->name[0])
		return uz__error(e, EINVAL,
				 "%s: belongs to the server, not to disk %s: move it to [%s]",
				 where, r->section->name, UZ_SERVER_SECTION);
	return uz__option_set(r->section, id, where, text, e);
}

static int key_line(struct reader *r, char *line, struct uz_error *e)
{
	char *equals = strchr(line, '='), *key, *text, where[300];

	if (!equals)
		return uz__error(e, EINVAL, "%s:%u: '%s' is neither [SECTION] nor KEY = VALUE",
				 r->path, r->line, line);
	*equals = 0;
	key = trim(line);
	text = trim(equals + 1);
	snprintf(where, sizeof(where), "%.200s:%u: %.80s", r->path, r->line, key);
	if (!r->section)
		return uz__error(e, EINVAL, "%s: it stands before the first [SECTION]", where);
	return set(r, where, key, text, e);
}

static int section_line(struct reader *r, char *line, struct uz_error *e)
{
	char *end = strchr(line, ']'), where[300];
	int err;

	snprintf(where, sizeof(where), "%.200s:%u", r->path, r->line);
	if (!end || end[1])
		return uz__error(e, EINVAL, "%s: '%s' is not [SECTION]", where, line);
	*end = 0;
	line = trim(line + 1);
	if (!strcmp(line, UZ_SERVER_SECTION)) {
		r->section = &r->config->server;
		return 0;
	}
	err = uz__disk_name_check(line, where, e);
	if (err)
		return err;
	r->section = uz__config_disk(r->config, line);
	return r->section ? 0 : uz__error(e, ENOMEM, "%s: more than %d disks", where, UZ_DISK_MAX);
}

int uz__ini_read(struct uz_config *c, const char *path, struct uz_error *e)
{
	struct reader r = { .config = c, .path = path };
	UZ_FCLOSE FILE *f = fopen(path, "re");
	UZ_FREE char *buf = NULL;
	size_t bytes = 0;
	ssize_t n;
	int err = 0;

	if (!f)
		return uz__error(e, errno, "configuration file %s: %s", path, strerror(errno));
	while (!err && (n = getline(&buf, &bytes, f)) >= 0) {
		bool binary = strlen(buf) != (size_t)n;
		char *line = trim(buf);

		r.line++;
		if (binary)
			err = uz__error(e, EINVAL, "%s:%u: a zero byte", path, r.line);
		else if (*line == '[')
			err = section_line(&r, line, e);
		else if (*line && *line != '#' && *line != ';')
			err = key_line(&r, line, e);
	}
	if (!err && ferror(f))
		err = uz__error(e, EIO, "configuration file %s: cannot be read", path);
	return err;
}
