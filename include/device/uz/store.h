/* SPDX-License-Identifier: MIT */
/*
 * store: all that outlives a process, and what is needed to use it: the arena,
 * the block table, the codec entries, the disks, the streams. The persistent
 * tables refer to codecs and pools by name; a registry finds their code.
 */
#ifndef UZ_STORE_H
#define UZ_STORE_H

#include <uz/codec.h>
#include <uz/pool.h>

#define UZ_STREAM_MAX 64 /* streams (threads) of a store at once, up to three of them its own */
#define UZ_CODEC_MAX 16 /* codec entries of a store */
#define UZ_DISK_MAX 255 /* disks of a store */
#define UZ_DISK_NAME_MAX 32

struct uz_store;
struct uz_stream;
struct uz_dev;

/* Finds code by name; NULL when there is none. Valid while the store is open. */
struct uz_registry {
	const struct uz_codec_ops *(*codec)(const struct uz_registry *r, const char *name);
	const struct uz_pool_ops *(*pool)(const struct uz_registry *r, const char *name);
};

struct uz_store_config {
	struct uz_arena_config arena;
	const struct uz_registry *registry; /* must outlive the store */
	bool attach; /* adopt the platform's store; create otherwise */
};

/* Why an open failed, for a message: which codec, pool, disk or field, in words. */
struct uz_store_error {
	char what[96];
};

/*
 * Opens a store; attach finds every disk in it again. 0; as uz_arena_open; -ENOENT: a codec or
 * pool that the store needs is not in the registry (named in @err). One thread. @err may be NULL.
 */
int uz_store_open(struct uz_plat *pl, const struct uz_store_config *c, struct uz_store **out,
		  struct uz_store_error *err);

/*
 * For a process that is about to end: uz_dev_recompress, uz_dev_compact, uz_dev_idle, uz_dev_writeback and
 * uz_dev_drop_backing, also those that run, end soon from now on; the last with -EINTR, the others with what
 * they did. uz_dev_reset does all it promises, but no longer waits for requests. Any thread.
 */
void uz_store_stop(struct uz_store *s);

/* Closes all disks and streams; the content stays in the store. No thread may be inside. */
void uz_store_close(struct uz_store *s);

struct uz_arena *uz_store_arena(struct uz_store *s);

/*
 * The entry for a codec with these parameters: an equal one, or a new one. Returns 0..15, or
 * -EINVAL (parameters), -ENOSPC (16 in use: wait until a migration has ended), -ENOMEM. The
 * dictionary is copied into the store. @checksum: every object of this entry carries one.
 */
int uz_store_codec(struct uz_store *s, const struct uz_codec_ops *ops,
		   const struct uz_codec_params *p, bool checksum);
/*
 * The same for who is not the only one to make entries: it is this codec's until it is put back, and
 * after that as long as a disk uses it. One of uz_store_codec may be another's before a disk has it.
 */
int uz_store_codec_take(struct uz_store *s, const struct uz_codec_ops *ops,
			const struct uz_codec_params *p, bool checksum);
void uz_store_codec_put(struct uz_store *s, unsigned int entry);

/* What an entry is: -ENOENT if it is not in use. */
struct uz_codec_info {
	const char *name;
	int32_t level;
	uint32_t dict_bytes;
	uint64_t dict_hash;
	bool checksum;
};
int uz_store_codec_info(struct uz_store *s, unsigned int entry, struct uz_codec_info *out);
/* Copies an entry's dictionary to @buf, UZ_DICT_MAX bytes: its length, 0 without one, or -ENOENT. */
int uz_store_codec_dict(struct uz_store *s, unsigned int entry, void *buf);

/*
 * A stream is one thread's scratch memory: compressor state and buffers. Used by one thread at a
 * time, for any disk of the store. -ENOSPC: UZ_STREAM_MAX are open, or the budget; -ENOMEM.
 */
int uz_stream_open(struct uz_store *s, struct uz_stream **out);
/* The same for a thread that one can do without: no page is written to a backing for it. */
int uz_stream_open_spare(struct uz_store *s, struct uz_stream **out);
void uz_stream_close(struct uz_stream *st); /* accepts NULL */

/* The disk of that name or number (0..), NULL if there is none. */
struct uz_dev *uz_store_disk(struct uz_store *s, const char *name);
struct uz_dev *uz_store_disk_at(struct uz_store *s, unsigned int i);

/*
 * Background work of the store and all its disks, for about @budget_ns each: populates the arena's
 * reserve and gives memory back, and what uz_dev_background does. @now_ns: the platform's now(). True
 * when there is more to do at once. Any thread, also beside uz_dev_destroy; works one at a time.
 */
bool uz_store_background(struct uz_store *s, uint64_t now_ns, uint64_t budget_ns);

/* When it did not return true: the time at which it is to be called again, UZ_FOREVER: none. Any thread. */
uint64_t uz_store_due(const struct uz_store *s);

/* Recounts slots against pools against arena, all disks: 0 or -EBADMSG. No thread may be inside. */
int uz_store_check(struct uz_store *s);

#endif
