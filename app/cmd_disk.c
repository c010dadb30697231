/* SPDX-License-Identifier: MIT */
/* Commands that change a disk: each is one request of the control socket. */
#include "cleanup.h"
#include "command.h"
#include "control.h"
#include "nearest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

struct message {
	struct uz_message request;
	int dict_fd;
};

static int begin(struct message *m, const char *command, const char *disk, struct uz_error *e)
{
	int err = uz__message_begin(&m->request, command, e);

	m->dict_fd = -1;
	if (!err && disk)
		uz__json_put_text(&m->request.out, "disk", disk);
	return err;
}

/* Sends it; *number gets the answer's @key if there is one. Ends @m. */
static int finish(struct message *m, const struct uz_command_line *cl, const char *key,
		  uint64_t *number, struct uz_error *e)
{
	struct uz_call call;
	int err;

	if (m->dict_fd >= 0)
		uz__json_put_u64(&m->request.out, "dict_fd", 0);
	err = uz__message_send(&m->request, &call, &cl->server, &m->dict_fd, m->dict_fd >= 0, e);
	if (!err && key)
		uz__json_u64(&call.json, uz__json_get(&call.json, 0, key), number);
	uz__call_fini(&call);
	uz__close_fd(&m->dict_fd);
	return err;
}

static int give_up(struct message *m, int err)
{
	uz__message_drop(&m->request);
	uz__close_fd(&m->dict_fd);
	return err;
}

/* The server may not see our files, so a dictionary goes along as a descriptor. */
static int put_dict(struct message *m, const char *path, struct uz_error *e)
{
	uz__close_fd(&m->dict_fd);
	if (!strcmp(path, UZ_NO_DICT)) {
		uz__json_put_text(&m->request.out, "dict", path);
		return 0;
	}
	m->dict_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (m->dict_fd < 0)
		return uz__error(e, EINVAL, "dictionary %s: %s", path, strerror(errno));
	uz__json_put_text(&m->request.out, "dict", path);
	return 0;
}

/* The server runs in another folder. */
static void put_path(struct message *m, const char *key, const char *path)
{
	bool as_it_is = *path == '/' || !strcmp(path, UZ_NO_BACKING);
	UZ_FREE char *cwd = as_it_is ? NULL : getcwd(NULL, 0);
	UZ_FREE char *full = NULL;

	if (cwd && asprintf(&full, "%s/%s", cwd, path) < 0)
		full = NULL;
	uz__json_put_text(&m->request.out, key, full ? full : path);
}

static int put_values(struct message *m, const struct uz_section *v, struct uz_error *e)
{
	for (int i = 0; i < OPT_NR; i++) {
		if (!v->value[i] || uz__options[i].scope == UZ_SCOPE_CLIENT || i == OPT_CONTROL ||
		    i == OPT_DICT)
			continue;
		if (i == OPT_BACKING)
			put_path(m, uz__options[i].name, v->value[i]);
		else
			uz__json_put_text(&m->request.out, uz__options[i].name, v->value[i]);
	}
	return v->value[OPT_DICT] ? put_dict(m, v->value[OPT_DICT], e) : 0;
}

/* "key=value" into its halves; the key goes to @key. NULL: it is not one. */
static const char *split(const char *arg, char *key, size_t bytes)
{
	const char *equals = strchr(arg, '=');

	if (!equals || equals == arg || (size_t)(equals - arg) >= bytes)
		return NULL;
	memcpy(key, arg, (size_t)(equals - arg));
	key[equals - arg] = 0;
	return equals + 1;
}

/* What a server that runs lets be changed of itself. */
static bool is_own(int id)
{
	return id == OPT_RAM || id == OPT_RETURN;
}

static bool takes(const struct uz_command_line *cl, int id)
{
	if (cl->command == UZ_CMD_RECOMPRESS)
		return id == OPT_CODEC || id == OPT_LEVEL || id == OPT_DICT;
	return is_own(id) || (uz__options[id].scope == UZ_SCOPE_DISK && id != OPT_NAME);
}

