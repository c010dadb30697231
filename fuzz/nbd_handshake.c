/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an NBD client's whole side of the conversation: the server says its greeting,
 * then whole option replies to options that were asked, ends with the stream, and has
 * given back the disk.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "nbd_rig.h"

#define GREETING "NBDMAGICIHAVEOPT\0\3"
#define GREETING_BYTES 18u
#define REPLY_BYTES 20u
#define REPLY_MAGIC 0x0003e889045565a9ull
#define ACK 1u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t get(const char *p, unsigned int bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);
	return be64toh(v) >> (64 - 8 * bytes);
}

/* GO or EXPORT_NAME end the options: what follows is not looked at here. */
static void check_replies(const char *p, size_t left)
{
	while (left >= REPLY_BYTES && get(p, 8) == REPLY_MAGIC) {
		uint32_t option = (uint32_t)get(p + 8, 4), type = (uint32_t)get(p + 12, 4);
		size_t bytes = REPLY_BYTES + get(p + 16, 4);

		CHECK(bytes <= left);
		CHECK(type - 1 < 4 || (type & 0xfffffff0u) == 0x80000000u);
		if (option == 7 && type == ACK)
			return;
		p += bytes;
		left -= bytes;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nbd_rig rig;
	struct nbd_reply out;

	if (!rig.nbd)
		nbd_rig_open(&rig, 1 << 20, false);
	nbd_rig_session(&rig, data, size, &out);
	CHECK(out.bytes >= GREETING_BYTES && !memcmp(out.p, GREETING, GREETING_BYTES));
	check_replies(out.p + GREETING_BYTES, out.bytes - GREETING_BYTES);
	CHECK(rig.nr_open == 0);
	free(out.p);
	return 0;
}
