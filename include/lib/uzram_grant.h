/* SPDX-License-Identifier: MIT */
/*
 * Memory out of the RAM budget of a running `uzram serve`, for another program: a memfd that is
 * committed, zero, and of fixed size. Pages are scattered: for devices behind an IOMMU.
 *
 *	struct uz_client_grant g;
 *
 *	if (uz_client_grant(NULL, 64 << 20, &g, why, sizeof(why)) < 0)
 *		...
 *	p = mmap(NULL, g.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g.fd, 0);
 *	uz_client_grant_free(&g);
 */
#ifndef UZRAM_GRANT_H
#define UZRAM_GRANT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct uz_client_grant {
	int fd; /* the memory; the caller may map and pass it on, uz_client_grant_free closes it */
	int connection; /* readable or hung up: the server or another client has freed the grant */
	uint32_t id; /* as `uzram contig stat` names it */
	uint64_t bytes; /* what was asked for, rounded up to 4 KiB */
};

/*
 * Asks the server at @control, the path of its control socket (NULL: $UZRAM_CONTROL, else
 * $XDG_RUNTIME_DIR/uzram.sock, else /run/uzram.sock), and waits for the answer. The grant lasts until
 * it is freed or the process ends. 0, or the server's or the system's negative errno: -ENOSPC beyond
 * the budget, -EBUSY too many grants, -ENOENT, -ECONNREFUSED no server, -EPERM another user's; @why, if
 * not NULL, gets a sentence then. Any thread.
 */
int uz_client_grant(const char *control, uint64_t bytes, struct uz_client_grant *out, char *why,
		    size_t why_bytes);

/* Unmap first: the pages are taken away, a mapping that is left reads zeros. */
void uz_client_grant_free(struct uz_client_grant *g);

#ifdef __cplusplus
}
#endif

#endif
