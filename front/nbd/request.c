/* SPDX-License-Identifier: MIT */
/* A request from the wire. What may follow from it is decided in serve.c. */
#include "nbd_i.h"

bool uz__nbd_is(const char *p, enum nbd_command type)
{
	return nbd_get32(p) == NBD_REQUEST_MAGIC && nbd_get16(p + 6) == type;
}

bool uz__nbd_parse(struct uz_nbd_conn *c, const char *p, struct uz_nbd_request *rq)
{
	uint32_t magic = nbd_get32(p);

	if (magic != NBD_REQUEST_MAGIC) {
		uz__nbd_fault(c, "request magic %08x, expected %08x", magic, NBD_REQUEST_MAGIC);
		return false;
	}
	rq->flags = nbd_get16(p + 4);
	rq->type = nbd_get16(p + 6);
	rq->cookie = nbd_get64(p + 8);
	rq->offset = nbd_get64(p + NBD_REQUEST_OFFSET);
	rq->length = nbd_get32(p + 24);
	return true;
}
