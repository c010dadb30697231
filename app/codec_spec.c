/* SPDX-License-Identifier: MIT */
#include "codec_spec.h"

#include "size.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_S_DEFAULT 60
#define MIN_BYTES_DEFAULT 1
#define CPU_PERCENT_DEFAULT 10

int uz__number_parse(const char *text, int64_t min, int64_t max, int64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return errno || end == text || *end || *value < min || *value > max ? -EINVAL : 0;
}

static int set_text(char *to, size_t bytes, const char *text, const char *what, const char *where,
		    struct uz_error *e)
{
	if (!*text)
		return uz__error(e, EINVAL, "%s: %s is empty", where, what);
	if (strlen(text) >= bytes)
		return uz__error(e, EINVAL, "%s: %s is longer than %zu bytes", where, what,
				 bytes - 1);
	memcpy(to, text, strlen(text) + 1);
	return 0;
}

static int set_number(uint32_t *to, int64_t min, int64_t max, const char *key, const char *text,
		      const char *where, struct uz_error *e)
{
	int64_t n;

	if (uz__number_parse(text, min, max, &n))
		return uz__error(e, EINVAL, "%s: %s=%s: it is a number from %lld to %lld", where,
				 key, text, (long long)min, (long long)max);
	*to = (uint32_t)n;
	return 0;
}

static int set_min(uint32_t *to, const char *key, const char *text, const char *where,
		   struct uz_error *e)
{
	uint64_t bytes;

	if (uz__size_parse(text, 0, &bytes) || bytes > UZ_PAGE_SIZE)
		return uz__error(e, EINVAL, "%s: %s=%s: it is a number of bytes from 0 to %u",
				 where, key, text, UZ_PAGE_SIZE);
	*to = (uint32_t)bytes;
	return 0;
}

static int codec_key(struct uz_codec_spec *s, const char *key, const char *value, const char *where,
		     struct uz_error *e)
{
	int64_t level;

	if (!strcmp(key, "dict"))
		return set_text(s->dict, sizeof(s->dict), value, "dict=", where, e);
	if (strcmp(key, "level"))
		return -ENOENT;
	if (uz__number_parse(value, INT32_MIN + 1, INT32_MAX, &level))
		return uz__error(e, EINVAL, "%s: level=%s is not a whole number", where, value);
	s->level = (int32_t)level;
	return 0;
}

/* The kernel's words for which pages. */
static int set_type(struct uz_recompress_spec *s, const char *text, const char *where,
		    struct uz_error *e)
{
	bool huge = !strcmp(text, "huge") || !strcmp(text, "huge_idle");

	if (!huge && strcmp(text, "idle") != 0)
		return uz__error(e, EINVAL, "%s: type=%s: it is idle, huge or huge_idle", where,
				 text);
	s->idle_s = !strcmp(text, "huge") ? 0 : IDLE_S_DEFAULT;
	s->min_bytes = huge ? UZ_PAGE_SIZE : MIN_BYTES_DEFAULT;
	return 0;
}

static int recompress_key(struct uz_recompress_spec *s, const char *key, const char *value,
			  const char *where, struct uz_error *e)
{
	if (!strcmp(key, "idle"))
		return set_number(&s->idle_s, 0, UINT32_MAX, key, value, where, e);
	if (!strcmp(key, "min") || !strcmp(key, "threshold"))
		return set_min(&s->min_bytes, key, value, where, e);
	if (!strcmp(key, "type"))
		return set_type(s, value, where, e);
	if (!strcmp(key, "cpu"))
		return set_number(&s->cpu_percent, 1, 100, key, value, where, e);
	return codec_key(&s->codec, key, value, where, e);
}

/* NAME(KEY=VALUE,...) becomes NAME:KEY=VALUE,... */
static int open_parens(char *text, const char *where, struct uz_error *e)
{
	char *open = strchr(text, '('), *close = strchr(text, ')');

	if (!open && !close)
		return 0;
	if (!open || !close || close < open || close[1])
		return uz__error(e, EINVAL, "%s: '%s' is not NAME(KEY=VALUE,...)", where, text);
	*close = 0;
	*open = open[1] ? ':' : 0;
	return 0;
}

/* The kernel's default is a variant of lzo, with the same speed and ratio but for runs of zeros. */
static const char *name_here(const char *name)
{
	return strcmp(name, "lzo-rle") ? name : "lzo";
}

