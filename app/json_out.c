/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <inttypes.h>
#include <string.h>

/* What is not UTF-8 (a path may be anything) becomes question marks. */
static void quoted(FILE *f, const char *text)
{
	size_t left = strlen(text), n;

	putc('"', f);
	for (const char *s = text; left; s += n, left -= n) {
		n = uz__utf8_bytes(s, left);
		if (n == 0)
			putc('?', f);
		else if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			fprintf(f, "\\u%04x", (unsigned char)*s);
		else
			fwrite(s, 1, n, f);
		n += n == 0;
	}
	putc('"', f);
}

static void begin(struct uz_json_out *o, const char *key)
{
	if (o->comma)
		putc(',', o->f);
	o->comma = true;
	if (key) {
		quoted(o->f, key);
		putc(':', o->f);
	}
}

void uz__json_open(struct uz_json_out *o, const char *key, char bracket)
{
	begin(o, key);
	putc(bracket, o->f);
	o->comma = false;
}

void uz__json_close(struct uz_json_out *o, char bracket)
{
	putc(bracket, o->f);
	o->comma = true;
}

void uz__json_put_u64(struct uz_json_out *o, const char *key, uint64_t value)
{
	begin(o, key);
	fprintf(o->f, "%" PRIu64, value);
}

void uz__json_put_i64(struct uz_json_out *o, const char *key, int64_t value)
{
	begin(o, key);
	fprintf(o->f, "%" PRId64, value);
}

void uz__json_put_bool(struct uz_json_out *o, const char *key, bool value)
{
	begin(o, key);
	fputs(value ? "true" : "false", o->f);
}

void uz__json_put_text(struct uz_json_out *o, const char *key, const char *text)
{
	begin(o, key);
	quoted(o->f, text);
}
