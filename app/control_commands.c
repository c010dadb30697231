/* SPDX-License-Identifier: MIT */
#include "control_commands.h"

#include "report.h"
#include "size.h"

#include <errno.h>
#include <string.h>

#define DICT_DEFAULT (16u << 10)
#define DICT_MIN 256u

/* A number in the request, as a JSON number or as text; @fallback when it is not there. */
static int number(struct uz_request *r, const char *key, uint64_t min, uint64_t max,
		  uint64_t fallback, uint64_t *value, struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, key);
	char text[40];

	*value = fallback;
	if (!token)
		return 0;
	if (uz__json_copy(&r->json, token, text, sizeof(text)))
		text[0] = 0;
	if (uz__size_parse(text, 0, value) || *value < min || *value > max)
		return uz__error(e, EINVAL, "%s: '%s' is not a number from %llu to %llu", key, text,
				 (unsigned long long)min, (unsigned long long)max);
	return 0;
}

int uz__control_flag(struct uz_request *r, const char *key, bool *value, struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, key);

	*value = token && uz__json_is_true(&r->json, token);
	if (!token || r->json.token[token].type == UZ_JSON_BOOL)
		return 0;
	return uz__error(e, EINVAL, "%s: it is neither true nor false", key);
}

static int cmd_version(struct uz_request *r, struct uz_error *e)
{
	const char *name;

	(void)e;
	uz__json_put_text(&r->out, "version", UZ_VERSION);
	uz__json_open(&r->out, "pools", '[');
	for (unsigned int i = 0; (name = uz_host_pool_name(i)); i++)
		uz__json_put_text(&r->out, NULL, name);
	uz__json_close(&r->out, ']');
	uz__json_open(&r->out, "codecs", '[');
	for (unsigned int i = 0; (name = uz_host_codec_name(i)); i++)
		uz__json_put_text(&r->out, NULL, name);
	uz__json_close(&r->out, ']');
	return 0;
}

static int cmd_stat(struct uz_request *r, struct uz_error *e)
{
	struct uz_disk *d;
	bool latency;
	int err = uz__control_flag(r, "latency", &latency, e);

	if (err)
		return err;
	uz__json_open(&r->out, "disks", '[');
	if (r->disk)
		uz__report_disk(&r->out, r->server, r->disk, latency);
	for (unsigned int i = 0; !r->disk && (d = uz__disks_at(&r->server->disks, i)); i++) {
		uz__report_disk(&r->out, r->server, d, latency);
		uz__disks_put(&r->server->disks, d);
	}
	uz__json_close(&r->out, ']');
	return 0;
}

static int cmd_create(struct uz_request *r, struct uz_error *e)
{
	return uz__server_add(r->server, &r->values, r->dict_fd, e);
}

static int cmd_remove(struct uz_request *r, struct uz_error *e)
{
	struct uz_disk *d = r->disk;

	r->disk = NULL;
	return uz__server_remove(r->server, d, e);
}

static int cmd_set(struct uz_request *r, struct uz_error *e)
{
	if (r->values.value[OPT_BACKING_FORMAT] && !r->values.value[OPT_BACKING])
		return uz__error(e, EINVAL,
				 "backing-format is for a backing that comes with it: add "
				 "backing=FILE");
	for (int i = 0; i < OPT_NR; i++)
		if (r->values.value[i])
			return uz__server_set(r->server, r->disk, &r->values, r->dict_fd, e);
	return uz__error(e, EINVAL, "set: nothing to set; it takes " UZ_DISK_OPTION_NAMES);
}

static int cmd_ram(struct uz_request *r, struct uz_error *e)
{
	if (!r->values.value[OPT_RAM])
		return uz__error(e, EINVAL, "ram: give ram=SIZE, the RAM budget of the server");
	return uz__server_set_own(r->server, &r->values, e);
}

static int cmd_server(struct uz_request *r, struct uz_error *e)
{
	if (!r->values.value[OPT_RAM] && !r->values.value[OPT_RETURN])
		return uz__error(e, EINVAL,
				 "server: nothing to set; it takes " UZ_SERVER_OPTION_NAMES);
	return uz__server_set_own(r->server, &r->values, e);
}

static int cmd_compact(struct uz_request *r, struct uz_error *e)
{
	int64_t frames = uz_dev_compact(r->disk->dev);

	if (frames < 0)
		return uz__error(e, (int)-frames, "disk %s: compact: %s", r->disk->name,
				 strerror((int)-frames));
	uz__json_put_i64(&r->out, "freed_bytes", frames << UZ_FRAME_SHIFT);
	return 0;
}

static int recompress_codec(struct uz_request *r, struct uz_error *e)
{
	int entry;

	for (int i = 0; i < OPT_NR; i++)
		if (r->values.value[i] && i != OPT_CODEC && i != OPT_LEVEL && i != OPT_DICT)
			return uz__error(
				e, EINVAL,
				"recompress has no '%s'; it takes codec level dict idle min max_pages",
				uz__options[i].name);
	pthread_mutex_lock(&r->disk->changing);
	entry = uz__server_change_codec(r->server, r->disk, &r->values, r->dict_fd, e);
	pthread_mutex_unlock(&r->disk->changing);
	return entry;
}

