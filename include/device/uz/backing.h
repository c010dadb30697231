/* SPDX-License-Identifier: MIT */
/*
 * backing: a file or block device that takes pages of a disk out of memory. Page p of the disk has
 * its place at byte 4096 * (p + 1), the first 4096 bytes are a header: nothing is allocated there and
 * nothing leaks. Stored is what the disk would keep in memory, compressed, filled up with zeros.
 *
 * A page on the backing may have a clean copy in memory too. That is a cache: it goes as soon as
 * memory is wanted, and a page whose copy has gone is read back. Each page's slot keeps a hash of
 * its bytes, so a damaged or older backing gives -EIO and never other data.
 *
 * A disk with a backing writes pages back by command, by age in the background, and when the RAM
 * budget is reached, before a write is refused. What cannot be written stays in memory.
 */
#ifndef UZ_BACKING_H
#define UZ_BACKING_H

#include <uz/device.h>

struct uz_backing_dev;

/*
 * How core reaches it. @off, @len and the address of @buf are multiples of 4096. 0 or -errno; from
 * several threads at once. read: bytes past the end of a file are zeros. write: 0 only when the
 * bytes are there for every later read, also of another process.
 */
struct uz_backing_ops {
	int (*read)(struct uz_backing_dev *b, uint64_t off, void *buf, size_t len);
	int (*write)(struct uz_backing_dev *b, uint64_t off, const void *buf, size_t len);
	/* Optional. Nobody reads these bytes before they are written again: space may go back. */
	void (*discard)(struct uz_backing_dev *b, uint64_t off, uint64_t len);
};

struct uz_backing_dev {
	const struct uz_backing_ops *ops;
	uint64_t size_bytes; /* that it can have; a file: as large as files get */
	uint64_t id; /* random, for the header if it gets a new one */
};

#define UZ_BACKING_FORMAT 1u /* overwrite whatever is there */
#define UZ_BACKING_KEPT 2u /* the store outlives this process, so its pages on the backing count */
#define UZ_BACKING_HINT_MAX 32

/*
 * (control) Gives the disk its backing, @b, which outlives the disk; @hint (its name, the end of it
 * is kept) is for messages. A disk that has pages on its backing takes no other. Errors change nothing:
 * -EBUSY     the disk has one
 * -EOVERFLOW it is smaller than the disk and a header
 * -EEXIST    something else is on it (only UZ_BACKING_FORMAT overwrites it)
 * -ESTALE    it is the backing of another disk or store, or an older one of this disk
 * -EBADMSG   the disk has pages on it, but its header is damaged or gone
 * -ENOSPC, -ENOMEM, -EIO and what else @b says.
 */
int uz_dev_set_backing(struct uz_dev *d, struct uz_backing_dev *b, const char *hint,
		       unsigned int flags);

/*
 * (control) Takes the backing away from a live disk: pages on it come back into memory, nothing is
 * written to it any more, write-back by age is off. I/O goes on meanwhile. Then @b is marked as free, also
 * if the process is killed, and may be closed. Errors
 * leave the disk with its backing, some pages being back: -ENOENT: it has none; -ENOSPC, -ENOMEM: no
 * room for all of them; -EIO: a page cannot be read (overwrite or discard it); -EINTR: uz_store_stop.
 */
int uz_dev_drop_backing(struct uz_dev *d);

/*
 * Marks a backing as free for any disk: after uz_dev_destroy, or when its store is gone. @page: 4096
 * bytes of the caller's, aligned to that, to work in.
 */
int uz_backing_free(struct uz_backing_dev *b, void *page);

struct uz_backing_info {
	bool attached;
	uint64_t id; /* 0: the disk never had one */
	uint64_t pages; /* that are on it; they read as -EIO while it is not attached */
	char hint[UZ_BACKING_HINT_MAX];
};
void uz_dev_backing(struct uz_dev *d, struct uz_backing_info *out);

enum uz_writeback_what {
	UZ_WRITEBACK_IDLE, /* marked by uz_dev_idle and not touched since */
	UZ_WRITEBACK_HUGE, /* kept uncompressed */
	UZ_WRITEBACK_HUGE_IDLE, /* both */
	UZ_WRITEBACK_ALL,
};

/*
 * Writes such pages back now and frees their memory, at most @max_pages (0: all). Pages written, or:
 * -ENOENT: no backing; -EAGAIN: the limit is used up; -EBUSY: the backing is being taken away; the
 * backing's error when nothing was written.
 * Beside I/O and other work; several calls take turns.
 */
int64_t uz_dev_writeback(struct uz_dev *d, enum uz_writeback_what what, uint64_t max_pages);

/*
 * (control) In the background: pages not touched for @idle_s seconds (0: off), clean copies of them
 * are kept while memory is free. -ENOENT: no backing.
 */
int uz_dev_set_writeback(struct uz_dev *d, uint32_t idle_s);

/* (control) With @on, at most @pages more are written to the backing, for whatever reason. */
void uz_dev_set_writeback_limit(struct uz_dev *d, bool on, uint64_t pages);

#endif
