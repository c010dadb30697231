/* SPDX-License-Identifier: MIT */
/*
 * A caller's descriptor in the place of a part of a private store: dma-heap, u-dma-buf, hugetlb, memfd.
 * All that can be known is looked at before the store's own mapping is replaced: the kernel takes that
 * away before it asks the descriptor's driver.
 */
#include "host_i.h"

#include <sys/stat.h>

/*
 * A file that somebody could make smaller would be SIGBUS one day, also on a file system that
 * knows no seals. Drivers' memory does not shrink.
 */
static int check_seals(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0)
		return fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? -EPERM : 0;
	return seals & F_SEAL_SHRINK ? 0 : -EPERM;
}

/* Memory of drivers need not have a size that can be asked for: then mmap says it. */
static int check_size(int fd, uint64_t end)
{
	off_t size = lseek(fd, 0, SEEK_END);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (size <= 0 && !S_ISREG(st.st_mode))
		return 0;
	return (uint64_t)size < end ? -EOVERFLOW : 0;
}

static int check(const struct uz_host *h, size_t len, int fd, uint64_t off)
{
	int flags = fcntl(fd, F_GETFL), rc;

	if (flags < 0)
		return -errno;
	if (h->fd >= 0)
		return -EOPNOTSUPP;
	if ((flags & O_ACCMODE) != O_RDWR)
		return -EACCES;
	if (off % h->plat.page_bytes || off + len < off || off + len > INT64_MAX)
		return -EINVAL;
	rc = check_size(fd, off + len);
	return rc < 0 ? rc : check_seals(fd);
}

/* Pages that a file does not have yet. */
static int allocate(int fd, uint64_t off, size_t len)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? uz__fallocate(fd, 0, (off_t)off, len) : 0;
}

/*
 * All pages are made now, where their lack is an errno. EFAULT is what would be SIGBUS later; EINVAL a
 * driver's mapping that the call is not for, or an old kernel.
 */
static int populate(void *p, size_t len, int fd, uint64_t off)
{
	int rc = allocate(fd, off, len);

	while (rc == 0 && madvise(p, len, MADV_POPULATE_WRITE) < 0)
		if (errno == ENOMEM || errno == EFAULT)
			rc = -ENOMEM;
		else if (errno != EINTR && errno != EAGAIN)
			break;
	return rc;
}

int uz__map_fresh(struct uz_host *h, void *p, size_t len, int how)
{
	void *at = mmap(p, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | how, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	if (at != p) /* MAP_FIXED_NOREPLACE on an older kernel */
		return -EEXIST;
	if (h->huge)
		madvise(p, len, MADV_NOHUGEPAGE);
	return 0;
}

int uz__unmap_fd(struct uz_plat *pl, void *p, size_t len)
{
	return uz__map_fresh(uz__host(pl), p, len, MAP_FIXED);
}

int uz__map_fd(struct uz_plat *pl, void *p, size_t len, int fd, uint64_t off)
{
	int rc = check(uz__host(pl), len, fd, off);
	void *trial;

	if (rc < 0)
		return rc;
	trial = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)off);
	if (trial == MAP_FAILED)
		return -errno;
	rc = populate(trial, len, fd, off);
	munmap(trial, len);
	if (rc < 0)
		return rc;
	if (mmap(p, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)off) ==
	    MAP_FAILED)
		rc = -errno;
	else
		rc = populate(p, len, fd, off);
	if (rc < 0)
		uz__unmap_fd(pl, p, len);
	return rc;
}
