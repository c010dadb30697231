/* SPDX-License-Identifier: MIT */
/*
 * Memory out of the RAM budget of a running `uzram serve`, for another program: a memfd that is
 * committed, zero, and of fixed size. A region that the server has on memory of its own (`,fd=N` or
 * `,path=FILE`) is granted in place instead: the descriptor is of all of that memory, the grant is @bytes of
 * it from @offset_bytes on, with what was left there, not zeros; the rest is in use by disks.
 *
 *	struct uz_client_grant g = { .struct_size = sizeof(g) };
 *
 *	if (uz_client_grant_region(NULL, "cam0", 64 << 20, 50, &g, why, sizeof(why)) < 0)
 *		...
 *	p = mmap(NULL, g.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g.fd, (off_t)g.offset_bytes);
 *	uz_client_grant_free(&g);
 */
#ifndef UZRAM_GRANT_H
#define UZRAM_GRANT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UZ_CLIENT_TIMEOUT_MS 60000

/* May get more members at its end; the library writes no more of it than struct_size says. */
struct uz_client_grant {
	size_t struct_size; /* set by the caller: sizeof(struct uz_client_grant) */
	unsigned int timeout_ms; /* set by the caller: see below; 0: UZ_CLIENT_TIMEOUT_MS */
	int fd; /* the memory; the caller may map and pass it on, uz_client_grant_free closes it */
	int connection; /* readable or hung up: the server or another client has freed the grant */
	uint32_t id; /* as `uzram contig stat` names it */
	uint64_t bytes; /* what was asked for, rounded up to 2 MiB of a region, else to 4 KiB */
	uint64_t offset_bytes; /* of them in fd; 0 unless it is granted in place */
};

/*
 * A window of @region (`uzram serve --region NAME:SIZE`) is emptied for @bytes, 0: for all that the
 * region has, until @deadline_ms from now, 1 to 10000, 0: 100. The time that the system takes to
 * clear the memory comes on top.
 *
 * Asks the server at @control, the path of its control socket (NULL: $UZRAM_CONTROL, else
 * $XDG_RUNTIME_DIR/uzram.sock, else /run/uzram.sock), and waits for the answer: until @deadline_ms and
 * then @out->timeout_ms are over, in which the memory must be clear; a server that hangs costs no more.
 * The grant lasts until it is freed or the process ends. 0, or the server's or the system's negative
 * errno, and @out is untouched: -EBUSY beyond the deadline, or too many grants, -ENOMEM the region has
 * no such stretch, -ENOENT no such region, -EINVAL not a name, not its size, or not a struct_size; -ENOMEM,
 * -ENOSPC the system has no memory; -ENOENT, -ECONNREFUSED no server, -EPERM another user's, -ETIMEDOUT
 * no answer in time (what it would still give is freed), -EPROTO an answer that is none. @why, if not NULL,
 * gets sentences then: what was in the way, and what to do. Any thread.
 */
int uz_client_grant_region(const char *control, const char *region, uint64_t bytes,
			   unsigned int deadline_ms, struct uz_client_grant *out, char *why,
			   size_t why_bytes);

/*
 * The same out of no region, with no deadline: what the budget has left, for which nothing is moved;
 * -ENOSPC beyond the budget.
 */
int uz_client_grant(const char *control, uint64_t bytes, struct uz_client_grant *out, char *why,
		    size_t why_bytes);

/*
 * Unmap first: the pages are taken away, a mapping that is left reads zeros. Does not wait for it: a
 * region's next grant does, one out of no region may meet -ENOSPC for a moment. A second call does
 * nothing, nor does one for a grant that was refused. In place they are given back to disks as they
 * are: stop what writes there first, also devices, or it writes into disks. Any thread, one at a time
 * for a grant.
 */
void uz_client_grant_free(struct uz_client_grant *g);

#ifdef __cplusplus
}
#endif

#endif
