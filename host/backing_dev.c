/* SPDX-License-Identifier: MIT */
/*
 * Backings of disks: a regular file, which stays sparse, or a block device. Direct I/O where the
 * file system has it, so that an error is known before the page leaves memory and nothing is cached
 * twice; elsewhere each write is followed by fdatasync. Space that is not needed any more goes back as
 * holes where there are any.
 *
 * One process uses a backing at a time, and one disk of it: a lock on the open file description,
 * dropped by the kernel when we die; a block device is opened exclusively too, which a mounted one refuses.
 */
#include "why.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>

struct uz_host_backing_dev {
	struct uz_backing_dev dev; /* first */
	int fd;
	bool direct;
	bool no_holes; /* under the lock that discard is called with */
};

static struct uz_host_backing_dev *self(struct uz_backing_dev *b)
{
	return UZ_CONTAINER_OF(b, struct uz_host_backing_dev, dev);
}

static int backing_read(struct uz_backing_dev *b, uint64_t off, void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(self(b)->fd, (char *)buf + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	memset((char *)buf + done, 0, len - done);
	return 0;
}

static int backing_write(struct uz_backing_dev *b, uint64_t off, const void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pwrite(self(b)->fd, (const char *)buf + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	if (self(b)->direct)
		return 0;
	return fdatasync(self(b)->fd) < 0 ? -errno : 0;
}

/* Once it fails it is not tried again: the file system or the device cannot. */
static void backing_discard(struct uz_backing_dev *b, uint64_t off, uint64_t len)
{
	const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	if (!self(b)->no_holes)
		self(b)->no_holes = uz__fallocate(self(b)->fd, mode, (off_t)off, len) < 0;
}

static const struct uz_backing_ops backing_ops = {
	.read = backing_read,
	.write = backing_write,
	.discard = backing_discard,
};

/* Names of devices: a file made there would be in memory. */
static bool is_for_devices(const char *path)
{
	static const char devices[] = "/dev/", shared_memory[] = "/dev/shm/";

	return !strncmp(path, devices, strlen(devices)) &&
	       strncmp(path, shared_memory, strlen(shared_memory)) != 0;
}

/* A block device with O_EXCL: whoever mounted it, or swaps on it, has it already. */
static int open_path(const char *path, bool *direct)
{
	struct stat st;
	bool block = stat(path, &st) == 0 && S_ISBLK(st.st_mode);
	int flags = O_RDWR | O_CLOEXEC | (block ? O_EXCL : 0), fd;

	if (!is_for_devices(path))
		flags |= O_CREAT;

	*direct = true;
	fd = open(path, flags | O_DIRECT, 0600);
	if (fd < 0 && errno == EINVAL) {
		*direct = false;
		fd = open(path, flags, 0600);
	}
	return fd < 0 ? -errno : fd;
}

static int open_error(const char *path, int err, struct uz__why why)
{
	if (err == -EBUSY)
		return uz__fail(why, err,
				"backing %s is in use (mounted, or another program has it): "
				"name another device",
				path);
	if (err == -EROFS || err == -EACCES || err == -EPERM)
		return uz__fail(
			why, err,
			"backing %s cannot be written to: %s: it has to be readable and writable",
			path, strerror(-err));
	if (err == -EISDIR)
		return uz__fail(why, err, "backing %s is a folder: name a file in it", path);
	return uz__fail(why, err, "backing %s: %s", path, strerror(-err));
}

static int take_lock(int fd, const char *path, struct uz__why why)
{
	struct flock lk = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lk) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return uz__fail(why, -errno, "backing %s: it cannot be locked: %s", path,
				strerror(errno));
	return uz__fail(why, -EBUSY,
			"backing %s is in use by another disk or process: each disk needs its own",
			path);
}

static int find_size(struct uz_host_backing_dev *h, const char *path, struct uz__why why)
{
	struct stat st;

	if (fstat(h->fd, &st) < 0)
		return uz__fail(why, -errno, "backing %s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode)) {
		h->dev.size_bytes = (uint64_t)INT64_MAX & ~4095ull;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return uz__fail(why, -EINVAL,
				"backing %s is neither a regular file nor a block device", path);
	if (ioctl(h->fd, BLKGETSIZE64, &h->dev.size_bytes) < 0)
		return uz__fail(why, -errno, "backing %s: its size is not known: %s", path,
				strerror(errno));
	h->dev.size_bytes &= ~4095ull;
	return 0;
}

static int new_id(struct uz_host_backing_dev *h)
{
	while (!h->dev.id)
		if (getrandom(&h->dev.id, sizeof(h->dev.id), 0) != sizeof(h->dev.id) &&
		    errno != EINTR)
			return -errno;
	return 0;
}

static int setup(struct uz_host_backing_dev *h, const char *path, struct uz__why why)
{
	int rc;

	h->fd = open_path(path, &h->direct);
	if (h->fd < 0)
		return open_error(path, h->fd, why);
	rc = take_lock(h->fd, path, why);
	if (rc == 0)
		rc = find_size(h, path, why);
	if (rc == 0 && new_id(h) < 0)
		rc = uz__fail(why, -EIO, "backing %s: no random number for its header", path);
	return rc;
}

int uz_host_backing_open(const char *path, struct uz_backing_dev **out, char *why, size_t why_bytes)
{
	struct uz_host_backing_dev *h = calloc(1, sizeof(*h));
	struct uz__why to = { why, why_bytes };
	int rc;

	if (!h)
		return uz__fail(to, -ENOMEM, "out of memory");
	h->dev.ops = &backing_ops;
	h->fd = -1;
	rc = setup(h, path, to);
	if (rc < 0)
		uz_host_backing_close(&h->dev);
	else
		*out = &h->dev;
	return rc;
}

void uz_host_backing_close(struct uz_backing_dev *b)
{
	if (!b)
		return;
	uz__close_fd(&self(b)->fd);
	free(self(b));
}

int uz_host_backing_free(struct uz_backing_dev *b)
{
	struct stat st;
	void *page;
	int rc;

	if (posix_memalign(&page, 4096, 4096))
		return -ENOMEM;
	rc = uz_backing_free(b, page);
	free(page);
	if (rc == 0 && fstat(self(b)->fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    ftruncate(self(b)->fd, 4096) < 0)
		rc = -errno;
	return rc;
}
