/* SPDX-License-Identifier: MIT */
/*
 * The short way into the library. Streams are lent to callers: a thread takes one
 * from a small stack under a mutex (60 ns against the 1 to 3 us of a page) and
 * puts it back, so that a program need not know what a stream is.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uzram.h>

#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)
#define DISK_NAME "ram"
#define OPTIONS_MIN (offsetof(struct uz_ram_options, memory_file) + sizeof(char *))
#define OPTIONS_MAX 4096 /* more is memory that nobody set */
#define CAPACITY_MAX (1ull << 40)

struct uz_ram {
	struct uz_host *host;
	struct uz_store *store;
	struct uz_dev *dev;
	struct uz_background *background;
	pthread_mutex_t lock;
	pthread_cond_t returned;
	struct uz_stream *idle[UZ_STREAM_MAX];
	unsigned int nr_idle, nr_lent;
};

const char *uz_version(void)
{
	return TEXT(UZRAM_VERSION_MAJOR) "." TEXT(UZRAM_VERSION_MINOR) "." TEXT(
		UZRAM_VERSION_PATCH);
}

static int explain(char *why, size_t why_bytes, int rc, const char *what)
{
	if (why && why_bytes)
		snprintf(why, why_bytes, "%s: %s", what, strerror(-rc));
	return rc;
}

static int open_host(struct uz_ram *ram, const struct uz_ram_options *o)
{
	struct uz_host_config hc = {
		.backing = o->memory_file ? UZ_HOST_FILE : UZ_HOST_PRIVATE,
		.path = o->memory_file,
		.fd = -1,
	};

	return uz_host_open(&hc, &ram->host);
}

/* Addresses for twice the budget: it may be raised. */
static uint64_t capacity(uint64_t budget_bytes)
{
	return budget_bytes < CAPACITY_MAX / 2 ? 2 * budget_bytes : CAPACITY_MAX;
}

static uint64_t budget(const struct uz_ram_options *o, uint64_t size_bytes)
{
	return o->ram_bytes ? o->ram_bytes : size_bytes + size_bytes / 16 + (16u << 20);
}

static int open_store(struct uz_ram *ram, const struct uz_ram_options *o, char *why,
		      size_t why_bytes)
{
	struct uz_plat *pl = uz_host_plat(ram->host);
	struct uz_store_config sc = {
		.arena = { .capacity_bytes = capacity(budget(o, o->size_bytes)),
			   .limit_bytes = budget(o, o->size_bytes) },
		.registry = uz_host_registry(),
		.attach = pl->ops->store_bytes(pl) != 0,
	};
	struct uz_store_error err = { "" };
	int rc = uz_store_open(pl, &sc, &ram->store, &err);

	if (rc == -ENOSPC && !err.what[0])
		return explain(why, why_bytes, rc, "ram_bytes is less than any store needs");
	return rc < 0 ? explain(why, why_bytes, rc, err.what[0] ? err.what : "store") : 0;
}

static const char *disk_fault(int rc)
{
	switch (rc) {
	case -EINVAL:
		return "disk: size_bytes must be a multiple of 4096, not 0 and less than 8 TiB";
	case -ENOSPC:
		return "disk: ram_bytes is less than one of that size needs";
	default:
		return "disk";
	}
}

static int create_disk(struct uz_ram *ram, const struct uz_ram_options *o, char *why,
		       size_t why_bytes)
{
	struct uz_codec_params p = { .level = o->level ? o->level : UZ_LEVEL_DEFAULT };
	struct uz_dev_config dc = { .name = DISK_NAME, .size_bytes = o->size_bytes };
	const struct uz_codec_ops *codec =
		uz_host_codec(o->codec ? o->codec : "lz4", why, why_bytes);
	int rc;

	dc.pool = o->pool ? uz_host_pool(o->pool, why, why_bytes) : uz_pools[0];
	if (!codec || !dc.pool)
		return -ENOENT;
	rc = uz_store_codec(ram->store, codec, &p, o->checksum);
	if (rc < 0)
		return explain(why, why_bytes, rc,
			       rc == -EINVAL ? "codec: it does not take this level" : "codec");
	dc.codec = (unsigned int)rc;
	rc = uz_dev_create(ram->store, &dc, &ram->dev);
	return rc < 0 ? explain(why, why_bytes, rc, disk_fault(rc)) : 0;
}

