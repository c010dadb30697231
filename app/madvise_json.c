/* SPDX-License-Identifier: MIT */
/*
 * The report as JSON and back. One table has the texts and numbers of the head, so that writer
 * and reader agree. A file is believed only as far as it goes: names that this program does not
 * know, figures out of order and rows given twice are errors that name the row.
 */
#include "json.h"

#include "cleanup.h"
#include "madvise.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <uz/bits.h>

#define FORMAT 1
#define FILE_BYTES_MAX ((off_t)16 << 20)

#define FIELD(name) \
	{ \
#name, offsetof(struct uz_madvise_report, name), SIZE(name) \
	}
#define SIZE(name) sizeof(((struct uz_madvise_report *)0)->name)

static const struct {
	const char *key;
	size_t offset, bytes;
} texts[] = { FIELD(date), FIELD(kernel),     FIELD(machine),  FIELD(cpu),
	      FIELD(thp),  FIELD(thp_defrag), FIELD(thp_shmem) },
  numbers[] = { FIELD(cpus), FIELD(page_bytes), FIELD(swap_bytes), FIELD(footprint_bytes),
		FIELD(repeats) };

#define NR(array) (sizeof(array) / sizeof(*(array)))

static const char *const spread_suffixes[] = { "", "_min", "_max" };

static uint64_t *part_of(struct uz_madvise_spread *s, size_t i)
{
	return i == 0 ? &s->median : i == 1 ? &s->min : &s->max;
}

static void key_of(char key[32], int phase, size_t part)
{
	snprintf(key, 32, "%s_ps%s", uz__madvise_phases[phase], spread_suffixes[part]);
}

/* The hog has figures only where there was one. */
static bool has_phase(const struct uz_madvise_row *row, int phase)
{
	return row->cell.pressure || phase != UZ_MADVISE_HOG;
}

static void put_figures(struct uz_json_out *o, const struct uz_madvise_row *row)
{
	char key[32];

	for (int p = 0; p < UZ_MADVISE_PHASE_NR; p++) {
		struct uz_madvise_spread s = row->ps[p];

		for (size_t i = 0; has_phase(row, p) && i < NR(spread_suffixes); i++) {
			key_of(key, p, i);
			uz__json_put_u64(o, key, *part_of(&s, i));
		}
	}
	uz__json_put_u64(o, "freed_permille", row->freed);
	uz__json_put_u64(o, "lazy_permille", row->lazy);
	uz__json_put_u64(o, "unmapped_permille", row->unmapped);
	uz__json_put_u64(o, "disturbed", row->disturbed);
	uz__json_put_text(o, "frees", uz__madvise_verdict(row));
}

static void put_row(struct uz_json_out *o, const struct uz_madvise_row *row)
{
	const struct uz_madvise_cell *c = &row->cell;

	uz__json_open(o, NULL, '{');
	uz__json_put_text(o, "backing", uz__madvise_backings[c->backing]);
	uz__json_put_text(o, "method", uz__madvise_methods[c->method]);
	uz__json_put_u64(o, "piece_bytes", c->piece_bytes);
	uz__json_put_u64(o, "threads", c->threads);
	uz__json_put_bool(o, "pressure", c->pressure);
	if (row->reason[0])
		uz__json_put_text(o, "reason", row->reason);
	else
		put_figures(o, row);
	uz__json_close(o, '}');
}

void uz__madvise_json_put(const struct uz_madvise_report *r, FILE *f)
{
	struct uz_json_out o = { .f = f };

	uz__json_open(&o, NULL, '{');
	uz__json_put_text(&o, "tool", "uzram madvise-bench");
	uz__json_put_u64(&o, "format", FORMAT);
	for (size_t i = 0; i < NR(texts); i++)
		uz__json_put_text(&o, texts[i].key, (const char *)r + texts[i].offset);
	for (size_t i = 0; i < NR(numbers); i++)
		uz__json_put_u64(
			&o, numbers[i].key,
			*(const uint64_t *)(const void *)((const char *)r + numbers[i].offset));
	uz__json_open(&o, "rows", '[');
	for (size_t i = 0; i < r->nr; i++) {
		fputs(i ? "" : "\n", f);
		put_row(&o, &r->row[i]);
		fputs(i + 1 < r->nr ? "\n" : "", f);
	}
	uz__json_close(&o, ']');
	uz__json_close(&o, '}');
	fputs("\n", f);
}

