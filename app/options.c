/* SPDX-License-Identifier: MIT */
/*
 * Values of options: checked and made canonical where they are set, whatever they came from, so
 * that nothing later has to doubt them and --dump-config can print them.
 */
#include "options.h"

#include "cleanup.h"
#include "codec_spec.h"
#include "endpoint.h"
#include "grant.h"
#include "region_spec.h"
#include "size.h"

#include <errno.h>
#include <string.h>
#include <uz/host.h>

void uz__section_fini(struct uz_section *s)
{
	for (int i = 0; i < OPT_NR; i++)
		free(s->value[i]);
	memset(s, 0, sizeof(*s));
}

bool uz__option_name_is(const char *name, const char *typed)
{
	for (; *name && *typed; name++, typed++)
		if (*name != *typed && !(*name == '-' && *typed == '_'))
			return false;
	return *name == *typed;
}

enum uz_option_id uz__option_find(const char *name)
{
	for (int i = 0; i < OPT_NR; i++)
		if (uz__option_name_is(uz__options[i].name, name))
			return (enum uz_option_id)i;
	return OPT_NR;
}

void uz__option_try(struct uz_nearest *n, enum uz_option_id id)
{
	for (const struct uz_synonym *s = uz__synonyms; s->word; s++)
		if (s->id == id && !strcmp(s->word, n->word))
			*n = (struct uz_nearest){ .word = n->word, .best = uz__options[id].name };
	uz__nearest_try(n, uz__options[id].name);
}

enum uz_option_id uz__option_letter(char letter)
{
	for (int i = 0; i < OPT_NR; i++)
		if (letter && uz__options[i].letter == letter)
			return (enum uz_option_id)i;
	return OPT_NR;
}

bool uz__is_name(const char *text, size_t bytes, size_t max)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	return bytes && bytes <= max && strspn(text, allowed) >= bytes && text[0] != '-';
}

int uz__disk_name_check(const char *name, const char *where, struct uz_error *e)
{
	if (!uz__is_name(name, strlen(name), UZ_DISK_NAME_MAX - 1))
		return uz__error(
			e, EINVAL,
			"%s: '%s' is not a disk name: use 1 to %d of the letters A-Z a-z 0-9 . _ -",
			where, name, UZ_DISK_NAME_MAX - 1);
	if (!strcmp(name, UZ_SERVER_SECTION))
		return uz__error(e, EINVAL,
				 "%s: '%s' is what configuration files call the server: choose "
				 "another name for the disk",
				 where, name);
	return 0;
}

static int keep(struct uz_section *s, enum uz_option_id id, const char *text, struct uz_error *e)
{
	char *copy = strdup(text);

	if (!copy)
		return uz__error(e, ENOMEM, "out of memory");
	free(s->value[id]);
	s->value[id] = copy;
	return 0;
}

static int set_flag(struct uz_section *s, enum uz_option_id id, const char *where, const char *text,
		    struct uz_error *e)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (int i = 0; i < 4; i++) {
		if (!strcasecmp(text, yes[i]))
			return keep(s, id, "yes", e);
		if (!strcasecmp(text, no[i]))
			return keep(s, id, "no", e);
	}
	return uz__error(e, EINVAL, "%s: '%s' is neither yes nor no", where, text);
}

static int check_size(enum uz_option_id id, const char *where, uint64_t bytes, struct uz_error *e)
{
	char text[UZ_SIZE_TEXT];

	if (id != OPT_MEM_LIMIT && id != OPT_WRITEBACK_LIMIT && bytes == 0)
		return uz__error(e, EINVAL, "%s: the %s must be more than 0", where,
				 id == OPT_RAM ? "RAM budget" : "disk size");
	if (id == OPT_SIZE && bytes > UZ_DISK_SIZE_MAX)
		return uz__error(e, EINVAL, "%s: the disk size is more than the largest, %s", where,
				 uz__size_exact(UZ_DISK_SIZE_MAX, text));
	return 0;
}

static int set_size(struct uz_section *s, enum uz_option_id id, const char *where, const char *text,
		    struct uz_error *e)
{
	char exact[UZ_SIZE_TEXT];
	uint64_t bytes;
	int err;

	if (uz__size_parse(text, uz_host_ram_bytes(), &bytes))
		return uz__error(e, EINVAL, "%s: '%s' is not a size: " UZ_SIZE_SYNTAX, where, text);
	err = check_size(id, where, bytes, e);
	if (err)
		return err;
	if (id == OPT_SIZE)
		bytes = UZ_ALIGN_UP(bytes, (uint64_t)UZ_PAGE_SIZE);
	return keep(s, id, uz__size_exact(bytes, exact), e);
}

