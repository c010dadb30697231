/* SPDX-License-Identifier: MIT */
/*
 * Memory out of the RAM budget for clients of the control socket: a fresh memfd of fixed size, for
 * devices behind an IOMMU, which need no contiguous pages. A grant belongs to the connection that
 * asked for it and ends with it.
 */
#ifndef UZ_APP_GRANT_H
#define UZ_APP_GRANT_H

#include "error.h"
#include "json.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define UZ_GRANTS_MAX 16 /* fewer than clients: some can always come and free one */

struct uz_server;
struct uz_wire;

struct uz_mem_grant {
	uint32_t id; /* 0: free */
	int fd;
	uint64_t bytes, since_ns;
	const struct uz_wire *owner;
	int pid;
	char comm[17];
};

struct uz_grants {
	pthread_mutex_t lock;
	struct uz_mem_grant grant[UZ_GRANTS_MAX];
	uint32_t last_id;
};

/* *fd is a copy, the caller's. */
int uz__grants_alloc(struct uz_server *s, const struct uz_wire *owner, uint64_t bytes, uint32_t *id,
		     int *fd, struct uz_error *e);
/* A grant of another connection too; that one is ended when it has no other grant. */
int uz__grants_free(struct uz_server *s, const struct uz_wire *by, uint64_t id, struct uz_error *e);
/* The connection is gone: its grants are freed, and it is said. */
void uz__grants_end(struct uz_server *s, const struct uz_wire *owner);
bool uz__grants_held(struct uz_server *s, const struct uz_wire *owner);
void uz__grants_report(struct uz_server *s, struct uz_json_out *o);

#endif
