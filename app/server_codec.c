/* SPDX-License-Identifier: MIT */
/* Codecs of the server's disks: from what a user types to an entry of the store. */
#include "cleanup.h"
#include "codec_params.h"
#include "server.h"

#include <errno.h>
#include <string.h>

static int entry_of(struct uz_server *s, const struct uz_codec_ops *ops,
		    const struct uz_codec_params *p, bool checksum, struct uz_error *e)
{
	int entry = uz_store_codec_take(s->store, ops, p, checksum);

	if (entry == -ENOSPC)
		return uz__error(
			e, ENOSPC,
			"codec %s: all %d codec settings of the store are in use, or the RAM budget is "
			"reached: wait until migrations have ended",
			ops->name, UZ_CODEC_MAX);
	if (entry < 0)
		return uz__error(e, -entry, "codec %s: %s", ops->name, strerror(-entry));
	return entry;
}

static int entry_for(struct uz_server *s, const struct uz_codec_spec *spec, const void *dict,
		     uint32_t dict_bytes, bool checksum, struct uz_error *e)
{
	struct uz_codec_params p = { .level = spec->level, .dict_bytes = dict_bytes, .dict = dict };
	const struct uz_codec_ops *ops = uz__codec_find(spec->name, e);
	int err = ops ? uz__codec_params_check(ops, &p, e) : -e->code;

	return err ? err : entry_of(s, ops, &p, checksum, e);
}

void uz__server_put_codec(struct uz_server *s, int entry)
{
	if (entry >= 0)
		uz_store_codec_put(s->store, (unsigned int)entry);
}

/* A disk that changes its codec meanwhile may have left the entry to another. */
int uz__disk_codec(struct uz_server *s, struct uz_disk *d, struct uz_codec_info *info)
{
	unsigned int entry;
	int err;

	do {
		entry = uz_dev_codec(d->dev);
		err = uz_store_codec_info(s->store, entry, info);
	} while (entry != uz_dev_codec(d->dev));
	return err;
}

int uz__server_codec(struct uz_server *s, const struct uz_codec_spec *spec, bool checksum,
		     int dict_fd, struct uz_error *e)
{
	UZ_FREE void *dict = NULL;
	uint32_t bytes = 0;
	int err = uz__dict_load(spec->dict, dict_fd, &dict, &bytes, e);

	return err ? err : entry_for(s, spec, dict, bytes, checksum, e);
}

/* The same codec with other parameters: the disk's dictionary goes on. */
static int keep_dict(struct uz_server *s, struct uz_disk *d, const struct uz_codec_spec *spec,
		     bool checksum, struct uz_error *e)
{
	UZ_FREE void *dict = malloc(UZ_DICT_MAX);
	int bytes = dict ? uz_store_codec_dict(s->store, uz_dev_codec(d->dev), dict) : -ENOMEM;

	if (bytes < 0)
		return uz__error(e, -bytes, "disk %s: its dictionary: %s", d->name,
				 strerror(-bytes));
	return entry_for(s, spec, dict, (uint32_t)bytes, checksum, e);
}

int uz__server_change_codec(struct uz_server *s, struct uz_disk *d, const struct uz_section *v,
			    int dict_fd, struct uz_error *e)
{
	struct uz_codec_spec spec = { .level = UZ_LEVEL_DEFAULT };
	struct uz_codec_info info;
	bool checksum;
	int err = uz__disk_codec(s, d, &info);

	if (err)
		return uz__error(e, -err, "disk %s: its codec is not known: %s", d->name,
				 strerror(-err));
	snprintf(spec.name, sizeof(spec.name), "%s",
		 v->value[OPT_CODEC] ? v->value[OPT_CODEC] : info.name);
	snprintf(spec.dict, sizeof(spec.dict), "%s", v->value[OPT_DICT] ? v->value[OPT_DICT] : "");
	if (v->value[OPT_LEVEL])
		spec.level = atoi(v->value[OPT_LEVEL]);
	else if (!v->value[OPT_CODEC])
		spec.level = info.level;
	checksum = v->value[OPT_CHECKSUM] ? uz__option_is_on(v, NULL, OPT_CHECKSUM) : info.checksum;
	if (!v->value[OPT_DICT] && !strcmp(spec.name, info.name))
		return keep_dict(s, d, &spec, checksum, e);
	return uz__server_codec(s, &spec, checksum, dict_fd, e);
}