static int set_level(struct uz_section *s, enum uz_option_id id, const char *where,
		     const char *text, struct uz_error *e)
{
	int64_t level;

	if (uz__number_parse(text, INT32_MIN + 1, INT32_MAX, &level))
		return uz__error(e, EINVAL, "%s: '%s' is not a whole number", where, text);
	return keep(s, id, text, e);
}

static int set_seconds(struct uz_section *s, enum uz_option_id id, const char *where,
		       const char *text, struct uz_error *e)
{
	int64_t seconds;

	if (uz__number_parse(text, 0, UINT32_MAX, &seconds))
		return uz__error(e, EINVAL,
				 "%s: '%s' is not a number of seconds from 0 (off) to %u", where,
				 text, UINT32_MAX);
	return keep(s, id, text, e);
}

static int set_deadline(struct uz_section *s, enum uz_option_id id, const char *where,
			const char *text, struct uz_error *e)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t unit = !strcmp(text + digits, "ms") ? 1 : !strcmp(text + digits, "s") ? 1000 : 0;
	uint64_t ms = digits && digits < 6 ? strtoul(text, NULL, 10) * unit : 0;
	char canonical[24];

	if (ms < 1 || ms > UZ_DEADLINE_MS_MAX)
		return uz__error(e, EINVAL,
				 "%s: '%s' is not a time from 1ms to %ds: write 50ms or 2s", where,
				 text, UZ_DEADLINE_MS_MAX / 1000);
	snprintf(canonical, sizeof(canonical), "%ums", (unsigned int)ms);
	return keep(s, id, canonical, e);
}

static int set_limit(struct uz_section *s, enum uz_option_id id, const char *where,
		     const char *text, struct uz_error *e)
{
	return strcmp(text, "off") ? set_size(s, id, where, text, e) : keep(s, id, text, e);
}

static int set_recompress(struct uz_section *s, enum uz_option_id id, const char *where,
			  const char *text, struct uz_error *e)
{
	struct uz_recompress_spec spec;
	char canonical[UZ_CODEC_SPEC_TEXT];
	int err = uz__recompress_spec_parse(&spec, text, where, e);

	if (err)
		return err;
	uz__recompress_spec_print(&spec, canonical);
	return keep(s, id, canonical, e);
}

/* Also a list, of which the second codec is for recompression. */
static int set_codec(struct uz_section *s, enum uz_option_id id, const char *where,
		     const char *text, struct uz_error *e)
{
	char second[UZ_CODEC_SPEC_TEXT], level[16];
	UZ_FREE char *first = strdup(text);
	struct uz_codec_spec spec = { .level = UZ_LEVEL_DEFAULT };
	int err = first ? uz__codec_list_split(first, second, where, e) : -ENOMEM;

	if (!err)
		err = uz__codec_spec_parse(&spec, first, where, e);
	if (!err && *second)
		err = set_recompress(s, OPT_RECOMPRESS, where, second, e);
	if (!err)
		err = keep(s, id, spec.name, e);
	if (!err && spec.level != UZ_LEVEL_DEFAULT) {
		snprintf(level, sizeof(level), "%d", spec.level);
		err = keep(s, OPT_LEVEL, level, e);
	}
	if (!err && spec.dict[0])
		err = keep(s, OPT_DICT, spec.dict, e);
	return err;
}

static int add_line(struct uz_section *s, enum uz_option_id id, const char *text,
		    struct uz_error *e)
{
	UZ_FREE char *lines = NULL;

	if (!s->value[id])
		return keep(s, id, text, e);
	if (asprintf(&lines, "%s\n%s", s->value[id], text) < 0) {
		lines = NULL;
		return uz__error(e, ENOMEM, "out of memory");
	}
	return keep(s, id, lines, e);
}

static bool has_line(const char *lines, const char *text)
{
	size_t n = strlen(text);

	for (const char *s = lines; s; s = strchr(s, '\n')) {
		s += *s == '\n';
		if (!strncmp(s, text, n) && (!s[n] || s[n] == '\n'))
			return true;
	}
	return false;
}

static int add_endpoint(struct uz_section *s, enum uz_option_id id, const char *where,
			const char *text, struct uz_error *e)
{
	int err = uz__endpoint_check(text, where, e);

	if (!err && has_line(s->value[id], text))
		err = uz__error(e, EINVAL, "%s: '%s' is given twice", where, text);
	return err ? err : add_line(s, id, text, e);
}

static int add_region(struct uz_section *s, enum uz_option_id id, const char *where,
		      const char *text, struct uz_error *e)
{
	struct uz_region_spec spec;
	char canonical[UZ_REGION_SPEC_TEXT];
	int err = uz__region_spec_parse(&spec, text, where, e);

	if (!err)
		err = uz__region_spec_add(s->value[id], &spec, where, e);
	if (err)
		return err;
	uz__region_spec_print(&spec, canonical);
	return add_line(s, id, canonical, e);
}

