/* SPDX-License-Identifier: MIT */
/*
 * Start and end of a server, and disks that come and go. An adopted store is stronger than the
 * configuration in one point: a disk keeps its disk size when the configured one is smaller,
 * because cutting a disk at a restart would lose data that nobody asked to lose.
 */
#include "server.h"

#include "cleanup.h"
#include "size.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <uz/arena.h>

#define DROP_MS 100
#define STOP_MS 5000
#define CAPACITY_MAX (1ULL << 40)

static void log_line(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "uzram: %s\n", line);
}

static void log_switch(void *ctx, const char *from, const char *to, uint32_t percent)
{
	(void)ctx;
	fprintf(stderr, "uzram: return_method: %s->%s (%u.%02u)\n", from, to, percent / 100,
		percent % 100);
}

static int open_host(struct uz_server *s, const struct uz_section *v, struct uz_error *e)
{
	struct uz_host_config c = { .backing = UZ_HOST_MEMFD,
				    .path = v->value[OPT_MEMORY],
				    .fd = -1 };
	int err;

	if (c.path)
		c.backing = UZ_HOST_FILE;
	else if (uz__option_is_on(NULL, v, OPT_PRIVATE))
		c.backing = UZ_HOST_PRIVATE;
	err = uz_host_open(&c, &s->host);
	if (err == -EBUSY)
		return uz__error(e, EBUSY,
				 "--memory %s: another process has this store open: end it first",
				 c.path);
	if (err == -EINVAL && c.path)
		return uz__error(e, EINVAL, "--memory %s: it is not a regular file", c.path);
	if (err)
		return uz__error(e, -err, "%s%s: %s", c.path ? "--memory " : "memory for the store",
				 c.path ? c.path : "", strerror(-err));
	uz_host_on_return_switch(s->host, log_switch, NULL);
	return 0;
}

static int store_error(struct uz_server *s, const char *path, int err,
		       const struct uz_store_error *why, struct uz_error *e)
{
	char text[UZ_SIZE_TEXT];

	if (err == -EBADMSG)
		return uz__error(
			e, EBADMSG,
			"--memory %s is damaged or not a store of this version of uzram%s%s: it was left "
			"as it is; name another file, or remove it if nothing on it matters",
			path ? path : "", why->what[0] ? ": " : "", why->what);
	if (err == -ENOENT)
		return uz__error(
			e, ENOENT,
			"--memory %s needs %s, which is neither built in nor in UZRAM_PLUGIN_PATH",
			path ? path : "", why->what);
	return uz__error(e, -err, "the store with a RAM budget of %s cannot be %s: %s%s%s%s",
			 uz__size_exact(s->ram_bytes, text), s->adopted ? "adopted" : "created",
			 strerror(-err), why->what[0] ? ": " : "", why->what,
			 err == -ENOSPC ? ": choose a larger --ram, where the system has it" : "");
}

void uz__server_warn_ram(struct uz_server *s)
{
	uint64_t has = uz_host_ram_bytes(), needs;
	char want[UZ_SIZE_TEXT], most[UZ_SIZE_TEXT];
	struct uz_arena_stats st;

	uz_arena_stats(uz_store_arena(s->store), &st);
	needs = st.used_bytes + st.meta_bytes;
	if (st.limit_bytes > has)
		fprintf(stderr,
			"uzram: the RAM budget of %s is more than the %s that this process may have (RAM, or "
			"the limit of its control group): the system may kill it before the budget is used "
			"up\n",
			uz__size_human(st.limit_bytes, want), uz__size_human(has, most));
	if (st.limit_bytes < needs)
		fprintf(stderr,
			"uzram: the RAM budget of %s is less than the %s that the disks cost now: writes fail "
			"with ENOSPC until it is raised ('uzram set ram=SIZE') or something is discarded\n",
			uz__size_human(st.limit_bytes, want), uz__size_human(needs, most));
}

/* What is in such a file is also written to a disk, as the system sees fit. */
static void warn_place(const char *path)
{
	struct statfs fs;

	if (path && !statfs(path, &fs) && fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC)
		fprintf(stderr,
			"uzram: --memory %s is not on tmpfs: the system writes it to that file system too\n",
			path);
}

