/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <inttypes.h>

static void quoted(FILE *f, const char *text)
{
	putc('"', f);
	for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if (*s < 0x20)
			fprintf(f, "\\u%04x", *s);
		else
			putc(*s, f);
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