static uint32_t sample(struct uz_server *s, struct uz_disk *d, void *pages, uint32_t nr, int *err)
{
	struct uz_stream *st;
	uint32_t got;

	*err = uz_stream_open(s->store, &st);
	if (*err)
		return 0;
	got = uz_dev_sample(d->dev, st, pages, nr);
	uz_stream_close(st);
	return got;
}

static int use_dict(struct uz_server *s, struct uz_disk *d, const struct uz_codec_ops *ops,
		    const struct uz_codec_params *p, bool checksum, struct uz_error *e)
{
	int entry = entry_of(s, ops, p, checksum, e);
	int err = entry < 0 ? entry : uz_dev_set_codec(d->dev, (unsigned int)entry);

	uz__server_put_codec(s, entry);
	if (entry >= 0 && err)
		return uz__error(e, -err, "disk %s: codec %s: %s", d->name, ops->name,
				 strerror(-err));
	return err ? err : (int)p->dict_bytes;
}

static const struct uz_codec_ops *trainable(const char *name, struct uz_error *e)
{
	const struct uz_codec_ops *ops = uz__codec_find(name, e);

	return ops && uz__codec_train_check(ops, e) == 0 ? ops : NULL;
}

/* A dictionary of the disk's own pages, into @dict and @p. */
static int make_dict(struct uz_server *s, struct uz_disk *d, const struct uz_codec_ops *ops,
		     void *dict, uint32_t max_bytes, struct uz_codec_params *p, struct uz_error *e)
{
	UZ_FREE void *pages = malloc((size_t)UZ_TRAIN_PAGES << UZ_PAGE_SHIFT);
	uint32_t nr;
	int err;

	if (!pages)
		return uz__error(e, ENOMEM, "out of memory");
	nr = sample(s, d, pages, UZ_TRAIN_PAGES, &err);
	if (err)
		return uz__error(e, -err, "disk %s: no stream to read with: %s", d->name,
				 strerror(-err));
	err = nr ? ops->train(pages, nr, dict, max_bytes) : -ENODATA;
	if (err < 0)
		return uz__error(e, -err,
				 "disk %s: no dictionary can be made of its %u sampled pages: %s",
				 d->name, nr, strerror(-err));
	p->dict = dict;
	p->dict_bytes = (uint32_t)err;
	return 0;
}

static int train(struct uz_server *s, struct uz_disk *d, const char *codec, uint32_t max_bytes,
		 struct uz_error *e)
{
	struct uz_codec_params p = { .level = UZ_LEVEL_DEFAULT };
	const struct uz_codec_ops *ops;
	UZ_FREE void *dict = NULL;
	struct uz_codec_info info;
	int err = uz__disk_codec(s, d, &info);

	if (err)
		return uz__error(e, -err, "disk %s: its codec is not known: %s", d->name,
				 strerror(-err));
	ops = trainable(codec ? codec : info.name, e);
	if (!ops)
		return -e->code;
	if (!strcmp(ops->name, info.name))
		p.level = info.level;
	dict = malloc(max_bytes);
	if (!dict)
		return uz__error(e, ENOMEM, "out of memory");
	err = make_dict(s, d, ops, dict, max_bytes, &p, e);
	return err ? err : use_dict(s, d, ops, &p, info.checksum, e);
}

int uz__server_train(struct uz_server *s, struct uz_disk *d, const char *codec, uint32_t max_bytes,
		     struct uz_error *e)
{
	int err;

	pthread_mutex_lock(&d->changing);
	err = train(s, d, codec, max_bytes, e);
	pthread_mutex_unlock(&d->changing);
	return err;
}