static int open_store(struct uz_server *s, const struct uz_config *c, struct uz_error *e)
{
	struct uz_plat *pl = uz_host_plat(s->host);
	struct uz_store_error why = { "" };
	struct uz_store_config sc = { .registry = uz_host_registry() };
	int err;

	s->ram_bytes = uz__config_ram(c);
	s->capacity_bytes = UZ_MIN(UZ_MAX(s->ram_bytes, uz_host_ram_bytes()), CAPACITY_MAX);
	s->adopted = pl->ops->store_bytes(pl) != 0;
	sc.arena.capacity_bytes = s->capacity_bytes;
	sc.arena.limit_bytes = s->ram_bytes;
	sc.attach = s->adopted;
	err = uz_store_open(pl, &sc, &s->store, &why);
	if (err)
		return store_error(s, c->server.value[OPT_MEMORY], err, &why, e);
	uz__server_warn_ram(s);
	warn_place(c->server.value[OPT_MEMORY]);
	uz_arena_set_return(uz_store_arena(s->store),
			    uz__option_return(uz__option_value(NULL, &c->server, OPT_RETURN)));
	return 0;
}

static int adopt_disks(struct uz_server *s, struct uz_error *e)
{
	struct uz_disk *d;
	struct uz_dev *dev;
	int err;

	for (unsigned int i = 0; (dev = uz_store_disk_at(s->store, i)); i++) {
		err = uz__disks_add(&s->disks, dev, false, &d);
		if (err)
			return uz__error(e, -err, "disk %s: %s", uz_dev_name(dev), strerror(-err));
		uz__disks_show(&s->disks, d);
		uz__disks_put(&s->disks, d);
	}
	return 0;
}

/* Only what somebody wrote down; NULL elsewhere. Pointers are borrowed. */
static struct uz_section given(const struct uz_section *disk, const struct uz_section *server)
{
	struct uz_section v = { .name = "" };

	for (int i = 0; i < OPT_NR; i++) {
		const char *value = uz__option_value(disk, server, (enum uz_option_id)i);

		if (uz__options[i].scope == UZ_SCOPE_DISK && value != uz__options[i].fallback)
			v.value[i] = (char *)(uintptr_t)value;
	}
	return v;
}

static int update_adopted(struct uz_server *s, struct uz_disk *d, const struct uz_section *disk,
			  struct uz_error *e)
{
	struct uz_section v = given(disk, s->defaults);
	char has[UZ_SIZE_TEXT];
	uint64_t bytes = 0;

	if (v.value[OPT_SIZE])
		uz__size_parse(v.value[OPT_SIZE], 0, &bytes);
	if (bytes && bytes < uz_dev_size(d->dev))
		fprintf(stderr,
			"uzram: disk %s keeps its disk size of %s; 'uzram resize %s %s' would cut it\n",
			d->name, uz__size_exact(uz_dev_size(d->dev), has), d->name,
			v.value[OPT_SIZE]);
	if (bytes <= uz_dev_size(d->dev))
		v.value[OPT_SIZE] = NULL;
	return uz__server_set(s, d, &v, -1, e);
}

static int bring_up(struct uz_server *s, const struct uz_section *disk, struct uz_error *e)
{
	struct uz_disk *d = uz__disks_get(&s->disks, disk->name);
	int err;

	if (!d)
		return uz__server_add(s, disk, -1, e);
	err = update_adopted(s, d, disk, e);
	uz__disks_put(&s->disks, d);
	return err;
}

static int start_threads(struct uz_server *s, struct uz_error *e)
{
	struct uz_nbd_config nc = { .store = s->store,
				    .exports = uz__disks_exports(&s->disks),
				    .log = log_line };
	int err = uz_background_start(s->store, &s->background);

	if (err)
		return uz__error(e, -err, "the background thread: %s", strerror(-err));
	err = uz_nbd_start(&nc, &s->nbd);
	return err ? uz__error(e, -err, "the NBD server: %s", strerror(-err)) : 0;
}

int uz__server_open(struct uz_server *s, const struct uz_config *c, struct uz_error *e)
{
	int err;

	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->admin, NULL);
	uz__grants_init(&s->grants);
	uz__disks_init(&s->disks);
	s->defaults = &c->server;
	err = open_host(s, &c->server, e);
	if (!err)
		err = open_store(s, c, e);
	if (!err)
		err = adopt_disks(s, e);
	if (!err)
		err = uz__server_open_regions(s, e);
	for (unsigned int i = 0; !err && i < c->nr_disks; i++)
		if (!c->implied || !s->disks.nr)
			err = bring_up(s, &c->disk[i], e);
	if (!err)
		err = uz__server_check_backings(s, e);
	if (!err)
		err = start_threads(s, e);
	s->started = !err;
	return err;
}

static void discard_host(struct uz_host *host)
{
	int err = uz_host_discard(host);

	if (err)
		fprintf(stderr, "uzram: a store that was not used is left behind: %s\n",
			strerror(-err));
}

void uz__server_close(struct uz_server *s)
{
	uz_nbd_stop(s->nbd, STOP_MS);
	uz_background_stop(s->background);
	uz__server_close_regions(s);
	if (s->store)
		uz_store_close(s->store);
	uz__server_close_backings(s);
	if (s->host && !s->started)
		discard_host(s->host);
	uz_host_close(s->host);
	uz__disks_fini(&s->disks);
	uz__grants_fini(&s->grants);
	pthread_mutex_destroy(&s->admin);
}