static int open_all(struct uz_ram *ram, const struct uz_ram_options *o, char *why, size_t why_bytes)
{
	int rc = open_host(ram, o);

	if (rc < 0)
		return explain(why, why_bytes, rc, o->memory_file ? o->memory_file : "memory");
	rc = open_store(ram, o, why, why_bytes);
	if (rc < 0)
		return rc;
	ram->dev = uz_store_disk_at(ram->store, 0);
	if (!ram->dev)
		rc = create_disk(ram, o, why, why_bytes);
	else
		uz_arena_set_limit(uz_store_arena(ram->store), budget(o, uz_dev_size(ram->dev)));
	if (rc == 0 && o->background)
		rc = uz_background_start(ram->store, &ram->background);
	return rc;
}

/* What the caller knows of them, and zeros. */
static int take_options(const struct uz_ram_options *o, struct uz_ram_options *all)
{
	const unsigned char *bytes = (const void *)o;
	size_t n = o->struct_size;

	if (n < OPTIONS_MIN || n > OPTIONS_MAX)
		return -EINVAL;
	for (size_t i = sizeof(*all); i < n; i++)
		if (bytes[i])
			return -E2BIG;
	*all = (struct uz_ram_options){ 0 };
	memcpy(all, o, n < sizeof(*all) ? n : sizeof(*all));
	return 0;
}

/* @discard: a memory file that the open has made goes again. */
static void close_all(struct uz_ram *ram, bool discard)
{
	uz_background_stop(ram->background);
	uz_store_close(ram->store);
	if (ram->host && discard)
		uz_host_discard(ram->host);
	uz_host_close(ram->host);
	pthread_cond_destroy(&ram->returned);
	pthread_mutex_destroy(&ram->lock);
	free(ram);
}

int uz_ram_open(const struct uz_ram_options *given, struct uz_ram **out, char *why,
		size_t why_bytes)
{
	struct uz_ram_options o;
	struct uz_ram *ram;
	int rc = take_options(given, &o);

	if (rc < 0)
		return explain(why, why_bytes, rc,
			       rc == -E2BIG ? "options that this version of libuzram does not know"
					    : "set struct_size to sizeof(struct uz_ram_options)");
	ram = calloc(1, sizeof(*ram));
	if (!ram)
		return explain(why, why_bytes, -ENOMEM, "memory");
	pthread_mutex_init(&ram->lock, NULL);
	pthread_cond_init(&ram->returned, NULL);
	rc = open_all(ram, &o, why, why_bytes);
	if (rc < 0)
		close_all(ram, true);
	else
		*out = ram;
	return rc;
}

void uz_ram_close(struct uz_ram *ram)
{
	if (ram)
		close_all(ram, false);
}

/* An idle stream, or a new one; when no more can be had, the next that comes back. */
static int borrow(struct uz_ram *ram, struct uz_stream **st)
{
	int rc = 0;

	pthread_mutex_lock(&ram->lock);
	while (!ram->nr_idle) {
		rc = uz_stream_open(ram->store, &ram->idle[0]);
		ram->nr_idle = rc == 0;
		if (rc < 0 && !ram->nr_lent)
			break;
		if (rc < 0)
			pthread_cond_wait(&ram->returned, &ram->lock);
	}
	if (ram->nr_idle) {
		*st = ram->idle[--ram->nr_idle];
		ram->nr_lent++;
		rc = 0;
	}
	pthread_mutex_unlock(&ram->lock);
	return rc;
}

static int give_back(struct uz_ram *ram, struct uz_stream *st, int rc)
{
	pthread_mutex_lock(&ram->lock);
	ram->idle[ram->nr_idle++] = st;
	ram->nr_lent--;
	pthread_cond_signal(&ram->returned);
	pthread_mutex_unlock(&ram->lock);
	return rc;
}

int uz_ram_read(struct uz_ram *ram, uint64_t off, void *buf, size_t len)
{
	struct uz_stream *st;
	int rc = borrow(ram, &st);

	return rc < 0 ? rc : give_back(ram, st, uz_dev_read(ram->dev, st, off, buf, len, 0));
}

int uz_ram_write(struct uz_ram *ram, uint64_t off, const void *buf, size_t len)
{
	struct uz_stream *st;
	int rc = borrow(ram, &st);

	return rc < 0 ? rc : give_back(ram, st, uz_dev_write(ram->dev, st, off, buf, len, 0));
}

int uz_ram_discard(struct uz_ram *ram, uint64_t off, uint64_t len)
{
	struct uz_stream *st;
	int rc = borrow(ram, &st);

	return rc < 0 ? rc : give_back(ram, st, uz_dev_discard(ram->dev, st, off, len));
}

struct uz_dev *uz_ram_dev(struct uz_ram *ram)
{
	return ram->dev;
}

struct uz_store *uz_ram_store(struct uz_ram *ram)
{
	return ram->store;
}
