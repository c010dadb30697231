/* SPDX-License-Identifier: MIT */
/*
 * Requests: checked whole before anything is done, so that a wrong key changes nothing. Who may
 * connect may do everything; still nothing in a request can do harm beyond what it asks for.
 */
#include "control.h"

#include "cleanup.h"
#include "control_commands.h"

#include <errno.h>
#include <string.h>

#include <uz/errno_name.h>

#define TEXT_MAX 2048

static int value_text(const struct uz_json *j, uint32_t token, char *text, struct uz_error *e,
		      const char *key)
{
	int err = 0;

	if (j->token[token].type == UZ_JSON_BOOL)
		snprintf(text, TEXT_MAX, "%s", uz__json_is_true(j, token) ? "yes" : "no");
	else
		err = uz__json_copy(j, token, text, TEXT_MAX);
	if (err)
		return uz__error(e, EINVAL,
				 "'%s' is neither a text of at most %d bytes, a number nor a bool",
				 key, TEXT_MAX - 1);
	return 0;
}

static bool takes_option(const struct uz_control_command *c, const char *key, enum uz_option_id id)
{
	if (c->options == UZ_TAKES_RAM || c->options == UZ_TAKES_OWN)
		return id == OPT_RAM || (id == OPT_RETURN && c->options == UZ_TAKES_OWN);
	return c->options == UZ_TAKES_DISK_OPTIONS && id != OPT_NR && id != OPT_NAME && key[0] &&
	       uz__options[id].commands >> UZ_CMD_CREATE & 1 &&
	       uz__options[id].scope != UZ_SCOPE_CLIENT && id != OPT_CONTROL;
}

static bool is_listed(const char *list, const char *key)
{
	size_t n = strlen(key);

	for (const char *s = list; (s = strstr(s, key)); s += n)
		if ((s == list || s[-1] == ' ') && (s[n] == ' ' || !s[n]) && n)
			return true;
	return false;
}

static int take_key(struct uz_request *r, const struct uz_control_command *c, uint32_t key,
		    struct uz_error *e)
{
	char name[40], text[TEXT_MAX];
	enum uz_option_id id;
	int err = uz__json_copy(&r->json, key, name, sizeof(name));

	if (err)
		return uz__error(e, EINVAL, "a key is longer than %zu bytes", sizeof(name) - 1);
	if (uz__json_get(&r->json, 0, name) != key + 1)
		return uz__error(e, EINVAL, "'%s' is given twice", name);
	if (is_listed("uzram cmd", name) || is_listed(c->keys, name))
		return 0;
	id = uz__option_find(name);
	if (!takes_option(c, name, id))
		return uz__error(e, EINVAL, "%s has no '%s'; it takes %s%s", c->name, name,
				 c->options   ? ""
				 : c->keys[0] ? c->keys
					      : "nothing",
				 c->options == UZ_TAKES_RAM	       ? "ram"
				 : c->options == UZ_TAKES_OWN	       ? UZ_SERVER_OPTION_NAMES
				 : c->options == UZ_TAKES_DISK_OPTIONS ? UZ_DISK_OPTION_NAMES
								       : "");
	err = value_text(&r->json, key + 1, text, e, name);
	return err ? err : uz__option_set(&r->values, id, name, text, e);
}

static int take_keys(struct uz_request *r, const struct uz_control_command *c, struct uz_error *e)
{
	const struct uz_json_token *t = r->json.token;
	int err = 0;

	for (uint32_t i = 1; !err && i < t[0].next; i = t[i + 1].next)
		err = take_key(r, c, i, e);
	return err;
}

static int take_disk(struct uz_request *r, const struct uz_control_command *c, struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, "disk");
	char name[UZ_DISK_NAME_MAX], names[256];

	if (c->disk == UZ_DISK_NONE || (!token && c->disk == UZ_DISK_OPTIONAL))
		return 0;
	if (!token)
		return uz__error(e, EINVAL, "%s needs a disk", c->name);
	if (uz__json_copy(&r->json, token, name, sizeof(name)) || !name[0])
		return uz__error(e, EINVAL, "'disk' is not the name of a disk");
	memcpy(r->values.name, name, sizeof(name));
	if (c->disk == UZ_DISK_NEW)
		return uz__disk_name_check(name, "disk", e);
	r->disk = uz__disks_get(&r->server->disks, name);
	if (r->disk)
		return 0;
	uz__disks_names(&r->server->disks, names, sizeof(names));
	return uz__error(e, ENOENT, "no disk '%s'; there %s%s", name,
			 names[0] ? "are: " : "is none", names);
}

