/* SPDX-License-Identifier: MIT */
/*
 * The numbers of the NBD protocol, in its own words, and the byte order of the
 * wire (big endian). Nothing here knows of uzram.
 */
#ifndef UZ_NBD_PROTO_H
#define UZ_NBD_PROTO_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define NBD_MAGIC 0x4e42444d41474943ull /* "NBDMAGIC" */
#define NBD_OPT_MAGIC 0x49484156454f5054ull /* "IHAVEOPT" */
#define NBD_REP_MAGIC 0x0003e889045565a9ull
#define NBD_REQUEST_MAGIC 0x25609513u
#define NBD_SIMPLE_REPLY_MAGIC 0x67446698u
#define NBD_STRUCTURED_REPLY_MAGIC 0x668e33efu

/* Sizes on the wire. */
#define NBD_GREETING_BYTES 18u
#define NBD_OPT_HEADER_BYTES 16u
#define NBD_REP_HEADER_BYTES 20u
#define NBD_REQUEST_BYTES 28u
#define NBD_REQUEST_OFFSET 16u /* where its offset is */
#define NBD_SIMPLE_REPLY_BYTES 16u
#define NBD_CHUNK_BYTES 20u
#define NBD_EXTENT_BYTES 8u
#define NBD_STRING_MAX 4096u
#define NBD_EXPORT_NAME_ZEROES 124u

enum { /* handshake and client flags */
       NBD_FLAG_FIXED_NEWSTYLE = 1 << 0,
       NBD_FLAG_NO_ZEROES = 1 << 1,
};

enum { /* transmission flags */
       NBD_FLAG_HAS_FLAGS = 1 << 0,
       NBD_FLAG_READ_ONLY = 1 << 1,
       NBD_FLAG_SEND_FLUSH = 1 << 2,
       NBD_FLAG_SEND_FUA = 1 << 3,
       NBD_FLAG_ROTATIONAL = 1 << 4,
       NBD_FLAG_SEND_TRIM = 1 << 5,
       NBD_FLAG_SEND_WRITE_ZEROES = 1 << 6,
       NBD_FLAG_SEND_DF = 1 << 7,
       NBD_FLAG_CAN_MULTI_CONN = 1 << 8,
       NBD_FLAG_SEND_RESIZE = 1 << 9,
       NBD_FLAG_SEND_CACHE = 1 << 10,
       NBD_FLAG_SEND_FAST_ZERO = 1 << 11,
};

enum nbd_option {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_ABORT = 2,
	NBD_OPT_LIST = 3,
	NBD_OPT_STARTTLS = 5,
	NBD_OPT_INFO = 6,
	NBD_OPT_GO = 7,
	NBD_OPT_STRUCTURED_REPLY = 8,
	NBD_OPT_LIST_META_CONTEXT = 9,
	NBD_OPT_SET_META_CONTEXT = 10,
	NBD_OPT_EXTENDED_HEADERS = 11,
};

#define NBD_REP_ERR(n) (0x80000000u | (n))
#define NBD_REP_ACK 1u
#define NBD_REP_SERVER 2u
#define NBD_REP_INFO 3u
#define NBD_REP_META_CONTEXT 4u
#define NBD_REP_ERR_UNSUP NBD_REP_ERR(1)
#define NBD_REP_ERR_POLICY NBD_REP_ERR(2)
#define NBD_REP_ERR_INVALID NBD_REP_ERR(3)
#define NBD_REP_ERR_UNKNOWN NBD_REP_ERR(6)
#define NBD_REP_ERR_SHUTDOWN NBD_REP_ERR(7)
#define NBD_REP_ERR_TOO_BIG NBD_REP_ERR(9)

enum nbd_info {
	NBD_INFO_EXPORT = 0,
	NBD_INFO_NAME = 1,
	NBD_INFO_DESCRIPTION = 2,
	NBD_INFO_BLOCK_SIZE = 3,
};

enum nbd_command {
	NBD_CMD_READ = 0,
	NBD_CMD_WRITE = 1,
	NBD_CMD_DISC = 2,
	NBD_CMD_FLUSH = 3,
	NBD_CMD_TRIM = 4,
	NBD_CMD_CACHE = 5,
	NBD_CMD_WRITE_ZEROES = 6,
	NBD_CMD_BLOCK_STATUS = 7,
};

enum { /* command flags */
       NBD_CMD_FLAG_FUA = 1 << 0,
       NBD_CMD_FLAG_NO_HOLE = 1 << 1,
       NBD_CMD_FLAG_DF = 1 << 2,
       NBD_CMD_FLAG_REQ_ONE = 1 << 3,
       NBD_CMD_FLAG_FAST_ZERO = 1 << 4,
};

enum { /* structured replies */
       NBD_REPLY_FLAG_DONE = 1 << 0,
       NBD_REPLY_TYPE_NONE = 0,
       NBD_REPLY_TYPE_OFFSET_DATA = 1,
       NBD_REPLY_TYPE_OFFSET_HOLE = 2,
       NBD_REPLY_TYPE_BLOCK_STATUS = 5,
       NBD_REPLY_TYPE_ERROR = 0x8001,
       NBD_REPLY_TYPE_ERROR_OFFSET = 0x8002,
};

enum { /* base:allocation */
       NBD_STATE_HOLE = 1 << 0,
       NBD_STATE_ZERO = 1 << 1,
};

enum nbd_error {
	NBD_SUCCESS = 0,
	NBD_EPERM = 1,
	NBD_EIO = 5,
	NBD_ENOMEM = 12,
	NBD_EINVAL = 22,
	NBD_ENOSPC = 28,
	NBD_EOVERFLOW = 75,
	NBD_ENOTSUP = 95,
	NBD_ESHUTDOWN = 108,
};

static inline uint16_t nbd_get16(const char *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static inline uint32_t nbd_get32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline uint64_t nbd_get64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

/* Each puts a number and returns where the next one goes. */
static inline char *nbd_put16(char *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static inline char *nbd_put32(char *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static inline char *nbd_put64(char *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static inline char *nbd_put_chunk(char *p, uint16_t flags, uint16_t type, uint64_t cookie,
				  uint32_t payload_bytes)
{
	p = nbd_put32(p, NBD_STRUCTURED_REPLY_MAGIC);
	p = nbd_put16(p, flags);
	p = nbd_put16(p, type);
	p = nbd_put64(p, cookie);
	return nbd_put32(p, payload_bytes);
}

#endif
