/* SPDX-License-Identifier: MIT */
/* What the files of host/ share. Included first, before any system header. */
#ifndef UZ_HOST_I_H
#define UZ_HOST_I_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uz/host.h>

#include "cleanup.h"

static_assert(sizeof(void *) == 8, "uzram needs a 64-bit system: it reserves addresses by the TiB");
static_assert(sizeof(off_t) == 8,
	      "a store may be larger than 2 GiB: compile with -D_FILE_OFFSET_BITS=64");

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* A control group's folder, of which the first @top characters are the mount point; see group.c. */
struct uz__group {
	char folder[PATH_MAX];
	size_t top;
};

/* What was read of each source of pressure the last time; see pressure.c. */
struct uz__pressure {
	const char *root;
	struct uz__group v1, v2; /* an empty folder: there is none */
	uint64_t seen[4];
	uint64_t looked_ns; /* 0: never */
};

/* /proc and /sys are found under @root, which stays valid. True: it rose since the last look. */
void uz__pressure_init(struct uz__pressure *p, const char *root, uint64_t now_ns);
bool uz__pressure_rose(struct uz__pressure *p, uint64_t now_ns);

struct uz_host {
	struct uz_plat plat; /* first: a plat pointer is a host pointer */
	enum uz_host_backing backing;
	bool huge; /* private memory may have transparent huge pages */
	bool own_memfd;
	char *made_path; /* the file that was not there before; NULL: it was, or is no file */
	bool was_empty;
	int fd; /* the store's file, our own open file description, locked; -1: private */
	int given_fd; /* kept until close; -1: none */
	char *store; /* NULL: not reserved */
	size_t store_len;
	struct uz__pressure pressure; /* of the background thread */
	uz_host_switch_fn *on_switch; /* NULL: nobody wants to know */
	void *on_switch_arg;
	uint8_t *moved; /* a bit for 2 MiB of the store; see carry.c; NULL: nothing ever was */
	uint32_t nr_moved;
	off_t data_from, data_end; /* adopt: an extent of the file without holes; end: atomic */
};

extern const struct uz_plat_ops uz__plat_linux_ops;

static inline struct uz_host *uz__host(struct uz_plat *pl)
{
	return UZ_CONTAINER_OF(pl, struct uz_host, plat);
}

/* Goes on after a signal; 0 or -errno. */
static inline int uz__fallocate(int fd, int mode, off_t off, size_t len)
{
	while (fallocate(fd, mode, off, (off_t)len) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* carry.c: a slot of uz_plat_ops */
#define UZ__CARRY_BYTES ((size_t)2 << 20)
int uz__carry(struct uz_plat *pl, void *from, void *to);

/* copy.c: a slot of uz_plat_ops */
void uz__copy(struct uz_plat *pl, void *to, const void *from, size_t len);

/* map_fd.c: slots of uz_plat_ops */
int uz__map_fd(struct uz_plat *pl, void *p, size_t len, int fd, uint64_t off);
int uz__unmap_fd(struct uz_plat *pl, void *p, size_t len);
/* Empty private memory at @p; @how: MAP_FIXED or MAP_FIXED_NOREPLACE. 0 or -errno. */
int uz__map_fresh(struct uz_host *h, void *p, size_t len, int how);

/* The store's file, when there is one: size, first use, look. */
uint64_t uz__backing_bytes(const struct uz_host *h);
int uz__backing_create(struct uz_host *h, uint64_t bytes);
int uz__backing_seal(struct uz_host *h);
int uz__backing_peek(const struct uz_host *h, void *buf, size_t len);

/* As uz_host_ram_bytes, for a system whose /proc and /sys are found under @root. */
uint64_t uz__ram_bytes_at(const char *root);
/*
 * Our group there, v2's or the v1 one that limits memory; false: there is none. up: the one above it,
 * false at the mount point, which stays. open: a file in its folder to read, NULL if it is not there.
 */
bool uz__group_find(const char *root, bool v2, struct uz__group *g);
bool uz__group_up(struct uz__group *g);
FILE *uz__group_open(const struct uz__group *g, const char *name);

#endif