/* What is read, and where: for messages. */
struct source {
	struct uz_json json;
	const char *path;
	size_t row; /* from 1; 0: the head */
	struct uz_error *e;
};

static int broken(const struct source *s, const char *key)
{
	if (s->row)
		return uz__error(s->e, EBADMSG, "%s: row %zu: %s is missing or wrong", s->path,
				 s->row, key);
	return uz__error(s->e, EBADMSG,
			 "%s: %s is missing or wrong: it has to be what 'uzram madvise-bench "
			 "--json' printed",
			 s->path, key);
}

static int get_u64(const struct source *s, uint32_t object, const char *key, uint64_t max,
		   uint64_t *value)
{
	if (!uz__json_u64(&s->json, uz__json_get(&s->json, object, key), value) || *value > max)
		return broken(s, key);
	return 0;
}

static int get_share(const struct source *s, uint32_t object, const char *key, uint32_t *share)
{
	uint64_t value = 0;
	int err = get_u64(s, object, key, 1000, &value);

	*share = (uint32_t)value;
	return err;
}

static int get_text(const struct source *s, uint32_t object, const char *key, char *text,
		    size_t bytes)
{
	uint32_t token = uz__json_get(&s->json, object, key);

	if (!token || s->json.token[token].type != UZ_JSON_STRING ||
	    uz__json_copy(&s->json, token, text, bytes))
		return broken(s, key);
	return 0;
}

static int get_name(const struct source *s, uint32_t object, const char *key,
		    const char *const *names, int *index)
{
	char text[32];
	int err = get_text(s, object, key, text, sizeof(text));

	for (int i = 0; !err && names[i]; i++)
		if (!strcmp(names[i], text)) {
			*index = i;
			return 0;
		}
	return err ? err : broken(s, key);
}

static int get_spread(const struct source *s, uint32_t object, int phase,
		      struct uz_madvise_spread *spread)
{
	char key[32];
	int err = 0;

	for (size_t i = 0; !err && i < NR(spread_suffixes); i++) {
		key_of(key, phase, i);
		err = get_u64(s, object, key, INT64_MAX / 1000, part_of(spread, i));
	}
	if (!err && (spread->min > spread->median || spread->median > spread->max))
		return broken(s, uz__madvise_phases[phase]);
	return err;
}

static int get_figures(const struct source *s, uint32_t object, struct uz_madvise_row *row)
{
	int err = 0;

	for (int p = 0; !err && p < UZ_MADVISE_PHASE_NR; p++)
		if (has_phase(row, p))
			err = get_spread(s, object, p, &row->ps[p]);
	if (!err)
		err = get_u64(s, object, "disturbed", UZ_MADVISE_REPEATS_MAX, &row->disturbed);
	if (!err)
		err = get_share(s, object, "freed_permille", &row->freed);
	if (!err)
		err = get_share(s, object, "lazy_permille", &row->lazy);
	return err ? err : get_share(s, object, "unmapped_permille", &row->unmapped);
}

static int get_cell(const struct source *s, uint32_t object, struct uz_madvise_cell *c)
{
	uint32_t pressure = uz__json_get(&s->json, object, "pressure");
	uint64_t threads = 0;
	int backing = 0, method = 0;
	int err = get_name(s, object, "backing", uz__madvise_backings, &backing);

	if (!err)
		err = get_name(s, object, "method", uz__madvise_methods, &method);
	if (!err)
		err = get_u64(s, object, "piece_bytes", INT64_MAX, &c->piece_bytes);
	if (!err)
		err = get_u64(s, object, "threads", UZ_MADVISE_THREADS_MAX, &threads);
	if (!err && (!pressure || s->json.token[pressure].type != UZ_JSON_BOOL))
		err = broken(s, "pressure");
	c->backing = (enum uz_madvise_backing)backing;
	c->method = (enum uz_madvise_method)method;
	c->threads = (unsigned int)threads;
	c->pressure = !err && uz__json_is_true(&s->json, pressure);
	return err ? err : threads ? 0 : broken(s, "threads");
}

