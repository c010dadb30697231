/* SPDX-License-Identifier: MIT */
/*
 * The life of a disk: create, open at attach, change, reset, destroy.
 */
#include <uz/name.h>

#include "device_i.h"

bool uz__name_ok(const char *name)
{
	unsigned int n = 0;

	for (; name[n]; n++) {
		char c = name[n];

		if (n == UZ_DISK_NAME_MAX - 1)
			return false;
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '_' || c == '-'))
			return false;
	}
	return n > 0;
}

static bool size_ok(uint64_t bytes)
{
	return bytes && bytes % UZ_PAGE_SIZE == 0 && bytes <= UZ_DISK_SIZE_MAX;
}

/* The persistent entry for a pool: control lock held. */
int uz__pool_entry(struct uz_store *s, const struct uz_pool_ops *ops)
{
	struct uz__pool_record rec = { .valid = META_VALID, .abi = ops->abi_version };

	for (unsigned int i = 0; i < UZ_POOL_NAME_MAX - 1 && ops->name[i]; i++)
		rec.name[i] = ops->name[i];
	uz__record_seal(&rec, sizeof(rec));
	for (unsigned int e = 0; e < META_POOLS; e++) {
		struct uz__pool_record *at = &s->meta->pool[e];

		if (at->valid && memcmp(at, &rec, sizeof(rec)) == 0)
			return (int)e;
		if (!at->valid) {
			rec.valid = 0;
			*at = rec;
			uz_store_release(&at->valid, META_VALID);
			return (int)e;
		}
	}
	return -UZ_ENOSPC;
}

/* The instance for a persistent entry, made if needed. */
int uz__disk_pool(struct uz_dev *d, unsigned int entry)
{
	struct uz_store *s = d->store;
	const struct uz_pool_ops *ops;
	struct uz_pool *p;
	int r;

	if (d->pools[entry])
		return 0;
	ops = s->registry->pool(s->registry, s->meta->pool[entry].name);
	if (!ops)
		return -UZ_ENOENT;
	r = uz_pool_create(&s->tab, ops, (uint8_t)d->index, (uint8_t)entry, &p);
	if (r == 0)
		uz_store_release(&d->pools[entry], p);
	return r;
}

uint64_t uz__disk_used_bytes(struct uz_dev *d)
{
	uint64_t frames = uz_load(&d->nr_raw);

	for (unsigned int e = 0; e < NR_POOLS; e++) {
		struct uz_pool *p = uz_load_acquire(&d->pools[e]);

		if (p)
			frames += uz_load(&p->nr_frames);
	}
	return frames << UZ_FRAME_SHIFT;
}

static bool over_with(struct uz_dev *d, uint64_t frames)
{
	uint64_t used = uz__disk_used_bytes(d) + uz_load(&d->root_bytes);

	frames += uz_load(&d->clean_frames) + uz_load(&d->nr_tables);
	return used + (frames << UZ_FRAME_SHIFT) > uz_load(&d->mem_limit_bytes);
}

/*
 * Whether the disk takes more than its own limit allows. As the budget keeps frames aside for
 * replacements, so does this limit: a run of the largest class and two raw pages.
 */
bool uz__disk_over(struct uz_dev *d, unsigned int flags)
{
	return UZ_UNLIKELY(uz_load(&d->mem_limit_bytes)) &&
	       over_with(d, flags & UZ_ALLOC_URGENT ? 0 : UZ_RUN_MAX + 2);
}

/* Whether that is what refuses memory to the disk, rather than the budget of all. */
bool uz__disk_near_limit(struct uz_dev *d)
{
	return uz_load(&d->mem_limit_bytes) && over_with(d, 2 * (UZ_RUN_MAX + 2));
}

