/* SPDX-License-Identifier: MIT */
#include "disks.h"

#include "clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void uz__disks_init(struct uz_disks *t)
{
	memset(t, 0, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	uz__clock_cond_init(&t->changed);
}

static void free_disk(struct uz_disk *d)
{
	pthread_mutex_destroy(&d->changing);
	free(d->recompress);
	free(d->backing_path);
	free(d);
}

void uz__disks_fini(struct uz_disks *t)
{
	for (unsigned int i = 0; i < t->nr; i++)
		free_disk(t->disk[i]);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
}

/* The lock is held. Hidden disks own their name. */
static struct uz_disk *find(struct uz_disks *t, const char *name)
{
	for (unsigned int i = 0; i < t->nr; i++)
		if (!strcmp(t->disk[i]->name, name))
			return t->disk[i];
	return NULL;
}

static struct uz_disk *only(struct uz_disks *t)
{
	return t->nr == 1 ? t->disk[0] : NULL;
}

bool uz__disks_full(struct uz_disks *t)
{
	bool full;

	pthread_mutex_lock(&t->lock);
	full = t->nr == UZ_DISK_MAX;
	pthread_mutex_unlock(&t->lock);
	return full;
}

int uz__disks_add(struct uz_disks *t, struct uz_dev *dev, bool read_only, struct uz_disk **out)
{
	struct uz_disk *d = calloc(1, sizeof(*d));
	int err = 0;

	if (!d)
		return -ENOMEM;
	snprintf(d->name, sizeof(d->name), "%s", uz_dev_name(dev));
	d->dev = dev;
	d->read_only = read_only;
	d->hidden = true;
	d->users = 1;
	pthread_mutex_init(&d->changing, NULL);
	pthread_mutex_lock(&t->lock);
	if (find(t, d->name))
		err = -EEXIST;
	else if (t->nr == UZ_DISK_MAX)
		err = -ENOSPC;
	else
		t->disk[t->nr++] = d;
	pthread_mutex_unlock(&t->lock);
	if (err)
		free_disk(d);
	else
		*out = d;
	return err;
}

void uz__disks_show(struct uz_disks *t, struct uz_disk *d)
{
	pthread_mutex_lock(&t->lock);
	d->hidden = false;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

void uz__disks_wait_settled(struct uz_disks *t, const char *name)
{
	struct uz_disk *d;

	pthread_mutex_lock(&t->lock);
	while ((d = find(t, name)) && d->hidden)
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

struct uz_disk *uz__disks_get(struct uz_disks *t, const char *name)
{
	struct uz_disk *d;

	pthread_mutex_lock(&t->lock);
	d = *name ? find(t, name) : only(t);
	if (d && d->hidden)
		d = NULL;
	if (d)
		d->users++;
	pthread_mutex_unlock(&t->lock);
	return d;
}

void uz__disks_put(struct uz_disks *t, struct uz_disk *d)
{
	pthread_mutex_lock(&t->lock);
	d->users--;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

/* The lock is held. */
static struct uz_disk *live_at(struct uz_disks *t, unsigned int n)
{
	for (unsigned int i = 0; i < t->nr; i++)
		if (!t->disk[i]->hidden && n-- == 0)
			return t->disk[i];
	return NULL;
}

struct uz_disk *uz__disks_at(struct uz_disks *t, unsigned int i)
{
	struct uz_disk *d;

	pthread_mutex_lock(&t->lock);
	d = live_at(t, i);
	if (d)
		d->users++;
	pthread_mutex_unlock(&t->lock);
	return d;
}

void uz__disks_names(struct uz_disks *t, char *text, size_t bytes)
{
	struct uz_disk *d;
	size_t used = 0;

	*text = 0;
	pthread_mutex_lock(&t->lock);
	for (unsigned int i = 0; (d = live_at(t, i)) && used < bytes; i++)
		used += (size_t)snprintf(text + used, bytes - used, "%s%s", i ? " " : "", d->name);
	pthread_mutex_unlock(&t->lock);
}

bool uz__disks_retire(struct uz_disks *t, struct uz_disk *d)
{
	bool first;

	pthread_mutex_lock(&t->lock);
	first = !d->hidden;
	d->hidden = true;
	pthread_mutex_unlock(&t->lock);
	return first;
}

bool uz__disks_wait_unused(struct uz_disks *t, struct uz_disk *d, unsigned int timeout_ms)
{
	uint64_t until_ns = uz__now_ns() + (uint64_t)timeout_ms * 1000000;
	bool unused;
	int err = 0;

	pthread_mutex_lock(&t->lock);
	while (d->users > 1 && !err)
		err = uz__clock_wait(&t->changed, &t->lock, until_ns);
	unused = d->users <= 1;
	pthread_mutex_unlock(&t->lock);
	return unused;
}

void uz__disks_forget(struct uz_disks *t, struct uz_disk *d)
{
	unsigned int i = 0;

	pthread_mutex_lock(&t->lock);
	while (t->disk[i] != d)
		i++;
	memmove(&t->disk[i], &t->disk[i + 1], (t->nr - i - 1) * sizeof(t->disk[0]));
	t->nr--;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	free_disk(d);
}

static struct uz_dev *export_open(void *ctx, const char *name, bool *read_only)
{
	struct uz_disks *t = ctx;
	struct uz_disk *d = uz__disks_get(t, name);

	if (!d)
		return NULL;
	pthread_mutex_lock(&t->lock);
	d->connections++;
	*read_only = d->read_only;
	pthread_mutex_unlock(&t->lock);
	return d->dev;
}

static void export_close(void *ctx, struct uz_dev *dev)
{
	struct uz_disks *t = ctx;

	pthread_mutex_lock(&t->lock);
	for (unsigned int i = 0; i < t->nr; i++)
		if (t->disk[i]->dev == dev) {
			t->disk[i]->connections--;
			t->disk[i]->users--;
		}
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

static bool export_name(void *ctx, unsigned int i, char *buf, size_t bytes)
{
	struct uz_disks *t = ctx;
	struct uz_disk *d;

	pthread_mutex_lock(&t->lock);
	d = live_at(t, i);
	if (d)
		snprintf(buf, bytes, "%s", d->name);
	pthread_mutex_unlock(&t->lock);
	return d != NULL;
}

struct uz_nbd_exports uz__disks_exports(struct uz_disks *t)
{
	return (struct uz_nbd_exports){
		.open = export_open, .close = export_close, .name = export_name, .ctx = t
	};
}
