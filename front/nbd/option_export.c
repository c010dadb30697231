/* SPDX-License-Identifier: MIT */
/* Options that name an export: EXPORT_NAME, LIST, INFO and GO. */
#include <errno.h>
#include <stdio.h>

#include "nbd_i.h"

#define NAMES_MAX 256
#define INFO_TEXT_MAX 96 /* of our own texts */

/* The names that there are, for a message. */
static void list_names(struct uz_nbd *n, char *buf, size_t bytes)
{
	char name[UZ_DISK_NAME_MAX];
	size_t used = 0;

	snprintf(buf, bytes, "none");
	for (unsigned int i = 0;
	     n->config.exports.name(n->config.exports.ctx, i, name, sizeof(name)); i++) {
		used += (size_t)snprintf(buf + used, bytes - used, "%s%s", i ? ", " : "", name);
		if (used + UZ_DISK_NAME_MAX + 8 < bytes)
			continue;
		snprintf(buf + used, bytes - used, ", ...");
		return;
	}
}

static int open_disk(struct uz_nbd_conn *c, const char *name, uint32_t bytes)
{
	char text[UZ_DISK_NAME_MAX] = "";

	if (bytes >= sizeof(text) || memchr(name, 0, bytes))
		return -ENOENT;
	memcpy(text, name, bytes);
	return uz__nbd_open_disk(c, text);
}

bool uz__nbd_opt_disk(struct uz_nbd_conn *c, const char *name, uint32_t bytes)
{
	char names[NAMES_MAX];
	int err = open_disk(c, name, bytes);

	if (!err)
		return true;
	if (err == -ESHUTDOWN) {
		uz__nbd_option_error(c, NBD_REP_ERR_SHUTDOWN, "the server is shutting down");
		return false;
	}
	list_names(c->server, names, sizeof(names));
	if (bytes)
		uz__nbd_option_error(c, NBD_REP_ERR_UNKNOWN, "no disk '%.*s' here; there are: %s",
				     (int)UZ_MIN(bytes, 64u), name, names);
	else
		uz__nbd_option_error(c, NBD_REP_ERR_UNKNOWN,
				     "no single disk here, so name one of: %s", names);
	return false;
}

static uint16_t transmission_flags(const struct uz_nbd_conn *c)
{
	unsigned int flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA |
			     NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_WRITE_ZEROES |
			     NBD_FLAG_CAN_MULTI_CONN | NBD_FLAG_SEND_CACHE |
			     NBD_FLAG_SEND_FAST_ZERO;

	if (c->read_only)
		flags |= NBD_FLAG_READ_ONLY;
	if (c->structured)
		flags |= NBD_FLAG_SEND_DF;
	return (uint16_t)flags;
}

static void reply_info_export(struct uz_nbd_conn *c)
{
	char info[12];
	char *p = nbd_put16(info, NBD_INFO_EXPORT);

	p = nbd_put64(p, uz_dev_size(c->dev));
	nbd_put16(p, transmission_flags(c));
	uz__nbd_option_reply(c, NBD_REP_INFO, info, sizeof(info));
}

static void reply_info_block_size(struct uz_nbd_conn *c)
{
	char info[14];
	char *p = nbd_put16(info, NBD_INFO_BLOCK_SIZE);

	p = nbd_put32(p, 1);
	p = nbd_put32(p, UZ_PAGE_SIZE);
	nbd_put32(p, UZ_NBD_PAYLOAD_MAX);
	uz__nbd_option_reply(c, NBD_REP_INFO, info, sizeof(info));
}

static void reply_info_text(struct uz_nbd_conn *c, enum nbd_info type, const char *text)
{
	char info[2 + INFO_TEXT_MAX];
	size_t bytes = strlen(text);

	memcpy(nbd_put16(info, (uint16_t)type), text, bytes);
	uz__nbd_option_reply(c, NBD_REP_INFO, info, (uint32_t)(2 + bytes));
}

static void reply_info(struct uz_nbd_conn *c, uint16_t type)
{
	char text[INFO_TEXT_MAX];

	if (type == NBD_INFO_NAME) {
		reply_info_text(c, NBD_INFO_NAME, uz_dev_name(c->dev));
	} else if (type == NBD_INFO_DESCRIPTION) {
		snprintf(text, sizeof(text), "uzram disk %s, compressed in memory",
			 uz_dev_name(c->dev));
		reply_info_text(c, NBD_INFO_DESCRIPTION, text);
	}
}

