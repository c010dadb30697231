/* SPDX-License-Identifier: MIT */
/*
 * READ. Pages are decompressed straight into the reply buffer, behind the
 * header of their reply. While one is, what the next request reads is on its way from memory. The
 * slots of those behind it are asked for all at once, since a page cannot be asked for before its
 * slot is there: at random offsets that takes 85 ns off each of 16 reads.
 *
 * Structured replies: one chunk an extent, at most UZ_NBD_PART each; zero pages
 * travel as OFFSET_HOLE. Simple replies, and reads that must not be fragmented
 * (DF), promise their length in a header that goes first: the first part is read
 * before the header is put, so it can still fail politely; a page that turns
 * out damaged behind the first 256 KiB ends the connection, as the protocol demands.
 */
#include <errno.h>

#include "nbd_i.h"

#define DATA_HEADER_BYTES (NBD_CHUNK_BYTES + 8)
#define HOLE_BYTES (NBD_CHUNK_BYTES + 12)
#define SLOTS_AHEAD 64u

/* At most UZ_NBD_PART bytes from @offset, ending at a page's end unless it is the last part. */
static uint32_t part_of(uint64_t offset, uint64_t left)
{
	return (uint32_t)UZ_MIN(left, UZ_NBD_PART - (offset & (UZ_PAGE_SIZE - 1)));
}

static int read_disk(struct uz_nbd_conn *c, uint64_t offset, void *buf, uint32_t bytes)
{
	return uz_dev_read(c->dev, c->stream, offset, buf, bytes, 0);
}

/* Where in [offset, offset + bytes) a read failed, as well as the disk knows. */
static uint64_t failed_at(struct uz_nbd_conn *c, uint64_t offset, uint64_t bytes)
{
	uint64_t page, at;

	if (!uz_dev_last_bad(c->dev, &page))
		return offset;
	at = page << UZ_PAGE_SHIFT;
	return at > offset && at - offset < bytes ? at : offset;
}

static bool is_hole(struct uz_nbd_conn *c, uint64_t offset, uint64_t max, uint64_t *run)
{
	bool hole = false;

	if (uz_dev_extent(c->dev, c->stream, offset, max, run, &hole) == 0 && *run)
		return hole;
	*run = max;
	return false;
}

static void put_hole(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, uint64_t offset,
		     uint32_t bytes, uint16_t flags)
{
	char *p = uz__nbd_room(c, HOLE_BYTES);

	p = nbd_put_chunk(p, flags, NBD_REPLY_TYPE_OFFSET_HOLE, rq->cookie, 12);
	p = nbd_put64(p, offset);
	uz__nbd_put(c, nbd_put32(p, bytes));
}

static int put_data(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, uint64_t offset,
		    uint32_t bytes, uint16_t flags)
{
	char *p = uz__nbd_room(c, DATA_HEADER_BYTES + bytes);
	int err = read_disk(c, offset, p + DATA_HEADER_BYTES, bytes);

	if (err)
		return err;
	p = nbd_put_chunk(p, flags, NBD_REPLY_TYPE_OFFSET_DATA, rq->cookie, 8 + bytes);
	uz__nbd_put(c, nbd_put64(p, offset) + bytes);
	return 0;
}

static void read_chunks(struct uz_nbd_conn *c, const struct uz_nbd_request *rq)
{
	uint64_t offset = rq->offset, end = rq->offset + rq->length, run = 0;

	while (offset < end && !c->lost) {
		bool hole = is_hole(c, offset, end - offset, &run);
		uint32_t bytes = hole ? (uint32_t)run : part_of(offset, run);
		uint16_t flags = offset + bytes == end ? NBD_REPLY_FLAG_DONE : 0;

		if (hole) {
			put_hole(c, rq, offset, bytes, flags);
		} else {
			int err = put_data(c, rq, offset, bytes, flags);

			if (err) {
				uz__nbd_reply_at(c, rq, err, failed_at(c, offset, bytes));
				return;
			}
		}
		offset += bytes;
	}
}

static uint32_t whole_header_bytes(const struct uz_nbd_conn *c)
{
	return c->structured ? DATA_HEADER_BYTES : NBD_SIMPLE_REPLY_BYTES;
}

static char *put_whole_header(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, char *p)
{
	if (c->structured) {
		p = nbd_put_chunk(p, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_OFFSET_DATA, rq->cookie,
				  8 + rq->length);
		return nbd_put64(p, rq->offset);
	}
	p = nbd_put32(p, NBD_SIMPLE_REPLY_MAGIC);
	p = nbd_put32(p, NBD_SUCCESS);
	return nbd_put64(p, rq->cookie);
}

/* The rest of a reply whose header has promised it. */
static void read_rest(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, uint64_t offset)
{
	uint64_t end = rq->offset + rq->length;

	while (offset < end && !c->lost) {
		uint32_t bytes = part_of(offset, end - offset);
		char *p = uz__nbd_room(c, bytes);
		int err = read_disk(c, offset, p, bytes);

		if (err) {
			uz__nbd_log(c->server,
				    "nbd: %s: disk %s is damaged at byte %llu: the reply was under "
				    "way, so the connection ends",
				    c->peer, uz_dev_name(c->dev),
				    (unsigned long long)failed_at(c, offset, bytes));
			uz__nbd_flush(c);
			c->lost = err;
			return;
		}
		uz__nbd_put(c, p + bytes);
		offset += bytes;
	}
}

static void read_whole(struct uz_nbd_conn *c, const struct uz_nbd_request *rq)
{
	uint32_t header = whole_header_bytes(c);
	uint32_t bytes = part_of(rq->offset, rq->length);
	char *p = uz__nbd_room(c, header + bytes);
	int err = read_disk(c, rq->offset, p + header, bytes);

	if (err) {
		uz__nbd_reply_at(c, rq, err, failed_at(c, rq->offset, bytes));
		return;
	}
	uz__nbd_put(c, put_whole_header(c, rq, p) + bytes);
	read_rest(c, rq, rq->offset + bytes);
}

/* Whether there is a whole request at @p, and a read. */
static bool is_read(const struct uz_nbd_conn *c, const char *p)
{
	return c->rx + c->rx_end - p >= (ptrdiff_t)NBD_REQUEST_BYTES && uz__nbd_is(p, NBD_CMD_READ);
}

static uint64_t offset_of(const char *p)
{
	return nbd_get64(p + NBD_REQUEST_OFFSET);
}

static void look_far_ahead(struct uz_nbd_conn *c)
{
	const char *p = c->rx + c->rx_pos;

	for (uint32_t i = 0; i < SLOTS_AHEAD && is_read(c, p); i++, p += NBD_REQUEST_BYTES)
		uz_dev_prefetch_slot(c->dev, c->stream, offset_of(p));
	c->rx_seen = (uint32_t)(p - c->rx);
}

static void look_ahead(struct uz_nbd_conn *c)
{
	const char *p = c->rx + c->rx_pos;

	if (c->rx_pos >= c->rx_seen)
		look_far_ahead(c);
	if (is_read(c, p))
		uz_dev_prefetch(c->dev, c->stream, offset_of(p));
}

void uz__nbd_read(struct uz_nbd_conn *c, const struct uz_nbd_request *rq)
{
	look_ahead(c);
	if (!rq->length)
		uz__nbd_reply(c, rq, 0, NULL);
	else if (c->structured && !(rq->flags & NBD_CMD_FLAG_DF))
		read_chunks(c, rq);
	else
		read_whole(c, rq);
}
