/* SPDX-License-Identifier: MIT */
/* LIST_META_CONTEXT and SET_META_CONTEXT. There is one context: base:allocation. */
#include "nbd_i.h"

static const char namespace[] = "base:";
static const char context[] = "base:allocation";

static bool text_is(const char *text, const char *p, uint32_t bytes)
{
	return bytes == strlen(text) && !memcmp(text, p, bytes);
}

static void reply_context(struct uz_nbd_conn *c, uint32_t id)
{
	char data[4 + sizeof(context) - 1];

	memcpy(nbd_put32(data, id), context, sizeof(context) - 1);
	uz__nbd_option_reply(c, NBD_REP_META_CONTEXT, data, sizeof(data));
}

/* Walks the queries: false when they do not fit the data. *hit: one of them names the context. */
static bool match_queries(struct uz_nbd_cursor *data, uint32_t nr, bool listing, bool *hit)
{
	uint32_t bytes;
	const char *query;

	while (nr--) {
		if (!uz__nbd_cursor_u32(data, &bytes) ||
		    !uz__nbd_cursor_string(data, bytes, &query))
			return false;
		*hit = *hit || text_is(context, query, bytes) ||
		       (listing && text_is(namespace, query, bytes));
	}
	return data->left == 0;
}

/* True when the option was well formed and its disk is here; errors are answered. */
static bool parse(struct uz_nbd_conn *c, struct uz_nbd_cursor data, bool listing, bool *hit)
{
	uint32_t name_bytes, nr;
	const char *name;

	if (!c->structured) {
		uz__nbd_option_error(c, NBD_REP_ERR_INVALID,
				     "meta contexts need STRUCTURED_REPLY first");
		return false;
	}
	if (!uz__nbd_cursor_u32(&data, &name_bytes) ||
	    !uz__nbd_cursor_string(&data, name_bytes, &name) || !uz__nbd_cursor_u32(&data, &nr)) {
		uz__nbd_option_error(c, NBD_REP_ERR_INVALID, "lengths inside option %u do not fit",
				     c->option);
		return false;
	}
	*hit = listing && nr == 0;
	if (!match_queries(&data, nr, listing, hit)) {
		uz__nbd_option_error(c, NBD_REP_ERR_INVALID, "queries of option %u do not fit",
				     c->option);
		return false;
	}
	return uz__nbd_opt_disk(c, name, name_bytes);
}

enum uz_nbd_next uz__nbd_opt_list_meta(struct uz_nbd_conn *c, struct uz_nbd_cursor data)
{
	bool hit = false;

	if (!parse(c, data, true, &hit))
		return UZ_NBD_OPTIONS;
	uz__nbd_close_disk(c);
	if (hit)
		reply_context(c, 0);
	uz__nbd_option_reply(c, NBD_REP_ACK, NULL, 0);
	return UZ_NBD_OPTIONS;
}

enum uz_nbd_next uz__nbd_opt_set_meta(struct uz_nbd_conn *c, struct uz_nbd_cursor data)
{
	bool hit = false;

	c->meta = false;
	if (!parse(c, data, false, &hit))
		return UZ_NBD_OPTIONS;
	c->meta = hit;
	c->meta_dev = c->dev;
	uz__nbd_close_disk(c);
	if (hit)
		reply_context(c, UZ_NBD_CONTEXT_ID);
	uz__nbd_option_reply(c, NBD_REP_ACK, NULL, 0);
	return UZ_NBD_OPTIONS;
}