static int set_mode(struct uz_section *s, enum uz_option_id id, const char *where, const char *text,
		    struct uz_error *e)
{
	size_t n = strspn(text, "01234567");
	unsigned long mode = strtoul(text, NULL, 8);

	if (n == 0 || n > 4 || text[n] || !mode || mode > 0777)
		return uz__error(e, EINVAL, "%s: '%s' is not an octal mode such as 0660", where,
				 text);
	return keep(s, id, text, e);
}

static const char *const returns[] = { "auto", "eager", "lazy" };

enum uz_return_policy uz__option_return(const char *text)
{
	int i = 2;

	while (i > 0 && strcmp(text, returns[i]))
		i--;
	return (enum uz_return_policy)i;
}

const char *uz__return_name(enum uz_return_policy policy)
{
	return returns[policy];
}

int uz__return_check(enum uz_return_policy policy, bool private, const char *where,
		     struct uz_error *e)
{
	if (private || policy != UZ_RETURN_LAZY)
		return 0;
	return uz__error(
		e, EINVAL,
		"%s lazy: only private memory can go back lazily: start with --private, or "
		"choose eager or auto",
		where);
}

static int set_return(struct uz_section *s, enum uz_option_id id, const char *where,
		      const char *text, struct uz_error *e)
{
	if (strcmp(text, returns[uz__option_return(text)]))
		return uz__error(e, EINVAL, "%s: '%s' is not one of auto, eager, lazy", where,
				 text);
	return keep(s, id, text, e);
}

static int set_text(struct uz_section *s, enum uz_option_id id, const char *where, const char *text,
		    struct uz_error *e)
{
	if (!*text || strchr(text, '\n'))
		return uz__error(e, EINVAL, "%s: it is empty or more than one line", where);
	return keep(s, id, text, e);
}

static int set_name(struct uz_section *s, enum uz_option_id id, const char *where, const char *text,
		    struct uz_error *e)
{
	int err = uz__disk_name_check(text, where, e);

	return err ? err : keep(s, id, text, e);
}

int uz__option_set(struct uz_section *s, enum uz_option_id id, const char *where, const char *text,
		   struct uz_error *e)
{
	static int (*const set[])(struct uz_section *, enum uz_option_id, const char *,
				  const char *, struct uz_error *) = {
		[UZ_KIND_FLAG] = set_flag,
		[UZ_KIND_TEXT] = set_text,
		[UZ_KIND_NAME] = set_name,
		[UZ_KIND_SIZE] = set_size,
		[UZ_KIND_CODEC] = set_codec,
		[UZ_KIND_LEVEL] = set_level,
		[UZ_KIND_RECOMPRESS] = set_recompress,
		[UZ_KIND_SECONDS] = set_seconds,
		[UZ_KIND_LIMIT] = set_limit,
		[UZ_KIND_DEADLINE] = set_deadline,
		[UZ_KIND_REGION] = add_region,
		[UZ_KIND_ENDPOINT] = add_endpoint,
		[UZ_KIND_MODE] = set_mode,
		[UZ_KIND_RETURN] = set_return,
	};

	if (id == OPT_RAM && s->name[0])
		id = OPT_MEM_LIMIT;
	return set[uz__options[id].kind](s, id, where, text, e);
}

/* A disk that names its own codec does not take the level and dictionary of the default one. */
const char *uz__option_value(const struct uz_section *s, const struct uz_section *server,
			     enum uz_option_id id)
{
	bool own_codec = s && s->value[OPT_CODEC] && (id == OPT_LEVEL || id == OPT_DICT);

	if (s && s->value[id])
		return s->value[id];
	if (server && server->value[id] && !own_codec)
		return server->value[id];
	return uz__options[id].fallback;
}

int uz__option_count(const struct uz_section *s, enum uz_option_id id, unsigned int max,
		     unsigned int *n, struct uz_error *e)
{
	const char *text = uz__option_value(NULL, s, id);
	int64_t value;

	if (uz__number_parse(text, 1, max, &value))
		return uz__error(e, EINVAL, "--%s: '%s' is not a number from 1 to %u",
				 uz__options[id].name, text, max);
	*n = (unsigned int)value;
	return 0;
}

bool uz__option_is_on(const struct uz_section *s, const struct uz_section *server,
		      enum uz_option_id id)
{
	const char *value = uz__option_value(s, server, id);

	return value && !strcmp(value, "yes");
}

static bool is_asked(const struct uz_section *s, enum uz_option_id id)
{
	return s->value[id] && strcmp(s->value[id], "no") != 0;
}

int uz__options_exclude(const struct uz_section *s, enum uz_option_id a, enum uz_option_id b,
			struct uz_error *e)
{
	if (!is_asked(s, a) || !is_asked(s, b))
		return 0;
	return uz__error(e, EINVAL, "--%s and --%s exclude each other: give one",
			 uz__options[a].name, uz__options[b].name);
}
