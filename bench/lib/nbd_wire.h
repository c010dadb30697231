/* SPDX-License-Identifier: MIT */
/* A client's side of the NBD protocol up to transmission, apart from the server's own code. */
#ifndef UZ_BENCH_NBD_WIRE_H
#define UZ_BENCH_NBD_WIRE_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A number of @bytes bytes, big endian; put returns where the next one goes. */
static inline char *nbd_wire_put(char *p, uint64_t v, unsigned int bytes)
{
	v = htobe64(v << (64 - 8 * bytes));
	memcpy(p, &v, bytes);
	return p + bytes;
}

static inline uint64_t nbd_wire_get(const char *p, unsigned int bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);
	return be64toh(v) >> (64 - 8 * bytes);
}

/*
 * A connection to @export of the server at a unix socket, ready for requests; its disk's size.
 * *structured: ask for structured replies; whether the server has them. Ends the program with a
 * message when it cannot.
 */
int nbd_wire_connect(const char *socket_path, const char *export, bool *structured,
		     uint64_t *size_bytes);

_Noreturn void nbd_wire_die(const char *what, const char *why);

#endif
