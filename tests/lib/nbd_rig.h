/* SPDX-License-Identifier: MIT */
/* A disk "d0" behind an NBD server, and whole sessions with it: bytes in, bytes out. */
#ifndef UZ_TEST_NBD_RIG_H
#define UZ_TEST_NBD_RIG_H

#include <uz/nbd.h>

#include "dev_rig.h"

struct nbd_rig {
	struct dev_rig disk;
	struct uz_nbd *nbd;
	bool read_only;
	unsigned int nr_open; /* exports.open without close */
};

struct nbd_reply {
	char *p;
	size_t bytes;
};

void nbd_rig_open(struct nbd_rig *rig, uint64_t size_bytes, bool checksum);
void nbd_rig_close(struct nbd_rig *rig);

/*
 * One connection: the server gets exactly @in and then the end of the stream. All that it says
 * until it closes is in @out; free out->p.
 */
void nbd_rig_session(struct nbd_rig *rig, const void *in, size_t bytes, struct nbd_reply *out);

#endif
