/* SPDX-License-Identifier: MIT */
/*
 * The compressed disk as an nbdkit plugin, for what nbdkit has and uzram's own server has not:
 * TLS, filters, vsock. It costs about 4 us of CPU a request more. Each nbdkit process has one
 * disk, in private memory, gone with the process.
 *
 *	nbdkit uzram-nbdkit.so size=4G ram=1G [pool=NAME] [codec=NAME]
 *
 * nbdkit's threads come and go, so streams are kept in a list and borrowed for a request.
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <uz/host.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

static struct {
	uint64_t size_bytes, ram_bytes;
	const char *pool, *codec;
	struct uz_host *host;
	struct uz_store *store;
	struct uz_dev *dev;
	struct uz_background *background;
	pthread_mutex_t lock;
	pthread_cond_t returned;
	struct uz_stream *idle[UZ_STREAM_MAX];
	unsigned int nr_idle, nr_streams;
} disk = { .codec = "lz4",
	   .lock = PTHREAD_MUTEX_INITIALIZER,
	   .returned = PTHREAD_COND_INITIALIZER };

static int set_size(const char *key, const char *value, uint64_t *out)
{
	int64_t n = nbdkit_parse_size(value);

	if (n > 0 && n % UZ_PAGE_SIZE == 0) {
		*out = (uint64_t)n;
		return 0;
	}
	if (n >= 0)
		nbdkit_error("%s=%s: must be a multiple of 4096 and not 0", key, value);
	return -1;
}

static int uzram_config(const char *key, const char *value)
{
	if (!strcmp(key, "size"))
		return set_size(key, value, &disk.size_bytes);
	if (!strcmp(key, "ram"))
		return set_size(key, value, &disk.ram_bytes);
	if (!strcmp(key, "pool"))
		disk.pool = value;
	else if (!strcmp(key, "codec"))
		disk.codec = value;
	else {
		nbdkit_error("unknown parameter '%s': size, ram, pool and codec are known", key);
		return -1;
	}
	return 0;
}

static int uzram_config_complete(void)
{
	if (disk.size_bytes && disk.ram_bytes)
		return 0;
	nbdkit_error("size= (of the disk) and ram= (the most that it may cost) are needed");
	return -1;
}

static int open_store(void)
{
	const struct uz_host_config hc = { .backing = UZ_HOST_PRIVATE, .fd = -1 };
	struct uz_store_config sc = {
		.arena = { .capacity_bytes = disk.ram_bytes, .limit_bytes = disk.ram_bytes },
		.registry = uz_host_registry(),
	};
	struct uz_store_error why = { "" };
	int err = uz_host_open(&hc, &disk.host);

	if (!err)
		err = uz_store_open(uz_host_plat(disk.host), &sc, &disk.store, &why);
	if (err)
		nbdkit_error("cannot open a store: %s %s", why.what, strerror(-err));
	return err;
}

static int create_disk(void)
{
	const struct uz_codec_params params = { .level = UZ_LEVEL_DEFAULT };
	struct uz_dev_config dc = { .name = "nbdkit", .size_bytes = disk.size_bytes };
	const struct uz_codec_ops *codec;
	char why[160] = "";
	int err;

	dc.pool = disk.pool ? uz_host_pool(disk.pool, why, sizeof(why)) : uz_pools[0];
	codec = uz_host_codec(disk.codec, why, sizeof(why));
	if (!dc.pool || !codec) {
		nbdkit_error("%s", why);
		return -ENOENT;
	}
	err = uz_store_codec(disk.store, codec, &params, false);
	dc.codec = (unsigned int)err;
	if (err >= 0)
		err = uz_dev_create(disk.store, &dc, &disk.dev);
	if (err)
		nbdkit_error("cannot create the disk: %s", strerror(-err));
	return err;
}

static int uzram_get_ready(void)
{
	return open_store() || create_disk() ? -1 : 0;
}

static int uzram_after_fork(void)
{
	int err = uz_background_start(disk.store, &disk.background);

	if (err)
		nbdkit_error("no background thread: %s", strerror(-err));
	return err ? -1 : 0;
}

static void uzram_unload(void)
{
	uz_background_stop(disk.background);
	while (disk.nr_idle)
		uz_stream_close(disk.idle[--disk.nr_idle]);
	if (disk.store)
		uz_store_close(disk.store);
	uz_host_close(disk.host);
}

/* An idle stream, a new one, or the next that is given back. Under the lock. */
static int take_stream(struct uz_stream **st)
{
	while (!disk.nr_idle) {
		int err = uz_stream_open(disk.store, st);

		disk.nr_streams += !err;
		if (!err || !disk.nr_streams)
			return err;
		pthread_cond_wait(&disk.returned, &disk.lock);
	}
	*st = disk.idle[--disk.nr_idle];
	return 0;
}

static int borrow(struct uz_stream **st)
{
	int err;

	pthread_mutex_lock(&disk.lock);
	err = take_stream(st);
	pthread_mutex_unlock(&disk.lock);
	return err;
}

