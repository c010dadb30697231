/* SPDX-License-Identifier: MIT */
#include "view.h"

#include <errno.h>
#include <string.h>

static bool is_wanted(const struct uz_command_line *cl, const char *name)
{
	for (unsigned int i = 0; i < cl->nr_args; i++)
		if (!strcmp(cl->arg[i], name))
			return true;
	return cl->nr_args == 0;
}

static int check_names(const struct uz_view *v, const struct uz_command_line *cl,
		       struct uz_error *e)
{
	char name[UZ_DISK_NAME_MAX], all[512] = "";
	size_t used = 0;

	for (unsigned int n = 0; n < cl->nr_args; n++) {
		bool found = false;

		for (unsigned int i = 0; i < v->nr; i++) {
			uz__view_text(v, i, "name", name, sizeof(name));
			found = found || !strcmp(name, cl->arg[n]);
			if (n == 0 && used < sizeof(all))
				used += (size_t)snprintf(all + used, sizeof(all) - used, " %s",
							 name);
		}
		if (!found)
			return uz__error(e, ENOENT, "no disk '%s'; there %s%s", cl->arg[n],
					 v->nr ? "are:" : "is none", all);
	}
	return 0;
}

static void keep_wanted(struct uz_view *v, const struct uz_command_line *cl)
{
	char name[UZ_DISK_NAME_MAX];
	unsigned int kept = 0;

	for (unsigned int i = 0; i < v->nr; i++) {
		uz__view_text(v, i, "name", name, sizeof(name));
		if (is_wanted(cl, name))
			v->item[kept++] = v->item[i];
	}
	v->nr = kept;
}

void uz__view_list(struct uz_view *v, const char *key)
{
	const struct uz_json *j = &v->call.json;
	uint32_t list = uz__json_get(j, 0, key);

	v->nr = 0;
	if (!list || j->token[list].type != UZ_JSON_ARRAY)
		return;
	for (uint32_t t = list + 1; t < j->token[list].next && v->nr < UZ_DISK_MAX;
	     t = j->token[t].next)
		v->item[v->nr++] = t;
}

static int fetch(struct uz_view *v, const struct uz_command_line *cl, const char *line,
		 const char *key, struct uz_error *e)
{
	int err;

	v->nr = 0;
	err = uz__call_quick(&v->call, &cl->server, line, e);
	if (!err)
		uz__view_list(v, key);
	return err;
}

int uz__view_fetch(struct uz_view *v, const struct uz_command_line *cl, bool latency,
		   struct uz_error *e)
{
	static const char with[] = "{\"uzram\":1,\"cmd\":\"stat\",\"latency\":true}\n";
	static const char without[] = "{\"uzram\":1,\"cmd\":\"stat\"}\n";
	int err = fetch(v, cl, latency ? with : without, "disks", e);

	if (!err && !uz__json_get(&v->call.json, 0, "disks"))
		err = uz__error(e, EPROTO, "the server's answer is not understood");
	if (!err)
		err = check_names(v, cl, e);
	if (!err)
		keep_wanted(v, cl);
	return err;
}

int uz__view_regions(struct uz_view *v, const struct uz_command_line *cl, struct uz_error *e)
{
	return fetch(v, cl, "{\"uzram\":1,\"cmd\":\"contig-stat\"}\n", "regions", e);
}

void uz__view_fini(struct uz_view *v)
{
	uz__call_fini(&v->call);
}

uint64_t uz__view_number(const struct uz_view *v, unsigned int i, const char *key)
{
	uint64_t n = 0;

	if (!uz__json_u64(&v->call.json, uz__json_get(&v->call.json, v->item[i], key), &n))
		return 0;
	return n;
}

void uz__view_text(const struct uz_view *v, unsigned int i, const char *key, char *text,
		   size_t bytes)
{
	const struct uz_json *j = &v->call.json;
	uint32_t t = uz__json_get(j, v->item[i], key);

	text[0] = 0;
	if (t && j->token[t].type == UZ_JSON_BOOL)
		snprintf(text, bytes, "%s", uz__json_is_true(j, t) ? "yes" : "no");
	else if (t && uz__json_copy(j, t, text, bytes))
		text[0] = 0;
}
