/* SPDX-License-Identifier: MIT */
/*
 * Replies without data. Success is always a simple reply, which both forms of
 * the protocol allow for everything but READ and BLOCK_STATUS; a failure is a
 * structured one with its reason in words once that was negotiated.
 */
#include <errno.h>
#include <stdio.h>

#include "nbd_i.h"

#define WHY_MAX 200

static const struct {
	int error;
	enum nbd_error wire;
} wire_errors[] = {
	{ 0, NBD_SUCCESS },	  { EPERM, NBD_EPERM },
	{ EROFS, NBD_EPERM },	  { EACCES, NBD_EPERM },
	{ EIO, NBD_EIO },	  { EBADMSG, NBD_EIO },
	{ ENOMEM, NBD_ENOMEM },	  { EINVAL, NBD_EINVAL },
	{ ENOSPC, NBD_ENOSPC },	  { EDQUOT, NBD_ENOSPC },
	{ EFBIG, NBD_ENOSPC },	  { EOVERFLOW, NBD_EOVERFLOW },
	{ ENOTSUP, NBD_ENOTSUP }, { ESHUTDOWN, NBD_ESHUTDOWN },
};

/* What is not in the table is EIO: a client retries or gives up, and does neither for EINVAL. */
enum nbd_error uz__nbd_wire_error(int error)
{
	for (size_t i = 0; i < sizeof(wire_errors) / sizeof(wire_errors[0]); i++)
		if (wire_errors[i].error == -error)
			return wire_errors[i].wire;
	return NBD_EIO;
}

static void reply_simple(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, int error)
{
	char *p = uz__nbd_room(c, NBD_SIMPLE_REPLY_BYTES);

	p = nbd_put32(p, NBD_SIMPLE_REPLY_MAGIC);
	p = nbd_put32(p, uz__nbd_wire_error(error));
	uz__nbd_put(c, nbd_put64(p, rq->cookie));
}

static void reply_none(struct uz_nbd_conn *c, const struct uz_nbd_request *rq)
{
	char *p = uz__nbd_room(c, NBD_CHUNK_BYTES);

	p = nbd_put_chunk(p, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_NONE, rq->cookie, 0);
	uz__nbd_put(c, p);
}

/* @offset: UINT64_MAX when the failure has no place. */
static void reply_error(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, int error,
			const char *why, uint64_t offset)
{
	bool placed = offset != UINT64_MAX;
	uint32_t why_bytes = (uint32_t)strnlen(why, WHY_MAX);
	uint32_t payload = 6 + why_bytes + (placed ? 8 : 0);
	char *p = uz__nbd_room(c, NBD_CHUNK_BYTES + payload);

	p = nbd_put_chunk(p, NBD_REPLY_FLAG_DONE,
			  placed ? NBD_REPLY_TYPE_ERROR_OFFSET : NBD_REPLY_TYPE_ERROR, rq->cookie,
			  payload);
	p = nbd_put32(p, uz__nbd_wire_error(error));
	p = nbd_put16(p, (uint16_t)why_bytes);
	memcpy(p, why, why_bytes);
	p += why_bytes;
	if (placed)
		p = nbd_put64(p, offset);
	uz__nbd_put(c, p);
}

static const char *default_reason(int error)
{
	switch (-error) {
	case ENOSPC:
		return "the disk's RAM budget is used up: raise it, or discard data";
	case ENOMEM:
		return "the system has no memory left";
	case EIO:
		return "the stored page is damaged";
	case ESHUTDOWN:
		return "the server is ending this connection";
	default:
		return "";
	}
}

void uz__nbd_reply(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, int error,
		   const char *why)
{
	c->nr_failed += error != 0;
	if (!c->structured)
		reply_simple(c, rq, error);
	else if (error)
		reply_error(c, rq, error, why ? why : default_reason(error), UINT64_MAX);
	else if (rq->type == NBD_CMD_READ)
		reply_none(c, rq);
	else
		reply_simple(c, rq, 0);
}

void uz__nbd_reply_at(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, int error,
		      uint64_t offset)
{
	c->nr_failed++;
	if (c->structured)
		reply_error(c, rq, error, default_reason(error), offset);
	else
		reply_simple(c, rq, error);
}