void uz__disk_save(struct uz_dev *d)
{
	struct uz__disk_record rec;

	uz_lock(d->store->plat, &d->save_lock);
	rec = (struct uz__disk_record){
		.size_bytes = uz_load(&d->record_bytes),
		.mem_limit_bytes = uz_load(&d->mem_limit_bytes),
		.root_off = d->root_off,
		.root_bytes = uz_load(&d->root_bytes),
		.pool = uz_load(&d->pool)->entry,
		.codec =
			uz_load(&d->codec) | (uz__backing_known(d) ? META_BACKED : 0) | META_PARITY,
		.migrating = uz_load(&d->migrate.active),
	};
	memcpy(rec.name, d->name, sizeof(rec.name));
	if (!d->gone)
		uz__disk_publish(d->store->meta, d->index, &rec);
	uz_unlock(d->store->plat, &d->save_lock);
}

static int fill_in(struct uz_dev *d, const struct uz__disk_record *rec)
{
	struct uz_store *s = d->store;
	int r = 0;

	memcpy(d->name, rec->name, sizeof(d->name) - 1);
	d->size_bytes = d->record_bytes = d->held_bytes = rec->size_bytes;
	d->mem_limit_bytes = rec->mem_limit_bytes;
	d->root_off = rec->root_off;
	d->root_bytes = rec->root_bytes;
	d->nr_root = rec->root_bytes / sizeof(uint32_t);
	d->root = (void *)(s->root_area.base + rec->root_off);
	d->codec = rec->codec & META_CODEC;
	d->recompress_codec = -1;
	for (unsigned int i = 0; i < UZ_STREAM_MAX && r == 0; i++)
		if (s->stream[i])
			r = uz__shard_make(d, s->stream[i]);
	if (r == 0)
		r = uz__disk_pool(d, rec->pool);
	if (r == 0)
		d->pool = d->only_pool = d->pools[rec->pool];
	return r;
}

int uz__disk_open(struct uz_store *s, unsigned int index, const struct uz__disk_record *rec,
		  struct uz_dev **out)
{
	struct uz_dev *d;
	void *mem;
	int r = uz_scratch_alloc(s->arena, sizeof(*d), &mem);

	if (r < 0)
		return r;
	d = mem;
	d->store = s;
	d->index = index;
	r = fill_in(d, rec);
	if (r < 0)
		uz__disk_close(d);
	else
		*out = d;
	return r;
}

/* Volatile memory only; what is in the store stays there. */
void uz__disk_close(struct uz_dev *d)
{
	struct uz_store *s = d->store;

	uz__clean_fini(d);
	for (unsigned int e = 0; e < NR_POOLS; e++)
		uz_pool_destroy(d->pools[e]);
	while (d->leaving.nr)
		uz_pool_destroy(d->leaving.pool[--d->leaving.nr]);
	for (unsigned int i = 0; i < UZ_STREAM_MAX; i++)
		uz_scratch_free(s->arena, d->shard[i], sizeof(struct uz__shard));
	uz_scratch_free(s->arena, d, sizeof(*d));
}

/* Control lock held. */
static int disk_make(struct uz_store *s, const struct uz_dev_config *c, unsigned int index,
		     struct uz_dev **out)
{
	struct uz__disk_record rec = {
		.size_bytes = c->size_bytes,
		.mem_limit_bytes = c->mem_limit_bytes,
		.codec = c->codec | META_PARITY,
	};
	int r = uz__pool_entry(s, c->pool);

	if (r < 0)
		return r;
	rec.pool = (uint32_t)r;
	for (unsigned int i = 0; c->name[i]; i++)
		rec.name[i] = c->name[i];
	r = uz__root_alloc(s, c->size_bytes, &rec.root_off, &rec.root_bytes);
	if (r < 0)
		return r;
	r = uz__disk_open(s, index, &rec, out);
	if (r < 0) {
		uz__root_free(s, rec.root_off, rec.root_bytes);
		return r;
	}
	uz_store_release(&s->meta->backing[index].valid, 0); /* of one whose end was cut short */
	uz__disk_publish(s->meta, index, &rec);
	uz_store_release(&s->disk[index], *out);
	return 0;
}

