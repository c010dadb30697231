/* SPDX-License-Identifier: MIT */
/*
 * Memory out of the RAM budget for clients of the control socket: a fresh memfd of fixed size, for
 * which a window of a region was emptied, or which takes what the budget has left; or in place, the
 * window itself, when the region is on memory that has a descriptor. A grant belongs to the connection
 * that asked for it and ends with it.
 */
#ifndef UZ_APP_GRANT_H
#define UZ_APP_GRANT_H

#include "error.h"
#include "json.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define UZ_GRANTS_MAX 16 /* fewer than clients: some can always come and free one */
#define UZ_DEADLINE_MS 100
#define UZ_DEADLINE_MS_MAX 10000 /* a server that is told to end waits so long for a grant */

struct uz_server;
struct uz_server_region;
struct uz_wire;

struct uz_mem_grant {
	uint32_t id;
	enum { UZ_GRANT_NONE, UZ_GRANT_WAITING, UZ_GRANT_OUT, UZ_GRANT_ENDING } state;
	struct uz_server_region *region; /* NULL: of scattered pages */
	uint64_t bytes;
	uint64_t since_ns; /* asked for, then given */
	uint64_t evacuate_ns, commit_ns; /* what it took */
	const struct uz_wire *owner;
	int pid;
	char comm[17];
	int fd; /* of what is out; in place: of all of the region's memory */
	uint64_t offset_bytes; /* where its memory is in fd */
	uint32_t window; /* its id in the region */
};

struct uz_grants {
	pthread_mutex_t lock;
	pthread_cond_t ended; /* one that was ENDING is not there any more */
	struct uz_mem_grant grant[UZ_GRANTS_MAX];
	uint32_t last_id;
};

void uz__grants_init(struct uz_grants *t);
void uz__grants_fini(struct uz_grants *t);

/*
 * *fd is a copy, the caller's. A region's window is waited for until @deadline_ns from now; the time
 * that the system takes to clear the memory comes on top. Blocks nobody but the caller.
 */
int uz__grants_alloc(struct uz_server *s, const struct uz_wire *owner,
		     struct uz_server_region *region, uint64_t bytes, uint64_t deadline_ns,
		     struct uz_mem_grant *out, int *fd, struct uz_error *e);
/* A grant of another connection too; that one is ended when it has no other grant. */
int uz__grants_free(struct uz_server *s, const struct uz_wire *by, uint64_t id, struct uz_error *e);
/* The connection is gone: its grants are freed, and it is said. */
void uz__grants_end(struct uz_server *s, const struct uz_wire *owner);
bool uz__grants_held(struct uz_server *s, const struct uz_wire *owner);
void uz__grants_report(struct uz_server *s, struct uz_json_out *o);

/* The memory of a grant, without the table: makes fd and window, for region, bytes and since_ns. */
int uz__grant_memory_take(struct uz_server *s, struct uz_mem_grant *g, uint64_t until_ns,
			  struct uz_error *e);
/* Counts and says that the region had no stretch for it until then: -ENOMEM. */
int uz__grant_no_room(const struct uz_mem_grant *g, uint64_t until_ns, struct uz_error *e);
bool uz__grant_in_place(const struct uz_mem_grant *g);
void uz__grant_memory_drop(struct uz_server *s, struct uz_mem_grant *g);

#endif