static int unknown_key(const struct uz_command_line *cl, const char *key, const char *const *extra,
		       struct uz_error *e)
{
	struct uz_nearest n = { .word = key };

	for (int i = 0; i < OPT_NR; i++)
		if (takes(cl, i))
			uz__option_try(&n, (enum uz_option_id)i);
	while (extra && *extra)
		uz__nearest_try(&n, *extra++);
	return uz__error(e, EINVAL, "no key '%s'; %s%s%see 'uzram help %s'", key,
			 n.best ? "did you mean " : "", n.best ? n.best : "", n.best ? "? S" : "s",
			 uz__commands[cl->command].name);
}

/* A number for the server, if @extra lists it: false when it does not. */
static bool put_extra(struct message *m, const char *const *extra, const char *key,
		      const char *value)
{
	char name[40];

	while (extra && *extra && !uz__option_name_is(*extra, key))
		extra++;
	if (!extra || !*extra)
		return false;
	snprintf(name, sizeof(name), "%s", *extra);
	for (char *s = name; (s = strchr(s, '-'));)
		*s = '_';
	uz__json_put_text(&m->request.out, name, value);
	return true;
}

/* Arguments from @from on into options; others, if @extra lists them, straight into @m. */
static int take_pairs(struct message *m, const struct uz_command_line *cl, unsigned int from,
		      struct uz_section *v, const char *const *extra, struct uz_error *e)
{
	for (unsigned int i = from; i < cl->nr_args; i++) {
		char key[40];
		const char *value = split(cl->arg[i], key, sizeof(key));
		enum uz_option_id id = value ? uz__option_find(key) : OPT_NR;
		int err = 0;

		if (!value)
			return uz__error(e, EINVAL, "'%s' is not KEY=VALUE: uzram %s %s",
					 cl->arg[i], uz__commands[cl->command].name,
					 uz__commands[cl->command].args);
		if (put_extra(m, extra, key, value))
			continue;
		if (id == OPT_NR || uz__options[id].scope == UZ_SCOPE_CLIENT || id == OPT_CONTROL)
			return unknown_key(cl, key, extra, e);
		err = uz__option_set(v, id, key, value, e);
		if (err)
			return err;
	}
	return 0;
}

int uz__cmd_create(const struct uz_command_line *cl, struct uz_error *e)
{
	struct message m;
	struct uz_section v = cl->server; /* borrowed values */
	int err;

	if (v.value[OPT_RAM] && v.value[OPT_MEM_LIMIT])
		return uz__error(e, EINVAL,
				 "--ram and --mem-limit are the same for create: give one");
	err = uz__disk_name_check(cl->arg[0], "create", e);
	if (!err)
		err = begin(&m, "create", cl->arg[0], e);
	if (err)
		return err;
	err = put_values(&m, &v, e);
	return err ? give_up(&m, err) : finish(&m, cl, NULL, NULL, e);
}

static bool has_name(const struct uz_command_line *cl)
{
	return !strchr(cl->arg[0], '=');
}

/* Keys of a disk need a name, those of the server must have none. */
static int check_owner(const struct uz_section *v, struct uz_error *e)
{
	for (int i = 0; i < OPT_NR; i++) {
		const struct uz_option *o = &uz__options[i];

		if (!v->value[i])
			continue;
		if (o->scope == UZ_SCOPE_SERVER && !is_own(i))
			return uz__error(e, EINVAL,
					 "%s cannot be changed while the server runs: start it "
					 "again with --%s",
					 o->name, o->name);
		if (is_own(i) && v->name[0])
			return uz__error(
				e, EINVAL,
				"%s belongs to the server, not to disk %s: uzram set %s=%s",
				o->name, v->name, o->name, v->value[i]);
		if (!is_own(i) && !v->name[0])
			return uz__error(e, EINVAL,
					 "%s belongs to a disk: uzram set NAME %s=%s; without NAME "
					 "there are ram and return",
					 o->name, o->name, v->value[i]);
	}
	return 0;
}

