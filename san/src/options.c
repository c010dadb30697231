/* SPDX-License-Identifier: MIT */
/*
 * KMSAN_OPTIONS: name=value, separated by colons or spaces. One table; an unknown name or
 * value is one sentence that says what there is, and the program does not start, since a
 * misspelt option would otherwise be a check that silently is not made.
 */
#include "kmsan_i.h"

struct kmsan__options kmsan__options = {
	.on_error = KMSAN__CONTINUE,
	.exit_code = 86,
	.max_reports = 100,
	.dedup = 1,
	.symbolize = 1,
	.depot_mib = 256,
	.stack_depth = 8,
	.chain_depth = 7,
	.poison_heap = 1,
	.poison_free = 1,
	.large_kib = 1024,
	.lazy_kib = 4096,
	.origins = 1,
};

enum type { NUMBER, PATH, WORD };

struct option {
	const char *name;
	enum type type;
	size_t offset;
	int least, most;
};

#define NUMBER_OPTION(field, low, high) \
	{ \
#field, NUMBER, offsetof(struct kmsan__options, field), low, high \
	}
#define PATH_OPTION(field) \
	{ \
#field, PATH, offsetof(struct kmsan__options, field), 0, 0 \
	}

static const struct option options[] = {
	{ "on_error", WORD, offsetof(struct kmsan__options, on_error), 0, 2 },
	NUMBER_OPTION(exit_code, 0, 255),
	NUMBER_OPTION(max_reports, 0, 1000000),
	NUMBER_OPTION(dedup, 0, 1),
	NUMBER_OPTION(symbolize, 0, 1),
	NUMBER_OPTION(depot_mib, 1, 16384),
	NUMBER_OPTION(stack_depth, 1, KMSAN_STACK_MAX),
	NUMBER_OPTION(chain_depth, 0, 7),
	NUMBER_OPTION(poison_heap, 0, 1),
	NUMBER_OPTION(poison_free, 0, 1),
	NUMBER_OPTION(large_kib, 4, 1 << 30),
	NUMBER_OPTION(lazy_kib, 1024, 1 << 30),
	NUMBER_OPTION(origins, 0, 1),
	PATH_OPTION(log),
	PATH_OPTION(json),
};
#define NR_OPTIONS (sizeof(options) / sizeof(options[0]))

static const char *const words[] = { "continue", "exit", "abort" };

/* A piece of the text, not ended by a zero. */
struct span {
	const char *s;
	size_t n;
};

static bool is(struct span a, const char *name)
{
	return kmsan__strlen(name) == a.n && !kmsan__memcmp(a.s, name, a.n);
}

static bool is_separator(char c)
{
	return c == ':' || c == ' ' || c == '\t' || c == '\n';
}

static bool parse_number(struct span v, long *number)
{
	size_t i;

	*number = 0;
	for (i = 0; i < v.n; i++) {
		if (v.s[i] < '0' || v.s[i] > '9' || i > 9)
			return false;
		*number = *number * 10 + (v.s[i] - '0');
	}
	return v.n > 0;
}

static bool set_word(int *field, struct span v)
{
	int i;

	for (i = 0; i < 3; i++)
		if (is(v, words[i])) {
			*field = i;
			return true;
		}
	return false;
}

static bool set_path(char *field, struct span v)
{
	if (!v.n || v.n >= sizeof(kmsan__options.log))
		return false;
	kmsan__memcpy(field, v.s, v.n);
	field[v.n] = 0;
	return true;
}

static bool set_number(const struct option *o, int *field, struct span v)
{
	long number;

	if (!parse_number(v, &number) || number < o->least || number > o->most)
		return false;
	*field = (int)number;
	return true;
}

static bool set(struct kmsan__options *to, const struct option *o, struct span v)
{
	char *field = (char *)to + o->offset;

	if (o->type == PATH)
		return set_path(field, v);
	if (o->type == WORD)
		return set_word((int *)(void *)field, v);
	return set_number(o, (int *)(void *)field, v);
}

static const struct option *find(struct span name)
{
	size_t i;

	for (i = 0; i < NR_OPTIONS; i++)
		if (is(name, options[i].name))
			return &options[i];
	return NULL;
}

static const char *no_such(struct span name, char *buf, size_t size)
{
	char known[256] = "";
	size_t i, used = 0;

	for (i = 0; i < NR_OPTIONS; i++) {
		kmsan__format(known + used, sizeof(known) - used, " %s", options[i].name);
		used += kmsan__strlen(known + used);
	}
	kmsan__format(buf, size, "KMSAN_OPTIONS has no option '%.*s'; there are:%s", (int)name.n,
		      name.s, known);
	return buf;
}

static const char *bad_value(const struct option *o, struct span v, char *buf, size_t size)
{
	if (o->type == WORD)
		kmsan__format(buf, size, "KMSAN_OPTIONS: %s is continue, exit or abort, not '%.*s'",
			      o->name, (int)v.n, v.s);
	else if (o->type == PATH)
		kmsan__format(buf, size, "KMSAN_OPTIONS: %s is a path of 1 to 255 characters",
			      o->name);
	else
		kmsan__format(buf, size, "KMSAN_OPTIONS: %s is a number from %d to %d, not '%.*s'",
			      o->name, o->least, o->most, (int)v.n, v.s);
	return buf;
}

static const char *parse_one(struct kmsan__options *to, struct span pair, char *buf, size_t size)
{
	struct span name = { pair.s, 0 }, value = { NULL, 0 };
	const struct option *o;

	while (name.n < pair.n && pair.s[name.n] != '=')
		name.n++;
	o = find(name);
	if (!o)
		return no_such(name, buf, size);
	if (name.n < pair.n)
		value = (struct span){ pair.s + name.n + 1, pair.n - name.n - 1 };
	return set(to, o, value) ? NULL : bad_value(o, value, buf, size);
}

const char *kmsan__options_parse(struct kmsan__options *o, const char *text, char *buf, size_t size)
{
	const char *error = NULL;

	while (*text && !error) {
		struct span pair = { text, 0 };

		while (text[pair.n] && !is_separator(text[pair.n]))
			pair.n++;
		if (pair.n)
			error = parse_one(o, pair, buf, size);
		text += pair.n;
		while (is_separator(*text))
			text++;
	}
	return error;
}