static void give_back(struct uz_stream *st)
{
	pthread_mutex_lock(&disk.lock);
	disk.idle[disk.nr_idle++] = st;
	pthread_cond_signal(&disk.returned);
	pthread_mutex_unlock(&disk.lock);
}

static int result(const char *what, uint64_t offset, int err)
{
	if (!err)
		return 0;
	nbdkit_set_error(-err);
	nbdkit_error("%s at %llu: %s", what, (unsigned long long)offset, strerror(-err));
	return -1;
}

static void *uzram_open(int readonly)
{
	(void)readonly;
	return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t uzram_get_size(void *handle)
{
	(void)handle;
	return (int64_t)uz_dev_size(disk.dev);
}

static int uzram_block_size(void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum)
{
	(void)handle;
	*minimum = 1;
	*preferred = UZ_PAGE_SIZE;
	*maximum = 32 << 20;
	return 0;
}

static int yes(void *handle)
{
	(void)handle;
	return 1;
}

static int native(void *handle)
{
	(void)handle;
	return NBDKIT_FUA_NATIVE;
}

static int native_cache(void *handle)
{
	(void)handle;
	return NBDKIT_CACHE_NATIVE;
}

static int uzram_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	struct uz_stream *st;
	int err = borrow(&st);

	(void)handle;
	(void)flags;
	if (err)
		return result("read", offset, err);
	err = uz_dev_read(disk.dev, st, offset, buf, count, 0);
	give_back(st);
	return result("read", offset, err);
}

static int uzram_pwrite(void *handle, const void *buf, uint32_t count, uint64_t offset,
			uint32_t flags)
{
	struct uz_stream *st;
	int err = borrow(&st);

	(void)handle;
	(void)flags;
	if (err)
		return result("write", offset, err);
	err = uz_dev_write(disk.dev, st, offset, buf, count, 0);
	give_back(st);
	return result("write", offset, err);
}

static int uzram_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	struct uz_stream *st;
	int err = borrow(&st);

	(void)handle;
	(void)flags;
	if (err)
		return result("zero", offset, err);
	err = uz_dev_zero(disk.dev, st, offset, count);
	give_back(st);
	return result("zero", offset, err);
}

static int uzram_trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	struct uz_stream *st;
	int err = borrow(&st);

	(void)handle;
	(void)flags;
	if (err)
		return result("trim", offset, err);
	err = uz_dev_discard(disk.dev, st, offset, count);
	give_back(st);
	return result("trim", offset, err);
}

static int add_extents(struct uz_stream *st, uint32_t count, uint64_t offset, bool one,
		       struct nbdkit_extents *extents)
{
	uint64_t end = offset + count, run;
	bool hole;

	for (; offset < end; offset += run) {
		int err = uz_dev_extent(disk.dev, st, offset, end - offset, &run, &hole);

		if (err)
			return err;
		if (nbdkit_add_extent(extents, offset, run,
				      hole ? NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO : 0))
			return -errno;
		if (one)
			break;
	}
	return 0;
}

static int uzram_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
			 struct nbdkit_extents *extents)
{
	struct uz_stream *st;
	int err = borrow(&st);

	(void)handle;
	if (err)
		return result("extents", offset, err);
	err = add_extents(st, count, offset, flags & NBDKIT_FLAG_REQ_ONE, extents);
	give_back(st);
	return result("extents", offset, err);
}

/* There is nothing to flush: a write that was answered is in the store. */
static int uzram_flush(void *handle, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return 0;
}

static int uzram_cache(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	(void)handle;
	(void)count;
	(void)offset;
	(void)flags;
	return 0;
}

static struct nbdkit_plugin plugin = {
	.name = "uzram",
	.version = UZ_VERSION,
	.longname = "compressed RAM disk",
	.description = "A RAM disk that compresses what is written to it.",
	.magic_config_key = "size",
	.config_help = "size=SIZE (required)  size of the disk\n"
		       "ram=SIZE (required)   the most that the disk may cost\n"
		       "pool=NAME             page allocator\n"
		       "codec=NAME            compressor, default lz4",
	.config = uzram_config,
	.config_complete = uzram_config_complete,
	.get_ready = uzram_get_ready,
	.after_fork = uzram_after_fork,
	.unload = uzram_unload,
	.open = uzram_open,
	.get_size = uzram_get_size,
	.block_size = uzram_block_size,
	.can_multi_conn = yes,
	.can_trim = yes,
	.can_zero = yes,
	.can_fast_zero = yes,
	.can_extents = yes,
	.can_flush = yes,
	.can_fua = native,
	.can_cache = native_cache,
	.pread = uzram_pread,
	.pwrite = uzram_pwrite,
	.zero = uzram_zero,
	.trim = uzram_trim,
	.extents = uzram_extents,
	.flush = uzram_flush,
	.cache = uzram_cache,
};

struct nbdkit_plugin *plugin_init(void); /* the macro defines it without */

NBDKIT_REGISTER_PLUGIN(plugin)