int uz__cmd_set(const struct uz_command_line *cl, struct uz_error *e)
{
	const char *disk = has_name(cl) ? cl->arg[0] : NULL;
	struct uz_section v = { .name = "" };
	struct message m;
	int err;

	if (disk && cl->nr_args == 1)
		return uz__error(e, EINVAL, "nothing to set: uzram set %s",
				 uz__commands[UZ_CMD_SET].args);
	if (disk)
		snprintf(v.name, sizeof(v.name), "%s", disk);
	err = begin(&m, disk ? "set" : "server", disk, e);
	if (err)
		return err;
	err = take_pairs(&m, cl, disk ? 1 : 0, &v, NULL, e);
	if (!err)
		err = check_owner(&v, e);
	if (!err)
		err = put_values(&m, &v, e);
	uz__section_fini(&v);
	return err ? give_up(&m, err) : finish(&m, cl, NULL, NULL, e);
}

int uz__cmd_recompress(const struct uz_command_line *cl, struct uz_error *e)
{
	static const char *const extra[] = { "idle", "min", "max-pages", NULL };
	struct uz_section v = { .name = "" };
	struct message m;
	uint64_t pages = 0;
	int err = begin(&m, "recompress", cl->arg[0], e);

	if (err)
		return err;
	err = take_pairs(&m, cl, 1, &v, extra, e);
	if (!err)
		err = put_values(&m, &v, e);
	uz__section_fini(&v);
	if (err)
		return give_up(&m, err);
	err = finish(&m, cl, "pages", &pages, e);
	if (!err)
		printf("%" PRIu64 " pages recompressed\n", pages);
	return err;
}

int uz__cmd_resize(const struct uz_command_line *cl, struct uz_error *e)
{
	struct uz_section v = { .name = "" };
	struct message m;
	int err = uz__option_set(&v, OPT_SIZE, "disk size", cl->arg[1], e);

	if (!err)
		err = begin(&m, "set", cl->arg[0], e);
	if (!err) {
		put_values(&m, &v, e);
		err = finish(&m, cl, NULL, NULL, e);
	}
	uz__section_fini(&v);
	return err;
}

/* A command of a disk and at most two more members; prints the number that comes back. */
static int simple(const struct uz_command_line *cl, const char *const keys[2], const char *answer,
		  const char *format, struct uz_error *e)
{
	struct message m;
	uint64_t number = 0;
	int err = begin(&m, uz__commands[cl->command].name, cl->arg[0], e);

	if (err)
		return err;
	for (unsigned int i = 1; i < cl->nr_args; i++)
		uz__json_put_text(&m.request.out, keys[i - 1], cl->arg[i]);
	err = finish(&m, cl, answer, &number, e);
	if (!err && answer)
		printf("%" PRIu64 " %s\n", number, format);
	return err;
}

int uz__cmd_remove(const struct uz_command_line *cl, struct uz_error *e)
{
	return simple(cl, NULL, NULL, NULL, e);
}

int uz__cmd_reset(const struct uz_command_line *cl, struct uz_error *e)
{
	return simple(cl, NULL, NULL, NULL, e);
}

int uz__cmd_compact(const struct uz_command_line *cl, struct uz_error *e)
{
	return simple(cl, NULL, "freed_bytes", "bytes freed", e);
}

int uz__cmd_idle(const struct uz_command_line *cl, struct uz_error *e)
{
	static const char *const keys[2] = { "seconds" };
	struct uz_command_line all = *cl;

	if (cl->nr_args == 2 && !strcmp(cl->arg[1], "all")) /* the kernel's word */
		all.nr_args = 1;
	return simple(&all, keys, "pages", "pages are idle", e);
}

int uz__cmd_writeback(const struct uz_command_line *cl, struct uz_error *e)
{
	static const char *const keys[2] = { "what", "max_pages" };

	return simple(cl, keys, "pages", "pages written back", e);
}

int uz__cmd_train(const struct uz_command_line *cl, struct uz_error *e)
{
	static const char *const keys[2] = { "codec", "bytes" };

	return simple(cl, keys, "dict_bytes", "bytes of dictionary", e);
}
