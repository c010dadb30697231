/* SPDX-License-Identifier: MIT */
/*
 * Changes to a live disk. Everything that can be refused is looked up first, so that a request with
 * one wrong value changes nothing.
 */
#include "cleanup.h"
#include "server.h"
#include "size.h"

#include <errno.h>
#include <string.h>

struct change {
	const struct uz_pool_ops *pool; /* NULL: stays */
	int codec, recompress; /* entries, -1: stays or off */
	struct uz_recompress_spec recompress_spec;
};

const struct uz_pool_ops *uz__server_pool(const char *name, struct uz_error *e)
{
	const struct uz_pool_ops *ops;
	char why[512] = "";

	if (!name)
		return uz_pools[0];
	ops = uz_host_pool(name, why, sizeof(why));
	if (!ops)
		uz__error(e, EINVAL, "%s", why);
	return ops;
}

static int prepare_recompress(struct uz_server *s, struct uz_disk *d, const char *text,
			      struct change *c, struct uz_error *e)
{
	struct uz_codec_info info;
	int err = uz__recompress_spec_parse(&c->recompress_spec, text, "recompress", e);

	if (err || !c->recompress_spec.on)
		return err;
	err = uz__disk_codec(s, d, &info);
	if (err)
		return uz__error(e, -err, "disk %s: its codec is not known: %s", d->name,
				 strerror(-err));
	c->recompress = uz__server_codec(s, &c->recompress_spec.codec, info.checksum, -1, e);
	return c->recompress < 0 ? c->recompress : 0;
}

static int prepare(struct uz_server *s, struct uz_disk *d, const struct uz_section *v, int dict_fd,
		   struct change *c, struct uz_error *e)
{
	*c = (struct change){ .codec = -1, .recompress = -1 };
	if (v->value[OPT_POOL]) {
		c->pool = uz__server_pool(v->value[OPT_POOL], e);
		if (!c->pool)
			return -e->code;
	}
	if (v->value[OPT_CODEC] || v->value[OPT_LEVEL] || v->value[OPT_DICT] ||
	    v->value[OPT_CHECKSUM]) {
		c->codec = uz__server_change_codec(s, d, v, dict_fd, e);
		if (c->codec < 0)
			return c->codec;
	}
	if (v->value[OPT_RECOMPRESS])
		return prepare_recompress(s, d, v->value[OPT_RECOMPRESS], c, e);
	return 0;
}

static int failed(struct uz_disk *d, const char *what, const char *value, int err,
		  struct uz_error *e)
{
	return uz__error(e, -err, "disk %s: %s %s: %s", d->name, what, value, strerror(-err));
}

static int resize(struct uz_disk *d, const char *text, struct uz_error *e)
{
	uint64_t bytes = 0;
	int err;

	uz__size_parse(text, 0, &bytes);
	err = uz_dev_resize(d->dev, bytes);
	return err ? failed(d, "disk size", text, err, e) : 0;
}

static void set_mem_limit(struct uz_disk *d, const char *text)
{
	uint64_t bytes = 0;

	uz__size_parse(text, 0, &bytes);
	uz_dev_set_mem_limit(d->dev, bytes);
}

static int set_recompress(struct uz_server *s, struct uz_disk *d, const char *text,
			  const struct change *c, struct uz_error *e)
{
	const struct uz_recompress_spec *r = &c->recompress_spec;
	char *copy = strdup(text);
	int err = copy ? uz_dev_set_recompress(d->dev, r->on ? c->recompress : -1, r->idle_s,
					       r->min_bytes, r->cpu_percent)
		       : -ENOMEM;

	if (err) {
		free(copy);
		if (err == -ENOSPC)
			return uz__error(
				e, ENOSPC,
				"disk %s: recompress %s: the RAM budget is reached, and there is "
				"no room for what recompression works in: raise it with 'uzram set "
				"ram=SIZE', or discard something",
				d->name, text);
		return failed(d, "recompress", text, err, e);
	}
	pthread_mutex_lock(&s->disks.lock);
	free(d->recompress);
	d->recompress = copy;
	pthread_mutex_unlock(&s->disks.lock);
	return 0;
}

