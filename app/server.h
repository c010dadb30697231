/* SPDX-License-Identifier: MIT */
/* A running server: the store, its disks, the NBD front, and the changes that can be made live. */
#ifndef UZ_APP_SERVER_H
#define UZ_APP_SERVER_H

#include "config.h"
#include "disks.h"
#include "grant.h"
#include "region_spec.h"

#include <uz/contig.h>
#include <uz/host.h>

struct uz_server_region {
	struct uz_region_spec spec;
	struct uz_region *region;
	int fd; /* the memory that it is on, which grants are copies of; -1: the store's */
};

struct uz_server {
	struct uz_host *host;
	struct uz_store *store;
	struct uz_nbd *nbd;
	struct uz_background *background;
	struct uz_disks disks;
	struct uz_grants grants;
	struct uz_server_region region[UZ_REGION_MAX]; /* the same while it serves */
	unsigned int nr_regions;
	const struct uz_section *defaults; /* the configuration's, valid as long as the server */
	pthread_mutex_t admin; /* adding disks; the RAM budget */
	uint64_t ram_bytes, capacity_bytes;
	bool adopted, started;
};

/* Opens or adopts the store, brings its disks up and creates the missing ones. */
int uz__server_open(struct uz_server *s, const struct uz_config *c, struct uz_error *e);
void uz__server_close(struct uz_server *s); /* accepts a half-opened one */

/* @dict_fd: the dictionary's bytes, -1: open the path. */
int uz__server_add(struct uz_server *s, const struct uz_section *disk, int dict_fd,
		   struct uz_error *e);
/* Takes the caller's reference with it. */
int uz__server_remove(struct uz_server *s, struct uz_disk *d, struct uz_error *e);

/* Changes what @v gives and nothing else. One call at a time for a disk: others wait. */
int uz__server_set(struct uz_server *s, struct uz_disk *d, const struct uz_section *v, int dict_fd,
		   struct uz_error *e);
/* What @v says of the backing and of write-back. @d->changing is held. */
int uz__server_set_backing(struct uz_server *s, struct uz_disk *d, const struct uz_section *v,
			   struct uz_error *e);
int uz__server_check_backings(struct uz_server *s, struct uz_error *e);
void uz__server_free_backing(struct uz_disk *d);
void uz__server_close_backings(struct uz_server *s); /* the store is closed */
int64_t uz__server_writeback(struct uz_server *s, struct uz_disk *d, const char *what,
			     uint64_t max_pages, struct uz_error *e);

/* Promises what the configuration names. */
int uz__server_open_regions(struct uz_server *s, struct uz_error *e);
void uz__server_close_regions(struct uz_server *s);
uint64_t uz__server_promised(const struct uz_server *s); /* bytes of all regions */
/* Its uz_region_bitmap, the caller's to free, of *nr bits. NULL: no memory. */
uint64_t *uz__region_bitmap(const struct uz_server_region *r, unsigned int *nr);
/* A disk that cannot have a pool because regions need one that moves. */
int uz__server_stuck(const char *disk, const char *pool, struct uz_error *e);
/* NULL: there is none of that name, and @e says which there are. */
struct uz_server_region *uz__server_region(struct uz_server *s, const char *name,
					   struct uz_error *e);

/* On stderr, if a budget is more than the system lets us have. */
void uz__server_warn_ram(struct uz_server *s);

/* What @v says of the server itself: ram, return. */
int uz__server_set_own(struct uz_server *s, const struct uz_section *v, struct uz_error *e);

/* The entry of a codec in the store, to be put back when it is in use; or -errno. */
int uz__server_codec(struct uz_server *s, const struct uz_codec_spec *spec, bool checksum,
		     int dict_fd, struct uz_error *e);
const struct uz_pool_ops *uz__server_pool(const char *name, struct uz_error *e);

void uz__server_put_codec(struct uz_server *s, int entry); /* accepts -errno */
int uz__disk_codec(struct uz_server *s, struct uz_disk *d, struct uz_codec_info *info);

/* As uz__server_codec: what @v asks for, over what @d has now. @d->changing is held. */
int uz__server_change_codec(struct uz_server *s, struct uz_disk *d, const struct uz_section *v,
			    int dict_fd, struct uz_error *e);

/* A dictionary from the disk's own pages, put to use: its bytes, or -errno. @codec may be NULL. */
int uz__server_train(struct uz_server *s, struct uz_disk *d, const char *codec, uint32_t max_bytes,
		     struct uz_error *e);

#endif