static int create_error(struct uz_server *s, const struct uz_disk_config *dc,
			const struct uz_pool_ops *pool, int err, struct uz_error *e)
{
	char text[UZ_SIZE_TEXT], ram[UZ_SIZE_TEXT];

	if (err == -EEXIST)
		return uz__error(e, EEXIST,
				 "disk %s exists: choose another name, or 'uzram set %s ...'",
				 dc->name, dc->name);
	if (err == -ENOTSUP)
		return uz__server_stuck(dc->name, pool->name, e);
	if (err == -ENOSPC && uz__disks_full(&s->disks))
		return uz__error(e, ENOSPC, "disk %s: a server has at most %d disks: remove one",
				 dc->name, UZ_DISK_MAX);
	if (err == -ENOSPC)
		return uz__error(
			e, ENOSPC,
			"disk %s: there is no room for the table of a disk size of %s in the RAM budget "
			"of %s, or the system has less: raise it with 'uzram set ram=SIZE', or discard "
			"something",
			dc->name, uz__size_exact(dc->size_bytes, text),
			uz__size_exact(s->ram_bytes, ram));
	return uz__error(e, -err, "disk %s with a disk size of %s cannot be created: %s", dc->name,
			 uz__size_exact(dc->size_bytes, text), strerror(-err));
}

static int create(struct uz_server *s, const struct uz_disk_config *dc, int dict_fd,
		  struct uz_dev **dev, struct uz_error *e)
{
	struct uz_dev_config c = { .name = dc->name,
				   .size_bytes = dc->size_bytes,
				   .mem_limit_bytes = dc->mem_limit_bytes,
				   .pool = uz__server_pool(dc->pool, e) };
	int entry, err;

	if (!c.pool)
		return -e->code;
	entry = uz__server_codec(s, &dc->codec, dc->checksum, dict_fd, e);
	if (entry < 0)
		return entry;
	c.codec = (unsigned int)entry;
	err = uz_dev_create(s->store, &c, dev);
	uz__server_put_codec(s, entry);
	return err ? create_error(s, dc, c.pool, err, e) : 0;
}

/* What uz_dev_create does not take; on failure the disk is taken down again, before anybody saw it. */
static int finish(struct uz_server *s, struct uz_dev *dev, const struct uz_disk_config *dc,
		  const struct uz_section *disk, struct uz_error *e)
{
	struct uz_section all = given(disk, s->defaults), v = { .name = "" };
	const struct uz_pool_ops *pool = uz_dev_pool(dev);
	struct uz_disk *d;
	int err = uz__disks_add(&s->disks, dev, dc->read_only, &d);

	if (err) {
		uz_dev_destroy(dev);
		return create_error(s, dc, pool, err, e);
	}
	for (int i = OPT_RECOMPRESS; i <= OPT_WRITEBACK_LIMIT; i++)
		v.value[i] = all.value[i];
	err = uz__server_set(s, d, &v, -1, e);
	if (!err) {
		uz__disks_show(&s->disks, d);
		uz__disks_put(&s->disks, d);
		return 0;
	}
	uz_dev_destroy(dev);
	uz__server_free_backing(d);
	uz__disks_forget(&s->disks, d);
	return err;
}

int uz__server_add(struct uz_server *s, const struct uz_section *disk, int dict_fd,
		   struct uz_error *e)
{
	struct uz_disk_config dc;
	struct uz_dev *dev;
	int err;

	uz__disk_config(s->defaults, disk, &dc);
	uz__disks_wait_settled(&s->disks, dc.name);
	pthread_mutex_lock(&s->admin);
	err = create(s, &dc, dict_fd, &dev, e);
	if (!err)
		err = finish(s, dev, &dc, disk, e);
	pthread_mutex_unlock(&s->admin);
	return err;
}

/* Sends the disk's users away; returns when the caller has the only reference. */
static void evict(struct uz_server *s, struct uz_disk *d)
{
	do {
		if (s->nbd)
			uz_nbd_drop(s->nbd, d->dev);
	} while (!uz__disks_wait_unused(&s->disks, d, DROP_MS));
}

int uz__server_remove(struct uz_server *s, struct uz_disk *d, struct uz_error *e)
{
	int err;

	if (!uz__disks_retire(&s->disks, d)) {
		err = uz__error(e, ENOENT, "disk %s is being removed already", d->name);
		uz__disks_put(&s->disks, d);
		return err;
	}
	uz_dev_stop(d->dev);
	evict(s, d);
	uz_dev_destroy(d->dev);
	uz__server_free_backing(d);
	uz__disks_forget(&s->disks, d);
	return 0;
}
