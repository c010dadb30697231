/* SPDX-License-Identifier: MIT */
/*
 * The JSON reader on arbitrary bytes: it stays inside them, its tokens are a tree, and every text
 * that it decodes reads back the same after our writer has written it.
 */
#include <stdlib.h>
#include <string.h>

#include "../app/json.h"

#define TOKENS 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* The token after this one and all that is inside it. */
static uint32_t check_tree(const struct uz_json *j, uint32_t i, size_t size)
{
	const struct uz_json_token *t = &j->token[i];
	uint32_t end = t->next;
	bool nests = t->type == UZ_JSON_ARRAY || t->type == UZ_JSON_OBJECT;

	must(t->start <= t->end && t->end <= size && end > i && end <= j->nr);
	must(nests || end == i + 1);
	for (i++; i < end;) {
		if (t->type == UZ_JSON_OBJECT) {
			must(j->token[i].type == UZ_JSON_STRING && i + 1 < end);
			i++;
		}
		must(j->token[i].start >= t->start && j->token[i].end <= t->end);
		i = check_tree(j, i, size);
	}
	must(i == end);
	return end;
}

static void check_text(const char *text)
{
	char *written = NULL;
	size_t bytes = 0, at, room = strlen(text) + 1;
	struct uz_json_out o = { .f = open_memstream(&written, &bytes) };
	struct uz_json_token token;
	char *back = malloc(room);
	struct uz_json j;

	must(o.f && back);
	uz__json_put_text(&o, NULL, text);
	fclose(o.f);
	must(!uz__json_parse(&j, written, bytes, &token, 1, &at));
	must(!uz__json_copy(&j, 0, back, room) && !strcmp(back, text));
	free(back);
	free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct uz_json_token token[TOKENS];
	char *text = malloc(size + 1), *buf = malloc(size + 1);
	struct uz_json j;
	uint64_t number;
	size_t at;
	int err;

	must(text && buf);
	memcpy(text, data, size);
	text[size] = 'x';
	err = uz__json_parse(&j, text, size, token, TOKENS, &at);
	must(at <= size);
	if (!err) {
		must(check_tree(&j, 0, size) == j.nr);
		uz__json_get(&j, 0, "disk");
		for (uint32_t i = 0; i < j.nr; i++) {
			uz__json_u64(&j, i, &number);
			if (!uz__json_copy(&j, i, buf, size + 1) && token[i].type == UZ_JSON_STRING)
				check_text(buf);
		}
	}
	free(buf);
	free(text);
	return 0;
}
