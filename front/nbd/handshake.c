/* SPDX-License-Identifier: MIT */
/*
 * Fixed newstyle: greeting, client flags, then options until one of them leads
 * to transmission. A handler gets the option's data whole (64 KiB at most, more
 * is received, dropped and refused) and answers into the reply buffer, which is
 * sent after each option. All of it has one deadline, so that a client which says
 * nothing, or one byte a second, does not keep a thread.
 */
#include <errno.h>
#include <stdio.h>

#include "nbd_i.h"

#define TEXT_MAX 512

bool uz__nbd_cursor_u16(struct uz_nbd_cursor *cur, uint16_t *out)
{
	const char *p;

	if (!uz__nbd_cursor_string(cur, sizeof(*out), &p))
		return false;
	*out = nbd_get16(p);
	return true;
}

bool uz__nbd_cursor_u32(struct uz_nbd_cursor *cur, uint32_t *out)
{
	const char *p;

	if (!uz__nbd_cursor_string(cur, sizeof(*out), &p))
		return false;
	*out = nbd_get32(p);
	return true;
}

bool uz__nbd_cursor_string(struct uz_nbd_cursor *cur, uint32_t bytes, const char **out)
{
	if (cur->left < bytes)
		return false;
	*out = cur->p;
	cur->p += bytes;
	cur->left -= bytes;
	return true;
}

void uz__nbd_option_reply(struct uz_nbd_conn *c, uint32_t type, const void *data, uint32_t bytes)
{
	char *p = uz__nbd_room(c, NBD_REP_HEADER_BYTES + bytes);

	p = nbd_put64(p, NBD_REP_MAGIC);
	p = nbd_put32(p, c->option);
	p = nbd_put32(p, type);
	p = nbd_put32(p, bytes);
	if (bytes)
		memcpy(p, data, bytes);
	uz__nbd_put(c, p + bytes);
}

void uz__nbd_option_error(struct uz_nbd_conn *c, uint32_t type, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	uz__nbd_option_reply(c, type, text, (uint32_t)UZ_MIN((size_t)n, sizeof(text) - 1));
}

static enum uz_nbd_next opt_abort(struct uz_nbd_conn *c, struct uz_nbd_cursor data)
{
	(void)data;
	uz__nbd_option_reply(c, NBD_REP_ACK, NULL, 0);
	return UZ_NBD_END;
}

static enum uz_nbd_next opt_structured(struct uz_nbd_conn *c, struct uz_nbd_cursor data)
{
	if (data.left) {
		uz__nbd_option_error(c, NBD_REP_ERR_INVALID, "STRUCTURED_REPLY takes no data");
		return UZ_NBD_OPTIONS;
	}
	c->structured = true;
	uz__nbd_option_reply(c, NBD_REP_ACK, NULL, 0);
	return UZ_NBD_OPTIONS;
}

static enum uz_nbd_next opt_starttls(struct uz_nbd_conn *c, struct uz_nbd_cursor data)
{
	(void)data;
	uz__nbd_option_error(c, NBD_REP_ERR_UNSUP,
			     "no TLS here: use a unix socket, or nbdkit in front of it");
	return UZ_NBD_OPTIONS;
}

static const struct option {
	uint32_t number;
	enum uz_nbd_next (*run)(struct uz_nbd_conn *c, struct uz_nbd_cursor data);
} options[] = {
	{ NBD_OPT_EXPORT_NAME, uz__nbd_opt_export_name },
	{ NBD_OPT_ABORT, opt_abort },
	{ NBD_OPT_LIST, uz__nbd_opt_list },
	{ NBD_OPT_STARTTLS, opt_starttls },
	{ NBD_OPT_INFO, uz__nbd_opt_info },
	{ NBD_OPT_GO, uz__nbd_opt_go },
	{ NBD_OPT_STRUCTURED_REPLY, opt_structured },
	{ NBD_OPT_LIST_META_CONTEXT, uz__nbd_opt_list_meta },
	{ NBD_OPT_SET_META_CONTEXT, uz__nbd_opt_set_meta },
};

static enum uz_nbd_next run_option(struct uz_nbd_conn *c, struct uz_nbd_cursor data)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].number == c->option)
			return options[i].run(c, data);
	uz__nbd_option_error(c, NBD_REP_ERR_UNSUP, "option %u is not known here", c->option);
	return UZ_NBD_OPTIONS;
}

static enum uz_nbd_next refuse_long(struct uz_nbd_conn *c, uint32_t bytes)
{
	if (c->option == NBD_OPT_EXPORT_NAME) {
		uz__nbd_fault(c, "an export name of %u bytes", bytes);
		return UZ_NBD_END;
	}
	if (!uz__nbd_skip(c, bytes))
		return UZ_NBD_END;
	uz__nbd_option_error(c, NBD_REP_ERR_TOO_BIG, "option %u with %u bytes, at most %u",
			     c->option, bytes, UZ_NBD_OPTION_MAX);
	return UZ_NBD_OPTIONS;
}

static enum uz_nbd_next next_option(struct uz_nbd_conn *c)
{
	enum uz_nbd_next next;
	const char *p;
	uint32_t bytes;

	if (!uz__nbd_need(c, NBD_OPT_HEADER_BYTES))
		return UZ_NBD_END;
	p = c->rx + c->rx_pos;
	if (nbd_get64(p) != NBD_OPT_MAGIC) {
		uz__nbd_fault(c, "option magic %016llx", (unsigned long long)nbd_get64(p));
		return UZ_NBD_END;
	}
	c->option = nbd_get32(p + 8);
	bytes = nbd_get32(p + 12);
	c->rx_pos += NBD_OPT_HEADER_BYTES;
	if (bytes > UZ_NBD_OPTION_MAX)
		return refuse_long(c, bytes);
	if (!uz__nbd_need(c, bytes))
		return UZ_NBD_END;
	next = run_option(c, (struct uz_nbd_cursor){ c->rx + c->rx_pos, bytes });
	c->rx_pos += bytes;
	return next;
}

static bool greet(struct uz_nbd_conn *c)
{
	const uint32_t known = NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES;
	char *p = uz__nbd_room(c, NBD_GREETING_BYTES);
	uint32_t flags;

	p = nbd_put64(p, NBD_MAGIC);
	p = nbd_put64(p, NBD_OPT_MAGIC);
	uz__nbd_put(c, nbd_put16(p, known));
	uz__nbd_flush(c);
	if (!uz__nbd_need(c, sizeof(flags)))
		return false;
	flags = nbd_get32(c->rx + c->rx_pos);
	c->rx_pos += sizeof(flags);
	if (flags & ~known) {
		uz__nbd_fault(c, "client flags %#x, known are %#x", flags, known);
		return false;
	}
	c->no_zeroes = flags & NBD_FLAG_NO_ZEROES;
	return true;
}

bool uz__nbd_handshake(struct uz_nbd_conn *c)
{
	enum uz_nbd_next next = UZ_NBD_OPTIONS;

	c->deadline_ns = uz__nbd_now_ns() + c->server->config.handshake_timeout_ms * 1000000ull;
	if (!greet(c))
		return false;
	while (next == UZ_NBD_OPTIONS && !c->lost) {
		next = next_option(c);
		uz__nbd_flush(c);
	}
	c->deadline_ns = 0;
	return next == UZ_NBD_TRANSMIT && !c->lost;
}
