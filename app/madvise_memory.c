/* SPDX-License-Identifier: MIT */
/*
 * Memory of each backing, and how much of it the system has charged. What a method frees is not
 * taken from its manual page: on private memory it is what smaps counts less (lazily freed pages
 * are still in Rss, and LazyFree says which), on files the blocks that the file gave up, because a
 * file's pages leave Rss without being freed.
 */
#include "cleanup.h"
#include "madvise.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <uz/bits.h>

#define TMPFS_FOLDER "/dev/shm"

const char *const uz__madvise_backings[] = { "private-4k", "private-thp", "memfd",
					     "tmpfs",	   "hugetlb",	  NULL };

static int failed(char reason[UZ_MADVISE_REASON], const char *what)
{
	int code = errno;

	snprintf(reason, UZ_MADVISE_REASON, "%s: %s", what, strerror(code));
	return -code;
}

static int open_memfd(unsigned int flags, char reason[UZ_MADVISE_REASON])
{
	int fd = memfd_create("uzram-madvise-bench", MFD_CLOEXEC | flags);

	return fd < 0 ? failed(reason, flags ? "hugetlb memfd" : "memfd") : fd;
}

/* Twice the size has to be free: a page of a full tmpfs is SIGBUS. */
static int open_tmpfs(size_t bytes, char reason[UZ_MADVISE_REASON])
{
	struct statfs fs;
	int fd;

	if (statfs(TMPFS_FOLDER, &fs))
		return failed(reason, TMPFS_FOLDER);
	if (fs.f_type != TMPFS_MAGIC || fs.f_bavail * (uint64_t)fs.f_bsize < 2 * (uint64_t)bytes) {
		errno = fs.f_type == TMPFS_MAGIC ? ENOSPC : ENODEV;
		return failed(reason, "tmpfs at " TMPFS_FOLDER);
	}
	fd = open(TMPFS_FOLDER, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? failed(reason, TMPFS_FOLDER) : fd;
}

static int open_backing(struct uz_madvise_memory *m, char reason[UZ_MADVISE_REASON])
{
	int fd;

	if (m->backing == UZ_MADVISE_PRIVATE_4K || m->backing == UZ_MADVISE_PRIVATE_THP)
		return 0;
	fd = m->backing == UZ_MADVISE_TMPFS
		     ? open_tmpfs(m->bytes, reason)
		     : open_memfd(m->backing == UZ_MADVISE_HUGETLB ? MFD_HUGETLB : 0, reason);
	if (fd < 0)
		return fd;
	m->fd = fd;
	return ftruncate(fd, (off_t)m->bytes) ? failed(reason, "ftruncate") : 0;
}

/* Huge pages of hugetlb are reserved here, so that a pool that is too small is an error. */
static int map_inside(struct uz_madvise_memory *m, char reason[UZ_MADVISE_REASON])
{
	int flags = (m->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) | MAP_FIXED;

	m->raw_bytes = m->bytes + 2 * (size_t)UZ_MADVISE_SLICE_ALIGN;
	m->raw = mmap(NULL, m->raw_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		      -1, 0);
	if (m->raw == MAP_FAILED)
		return failed(reason, "mmap");
	m->base = m->raw + (UZ_ALIGN_UP((uintptr_t)m->raw + 1, (uintptr_t)UZ_MADVISE_SLICE_ALIGN) -
			    (uintptr_t)m->raw);
	if (mmap(m->base, m->bytes, PROT_READ | PROT_WRITE, flags, m->fd, 0) == MAP_FAILED)
		return failed(reason, m->backing == UZ_MADVISE_HUGETLB ? "no free huge pages: mmap"
								       : "mmap");
	return 0;
}

static int allow_huge(const struct uz_madvise_memory *m, char reason[UZ_MADVISE_REASON])
{
	if (m->backing == UZ_MADVISE_PRIVATE_4K)
		madvise(m->base, m->bytes, MADV_NOHUGEPAGE);
	if (m->backing == UZ_MADVISE_PRIVATE_THP && madvise(m->base, m->bytes, MADV_HUGEPAGE))
		return failed(reason, "MADV_HUGEPAGE");
	return 0;
}

int uz__madvise_map(struct uz_madvise_memory *m, enum uz_madvise_backing backing, size_t bytes,
		    char reason[UZ_MADVISE_REASON])
{
	int err;

	*m = (struct uz_madvise_memory){
		.backing = backing, .bytes = bytes, .fd = -1, .raw = MAP_FAILED
	};
	err = open_backing(m, reason);
	if (!err)
		err = map_inside(m, reason);
	if (!err)
		err = allow_huge(m, reason);
	if (err)
		uz__madvise_unmap(m);
	return err;
}

void uz__madvise_unmap(struct uz_madvise_memory *m)
{
	if (m->raw != MAP_FAILED)
		munmap(m->raw, m->raw_bytes);
	uz__close_fd(&m->fd);
	m->raw = MAP_FAILED;
	m->fd = -1;
}

static void add_line(struct uz_madvise_usage *u, const char *line)
{
	static const struct {
		const char *name;
		size_t offset;
	} fields[] = {
		{ "Rss", offsetof(struct uz_madvise_usage, rss_bytes) },
		{ "Shared_Hugetlb", offsetof(struct uz_madvise_usage, rss_bytes) },
		{ "Private_Hugetlb", offsetof(struct uz_madvise_usage, rss_bytes) },
		{ "LazyFree", offsetof(struct uz_madvise_usage, lazy_bytes) },
		{ "AnonHugePages", offsetof(struct uz_madvise_usage, huge_bytes) },
	};
	char name[32];
	unsigned long kib;

	if (sscanf(line, "%31[A-Za-z_]: %lu kB", name, &kib) != 2)
		return;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (!strcmp(name, fields[i].name))
			*(uint64_t *)(void *)((char *)u + fields[i].offset) += kib << 10;
}

int uz__madvise_usage(const struct uz_madvise_memory *m, struct uz_madvise_usage *u)
{
	UZ_FCLOSE FILE *f = fopen("/proc/self/smaps", "re");
	bool inside = false;
	char line[512];
	struct stat st;

	memset(u, 0, sizeof(*u));
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		uintptr_t start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside =
				start >= (uintptr_t)m->base && end <= (uintptr_t)m->base + m->bytes;
		else if (inside)
			add_line(u, line);
	}
	if (m->fd >= 0 && fstat(m->fd, &st))
		return -errno;
	u->file_bytes = m->fd >= 0 ? (uint64_t)st.st_blocks * 512 : 0;
	return 0;
}