static int get_row(const struct source *s, uint32_t object, struct uz_madvise_row *row)
{
	int err = get_cell(s, object, &row->cell);

	if (err)
		return err;
	if (!uz__json_get(&s->json, object, "reason"))
		return get_figures(s, object, row);
	err = get_text(s, object, "reason", row->reason, sizeof(row->reason));
	return err ? err : row->reason[0] ? 0 : broken(s, "reason");
}

static int get_rows(struct source *s, struct uz_madvise_report *r)
{
	const struct uz_json *j = &s->json;
	uint32_t list = uz__json_get(j, 0, "rows");
	int err = 0;

	if (!list || j->token[list].type != UZ_JSON_ARRAY)
		return broken(s, "rows");
	r->row = calloc(j->token[list].next - list, sizeof(*r->row));
	if (!r->row)
		return uz__error(s->e, ENOMEM, "out of memory");
	for (uint32_t t = list + 1; !err && t < j->token[list].next; t = j->token[t].next) {
		s->row = r->nr + 1;
		err = get_row(s, t, &r->row[r->nr]);
		for (size_t i = 0; !err && i < r->nr; i++)
			if (uz__madvise_same_cell(&r->row[i].cell, &r->row[r->nr].cell))
				err = uz__error(s->e, EBADMSG, "%s: rows %zu and %zu are the same",
						s->path, i + 1, s->row);
		r->nr++;
	}
	return err;
}

static int get_report(struct source *s, struct uz_madvise_report *r)
{
	char tool[32];
	uint64_t format = 0;
	int err = get_text(s, 0, "tool", tool, sizeof(tool));

	if (!err && strcmp(tool, "uzram madvise-bench"))
		err = broken(s, "tool");
	if (!err)
		err = get_u64(s, 0, "format", FORMAT, &format);
	if (!err && format != FORMAT)
		err = broken(s, "format");
	for (size_t i = 0; !err && i < NR(texts); i++)
		err = get_text(s, 0, texts[i].key, (char *)r + texts[i].offset, texts[i].bytes);
	for (size_t i = 0; !err && i < NR(numbers); i++)
		err = get_u64(s, 0, numbers[i].key, INT64_MAX,
			      (uint64_t *)(void *)((char *)r + numbers[i].offset));
	return err ? err : get_rows(s, r);
}

static int read_file(const char *path, char **text, size_t *bytes, struct uz_error *e)
{
	UZ_FCLOSE FILE *f = fopen(path, "re");
	struct stat st;

	if (!f || fstat(fileno(f), &st))
		return uz__error(e, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX)
		return uz__error(e, EBADMSG, "%s: it is not a file of at most 16M", path);
	*text = malloc((size_t)st.st_size + 1);
	if (!*text)
		return uz__error(e, ENOMEM, "out of memory");
	*bytes = fread(*text, 1, (size_t)st.st_size, f);
	if (ferror(f))
		return uz__error(e, EIO, "%s: it cannot be read", path);
	return 0;
}

/* A token is at least one character, and at least one stands between two of them. */
int uz__madvise_json_read(struct uz_madvise_report *r, const char *path, struct uz_error *e)
{
	UZ_FREE char *text = NULL;
	UZ_FREE struct uz_json_token *token = NULL;
	struct source s = { .path = path, .e = e };
	size_t bytes = 0, at;
	int err = read_file(path, &text, &bytes, e);

	memset(r, 0, sizeof(*r));
	if (err)
		return err;
	token = calloc(bytes / 2 + 1, sizeof(*token));
	if (!token)
		return uz__error(e, ENOMEM, "out of memory");
	if (uz__json_parse(&s.json, text, bytes, token, (uint32_t)(bytes / 2 + 1), &at))
		return uz__error(e, EBADMSG, "%s: it is not JSON from byte %zu on", path, at);
	return get_report(&s, r);
}
