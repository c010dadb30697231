/* SPDX-License-Identifier: MIT */
/*
 * The reader. A token is taken when its value starts and completed when it ends, so an array
 * of tokens is the tree. Nothing is decoded before uz__json_copy asks for it, but everything
 * is checked: escapes, numbers, nesting, what follows the root.
 */
#include "json.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct uz_json *j;
	const char *at, *end;
	unsigned int depth;
};

static int value(struct reader *r);

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end &&
	       (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
		r->at++;
}

static bool take(struct reader *r, char c)
{
	skip_blanks(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static struct uz_json_token *begin(struct reader *r, enum uz_json_type type)
{
	struct uz_json_token *t;

	if (r->j->nr == r->j->max)
		return NULL;
	t = &r->j->token[r->j->nr++];
	t->type = type;
	t->start = (uint32_t)(r->at - r->j->text);
	return t;
}

static int finish(struct reader *r, struct uz_json_token *t, const char *end)
{
	t->end = (uint32_t)(end - r->j->text);
	t->next = r->j->nr;
	return 0;
}

static bool is_hex4(const struct reader *r, const char *s)
{
	if (r->end - s < 4)
		return false;
	for (int i = 0; i < 4; i++)
		if (!isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

/* Shortest forms only, no surrogates, nothing above U+10FFFF. */
size_t uz__utf8_bytes(const char *s, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)*s;
	size_t n = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t c = n > 1 ? first & (0x7fu >> n) : first;

	if (n == 0 || n > left || first > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((unsigned char)s[i] & 0x3f);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

static int escape(struct reader *r)
{
	if (++r->at == r->end || !*r->at || !strchr("\"\\/bfnrtu", *r->at))
		return -EINVAL;
	return *r->at == 'u' && !is_hex4(r, r->at + 1) ? -EINVAL : 0;
}

static int string(struct reader *r)
{
	size_t n;
	struct uz_json_token *t;

	r->at++;
	t = begin(r, UZ_JSON_STRING);
	if (!t)
		return -E2BIG;
	for (; r->at < r->end && *r->at != '"'; r->at += n) {
		if (*r->at == '\\' && escape(r))
			return -EINVAL;
		n = uz__utf8_bytes(r->at, (size_t)(r->end - r->at));
		if (n == 0 || (unsigned char)*r->at < 0x20)
			return -EINVAL;
	}
	if (r->at == r->end)
		return -EINVAL;
	finish(r, t, r->at);
	r->at++;
	return 0;
}

static size_t digits(struct reader *r)
{
	const char *from = r->at;

	while (r->at < r->end && isdigit((unsigned char)*r->at))
		r->at++;
	return (size_t)(r->at - from);
}

static int number(struct reader *r)
{
	struct uz_json_token *t = begin(r, UZ_JSON_NUMBER);
	const char *first;

	if (!t)
		return -E2BIG;
	if (*r->at == '-')
		r->at++;
	first = r->at;
	if (!digits(r) || (*first == '0' && r->at - first > 1))
		return -EINVAL;
	if (r->at < r->end && *r->at == '.') {
		r->at++;
		if (!digits(r))
			return -EINVAL;
	}
	if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
		r->at++;
		if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
			r->at++;
		if (!digits(r))
			return -EINVAL;
	}
	return finish(r, t, r->at);
}

static int word(struct reader *r, const char *text, enum uz_json_type type)
{
	size_t n = strlen(text);
	struct uz_json_token *t;

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, text, n))
		return -EINVAL;
	t = begin(r, type);
	if (!t)
		return -E2BIG;
	r->at += n;
	return finish(r, t, r->at);
}

static int member(struct reader *r)
{
	int err;

	skip_blanks(r);
	if (r->at == r->end || *r->at != '"')
		return -EINVAL;
	err = string(r);
	if (err)
		return err;
	return take(r, ':') ? value(r) : -EINVAL;
}

static int container(struct reader *r, enum uz_json_type type, char close,
		     int (*item)(struct reader *))
{
	struct uz_json_token *t = begin(r, type);
	int err = 0;

	if (!t || ++r->depth > UZ_JSON_DEPTH_MAX)
		return -E2BIG;
	r->at++;
	if (!take(r, close)) {
		do
			err = item(r);
		while (!err && take(r, ','));
		if (err)
			return err;
		if (!take(r, close))
			return -EINVAL;
	}
	r->depth--;
	return finish(r, t, r->at);
}

static int value(struct reader *r)
{
	skip_blanks(r);
	if (r->at == r->end)
		return -EINVAL;
	switch (*r->at) {
	case '{':
		return container(r, UZ_JSON_OBJECT, '}', member);
	case '[':
		return container(r, UZ_JSON_ARRAY, ']', value);
	case '"':
		return string(r);
	case 't':
		return word(r, "true", UZ_JSON_BOOL);
	case 'f':
		return word(r, "false", UZ_JSON_BOOL);
	case 'n':
		return word(r, "null", UZ_JSON_NULL);
	default:
		return number(r);
	}
}

int uz__json_parse(struct uz_json *j, const char *text, size_t bytes, struct uz_json_token *token,
		   uint32_t max, size_t *at)
{
	struct reader r = { .j = j, .at = text, .end = text + bytes };
	int err;

	*j = (struct uz_json){ .text = text, .token = token, .max = max };
	*at = 0;
	if (bytes >= UINT32_MAX)
		return -E2BIG;
	err = value(&r);
	skip_blanks(&r);
	*at = (size_t)(r.at - text);
	if (!err && r.at != r.end)
		err = -EINVAL;
	return err;
}

static bool text_is(const struct uz_json *j, uint32_t token, const char *text)
{
	const struct uz_json_token *t = &j->token[token];
	size_t n = strlen(text);

	return t->end - t->start == n && !memcmp(j->text + t->start, text, n);
}

uint32_t uz__json_get(const struct uz_json *j, uint32_t object, const char *key)
{
	uint32_t end = j->token[object].next;

	if (j->token[object].type != UZ_JSON_OBJECT)
		return 0;
	for (uint32_t i = object + 1; i < end; i = j->token[i + 1].next)
		if (text_is(j, i, key))
			return i + 1;
	return 0;
}

static uint32_t hex4(const char *s)
{
	char text[5] = { s[0], s[1], s[2], s[3], 0 };

	return (uint32_t)strtoul(text, NULL, 16);
}

/* One UTF-16 escape or a pair of them; *s is at the 'u' and is left at the last digit. */
static uint32_t escaped(const char **s, const char *end)
{
	uint32_t c = hex4(*s + 1);

	*s += 4;
	if (c >= 0xd800 && c < 0xdc00 && end - *s > 6 && (*s)[1] == '\\' && (*s)[2] == 'u') {
		uint32_t low = hex4(*s + 3);

		if (low >= 0xdc00 && low < 0xe000) {
			*s += 6;
			return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return c >= 0xd800 && c < 0xe000 ? 0xfffd : c;
}

static size_t utf8(char out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static uint32_t unescape(const char **s, const char *end)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *known;

	(*s)++;
	if (**s == 'u')
		return escaped(s, end);
	known = strchr(from, **s);
	return known ? (uint32_t)to[known - from] : (uint32_t) * *s;
}

int uz__json_copy(const struct uz_json *j, uint32_t token, char *buf, size_t bytes)
{
	const struct uz_json_token *t = &j->token[token];
	const char *s = j->text + t->start, *end = j->text + t->end;
	size_t used = 0;

	if (t->type != UZ_JSON_STRING && t->type != UZ_JSON_NUMBER)
		return -EINVAL;
	for (; s < end; s++) {
		char piece[4] = { *s };
		size_t n = 1;

		if (*s == '\\')
			n = utf8(piece, unescape(&s, end));
		if (!piece[0])
			return -EINVAL;
		if (used + n >= bytes)
			return -E2BIG;
		memcpy(buf + used, piece, n);
		used += n;
	}
	buf[used] = 0;
	return 0;
}

bool uz__json_u64(const struct uz_json *j, uint32_t token, uint64_t *v)
{
	char text[24], *end;

	if (!token || j->token[token].type != UZ_JSON_NUMBER ||
	    uz__json_copy(j, token, text, sizeof(text)))
		return false;
	errno = 0;
	*v = strtoull(text, &end, 10);
	return !errno && !*end && text[0] != '-';
}

bool uz__json_is_true(const struct uz_json *j, uint32_t token)
{
	return token && j->token[token].type == UZ_JSON_BOOL && text_is(j, token, "true");
}
