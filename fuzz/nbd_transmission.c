/* SPDX-License-Identifier: MIT */
/*
 * Any requests after a good handshake, against a copy of the disk: replies are whole, in order,
 * succeed exactly when the request was right, carry the right bytes, and the disk is what
 * the copy is in the end. The first byte of an input chooses structured replies and read-only.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "nbd_rig.h"

#define DISK_BYTES (64u << 10)
#define INPUT_MAX (256u << 10)
#define REQUEST_BYTES 28u

enum { READ, WRITE, DISC, FLUSH, TRIM, CACHE, ZEROES, STATUS, NR_COMMANDS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where the server's words are read. */
struct scan {
	const char *p;
	size_t left;
	bool structured;
};

struct request {
	uint64_t cookie, offset;
	uint32_t length;
	uint16_t flags, type;
};

static char model[DISK_BYTES], disk[DISK_BYTES];

static uint64_t get(const char *p, unsigned int bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);
	return be64toh(v) >> (64 - 8 * bytes);
}

static const char *take(struct scan *s, size_t bytes)
{
	const char *p = s->p;

	CHECK(bytes <= s->left);
	s->p += bytes;
	s->left -= bytes;
	return p;
}

static bool is_right(const struct request *rq, bool structured, bool read_only)
{
	static const uint16_t flags[NR_COMMANDS] = { 1 | 4, 1, 0xffff, 1, 1, 1, 1 | 2 | 16, 1 | 8 };
	static const bool writes[NR_COMMANDS] = { [WRITE] = true, [TRIM] = true, [ZEROES] = true };

	if (rq->type >= NR_COMMANDS || (rq->flags & ~flags[rq->type]))
		return false;
	if ((rq->flags & 4 && !structured) || (writes[rq->type] && read_only))
		return false;
	if (rq->type == FLUSH)
		return true;
	if (rq->type == STATUS && (!structured || !rq->length))
		return false;
	return rq->offset <= DISK_BYTES && rq->length <= DISK_BYTES - rq->offset;
}

/* A chunk of a read: its bytes are the copy's. How many. */
static uint32_t check_chunk(const struct request *rq, uint16_t type, const char *p, uint32_t bytes)
{
	static const char zeros[DISK_BYTES];
	uint64_t offset = bytes >= 8 ? get(p, 8) : 0;
	uint32_t length;

	if (type == 0)
		return 0;
	CHECK(type == 1 || (type == 2 && bytes == 12));
	length = type == 1 ? bytes - 8 : (uint32_t)get(p + 8, 4);
	CHECK(offset >= rq->offset && offset + length <= rq->offset + rq->length);
	CHECK(!memcmp(type == 1 ? p + 8 : zeros, model + offset, length));
	return length;
}

static void check_extents(const struct request *rq, const char *p, uint32_t bytes)
{
	uint64_t offset = rq->offset;

	CHECK(bytes >= 12 && bytes % 8 == 4 && get(p, 4) == 1);
	CHECK(bytes == 12 || !(rq->flags & 8));
	for (uint32_t i = 4; i < bytes; i += 8) {
		uint64_t run = get(p + i, 4), flags = get(p + i + 4, 4);

		CHECK(run && offset + run <= rq->offset + rq->length);
		CHECK(flags == 0 || flags == 3);
		for (uint64_t b = 0; flags == 3 && b < run; b++)
			CHECK(model[offset + b] == 0);
		offset += run;
	}
}

/* The chunks of one structured reply behind its first magic; the error. */
static uint32_t check_structured(struct scan *s, const struct request *rq, bool right)
{
	uint32_t seen = 0, error = 0;
	uint16_t flags, type;

	do {
		const char *head = take(s, 16), *p;
		uint32_t bytes = (uint32_t)get(head + 12, 4);

		flags = (uint16_t)get(head, 2);
		type = (uint16_t)get(head + 2, 2);
		CHECK(get(head + 4, 8) == rq->cookie);
		p = take(s, bytes);
		if (type & 0x8000)
			error = (uint32_t)get(p, 4);
		else if (rq->type == STATUS)
			check_extents(rq, p, bytes);
		else
			seen += check_chunk(rq, type, p, bytes);
		if (!(flags & 1))
			CHECK(get(take(s, 4), 4) == 0x668e33ef);
	} while (!(flags & 1));
	CHECK(!right || rq->type != READ || seen == rq->length);
	return error;
}

