/* SPDX-License-Identifier: MIT */
/* Backings of the server's disks: given, checked at a start, given up when the disk or the store goes. */
#include "server.h"
#include "size.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *why_not(int err)
{
	switch (err) {
	case -EEXIST:
		return "it is not empty and not a backing of uzram; pass --backing-format "
		       "(backing-format=yes) to overwrite it";
	case -ESTALE:
		return "it is the backing of another disk or store; name this disk's own, or pass "
		       "--backing-format (backing-format=yes) if nobody needs what is on it";
	case -EBADMSG:
		return "pages of the disk are on its backing, and this one's header is damaged or "
		       "gone; name the right one";
	case -EOVERFLOW:
		return "it is too small: it has to hold the disk size and 4096 bytes";
	}
	return strerror(-err);
}

static bool store_is_kept(const struct uz_server *s)
{
	return s->defaults->value[OPT_MEMORY] != NULL;
}

static int give(struct uz_server *s, struct uz_disk *d, const char *path, bool format,
		struct uz_error *e)
{
	unsigned int flags =
		(format ? UZ_BACKING_FORMAT : 0) | (store_is_kept(s) ? UZ_BACKING_KEPT : 0);
	struct uz_backing_dev *b;
	char why[512] = "", *copy = strdup(path);
	int err = copy ? uz_host_backing_open(path, &b, why, sizeof(why)) : -ENOMEM;

	if (err) {
		free(copy);
		return uz__error(e, -err, "disk %s: %s", d->name, why[0] ? why : "out of memory");
	}
	err = uz_dev_set_backing(d->dev, b, path, flags);
	if (err) {
		uz_host_backing_close(b);
		free(copy);
		return uz__error(e, -err, "disk %s: backing %s: %s", d->name, path, why_not(err));
	}
	pthread_mutex_lock(&s->disks.lock);
	d->backing = b;
	d->backing_path = copy;
	pthread_mutex_unlock(&s->disks.lock);
	return 0;
}

static const char *drop_error(int err)
{
	if (err == -ENOSPC || err == -ENOMEM)
		return "the RAM budget has no room for all pages that are on it: raise it with 'uzram "
		       "set ram=SIZE', or discard something";
	if (err == -EIO)
		return "a page on it cannot be read: overwrite or discard what reads as an error";
	if (err == -EINTR)
		return "the server is ending, or the disk is being removed";
	return strerror(-err);
}

/* Pages come back into memory; then it is anybody's. */
static int take_away(struct uz_server *s, struct uz_disk *d, struct uz_error *e)
{
	int err = uz_dev_drop_backing(d->dev);
	struct uz_disk old;

	if (err == -ENOENT)
		return 0;
	if (err)
		return uz__error(e, -err, "disk %s: backing %s stays: %s", d->name, d->backing_path,
				 drop_error(err));
	pthread_mutex_lock(&s->disks.lock);
	old = (struct uz_disk){ .backing = d->backing, .backing_path = d->backing_path };
	d->backing = NULL;
	d->backing_path = NULL;
	pthread_mutex_unlock(&s->disks.lock);
	uz__server_free_backing(&old);
	return 0;
}

static int set_limit(struct uz_disk *d, const char *text)
{
	uint64_t bytes = 0;
	bool on = strcmp(text, "off") != 0;

	if (on)
		uz__size_parse(text, 0, &bytes);
	uz_dev_set_writeback_limit(d->dev, on, bytes >> UZ_PAGE_SHIFT);
	return 0;
}

int uz__server_set_backing(struct uz_server *s, struct uz_disk *d, const struct uz_section *v,
			   struct uz_error *e)
{
	const char *path = v->value[OPT_BACKING], *idle = v->value[OPT_WRITEBACK_IDLE];
	bool none = path && !strcmp(path, UZ_NO_BACKING);
	int err = 0;

