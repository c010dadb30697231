/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "side.h"

struct zram {
	struct side side;
	unsigned int number;
	uint64_t size_bytes;
	int fd;
};

static void sysfs_write(const struct zram *z, const char *name, const char *value)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/sys/block/zram%u/%s", z->number, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		n = write(fd, value, strlen(value));
	BENCH_CHECK(n >= 0, "%s: %s: %s", path, value, strerror(errno));
	close(fd);
}

static void zram_close_disk(struct zram *z)
{
	if (z->fd >= 0)
		close(z->fd);
	z->fd = -1;
}

static void zram_reset(struct side *s)
{
	struct zram *z = (struct zram *)s;
	char text[32];

	zram_close_disk(z);
	sysfs_write(z, "reset", "1");
	sysfs_write(z, "comp_algorithm", "lz4");
	snprintf(text, sizeof(text), "%llu", (unsigned long long)z->size_bytes);
	sysfs_write(z, "disksize", text);
	snprintf(text, sizeof(text), "/dev/zram%u", z->number);
	z->fd = open(text, O_RDWR | O_DIRECT | O_CLOEXEC);
	BENCH_CHECK(z->fd >= 0, "%s: %s", text, strerror(errno));
}

static void zram_write(struct side *s, unsigned int thread, uint64_t off, const void *src,
		       uint64_t len)
{
	struct zram *z = (struct zram *)s;

	(void)thread;
	BENCH_CHECK(pwrite(z->fd, src, len, (off_t)off) == (ssize_t)len, "zram write: %s",
		    strerror(errno));
}

static void zram_read(struct side *s, unsigned int thread, uint64_t off, void *dst, uint64_t len)
{
	struct zram *z = (struct zram *)s;

	(void)thread;
	BENCH_CHECK(pread(z->fd, dst, len, (off_t)off) == (ssize_t)len, "zram read: %s",
		    strerror(errno));
}

static void zram_close(struct side *s)
{
	struct zram *z = (struct zram *)s;

	zram_close_disk(z);
	sysfs_write(z, "reset", "1");
	free(z);
}

struct side *side_zram(uint64_t size_bytes)
{
	struct zram *z;

	if (!bench_text("zram", NULL))
		return NULL;
	z = bench_alloc(sizeof(*z));
	z->side = (struct side){ "zram", zram_reset, zram_write, zram_read, zram_close };
	z->number = (unsigned int)bench_number("zram", 0);
	z->size_bytes = size_bytes;
	z->fd = -1;
	return &z->side;
}

void side_zram_stat(struct side *s, uint64_t stat[9])
{
	struct zram *z = (struct zram *)s;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/zram%u/mm_stat", z->number);
	f = fopen(path, "re");
	BENCH_CHECK(f, "%s: %s", path, strerror(errno));
	for (int i = 0; i < 9; i++) {
		unsigned long long v;

		BENCH_CHECK(fscanf(f, "%llu", &v) == 1, "%s: fewer than 9 numbers", path);
		stat[i] = v;
	}
	fclose(f);
}

void side_zram_discard(struct side *s, uint64_t off, uint64_t len)
{
	struct zram *z = (struct zram *)s;
	uint64_t range[2] = { off, len };

	BENCH_CHECK(!ioctl(z->fd, BLKDISCARD, range), "zram discard: %s", strerror(errno));
}
