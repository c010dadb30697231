/* SPDX-License-Identifier: MIT */
/*
 * Memory that somebody else made, which a region lends to the disks and grants in place. Everything
 * that has it open can write what the disks hold there, so two regions must not share it: files that
 * the server opens are locked, also against other servers, and within a server stretches
 * are compared. A descriptor that was inherited shares its lock with whoever passed it on, and a lock
 * would outlive the server there.
 *
 * Inherited are descriptors without FD_CLOEXEC: all that the server opens itself has it, so a number that
 * is free when the server starts cannot come to mean one of its sockets.
 */
#include "region_memory.h"

#include "cleanup.h"
#include "size.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#define SEALS_WRITE (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

static int inherit(struct uz_server_region *r, struct uz_error *e)
{
	int flags = fcntl(r->spec.fd, F_GETFD);

	if (flags < 0 || flags & FD_CLOEXEC)
		return uz__error(
			e, EBADF,
			"region %s: descriptor %d is not open in what started the server, or "
			"is closed by exec: pass it on, or name a file with path=",
			r->spec.name, r->spec.fd);
	r->fd = fcntl(r->spec.fd, F_DUPFD_CLOEXEC, 0);
	return r->fd < 0 ? uz__error(e, errno, "region %s: descriptor %d: %s", r->spec.name,
				     r->spec.fd, strerror(errno))
			 : 0;
}

static int open_path(struct uz_server_region *r, struct uz_error *e)
{
	struct flock lk = { .l_type = F_WRLCK,
			    .l_whence = SEEK_SET,
			    .l_start = (off_t)r->spec.offset_bytes,
			    .l_len = (off_t)r->spec.bytes };

	r->fd = open(r->spec.path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (r->fd < 0)
		return uz__error(e, errno,
				 "region %s: %s: %s: it has to be there, for reading and writing",
				 r->spec.name, r->spec.path, strerror(errno));
	if (fcntl(r->fd, F_OFD_SETLK, &lk) == 0 || (errno != EAGAIN && errno != EACCES))
		return 0;
	uz__close_fd(&r->fd);
	return uz__error(
		e, EBUSY,
		"region %s: %s is in use by a server, or by a client that kept what it was "
		"granted: end it first, or choose other memory",
		r->spec.name, r->spec.path);
}

static bool overlap(const struct uz_server_region *a, const struct uz_server_region *b)
{
	struct stat x, y;

	if (a->fd < 0 || fstat(a->fd, &x) < 0 || fstat(b->fd, &y) < 0)
		return false;
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino &&
	       a->spec.offset_bytes < b->spec.offset_bytes + b->spec.bytes &&
	       b->spec.offset_bytes < a->spec.offset_bytes + a->spec.bytes;
}

/* Each mapping of this device is other memory. */
static bool is_zero_device(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 5);
}

static int check(const struct uz_server *s, const struct uz_server_region *r, struct uz_error *e)
{
	if (is_zero_device(r->fd))
		return uz__region_memory_error(r, -ENODEV, e);
	for (unsigned int i = 0; i < s->nr_regions; i++)
		if (overlap(&s->region[i], r))
			return uz__error(
				e, EEXIST,
				"regions %s and %s are on the same memory: give one another "
				"offset= or another size",
				s->region[i].spec.name, r->spec.name);
	return 0;
}

int uz__region_memory_open(const struct uz_server *s, struct uz_server_region *r,
			   struct uz_error *e)
{
	int err;

	r->fd = -1;
	if (!uz__region_in_place(&r->spec))
		return 0;
	err = r->spec.path[0] ? open_path(r, e) : inherit(r, e);
	if (err)
		return err;
	err = check(s, r, e);
	if (err)
		uz__close_fd(&r->fd);
	return err;
}

bool uz__region_memory_full(const struct uz_server_region *r)
{
	uint64_t end = r->spec.offset_bytes + r->spec.bytes;
	struct stat st;

	return r->fd >= 0 && fstat(r->fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size >= end &&
	       fallocate(r->fd, 0, (off_t)r->spec.offset_bytes, (off_t)r->spec.bytes) < 0;
}

static const char *permission(const struct uz_server_region *r)
{
	int seals = fcntl(r->fd, F_GET_SEALS);

	if (seals > 0 && seals & SEALS_WRITE)
		return "it is sealed against writing: leave that seal out";
	return "whoever has it could make it smaller, which would end the server: use a memfd that is "
	       "sealed with F_SEAL_SHRINK (fd=, or path=/proc/PID/fd/N), or a driver's memory; other "
	       "files, also of tmpfs and hugetlbfs, cannot be sealed";
}

static const char *meaning(const struct uz_server_region *r, int err)
{
	switch (-err) {
	case EBADF:
		return "it is not open: pass it on to the server, or name a file with path=";
	case EOVERFLOW:
		return "it ends before that: make it larger, or the region or its offset= smaller";
	case EINVAL:
		return "offset= has to be a multiple of 4K, and of its pages where they are larger";
	case EPERM:
		return permission(r);
	case EACCES:
		return "it is not open for reading and writing: open it with O_RDWR";
	case ENODEV:
		return "it cannot be mapped as memory that is shared: give a sealed memfd, or a "
		       "driver's memory";
	case ENOMEM:
	case ENOSPC:
		return "the system has not so many pages for it: make it smaller, or give the system "
		       "more of its kind";
	default:
		return strerror(-err);
	}
}

int uz__region_memory_error(const struct uz_server_region *r, int err, struct uz_error *e)
{
	char memory[UZ_REGION_MEMORY_TEXT], size[UZ_SIZE_TEXT], offset[UZ_SIZE_TEXT];

	return uz__error(e, -err, "region %s: %s from %s on of %s: %s", r->spec.name,
			 uz__size_exact(r->spec.bytes, size),
			 uz__size_exact(r->spec.offset_bytes, offset),
			 uz__region_memory(&r->spec, memory), meaning(r, err));
}