static int take_dict(struct uz_request *r, struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, "dict_fd");
	uint64_t i;

	if (!token)
		return 0;
	if (!uz__json_u64(&r->json, token, &i) || i >= UZ_WIRE_FDS)
		return uz__error(e, EINVAL,
				 "'dict_fd' is not the number of a descriptor sent along (0)");
	r->dict_fd = uz__wire_claim(r->wire, (unsigned int)i);
	if (r->dict_fd < 0)
		return uz__error(e, EINVAL, "'dict_fd' is %u, but no such descriptor came along",
				 (unsigned int)i);
	return 0;
}

static int find_command(struct uz_request *r, const struct uz_control_command **c,
			struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, "cmd");
	char name[40];
	uint64_t version;

	if (!uz__json_u64(&r->json, uz__json_get(&r->json, 0, "uzram"), &version))
		return uz__error(e, EINVAL,
				 "no protocol version: a request starts with {\"uzram\":%d",
				 UZ_CONTROL_VERSION);
	if (version != UZ_CONTROL_VERSION)
		return uz__error(e, EPROTONOSUPPORT,
				 "protocol version %llu is not known; this server speaks %d",
				 (unsigned long long)version, UZ_CONTROL_VERSION);
	if (!token || uz__json_copy(&r->json, token, name, sizeof(name)))
		return uz__error(e, EINVAL, "no command: 'cmd' is missing");
	for (*c = uz__control_commands; (*c)->name; (*c)++)
		if (!strcmp((*c)->name, name))
			return 0;
	return uz__error(e, EINVAL, "no command '%s'", name);
}

static int handle(struct uz_request *r, struct uz_error *e)
{
	const struct uz_control_command *c = NULL;
	int err;

	if (r->json.token[0].type != UZ_JSON_OBJECT)
		return uz__error(e, EINVAL, "a request is a JSON object");
	err = find_command(r, &c, e);
	if (!err && c->disk == UZ_DISK_NEW)
		err = take_disk(r, c, e);
	if (!err)
		err = take_keys(r, c, e);
	if (!err)
		err = take_dict(r, e);
	if (!err && c->disk != UZ_DISK_NEW)
		err = take_disk(r, c, e);
	return err ? err : c->run(r, e);
}

static int parse(struct uz_request *r, const char *line, size_t bytes, struct uz_json_token *token,
		 struct uz_error *e)
{
	size_t at;
	int err = uz__json_parse(&r->json, line, bytes, token, UZ_CONTROL_TOKENS, &at);

	if (err == -E2BIG)
		return uz__error(e, E2BIG, "the request has more than %d values",
				 UZ_CONTROL_TOKENS);
	return err ? uz__error(e, EINVAL, "the request is not JSON: look at byte %zu", at + 1) : 0;
}

static void print_error(struct uz_json_out *o, const struct uz_error *e)
{
	const char *name = uz_errno_name(e->code);

	uz__json_open(o, NULL, '{');
	uz__json_put_bool(o, "ok", false);
	uz__json_put_text(o, "error", e->text);
	uz__json_put_text(o, "errno", name ? name : "EIO");
	uz__json_close(o, '}');
}

int uz__control_refuse(const struct uz_error *e, char **answer, size_t *answer_bytes)
{
	struct uz_json_out o = { .f = open_memstream(answer, answer_bytes) };

	if (!o.f)
		return -ENOMEM;
	print_error(&o, e);
	putc('\n', o.f);
	return fclose(o.f) ? -ENOMEM : 0;
}

int uz__control_answer(struct uz_server *s, struct uz_wire *w, const char *line, size_t bytes,
		       char **answer, size_t *answer_bytes)
{
	struct uz_json_token token[UZ_CONTROL_TOKENS];
	struct uz_request r = { .server = s, .wire = w, .dict_fd = -1 };
	struct uz_error e = { .code = 0 };
	int err;

	r.out.f = open_memstream(answer, answer_bytes);
	if (!r.out.f)
		return -ENOMEM;
	uz__json_open(&r.out, NULL, '{');
	uz__json_put_bool(&r.out, "ok", true);
	uz__json_put_u64(&r.out, "uzram", UZ_CONTROL_VERSION);
	err = parse(&r, line, bytes, token, &e);
	if (!err)
		err = handle(&r, &e);
	if (r.disk)
		uz__disks_put(&s->disks, r.disk);
	uz__close_fd(&r.dict_fd);
	uz__section_fini(&r.values);
	uz__json_close(&r.out, '}');
	putc('\n', r.out.f);
	if (fclose(r.out.f))
		return -ENOMEM;
	if (!err)
		return 0;
	free(*answer);
	return uz__control_refuse(&e, answer, answer_bytes);
}