	if (path && !none && d->backing_path && strcmp(path, d->backing_path) != 0)
		return uz__error(
			e, EBUSY,
			"disk %s has the backing %s: 'uzram set %s backing=none' takes it away",
			d->name, d->backing_path, d->name);
	if (none)
		err = take_away(s, d, e);
	else if (path && !d->backing)
		err = give(s, d, path, uz__option_is_on(v, NULL, OPT_BACKING_FORMAT), e);
	if (!err && v->value[OPT_WRITEBACK_LIMIT])
		err = set_limit(d, v->value[OPT_WRITEBACK_LIMIT]);
	if (!err && idle && uz_dev_set_writeback(d->dev, (uint32_t)strtoul(idle, NULL, 10)))
		err = uz__error(e, ENOENT,
				"disk %s has no backing to write to: give it one with --backing "
				"(backing=FILE)",
				d->name);
	return err;
}

/* A server must not start when data of its disks is on a backing that it does not have. */
int uz__server_check_backings(struct uz_server *s, struct uz_error *e)
{
	struct uz_backing_info info;
	struct uz_disk *d;
	int err = 0;

	for (unsigned int i = 0; !err && (d = uz__disks_at(&s->disks, i)); i++) {
		uz_dev_backing(d->dev, &info);
		if (info.pages && !info.attached)
			err = uz__error(
				e, ENOENT,
				"disk %s has %llu pages on its backing %s (id %016llx): start "
				"with --name %s --backing FILE that names it",
				d->name, (unsigned long long)info.pages, info.hint,
				(unsigned long long)info.id, d->name);
		uz__disks_put(&s->disks, d);
	}
	return err;
}

/* After the disk was destroyed, or with a store that is gone. */
void uz__server_free_backing(struct uz_disk *d)
{
	if (d->backing && uz_host_backing_free(d->backing))
		fprintf(stderr, "uzram: backing %s could not be marked as free\n", d->backing_path);
	uz_host_backing_close(d->backing);
	free(d->backing_path);
	d->backing = NULL;
	d->backing_path = NULL;
}

void uz__server_close_backings(struct uz_server *s)
{
	for (unsigned int i = 0; i < s->disks.nr; i++) {
		struct uz_disk *d = s->disks.disk[i];

		if (!store_is_kept(s)) {
			uz__server_free_backing(d);
			continue;
		}
		uz_host_backing_close(d->backing);
		d->backing = NULL;
	}
}

/* A copy: a client that sets backing=none meanwhile frees it. */
static const char *path_of(struct uz_server *s, struct uz_disk *d, char text[PATH_MAX])
{
	pthread_mutex_lock(&s->disks.lock);
	snprintf(text, PATH_MAX, "%s", d->backing_path ? d->backing_path : UZ_NO_BACKING);
	pthread_mutex_unlock(&s->disks.lock);
	return text;
}

int64_t uz__server_writeback(struct uz_server *s, struct uz_disk *d, const char *what,
			     uint64_t max_pages, struct uz_error *e)
{
	static const char *const names[] = { [UZ_WRITEBACK_IDLE] = "idle",
					     [UZ_WRITEBACK_HUGE] = "huge",
					     [UZ_WRITEBACK_HUGE_IDLE] = "huge_idle",
					     [UZ_WRITEBACK_ALL] = "all" };
	int64_t n = -EINVAL;
	char at[PATH_MAX];

	for (unsigned int i = 0; i < 4; i++)
		if (!strcmp(what, names[i]))
			n = uz_dev_writeback(d->dev, (enum uz_writeback_what)i, max_pages);
	if (n >= 0)
		return n;
	if (n == -EINVAL)
		return uz__error(e, EINVAL, "writeback: '%s' is none of idle, huge, huge_idle, all",
				 what);
	if (n == -ENOENT)
		return uz__error(e, ENOENT,
				 "disk %s has no backing to write to: 'uzram set %s backing=FILE'",
				 d->name, d->name);
	if (n == -EAGAIN)
		return uz__error(e, EAGAIN,
				 "disk %s: its write-back limit is used up: 'uzram set %s "
				 "writeback-limit=SIZE' allows more",
				 d->name, d->name);
	return uz__error(e, (int)-n, "disk %s: writeback to %s: %s", d->name, path_of(s, d, at),
			 strerror((int)-n));
}