int uz_dev_create(struct uz_store *s, const struct uz_dev_config *c, struct uz_dev **out)
{
	unsigned int i = 0;
	int r;

	if (!c->name || !uz__name_ok(c->name) || !size_ok(c->size_bytes) || !c->pool ||
	    c->codec >= UZ_CODEC_MAX)
		return -UZ_EINVAL;
	r = uz_pool_ops_check(c->pool);
	if (r < 0)
		return r;
	uz_lock(s->plat, &s->control);
	while (i < UZ_DISK_MAX && (s->disk[i] || s->old_root[i].bytes))
		i++;
	if (!s->codec[c->codec].ops)
		r = -UZ_EINVAL;
	else if (!uz__pool_lends(s, c->pool))
		r = -UZ_ENOTSUP;
	else if (uz_store_disk(s, c->name))
		r = -UZ_EEXIST;
	else
		r = i < UZ_DISK_MAX ? disk_make(s, c, i, out) : -UZ_ENOSPC;
	uz_unlock(s->plat, &s->control);
	return r;
}

void uz_dev_stop(struct uz_dev *d)
{
	uz_store(&d->stopping, true);
}

static void clear_all(struct uz_dev *d)
{
	uz__cut(d, 0, 0);
	uz__tables_tidy(d);
}

/* The record goes first, and does not come again, as by the end of a migration. */
static void forget(struct uz_dev *d)
{
	struct uz_plat *pl = d->store->plat;

	uz_lock(pl, &d->save_lock);
	uz_store(&d->gone, true);
	uz__disk_erase(d->store->meta, d->index);
	uz_unlock(pl, &d->save_lock);
}

/* Nobody finds it any more; its index and its root are its own as long as somebody may look at it. */
static void unlink_disk(struct uz_dev *d)
{
	struct uz_store *s = d->store;

	uz_lock(s->plat, &s->control);
	uz__claim_background(s);
	uz__clean_fini(d);
	uz__root_leave(d);
	uz_store_release(&s->disk[d->index], NULL);
	uz_unlock(s->plat, &s->background);
	uz_unlock(s->plat, &s->control);
}

void uz_dev_destroy(struct uz_dev *d)
{
	struct uz_store *s = d->store;
	unsigned int index = d->index;

	uz__backing_give_up(d);
	forget(d);
	uz__backing_leave(d);
	clear_all(d);
	unlink_disk(d);
	uz__grace_wait(s);
	uz__disk_close(d);
	uz__root_left(s, index);
}

const char *uz_dev_name(const struct uz_dev *d)
{
	return d->name;
}

uint64_t uz_dev_size(const struct uz_dev *d)
{
	return uz_load_acquire(&d->size_bytes);
}

struct uz_store *uz_dev_store(const struct uz_dev *d)
{
	return d->store;
}

const struct uz_pool_ops *uz_dev_pool(const struct uz_dev *d)
{
	return uz_load_acquire(&d->pool)->ops;
}

unsigned int uz_dev_codec(const struct uz_dev *d)
{
	return uz_load(&d->codec);
}

/* Of the pool that is to come an older instance may be about to leave. */
static void claim_settled(struct uz_dev *d)
{
	struct uz_store *s = d->store;

	for (;;) {
		uz__claim_background(s);
		if (uz__pools_settle(d))
			break;
		uz_unlock(s->plat, &s->background);
		uz__grace_wait(s);
	}
}

/* Background lock held. 1: to be switched to, 0: it is the disk's pool already. */
static int begin_switch(struct uz_dev *d, const struct uz_pool_ops *pool, unsigned int entry)
{
	int r;

	if (!uz__pool_lends(d->store, pool)) /* a region was made meanwhile */
		return -UZ_ENOTSUP;
	if (d->pools[entry] == d->pool)
		return 0;
	r = uz__disk_pool(d, entry);
	if (r < 0)
		return r;
	d->switching = true;
	uz_store_release(&d->only_pool, NULL);
	return 1;
}

