/* SPDX-License-Identifier: MIT */
/*
 * Codec entries: a codec with its parameters, named in slots by four bits. An
 * entry is published in the store before the first slot that uses it, and is
 * taken for another codec only when no page and no setting uses it.
 */
#include <uz/hash.h>

#include "device_i.h"

static void record_make(struct uz__codec_record *rec, const struct uz_codec_ops *ops,
			const struct uz_codec_params *p, bool checksum)
{
	*rec = (struct uz__codec_record){
		.valid = META_VALID,
		.abi = ops->abi_version,
		.level = p->level == UZ_LEVEL_DEFAULT ? ops->level_default : p->level,
		.checksum = checksum,
		.dict_bytes = p->dict_bytes,
		.dict_hash = p->dict_bytes ? uz_hash64(p->dict, p->dict_bytes, 0) : 0,
	};
	for (unsigned int i = 0; i < UZ_CODEC_NAME_MAX - 1 && ops->name[i]; i++)
		rec->name[i] = ops->name[i];
	uz__record_seal(rec, sizeof(*rec));
}

static int entry_equal(struct uz_store *s, const struct uz__codec_record *rec)
{
	for (unsigned int e = 0; e < UZ_CODEC_MAX; e++)
		if (s->codec[e].ops && memcmp(&s->meta->codec[e], rec, sizeof(*rec)) == 0)
			return (int)e;
	return -UZ_ENOENT;
}

static bool entry_in_use(struct uz_store *s, unsigned int e)
{
	struct uz__counters c;

	if (s->codec[e].held)
		return true;
	for (unsigned int i = 0; i < UZ_DISK_MAX; i++) {
		struct uz_dev *d = s->disk[i];

		if (!d)
			continue;
		uz__count_sum(d, &c);
		if (c.codec_pages[e] || c.bd_codec_pages[e] || uz_load(&d->codec) == e ||
		    d->recompress_codec == (int)e)
			return true;
	}
	return false;
}

/*
 * A write that began when the entry was still set may publish a page of it at its end. With the
 * control lock held nobody sets it again, so after a grace period the answer stays.
 */
static bool entry_unused(struct uz_store *s, unsigned int e)
{
	if (entry_in_use(s, e))
		return false;
	uz__grace_wait(s);
	return !entry_in_use(s, e);
}

static void codec_close(struct uz_store *s, struct uz__codec *c)
{
	if (!c->ops)
		return;
	if (c->ops->close)
		c->ops->close(c->shared);
	uz_scratch_free(s->arena, c->shared, c->shared_bytes);
	*c = (struct uz__codec){ 0 };
}

static void dict_drop(struct uz_store *s, unsigned int e, uint32_t dict_bytes)
{
	if (dict_bytes)
		uz_area_decommit(s->arena, &s->meta_area, META_DICT_OFF + (uint64_t)e * UZ_DICT_MAX,
				 dict_bytes);
}

/* With a record it becomes valid, and without one it is not any more. */
static void entry_set(struct uz_store *s, unsigned int e, const struct uz__codec_record *rec)
{
	struct uz__codec_record *at = &s->meta->codec[e], new;

	uz_lock(s->plat, &s->entries);
	uz_store_release(&at->valid, 0);
	if (rec) {
		new = *rec;
		new.valid = 0; /* so that no part of the copy says that all of it is there */
		*at = new;
		uz_store_release(&at->valid, META_VALID);
	}
	uz_unlock(s->plat, &s->entries);
}

static void entry_retire(struct uz_store *s, unsigned int e)
{
	entry_set(s, e, NULL);
	uz__stream_states_close(s, e);
	codec_close(s, &s->codec[e]);
	dict_drop(s, e, s->meta->codec[e].dict_bytes);
}

static int entry_free(struct uz_store *s)
{
	for (unsigned int e = 0; e < UZ_CODEC_MAX; e++)
		if (!s->codec[e].ops)
			return (int)e;
	for (unsigned int e = 0; e < UZ_CODEC_MAX; e++)
		if (entry_unused(s, e)) {
			entry_retire(s, e);
			return (int)e;
		}
	return -UZ_ENOSPC;
}

/* Shared state and every stream's state for entry @e; @p's dictionary is the store's copy. */
static int codec_open(struct uz_store *s, unsigned int e, const struct uz_codec_ops *ops,
		      const struct uz_codec_params *p, bool checksum)
{
	struct uz__codec c = { .ops = ops, .checksum = checksum };
	int r;

	c.shared_bytes = UZ_MAX(ops->shared_bytes(p), (size_t)1);
	r = uz_scratch_alloc(s->arena, c.shared_bytes, &c.shared);
	if (r < 0)
		return r;
	r = ops->open(c.shared, p);
	if (r < 0) {
		uz_scratch_free(s->arena, c.shared, c.shared_bytes);
		return r;
	}
	c.state_bytes = UZ_MAX(ops->state_bytes(c.shared), (size_t)1);
	s->codec[e] = c;
	r = uz__stream_states(s, e);
	if (r < 0)
		codec_close(s, &s->codec[e]);
	return r;
}

static int dict_store(struct uz_store *s, unsigned int e, struct uz_codec_params *p)
{
	int r;

	if (!p->dict_bytes)
		return 0;
	r = uz_area_commit(s->arena, &s->meta_area, META_DICT_OFF + (uint64_t)e * UZ_DICT_MAX,
			   p->dict_bytes);
	if (r < 0)
		return r;
	memcpy(uz__meta_dict(s->meta, e), p->dict, p->dict_bytes);
	p->dict = uz__meta_dict(s->meta, e);
	return 0;
}