/* Without @r only the keys of a codec are known. */
static int parse(struct uz_codec_spec *s, struct uz_recompress_spec *r, const char *text,
		 const char *where, struct uz_error *e)
{
	char copy[UZ_CODEC_SPEC_TEXT], *rest = copy, *item, *value;
	int err;

	*s = (struct uz_codec_spec){ .level = UZ_LEVEL_DEFAULT };
	err = set_text(copy, sizeof(copy), text, "the value", where, e);
	if (!err)
		err = open_parens(copy, where, e);
	if (err)
		return err;
	item = copy + strcspn(copy, ":,");
	rest = *item ? item + 1 : NULL;
	*item = 0;
	err = set_text(s->name, sizeof(s->name), name_here(copy), "the codec's name", where, e);
	while (!err && (item = strsep(&rest, ",:"))) {
		value = strchr(item, '=');
		if (!value)
			return uz__error(e, EINVAL, "%s: '%s' is not KEY=VALUE, such as level=3",
					 where, item);
		*value++ = 0;
		err = r ? recompress_key(r, item, value, where, e)
			: codec_key(s, item, value, where, e);
		if (err == -ENOENT)
			return uz__error(e, EINVAL,
					 "%s: no parameter '%s'; there are level, dict%s", where,
					 item, r ? ", idle, min, cpu" : "");
	}
	return err;
}

static void append(char *text, const char *first, const char *more, size_t bytes)
{
	size_t n = strlen(text);

	snprintf(text + n, UZ_CODEC_SPEC_TEXT - n, "%s%.*s", first, (int)bytes, more);
}

/* One more word of the list: a second codec, or parameters of recompression for it. */
static int add_word(char *second, const char *word, const char *where, struct uz_error *e)
{
	size_t n = strlen(word);

	if (*word == '(' && word[n - 1] == ')' && *second) {
		if (n > 2)
			append(second, strchr(second, ':') ? "," : ":", word + 1, n - 2);
		return 0;
	}
	if (*word == '(' || *second)
		return uz__error(e, EINVAL,
				 "%s: '%s': it is one codec, a second one for recompression, and "
				 "then its (KEY=VALUE,...)",
				 where, word);
	append(second, "", word, n);
	return open_parens(second, where, e);
}

int uz__codec_list_split(char *text, char second[UZ_CODEC_SPEC_TEXT], const char *where,
			 struct uz_error *e)
{
	char *rest = text, *word = strsep(&rest, " \t");
	int err = 0;

	*second = 0;
	while (!err && (word = strsep(&rest, " \t")))
		if (*word)
			err = add_word(second, word, where, e);
	return err;
}

int uz__codec_spec_parse(struct uz_codec_spec *s, const char *text, const char *where,
			 struct uz_error *e)
{
	return parse(s, NULL, text, where, e);
}

int uz__recompress_spec_parse(struct uz_recompress_spec *s, const char *text, const char *where,
			      struct uz_error *e)
{
	*s = (struct uz_recompress_spec){
		.on = true,
		.idle_s = IDLE_S_DEFAULT,
		.min_bytes = MIN_BYTES_DEFAULT,
		.cpu_percent = CPU_PERCENT_DEFAULT,
	};
	if (!strcmp(text, "off") || !strcmp(text, "no")) {
		s->on = false;
		return 0;
	}
	return parse(&s->codec, s, text, where, e);
}

void uz__codec_spec_print(const struct uz_codec_spec *s, char text[UZ_CODEC_SPEC_TEXT])
{
	char level[24] = "";

	if (s->level != UZ_LEVEL_DEFAULT)
		snprintf(level, sizeof(level), ":level=%d", s->level);
	snprintf(text, UZ_CODEC_SPEC_TEXT, "%s%s%s%s", s->name, level, s->dict[0] ? ",dict=" : "",
		 s->dict);
}

void uz__recompress_spec_print(const struct uz_recompress_spec *s, char text[UZ_CODEC_SPEC_TEXT])
{
	size_t n;

	if (!s->on) {
		snprintf(text, UZ_CODEC_SPEC_TEXT, "off");
		return;
	}
	uz__codec_spec_print(&s->codec, text);
	n = strlen(text);
	snprintf(text + n, UZ_CODEC_SPEC_TEXT - n, ",idle=%u,min=%u,cpu=%u", s->idle_s,
		 s->min_bytes, s->cpu_percent);
}