static void check_reply(struct scan *s, const struct request *rq, bool right)
{
	uint32_t magic = (uint32_t)get(take(s, 4), 4), error;
	const char *p;

	if (magic == 0x668e33ef) {
		CHECK(s->structured);
		error = check_structured(s, rq, right);
	} else {
		CHECK(magic == 0x67446698 && !(s->structured && rq->type == READ));
		p = take(s, 12);
		error = (uint32_t)get(p, 4);
		CHECK(get(p + 4, 8) == rq->cookie);
		if (rq->type == READ && !error)
			CHECK(!memcmp(take(s, rq->length), model + rq->offset, rq->length));
	}
	CHECK_MSG((error == 0) == right, "command %u flags %x offset %llx length %x: error %u",
		  rq->type, rq->flags, (unsigned long long)rq->offset, rq->length, error);
}

static void apply(const struct request *rq, const uint8_t *payload)
{
	if (rq->type == WRITE)
		memcpy(model + rq->offset, payload, rq->length);
	else if (rq->type == TRIM || rq->type == ZEROES)
		memset(model + rq->offset, 0, rq->length);
}

/* Walks requests and replies side by side. A last write without all its payload may be half done. */
static void check_session(struct scan *s, const uint8_t *data, size_t size, bool read_only)
{
	while (size >= REQUEST_BYTES && get((const char *)data, 4) == 0x25609513) {
		const char *p = (const char *)data;
		struct request rq = { get(p + 8, 8), get(p + 16, 8), (uint32_t)get(p + 24, 4),
				      (uint16_t)get(p + 4, 2), (uint16_t)get(p + 6, 2) };
		size_t payload = rq.type == WRITE ? rq.length : 0;
		bool right = is_right(&rq, s->structured, read_only);

		data += REQUEST_BYTES;
		size -= REQUEST_BYTES;
		if (rq.type == DISC)
			break;
		if (payload > size) {
			if (right)
				memcpy(model + rq.offset, disk + rq.offset, rq.length);
			break;
		}
		check_reply(s, &rq, right);
		if (right)
			apply(&rq, data);
		data += payload;
		size -= payload;
	}
	CHECK_EQ(s->left, 0);
}

/* Flags, options, GO: as short as it gets. */
static size_t put_handshake(char *p, bool structured)
{
	static const char flags[] = "\0\0\0\3";
	static const char structured_reply[] = "IHAVEOPT\0\0\0\10\0\0\0\0";
	static const char meta[] =
		"IHAVEOPT\0\0\0\12\0\0\0\33\0\0\0\0\0\0\0\1\0\0\0\17base:allocation";
	static const char go[] = "IHAVEOPT\0\0\0\7\0\0\0\6\0\0\0\0\0\0";
	char *start = p;

	p = (char *)memcpy(p, flags, sizeof(flags) - 1) + sizeof(flags) - 1;
	if (structured) {
		p = (char *)memcpy(p, structured_reply, sizeof(structured_reply) - 1) +
		    sizeof(structured_reply) - 1;
		p = (char *)memcpy(p, meta, sizeof(meta) - 1) + sizeof(meta) - 1;
	}
	p = (char *)memcpy(p, go, sizeof(go) - 1) + sizeof(go) - 1;
	return (size_t)(p - start);
}

/* Past greeting and option replies. */
static void skip_handshake(struct scan *s)
{
	bool go;

	take(s, 18);
	do {
		const char *p = take(s, 20);

		go = get(p + 8, 4) == 7 && get(p + 12, 4) == 1;
		CHECK(get(p + 12, 4) < 0x80000000);
		take(s, get(p + 16, 4));
	} while (!go);
}

static void start_over(struct nbd_rig *rig)
{
	memset(model, 0, sizeof(model));
	CHECK_EQ(uz_dev_discard(rig->disk.dev, rig->disk.st, 0, DISK_BYTES), 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nbd_rig rig;
	static char in[INPUT_MAX + 256];
	struct nbd_reply out;
	struct scan s;
	size_t head;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	if (!rig.nbd)
		nbd_rig_open(&rig, DISK_BYTES, false);
	start_over(&rig);
	rig.read_only = data[0] & 2;
	head = put_handshake(in, data[0] & 1);
	memcpy(in + head, data + 1, size - 1);
	nbd_rig_session(&rig, in, head + size - 1, &out);
	CHECK_EQ(uz_dev_read(rig.disk.dev, rig.disk.st, 0, disk, DISK_BYTES, 0), 0);
	s = (struct scan){ out.p, out.bytes, data[0] & 1 };
	skip_handshake(&s);
	check_session(&s, data + 1, size - 1, rig.read_only);
	CHECK_MEM(disk, model, DISK_BYTES);
	CHECK(rig.nr_open == 0);
	free(out.p);
	return 0;
}
