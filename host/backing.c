/* SPDX-License-Identifier: MIT */
/*
 * Where a store lives: private memory, a memfd, or a file kept on tmpfs.
 *
 * One process uses a store at a time. The lock is an open-file-description lock on a
 * description that is ours alone: a handed-in memfd is opened again through /proc/self/fd,
 * because whoever kept the fd shares its description and would share its lock too. The kernel
 * drops the lock when we die, however we die.
 *
 * A memfd of our own is sealed against growing and shrinking, so no one who gets hold of it can
 * make us fault. A file cannot be sealed: truncating a file that is in use kills its user.
 */
#include "host_i.h"

#include <sys/stat.h>
#include <uz/return_method.h>

#define SMALL_PIECE_BYTES (64u << 10)
#define HUGE_PIECE_BYTES (2u << 20)

static bool huge_pages_allowed(void)
{
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
	char line[64] = "";

	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	return strstr(line, "[always]") || strstr(line, "[madvise]");
}

static int lock_store(int fd)
{
	struct flock lk = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lk) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

static int check_regular(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EINVAL;
}

static int open_file(struct uz_host *h, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		h->made_path = strdup(path);
	else if (errno == EEXIST)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static int reopen(int given)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", given);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int make_memfd(void)
{
	int fd = memfd_create("uzram", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 ? -errno : fd;
}

static int open_store(struct uz_host *h, const struct uz_host_config *c)
{
	int rc;

	if (c->backing == UZ_HOST_FILE)
		h->fd = open_file(h, c->path);
	else if (c->fd >= 0)
		h->fd = reopen(c->fd);
	else
		h->fd = make_memfd();
	if (h->fd < 0)
		return h->fd;
	h->own_memfd = c->backing == UZ_HOST_MEMFD && c->fd < 0;
	rc = check_regular(h->fd);
	if (rc == 0)
		rc = lock_store(h->fd);
	h->was_empty = uz__backing_bytes(h) == 0;
	return rc;
}

/* The lock is held, so that nobody else has begun to use the file. */
int uz_host_discard(struct uz_host *h)
{
	struct stat ours, there;

	if (h->backing != UZ_HOST_FILE || !h->was_empty)
		return 0;
	if (h->made_path && fstat(h->fd, &ours) == 0 && stat(h->made_path, &there) == 0 &&
	    ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
		return unlink(h->made_path) < 0 ? -errno : 0;
	return ftruncate(h->fd, 0) < 0 ? -errno : 0;
}

static bool config_valid(const struct uz_host_config *c)
{
	switch (c->backing) {
	case UZ_HOST_PRIVATE:
	case UZ_HOST_MEMFD:
		return true;
	case UZ_HOST_FILE:
		return c->path && *c->path;
	}
	return false;
}

int uz_host_open(const struct uz_host_config *c, struct uz_host **out)
{
	uint32_t piece = SMALL_PIECE_BYTES;
	struct uz_host *h;
	int rc;

	if (!config_valid(c))
		return -EINVAL;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	h->backing = c->backing;
	h->huge = huge_pages_allowed();
	h->fd = h->given_fd = -1;
	if (c->backing != UZ_HOST_PRIVATE) {
		rc = open_store(h, c);
		if (rc < 0) {
			uz_host_close(h);
			return rc;
		}
		h->given_fd = c->backing == UZ_HOST_MEMFD ? c->fd : -1;
	} else if (h->huge) {
		piece = HUGE_PIECE_BYTES;
	}
	h->plat = (struct uz_plat){
		.ops = &uz__plat_linux_ops,
		.page_bytes = (uint32_t)sysconf(_SC_PAGESIZE),
		.commit_bytes = piece,
		.return_bytes = piece,
		.carry_bytes = h->fd < 0 ? UZ__CARRY_BYTES : 0,
		.methods = uz_host_return_methods,
		.nr_methods = UZ_HOST_RETURN_NR,
		.default_method = h->fd < 0 ? UZ_HOST_DONTNEED : UZ_HOST_PUNCH_HOLE,
	};
	*out = h;
	return 0;
}

void uz_host_close(struct uz_host *h)
{
	if (!h)
		return;
	if (h->store)
		h->plat.ops->release(&h->plat, h->store, h->store_len);
	uz__close_fd(&h->fd);
	uz__close_fd(&h->given_fd);
	free(h->made_path);
	free(h->moved);
	free(h);
}

struct uz_plat *uz_host_plat(struct uz_host *h)
{
	return &h->plat;
}

void uz_host_on_return_switch(struct uz_host *h, uz_host_switch_fn *fn, void *arg)
{
	h->on_switch = fn;
	h->on_switch_arg = arg;
}

uint64_t uz__backing_bytes(const struct uz_host *h)
{
	struct stat st;

	if (h->fd < 0 || fstat(h->fd, &st) < 0)
		return 0;
	return (uint64_t)st.st_size;
}

int uz__backing_create(struct uz_host *h, uint64_t bytes)
{
	if (bytes > INT64_MAX)
		return -EINVAL;
	return ftruncate(h->fd, (off_t)bytes) < 0 ? -errno : 0;
}

int uz__backing_seal(struct uz_host *h)
{
	if (!h->own_memfd)
		return 0;
	if (fcntl(h->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return 0;
	return errno == EPERM ? 0 : -errno;
}

int uz__backing_peek(const struct uz_host *h, void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	if (h->fd < 0)
		return -ENOENT;
	while (done < len) {
		n = pread(h->fd, (char *)buf + done, len - done, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EINVAL;
		done += (size_t)n;
	}
	return 0;
}

/* Resident bytes of this process's mappings inside [lo, hi). */
static int64_t resident_in(uintptr_t lo, uintptr_t hi)
{
	UZ_FCLOSE FILE *f = fopen("/proc/self/smaps", "re");
	UZ_FREE char *line = NULL;
	unsigned long long start, end, kib;
	size_t size = 0;
	int64_t sum = 0;
	bool inside = false;

	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0) {
		if (sscanf(line, "%llx-%llx ", &start, &end) == 2)
			inside = start >= lo && end <= hi;
		else if (inside && sscanf(line, "Rss: %llu kB", &kib) == 1)
			sum += (int64_t)(kib << 10);
	}
	return sum;
}

int64_t uz_host_resident(struct uz_host *h)
{
	struct stat st;

	if (h->fd < 0)
		return h->store ? resident_in((uintptr_t)h->store,
					      (uintptr_t)h->store + h->store_len)
				: 0;
	if (fstat(h->fd, &st) < 0)
		return -errno;
	return (int64_t)st.st_blocks * 512;
}