/* The instance is there, and nobody trusts only_pool any more, before the first object uses it. */
static void switch_pool(struct uz_dev *d, unsigned int entry)
{
	struct uz_store *s = d->store;

	uz__grace_wait(s);
	uz__claim_background(s);
	uz_store_release(&d->pool, d->pools[entry]);
	uz_unlock(s->plat, &s->background);
	uz__grace_wait(s);
	uz__claim_background(s);
	d->switching = false;
	uz__migrate_start(d);
	uz__disk_save(d);
	uz_unlock(s->plat, &s->background);
}

int uz_dev_set_pool(struct uz_dev *d, const struct uz_pool_ops *pool)
{
	struct uz_store *s = d->store;
	int r = uz_pool_ops_check(pool), entry;

	if (r < 0)
		return r;
	uz_lock(s->plat, &d->control);
	uz_lock(s->plat, &s->control);
	entry = uz__pool_lends(s, pool) ? uz__pool_entry(s, pool) : -UZ_ENOTSUP;
	uz_unlock(s->plat, &s->control);
	r = entry;
	if (entry >= 0) {
		claim_settled(d);
		r = begin_switch(d, pool, (unsigned int)entry);
		uz_unlock(s->plat, &s->background);
	}
	if (r > 0)
		switch_pool(d, (unsigned int)entry);
	uz_unlock(s->plat, &d->control);
	return UZ_MIN(r, 0);
}

int uz_dev_set_codec(struct uz_dev *d, unsigned int codec)
{
	struct uz_store *s = d->store;
	int r = -UZ_EINVAL;

	uz_lock(s->plat, &d->control);
	uz_lock(s->plat, &s->control);
	if (codec < UZ_CODEC_MAX && s->codec[codec].ops) {
		uz__claim_background(s);
		uz_store_release(&d->codec, codec);
		uz__migrate_start(d);
		uz__disk_save(d);
		uz_unlock(s->plat, &s->background);
		r = 0;
	}
	uz_unlock(s->plat, &s->control);
	uz_unlock(s->plat, &d->control);
	return r;
}

int uz_dev_resize(struct uz_dev *d, uint64_t size_bytes)
{
	struct uz_plat *pl = d->store->plat;
	int r;

	if (!size_ok(size_bytes))
		return -UZ_EINVAL;
	uz_lock(pl, &d->control);
	r = uz__root_set(d, size_bytes);
	uz_unlock(pl, &d->control);
	return r;
}

void uz_dev_set_mem_limit(struct uz_dev *d, uint64_t bytes)
{
	struct uz_plat *pl = d->store->plat;

	uz_lock(pl, &d->control);
	uz_store(&d->mem_limit_bytes, bytes);
	uz__disk_save(d);
	uz_unlock(pl, &d->control);
}

int uz_dev_reset(struct uz_dev *d)
{
	struct uz_store *s = d->store;

	uz_lock(s->plat, &d->control);
	clear_all(d);
	uz__claim_background(s);
	uz__count_reset(d);
	uz_unlock(s->plat, &s->background);
	uz_unlock(s->plat, &d->control);
	return 0;
}

bool uz_dev_last_bad(struct uz_dev *d, uint64_t *page)
{
	uint64_t bad = uz_load(&d->last_bad);

	*page = bad - 1;
	return bad != 0;
}

struct uz_dev *uz_store_disk(struct uz_store *s, const char *name)
{
	for (unsigned int i = 0; i < UZ_DISK_MAX; i++) {
		struct uz_dev *d = uz_load_acquire(&s->disk[i]);

		if (d && uz_name_equal(d->name, name))
			return d;
	}
	return NULL;
}

struct uz_dev *uz_store_disk_at(struct uz_store *s, unsigned int i)
{
	for (unsigned int at = 0; at < UZ_DISK_MAX; at++) {
		struct uz_dev *d = uz_load_acquire(&s->disk[at]);

		if (d && i-- == 0)
			return d;
	}
	return NULL;
}
