/* SPDX-License-Identifier: MIT */
/*
 * libuzram: a compressed RAM disk inside your program. This header brings the
 * whole library; the functions below are the short way for a program that
 * wants one disk and no ceremony:
 *
 *	struct uz_ram *ram;
 *	struct uz_ram_options o = { .struct_size = sizeof(o), .size_bytes = 1 << 30 };
 *
 *	if (uz_ram_open(&o, &ram, NULL, 0) < 0)
 *		...
 *	uz_ram_write(ram, off, page, 4096);
 *	uz_ram_read(ram, off, page, 4096);
 *	uz_ram_close(ram);
 *
 * The binary interface: a program that was linked with libuzram.so.N runs with every later one of the
 * same N. Functions are only added then, and a struct that has struct_size may get members at its end;
 * any other change to a struct or a function's meaning raises N, which a release may do while
 * the version is 0.x, and only a new major version later.
 *
 * For C11, and for C++11 through this header: those under uz/ leave extern "C" to who includes them.
 *
 * Functions return 0 or a negative errno number unless they say otherwise, and may be called from any
 * thread. After fork() a disk is the parent's: the child must neither use nor close it.
 */
#ifndef UZRAM_H
#define UZRAM_H

#include <uz/port.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <uz/device.h>
#include <uz/host.h>

#define UZRAM_VERSION_MAJOR 0
#define UZRAM_VERSION_MINOR 1
#define UZRAM_VERSION_PATCH 0

/* The version of the library at run time, "0.1.0". */
const char *uz_version(void);

struct uz_ram;

/* Zero is a good default everywhere but for the sizes. */
struct uz_ram_options {
	size_t struct_size; /* sizeof(struct uz_ram_options), as the caller knows it */
	uint64_t size_bytes; /* size of the disk; multiple of 4096 */
	uint64_t ram_bytes; /* RAM budget, all costs; 0: the size of the disk and 1/16 more */
	const char *pool; /* NULL: the default pool */
	const char *codec; /* NULL: lz4 */
	int32_t level; /* of the codec; 0: its default */
	bool checksum; /* 4 bytes more a page; damage is found on read */
	bool background; /* a thread that compacts and gives memory back; else call
			    uz_store_background(uz_ram_store(ram), ...) yourself */
	/* keep the content in this file on tmpfs and adopt it if it is there; NULL: private memory */
	const char *memory_file;
};

/*
 * Opens a disk. On failure @why (if not NULL) gets a sentence of at most @why_bytes, and a memory file that
 * was missing is so again. One that exists brings its own size, pool and codec (of several disks the first).
 * -EINVAL: no struct_size, or a size that no disk can have; -ENOENT: no such pool or codec; -EBUSY: another
 * process has the memory file open; -EBADMSG: it is damaged; -E2BIG: this library is older than the program, and
 * does not know what is set behind its own end; or what the system says.
 */
int uz_ram_open(const struct uz_ram_options *o, struct uz_ram **out, char *why, size_t why_bytes);

/* No thread may be inside. Private content is gone; a memory file stays. Accepts NULL. */
void uz_ram_close(struct uz_ram *ram);

/* As uz_dev_read, uz_dev_write, uz_dev_discard; the library finds a stream for the caller. */
int uz_ram_read(struct uz_ram *ram, uint64_t off, void *buf, size_t len);
int uz_ram_write(struct uz_ram *ram, uint64_t off, const void *buf, size_t len);
int uz_ram_discard(struct uz_ram *ram, uint64_t off, uint64_t len);

/* For everything else: statistics, live changes, more disks. They belong to @ram. */
struct uz_dev *uz_ram_dev(struct uz_ram *ram);
struct uz_store *uz_ram_store(struct uz_ram *ram);

#ifdef __cplusplus
}
#endif

#endif
