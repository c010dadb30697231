/* SPDX-License-Identifier: MIT */
/*
 * The disks of the server, by name. Whoever uses one holds a reference; remove waits for the last
 * of them, so a disk is never destroyed under a connection or a command. Nobody finds one that is not
 * all there yet, or is going; its name is taken all the same.
 *
 * Lock order: the server's admin, a disk's changing, the table's.
 */
#ifndef UZ_APP_DISKS_H
#define UZ_APP_DISKS_H

#include <pthread.h>
#include <stdbool.h>
#include <uz/backing.h>
#include <uz/nbd.h>

struct uz_disk {
	char name[UZ_DISK_NAME_MAX];
	struct uz_dev *dev;
	char *recompress; /* canonical text, for reports; under the lock */
	struct uz_backing_dev *backing; /* with its path: changed under the lock */
	char *backing_path;
	bool read_only; /* under the lock */
	bool hidden; /* no new references */
	pthread_mutex_t changing; /* what a change is worked out from stays so until it is made */
	unsigned int users, connections;
};

struct uz_disks {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct uz_disk *disk[UZ_DISK_MAX];
	unsigned int nr;
};

void uz__disks_init(struct uz_disks *t);
void uz__disks_fini(struct uz_disks *t); /* frees records, not devices */

/* Hidden, with a reference for the caller. 0, -EEXIST, -ENOSPC, -ENOMEM. */
bool uz__disks_full(struct uz_disks *t);
int uz__disks_add(struct uz_disks *t, struct uz_dev *dev, bool read_only, struct uz_disk **out);

void uz__disks_show(struct uz_disks *t, struct uz_disk *d);

/* Returns when no disk of that name is on its way in or out. */
void uz__disks_wait_settled(struct uz_disks *t, const char *name);

/* A reference; "" is the only disk. NULL: there is none of that name. */
struct uz_disk *uz__disks_get(struct uz_disks *t, const char *name);
void uz__disks_put(struct uz_disks *t, struct uz_disk *d);

/* The i-th disk, with a reference; NULL ends. */
struct uz_disk *uz__disks_at(struct uz_disks *t, unsigned int i);

/* Names of all disks, separated by blanks, for messages. */
void uz__disks_names(struct uz_disks *t, char *text, size_t bytes);

/* No new references from now on; false when another caller was first. */
bool uz__disks_retire(struct uz_disks *t, struct uz_disk *d);

/* Waits @timeout_ms until only the caller has a reference. */
bool uz__disks_wait_unused(struct uz_disks *t, struct uz_disk *d, unsigned int timeout_ms);

/* Takes a hidden, unused disk out and frees the record. */
void uz__disks_forget(struct uz_disks *t, struct uz_disk *d);

struct uz_nbd_exports uz__disks_exports(struct uz_disks *t);

#endif