static int cmd_recompress(struct uz_request *r, struct uz_error *e)
{
	struct uz_recompress rc = { .codec = 0 };
	uint64_t idle, min;
	int64_t pages;
	int entry, err;

	err = number(r, "idle", 0, UINT32_MAX, 0, &idle, e);
	if (!err)
		err = number(r, "min", 0, UZ_PAGE_SIZE, 0, &min, e);
	if (!err)
		err = number(r, "max_pages", 0, UINT64_MAX / 2, 0, &rc.max_pages, e);
	if (err)
		return err;
	entry = recompress_codec(r, e);
	if (entry < 0)
		return entry;
	rc.codec = (unsigned int)entry;
	rc.idle_s = (uint32_t)idle;
	rc.min_bytes = (uint32_t)min;
	pages = uz_dev_recompress(r->disk->dev, &rc);
	uz__server_put_codec(r->server, entry);
	if (pages < 0)
		return uz__error(e, (int)-pages, "disk %s: recompress: %s", r->disk->name,
				 strerror((int)-pages));
	uz__json_put_i64(&r->out, "pages", pages);
	return 0;
}

static int cmd_idle(struct uz_request *r, struct uz_error *e)
{
	uint64_t seconds;
	int err = number(r, "seconds", 0, UINT32_MAX, 0, &seconds, e);

	if (!err)
		uz__json_put_u64(&r->out, "pages", uz_dev_idle(r->disk->dev, (uint32_t)seconds));
	return err;
}

static int cmd_writeback(struct uz_request *r, struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, "what");
	char what[16] = "";
	uint64_t max;
	int64_t n = number(r, "max_pages", 0, UINT64_MAX / 2, 0, &max, e);

	if (n)
		return (int)n;
	if (!token || uz__json_copy(&r->json, token, what, sizeof(what)))
		return uz__error(e, EINVAL, "writeback needs what=idle, huge, huge_idle or all");
	n = uz__server_writeback(r->server, r->disk, what, max, e);
	if (n >= 0)
		uz__json_put_i64(&r->out, "pages", n);
	return n < 0 ? (int)n : 0;
}

static int cmd_train(struct uz_request *r, struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, "codec");
	char codec[256];
	uint64_t bytes;
	int n = number(r, "bytes", DICT_MIN, UZ_DICT_MAX, DICT_DEFAULT, &bytes, e);

	if (n)
		return n;
	if (token && uz__json_copy(&r->json, token, codec, sizeof(codec)))
		return uz__error(e, EINVAL, "codec: it is not a name");
	n = uz__server_train(r->server, r->disk, token ? codec : NULL, (uint32_t)bytes, e);
	if (n >= 0)
		uz__json_put_i64(&r->out, "dict_bytes", n);
	return n < 0 ? n : 0;
}

static int cmd_reset(struct uz_request *r, struct uz_error *e)
{
	int err = uz_dev_reset(r->disk->dev);

	return err ? uz__error(e, -err, "disk %s: reset: %s", r->disk->name, strerror(-err)) : 0;
}

const struct uz_control_command uz__control_commands[] = {
	{ "version", UZ_DISK_NONE, UZ_TAKES_NO_OPTIONS, "", cmd_version },
	{ "stat", UZ_DISK_OPTIONAL, UZ_TAKES_NO_OPTIONS, "disk latency", cmd_stat },
	{ "create", UZ_DISK_NEW, UZ_TAKES_DISK_OPTIONS, "disk dict_fd", cmd_create },
	{ "remove", UZ_DISK_REQUIRED, UZ_TAKES_NO_OPTIONS, "disk", cmd_remove },
	{ "set", UZ_DISK_REQUIRED, UZ_TAKES_DISK_OPTIONS, "disk dict_fd", cmd_set },
	{ "server", UZ_DISK_NONE, UZ_TAKES_OWN, "", cmd_server },
	{ "ram", UZ_DISK_NONE, UZ_TAKES_RAM, "", cmd_ram },
	{ "compact", UZ_DISK_REQUIRED, UZ_TAKES_NO_OPTIONS, "disk", cmd_compact },
	{ "recompress", UZ_DISK_REQUIRED, UZ_TAKES_DISK_OPTIONS, "disk idle min max_pages dict_fd",
	  cmd_recompress },
	{ "idle", UZ_DISK_REQUIRED, UZ_TAKES_NO_OPTIONS, "disk seconds", cmd_idle },
	{ "writeback", UZ_DISK_REQUIRED, UZ_TAKES_NO_OPTIONS, "disk what max_pages",
	  cmd_writeback },
	{ "train", UZ_DISK_REQUIRED, UZ_TAKES_NO_OPTIONS, "disk codec bytes", cmd_train },
	{ "reset", UZ_DISK_REQUIRED, UZ_TAKES_NO_OPTIONS, "disk", cmd_reset },
	{ "contig-alloc", UZ_DISK_NONE, UZ_TAKES_NO_OPTIONS, "region size deadline_ms scatter",
	  uz__control_contig_alloc },
	{ "contig-free", UZ_DISK_NONE, UZ_TAKES_NO_OPTIONS, "grant", uz__control_contig_free },
	{ "contig-stat", UZ_DISK_NONE, UZ_TAKES_NO_OPTIONS, "", uz__control_contig_stat },
	{ .name = NULL },
};