/* Name, then a list of wanted infos; the disk is open afterwards. False: refused. */
static bool answer_info(struct uz_nbd_conn *c, struct uz_nbd_cursor data)
{
	uint32_t name_bytes;
	const char *name;
	uint16_t nr, type;

	if (!uz__nbd_cursor_u32(&data, &name_bytes) ||
	    !uz__nbd_cursor_string(&data, name_bytes, &name) || !uz__nbd_cursor_u16(&data, &nr) ||
	    data.left != nr * sizeof(type)) {
		uz__nbd_option_error(c, NBD_REP_ERR_INVALID, "lengths inside option %u do not fit",
				     c->option);
		return false;
	}
	if (!uz__nbd_opt_disk(c, name, name_bytes))
		return false;
	reply_info_export(c);
	reply_info_block_size(c);
	while (uz__nbd_cursor_u16(&data, &type))
		reply_info(c, type);
	return true;
}

static bool take_memory(struct uz_nbd_conn *c)
{
	int err = uz__nbd_take_memory(c);

	if (err)
		uz__nbd_log(c->server,
			    "nbd: %s: refused, no memory for another connection (%s): raise the "
			    "RAM budget or lower the number of connections",
			    c->peer, strerror(-err));
	return !err;
}

static void meta_follows(struct uz_nbd_conn *c)
{
	c->meta = c->meta && c->meta_dev == c->dev;
}

enum uz_nbd_next uz__nbd_opt_info(struct uz_nbd_conn *c, struct uz_nbd_cursor data)
{
	if (!answer_info(c, data))
		return UZ_NBD_OPTIONS;
	uz__nbd_close_disk(c);
	uz__nbd_option_reply(c, NBD_REP_ACK, NULL, 0);
	return UZ_NBD_OPTIONS;
}

enum uz_nbd_next uz__nbd_opt_go(struct uz_nbd_conn *c, struct uz_nbd_cursor data)
{
	if (!answer_info(c, data))
		return UZ_NBD_OPTIONS;
	if (!take_memory(c)) {
		uz__nbd_close_disk(c);
		uz__nbd_option_error(
			c, NBD_REP_ERR_POLICY,
			"no memory for another connection in the RAM budget: raise it");
		return UZ_NBD_OPTIONS;
	}
	meta_follows(c);
	uz__nbd_option_reply(c, NBD_REP_ACK, NULL, 0);
	return UZ_NBD_TRANSMIT;
}

/* This option has no error reply: the session ends. */
enum uz_nbd_next uz__nbd_opt_export_name(struct uz_nbd_conn *c, struct uz_nbd_cursor data)
{
	uint32_t zeroes = c->no_zeroes ? 0 : NBD_EXPORT_NAME_ZEROES;
	char *p;

	if (open_disk(c, data.p, data.left)) {
		uz__nbd_fault(c, "EXPORT_NAME for a disk that is not here");
		return UZ_NBD_END;
	}
	if (!take_memory(c))
		return UZ_NBD_END;
	meta_follows(c);
	p = uz__nbd_room(c, 10 + zeroes);
	p = nbd_put64(p, uz_dev_size(c->dev));
	p = nbd_put16(p, transmission_flags(c));
	memset(p, 0, zeroes);
	uz__nbd_put(c, p + zeroes);
	return UZ_NBD_TRANSMIT;
}

enum uz_nbd_next uz__nbd_opt_list(struct uz_nbd_conn *c, struct uz_nbd_cursor data)
{
	const struct uz_nbd_exports *e = &c->server->config.exports;
	char name[UZ_DISK_NAME_MAX], entry[4 + UZ_DISK_NAME_MAX];

	if (data.left) {
		uz__nbd_option_error(c, NBD_REP_ERR_INVALID, "LIST takes no data");
		return UZ_NBD_OPTIONS;
	}
	for (unsigned int i = 0; e->name(e->ctx, i, name, sizeof(name)); i++) {
		uint32_t bytes = (uint32_t)strlen(name);

		memcpy(nbd_put32(entry, bytes), name, bytes);
		uz__nbd_option_reply(c, NBD_REP_SERVER, entry, 4 + bytes);
	}
	uz__nbd_option_reply(c, NBD_REP_ACK, NULL, 0);
	return UZ_NBD_OPTIONS;
}
