/* SPDX-License-Identifier: MIT */
/*
 * A strict JSON reader (RFC 8259) into the caller's array of tokens, and a writer. Our own,
 * because all that is needed is flat objects of strings and integers and a library would be
 * the program's only dependency besides the codecs; fuzzed by fuzz/control_json.c.
 */
#ifndef UZ_APP_JSON_H
#define UZ_APP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum uz_json_type {
	UZ_JSON_NULL,
	UZ_JSON_BOOL,
	UZ_JSON_NUMBER,
	UZ_JSON_STRING,
	UZ_JSON_ARRAY,
	UZ_JSON_OBJECT,
};

struct uz_json_token {
	enum uz_json_type type;
	uint32_t start, end; /* of its text; a string without its quotes */
	uint32_t next; /* the token after all that is inside */
};

/* Tokens in text order; the root is 0; an object's children are key, value, key, value... */
struct uz_json {
	const char *text;
	struct uz_json_token *token;
	uint32_t nr, max;
};

#define UZ_JSON_DEPTH_MAX 8

/* 0; -EINVAL: not JSON, *at is where; -E2BIG: more than @max tokens or deeper than allowed. */
int uz__json_parse(struct uz_json *j, const char *text, size_t bytes, struct uz_json_token *token,
		   uint32_t max, size_t *at);

/* The value of a key of an object; 0 when there is none. */
uint32_t uz__json_get(const struct uz_json *j, uint32_t object, const char *key);

/* Decodes a string or copies a number's text: 0, -EINVAL (another type, or a zero byte), -E2BIG. */
int uz__json_copy(const struct uz_json *j, uint32_t token, char *buf, size_t bytes);

bool uz__json_u64(const struct uz_json *j, uint32_t token, uint64_t *value);
bool uz__json_is_true(const struct uz_json *j, uint32_t token);

/* Bytes of the character at @s, of which @left are there; 0: not UTF-8. */
size_t uz__utf8_bytes(const char *s, size_t left);

/* Writing: values with their commas. A key of NULL is an element of an array. */
struct uz_json_out {
	FILE *f;
	bool comma;
};

void uz__json_open(struct uz_json_out *o, const char *key, char bracket);
void uz__json_close(struct uz_json_out *o, char bracket);
void uz__json_put_u64(struct uz_json_out *o, const char *key, uint64_t value);
void uz__json_put_i64(struct uz_json_out *o, const char *key, int64_t value);
void uz__json_put_bool(struct uz_json_out *o, const char *key, bool value);
void uz__json_put_text(struct uz_json_out *o, const char *key, const char *text);

#endif
