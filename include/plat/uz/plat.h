/* SPDX-License-Identifier: MIT */
/*
 * plat: what uzram asks of the system below it. host/ implements it on Linux,
 * a test implements it to inject failures, a kernel module may later.
 *
 * For all memory calls: p and len are multiples of page_bytes and not 0; they
 * return 0 or a negative errno; they may be called from any thread at once on
 * disjoint ranges. Memory that has not been committed must not be touched.
 */
#ifndef UZ_PLAT_H
#define UZ_PLAT_H

#include <uz/port.h>

struct uz_plat;

enum uz_backing {
	UZ_BACKING_STORE, /* outlives the process if the platform was given a file or memfd */
	UZ_BACKING_SCRATCH, /* private, gone with the process */
};

/* An absolute time in the clock of now(); UZ_FOREVER waits without a limit. */
#define UZ_FOREVER UINT64_MAX

#define UZ_RANGE_MAX 64

struct uz_range {
	void *p;
	size_t len;
};

/* A way of giving memory back; after a lazy one the system takes it when it needs it. */
struct uz_return_method {
	const char *name;
	bool lazy;
};

struct uz_plat_ops {
	/*
	 * Address space for @len bytes aligned to @align (a power of two). Nothing is committed.
	 * There is one STORE range; asking again before release is -EBUSY. A store that exists
	 * already is mapped with its content and must have been created with the same @len.
	 */
	int (*reserve)(struct uz_plat *pl, enum uz_backing kind, size_t len, size_t align,
		       void **base);
	/* Gives a whole reservation back. A store's content stays in its file. */
	void (*release)(struct uz_plat *pl, void *base, size_t len);
	/*
	 * Makes the range safe to touch; content of a range that was never committed, or was
	 * decommitted, reads as zeros. Already committed parts keep their content.
	 * -ENOMEM or -ENOSPC when the system has no more.
	 */
	int (*commit)(struct uz_plat *pl, void *p, size_t len);
	/*
	 * As commit, for a range that was committed by who made the store: nothing is mapped ahead of
	 * the first touch, which would cost more than all else when a store is adopted. One thread.
	 */
	int (*adopt)(struct uz_plat *pl, void *p, size_t len);
	/* The memory goes back to the system; the content is gone. */
	int (*decommit)(struct uz_plat *pl, void *p, size_t len);
	/*
	 * The memory of the STORE's aligned carry_bytes at @from, with its content, becomes that at @to, of which
	 * nothing is committed; @from is as after decommit then. Nobody touches either. An error leaves
	 * both as they were: -EOPNOTSUPP when it is not possible with this memory now.
	 */
	int (*carry)(struct uz_plat *pl, void *from, void *to);
	/*
	 * Copies whole pages to where nobody looks soon; they do not overlap. NULL: as memcpy does it is
	 * good enough.
	 */
	void (*copy)(struct uz_plat *pl, void *to, const void *from, size_t len);
	/*
	 * As decommit of @nr ranges, at most UZ_RANGE_MAX, of the STORE by methods[@method]; they lie in
	 * aligned 2 MiB that nobody commits meanwhile. After a lazy one the memory is still charged
	 * to us until decommit; before it is touched again, commit. An error means that the
	 * system does not have the method here; a part may have gone. NULL if nr_methods is 0.
	 */
	int (*give_back)(struct uz_plat *pl, unsigned int method, const struct uz_range *v,
			 unsigned int nr);
	/* Bytes of the range that the system holds for us, or -errno. NULL if nr_methods is 0. */
	int64_t (*held)(struct uz_plat *pl, const void *p, size_t len);
	/*
	 * STORE memory that is not committed becomes that of @fd from @off on, shared and writable, and
	 * is there; until unmap_fd, after which it is as before. NULL: the platform has no descriptors.
	 * -EOPNOTSUPP: somebody could adopt the store; -EACCES: not open for reading and writing;
	 * -EOVERFLOW: smaller than @off + @len; -EPERM: a file that is not sealed against shrinking,
	 * or sealed against writing; -EBADF, -ENODEV, -EINVAL, -ENOMEM, -ENOSPC as mmap has them.
	 */
	int (*map_fd)(struct uz_plat *pl, void *p, size_t len, int fd, uint64_t off);
	int (*unmap_fd)(struct uz_plat *pl, void *p, size_t len);
	/* Bytes that the system holds for all of the STORE, or -errno. NULL: not known. */
	int64_t (*store_held)(struct uz_plat *pl);
	/* Bytes of the existing store, 0 if it is to be created. */
	uint64_t (*store_bytes)(struct uz_plat *pl);
	/* Copies the first @len bytes of an existing store: for a look before it is mapped. */
	int (*store_peek)(struct uz_plat *pl, void *buf, size_t len);
	/* Sleeps while *addr == @value, until woken or @deadline_ns; may return early. */
	void (*wait)(struct uz_plat *pl, const uint32_t *addr, uint32_t value,
		     uint64_t deadline_ns);
	/* Wakes every sleeper on @addr. */
	void (*wake)(struct uz_plat *pl, const uint32_t *addr);
	/* Monotonic nanoseconds; the same clock in every process of one boot. */
	uint64_t (*now)(struct uz_plat *pl);
	/* CPU time of the calling thread in ns, what calls cost; NULL: now() is good enough. */
	uint64_t (*cpu)(struct uz_plat *pl);
	/* True if the system became short of memory since the last call; one thread. May be NULL. */
	bool (*pressed)(struct uz_plat *pl);
	/* Told that memory goes back by another method, @percent / 100 times as cheap. May be NULL. */
	void (*switched)(struct uz_plat *pl, const char *from, const char *to, uint32_t percent);
};

/*
 * The implementer embeds this. The fields do not change after the first call.
 *   page_bytes    the system's page
 *   commit_bytes  the piece in which STORE memory is committed best: a huge page where the system
 *                 backs the store with them, 64 KiB otherwise
 *   return_bytes  the smallest piece worth giving back: 2 MiB where memory comes in huge pages
 *   carry_bytes   the aligned piece that carry can move, 0: it cannot. Not where somebody could adopt the
 *                 store, which must name at no instant what is not there yet
 *   methods       ways of giving back that give_back may be tried with; default_method is the
 *                 number of the one that decommit uses on the store
 */
struct uz_plat {
	const struct uz_plat_ops *ops;
	uint32_t page_bytes;
	uint32_t commit_bytes;
	uint32_t return_bytes;
	uint32_t carry_bytes;
	const struct uz_return_method *methods;
	uint32_t nr_methods; /* 0: only decommit */
	uint32_t default_method;
};

/* Sleeps until @end_ns, or less; nobody can wake it. */
static inline void uz_nap(struct uz_plat *pl, uint64_t end_ns)
{
	const uint32_t never = 0;

	pl->ops->wait(pl, &never, 0, end_ns);
}

#endif