static int entry_make(struct uz_store *s, const struct uz_codec_ops *ops, struct uz_codec_params p,
		      struct uz__codec_record *rec)
{
	int e = entry_free(s), r;

	if (e < 0)
		return e;
	r = dict_store(s, (unsigned int)e, &p);
	if (r < 0)
		return r;
	r = codec_open(s, (unsigned int)e, ops, &p, rec->checksum);
	if (r < 0) {
		dict_drop(s, (unsigned int)e, p.dict_bytes);
		return r;
	}
	entry_set(s, (unsigned int)e, rec);
	return e;
}

static int find_or_make(struct uz_store *s, const struct uz_codec_ops *ops,
			const struct uz_codec_params *p, bool checksum, uint32_t hold)
{
	struct uz__codec_record rec;
	int r = uz_codec_ops_check(ops);

	if (r == 0)
		r = uz_codec_params_check(ops, p);
	if (r < 0)
		return r;
	record_make(&rec, ops, p, checksum);
	uz_lock(s->plat, &s->control);
	r = entry_equal(s, &rec);
	if (r < 0)
		r = entry_make(s, ops, *p, &rec);
	if (r >= 0)
		s->codec[r].held += hold;
	uz_unlock(s->plat, &s->control);
	return r;
}

int uz_store_codec(struct uz_store *s, const struct uz_codec_ops *ops,
		   const struct uz_codec_params *p, bool checksum)
{
	return find_or_make(s, ops, p, checksum, 0);
}

int uz_store_codec_take(struct uz_store *s, const struct uz_codec_ops *ops,
			const struct uz_codec_params *p, bool checksum)
{
	return find_or_make(s, ops, p, checksum, 1);
}

void uz_store_codec_put(struct uz_store *s, unsigned int entry)
{
	uz_lock(s->plat, &s->control);
	s->codec[entry].held--;
	uz_unlock(s->plat, &s->control);
}

/* The record of an entry, NULL if it is not in use. The lock of the entries is held. */
static const struct uz__codec_record *entry_record(const struct uz_store *s, unsigned int entry)
{
	bool used = entry < UZ_CODEC_MAX && uz_load_acquire(&s->meta->codec[entry].valid);

	return used ? &s->meta->codec[entry] : NULL;
}

int uz_store_codec_info(struct uz_store *s, unsigned int entry, struct uz_codec_info *out)
{
	const struct uz__codec_record *rec;
	int r = -UZ_ENOENT;

	uz_lock(s->plat, &s->entries);
	rec = entry_record(s, entry);
	if (rec) {
		*out = (struct uz_codec_info){
			.name = s->codec[entry].ops->name,
			.level = rec->level,
			.dict_bytes = rec->dict_bytes,
			.dict_hash = rec->dict_hash,
			.checksum = rec->checksum != 0,
		};
		r = 0;
	}
	uz_unlock(s->plat, &s->entries);
	return r;
}

int uz_store_codec_dict(struct uz_store *s, unsigned int entry, void *buf)
{
	const struct uz__codec_record *rec;
	int r = -UZ_ENOENT;

	uz_lock(s->plat, &s->entries);
	rec = entry_record(s, entry);
	if (rec) {
		r = (int)rec->dict_bytes;
		memcpy(buf, uz__meta_dict(s->meta, entry), (size_t)r);
	}
	uz_unlock(s->plat, &s->entries);
	return r;
}

static int attach_entry(struct uz_store *s, unsigned int e, struct uz_store_error *err)
{
	const struct uz__codec_record *rec = &s->meta->codec[e];
	const struct uz_codec_ops *ops;
	struct uz_codec_params p = { .level = rec->level, .dict_bytes = rec->dict_bytes };
	int r;

	if (rec->valid != META_VALID || !uz__record_ok(rec, sizeof(*rec)) ||
	    rec->dict_bytes > UZ_DICT_MAX || rec->name[UZ_CODEC_NAME_MAX - 1]) {
		uz__explain(err, "the table of codecs is damaged", NULL);
		return -UZ_EBADMSG;
	}
	ops = s->registry->codec(s->registry, rec->name);
	uz__explain(err, "the store needs codec ", rec->name);
	if (!ops || ops->abi_version != rec->abi)
		return -UZ_ENOENT;
	if (p.dict_bytes) {
		r = uz_area_commit(s->arena, &s->meta_area,
				   META_DICT_OFF + (uint64_t)e * UZ_DICT_MAX, p.dict_bytes);
		if (r < 0)
			return r;
		p.dict = uz__meta_dict(s->meta, e);
		uz__explain(err, "a damaged dictionary of codec ", rec->name);
		if (uz_hash64(p.dict, p.dict_bytes, 0) != rec->dict_hash)
			return -UZ_EBADMSG;
	}
	if (uz_codec_params_check(ops, &p) < 0)
		return -UZ_ENOENT;
	return codec_open(s, e, ops, &p, rec->checksum);
}

int uz__codec_attach(struct uz_store *s, struct uz_store_error *err)
{
	int r = 0;

	for (unsigned int e = 0; e < UZ_CODEC_MAX && r == 0; e++)
		if (s->meta->codec[e].valid)
			r = attach_entry(s, e, err);
	return r;
}

void uz__codec_close_all(struct uz_store *s)
{
	for (unsigned int e = 0; e < UZ_CODEC_MAX; e++)
		codec_close(s, &s->codec[e]);
}
