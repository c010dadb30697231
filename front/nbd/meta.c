/* SPDX-License-Identifier: MIT */
/*
 * BLOCK_STATUS for base:allocation. What holds data has no flag, what reads as zeros is
 * HOLE|ZERO. On a disk with a RAM budget a later write may find no room anywhere,
 * which HOLE would say too; but QEMU takes HOLE without ZERO for "not allocated"
 * (qemu-img 7.2 compare then finds equal images different), and the protocol allows no flag
 * where the status cannot be told.
 *
 * Neighbouring runs are merged. A reply has as many extents as fit one reply buffer
 * (below the 2^20 that a client must accept); the protocol lets the client ask for the rest.
 */
#include <errno.h>

#include "nbd_i.h"

#define STATUS_HEADER_BYTES (NBD_CHUNK_BYTES + 4)
#define EXTENTS_MAX ((UZ_NBD_TX_BYTES - STATUS_HEADER_BYTES) / NBD_EXTENT_BYTES)

static_assert(EXTENTS_MAX <= 1u << 20, "more extents than a client must accept");

/* The merged run at @offset: its bytes, at most @max; 0 when the disk ends before. */
static uint64_t merged_run(struct uz_nbd_conn *c, uint64_t offset, uint64_t max, bool *hole)
{
	uint64_t bytes = 0, run;
	bool this_hole;

	while (bytes < max) {
		if (uz_dev_extent(c->dev, c->stream, offset + bytes, max - bytes, &run, &this_hole))
			break;
		if (!run || (bytes && this_hole != *hole))
			break;
		*hole = this_hole;
		bytes += run;
	}
	return bytes;
}

static char *put_extents(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, char *p)
{
	uint32_t left = rq->flags & NBD_CMD_FLAG_REQ_ONE ? 1 : EXTENTS_MAX;
	uint64_t offset = rq->offset, end = rq->offset + rq->length, run;
	bool hole = false;

	for (; left && offset < end; left--, offset += run) {
		run = merged_run(c, offset, end - offset, &hole);
		if (!run)
			break;
		p = nbd_put32(p, (uint32_t)run);
		p = nbd_put32(p, hole ? NBD_STATE_HOLE | NBD_STATE_ZERO : 0);
	}
	return p;
}

void uz__nbd_block_status(struct uz_nbd_conn *c, const struct uz_nbd_request *rq)
{
	uint32_t max = NBD_EXTENT_BYTES * (rq->flags & NBD_CMD_FLAG_REQ_ONE ? 1 : EXTENTS_MAX);
	char *p, *first, *end;

	if (!c->meta) {
		uz__nbd_reply(c, rq, -EINVAL, "base:allocation was not negotiated");
		return;
	}
	if (!rq->length) {
		uz__nbd_reply(c, rq, -EINVAL, "a block status request of length 0");
		return;
	}
	p = uz__nbd_room(c, STATUS_HEADER_BYTES + max);
	first = p + STATUS_HEADER_BYTES;
	end = put_extents(c, rq, first);
	if (end == first) {
		uz__nbd_reply(c, rq, -EIO, "the disk was resized");
		return;
	}
	p = nbd_put_chunk(p, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_BLOCK_STATUS, rq->cookie,
			  4 + (uint32_t)(end - first));
	nbd_put32(p, UZ_NBD_CONTEXT_ID);
	uz__nbd_put(c, end);
}