/* Clients were told at connect whether they may write, so those that could are sent away. */
static void set_read_only(struct uz_server *s, struct uz_disk *d, bool on)
{
	bool was;

	pthread_mutex_lock(&s->disks.lock);
	was = d->read_only;
	d->read_only = on;
	pthread_mutex_unlock(&s->disks.lock);
	if (on && !was && s->nbd)
		uz_nbd_drop(s->nbd, d->dev);
}

static int change_pool(struct uz_disk *d, const struct uz_pool_ops *pool, struct uz_error *e)
{
	int err = uz_dev_set_pool(d->dev, pool);

	if (err == -ENOTSUP)
		return uz__server_stuck(d->name, pool->name, e);
	return err ? failed(d, "pool", pool->name, err, e) : 0;
}

static int change_codec(struct uz_disk *d, int entry, const char *name, struct uz_error *e)
{
	int err = uz_dev_set_codec(d->dev, (unsigned int)entry);

	return err ? failed(d, "codec", name ? name : "parameters", err, e) : 0;
}

static int apply(struct uz_server *s, struct uz_disk *d, const struct uz_section *v,
		 const struct change *c, struct uz_error *e)
{
	int err = uz__server_set_backing(s, d, v, e);

	if (!err && v->value[OPT_SIZE])
		err = resize(d, v->value[OPT_SIZE], e);
	if (!err && v->value[OPT_MEM_LIMIT])
		set_mem_limit(d, v->value[OPT_MEM_LIMIT]);
	if (!err && c->pool)
		err = change_pool(d, c->pool, e);
	if (!err && c->codec >= 0)
		err = change_codec(d, c->codec, v->value[OPT_CODEC], e);
	if (!err && v->value[OPT_RECOMPRESS])
		err = set_recompress(s, d, v->value[OPT_RECOMPRESS], c, e);
	if (!err && v->value[OPT_READ_ONLY])
		set_read_only(s, d, uz__option_is_on(v, NULL, OPT_READ_ONLY));
	return err;
}

int uz__server_set(struct uz_server *s, struct uz_disk *d, const struct uz_section *v, int dict_fd,
		   struct uz_error *e)
{
	struct change c;
	int err;

	pthread_mutex_lock(&d->changing);
	err = prepare(s, d, v, dict_fd, &c, e);
	if (!err)
		err = apply(s, d, v, &c, e);
	uz__server_put_codec(s, c.codec);
	uz__server_put_codec(s, c.recompress);
	pthread_mutex_unlock(&d->changing);
	return err;
}

static int set_ram(struct uz_server *s, uint64_t bytes, struct uz_error *e)
{
	char text[UZ_SIZE_TEXT], max[UZ_SIZE_TEXT];

	if (bytes > s->capacity_bytes)
		return uz__error(
			e, EINVAL,
			"RAM budget %s: this server was started for at most %s: start it with a larger "
			"--ram",
			uz__size_exact(bytes, text), uz__size_exact(s->capacity_bytes, max));
	if (bytes <= uz__server_promised(s))
		return uz__error(
			e, EINVAL,
			"RAM budget %s: the regions of this server take %s of it: choose more",
			uz__size_exact(bytes, text), uz__size_exact(uz__server_promised(s), max));
	pthread_mutex_lock(&s->admin);
	uz_arena_set_limit(uz_store_arena(s->store), bytes);
	s->ram_bytes = bytes;
	pthread_mutex_unlock(&s->admin);
	uz__server_warn_ram(s);
	return 0;
}

int uz__server_set_own(struct uz_server *s, const struct uz_section *v, struct uz_error *e)
{
	const char *ram = v->value[OPT_RAM], *how = v->value[OPT_RETURN];
	enum uz_return_policy policy = how ? uz__option_return(how) : UZ_RETURN_AUTO;
	bool private = uz__option_is_on(NULL, s->defaults, OPT_PRIVATE);
	uint64_t bytes = 0;
	int err = uz__return_check(policy, private, "return", e);

	if (!err && ram) {
		uz__size_parse(ram, 0, &bytes);
		err = set_ram(s, bytes, e);
	}
	if (!err && how)
		uz_arena_set_return(uz_store_arena(s->store), policy);
	return err;
}
