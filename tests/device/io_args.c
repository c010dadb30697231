/* SPDX-License-Identifier: MIT */
/* Everything that a caller can get wrong has its errno, changes nothing, and is counted where it says so. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dev_rig.h"

#define SIZE (64ull * UZ_PAGE_SIZE)

static struct dev_rig rig;
static unsigned char buf[2 * UZ_PAGE_SIZE];

static int create(const char *name, uint64_t size, const struct uz_pool_ops *pool,
		  unsigned int codec)
{
	struct uz_dev_config c = { .name = name, .size_bytes = size, .pool = pool, .codec = codec };
	struct uz_dev *d = NULL;
	int r = uz_dev_create(rig.store, &c, &d);

	CHECK((r == 0) == (d != NULL));
	return r;
}

static void test_create(void)
{
	const struct uz_pool_ops *p = uz_pools[0];
	unsigned int e = uz_dev_codec(rig.dev);

	CHECK_EQ(create(NULL, SIZE, p, e), -EINVAL);
	CHECK_EQ(create("", SIZE, p, e), -EINVAL);
	CHECK_EQ(create("a/b", SIZE, p, e), -EINVAL);
	CHECK_EQ(create("a b", SIZE, p, e), -EINVAL);
	CHECK_EQ(create("a\n", SIZE, p, e), -EINVAL);
	CHECK_EQ(create("\xc3\xa4", SIZE, p, e), -EINVAL);
	CHECK_EQ(create("12345678901234567890123456789012", SIZE, p, e), -EINVAL);
	CHECK_EQ(create("1234567890123456789012345678901", SIZE, p, e), 0);
	CHECK_EQ(create("d0", SIZE, p, e), -EEXIST);
	CHECK_EQ(create("x", 0, p, e), -EINVAL);
	CHECK_EQ(create("x", SIZE + 1, p, e), -EINVAL);
	CHECK_EQ(create("x", UZ_DISK_SIZE_MAX + UZ_PAGE_SIZE, p, e), -EINVAL);
	CHECK_EQ(create("x", UINT64_MAX & ~4095ull, p, e), -EINVAL);
	CHECK_EQ(create("x", SIZE, NULL, e), -EINVAL);
	CHECK_EQ(create("x", SIZE, p, UZ_CODEC_MAX), -EINVAL);
	CHECK_EQ(create("x", SIZE, p, UZ_CODEC_MAX - 1), -EINVAL);
	CHECK(uz_store_disk(rig.store, "x") == NULL);
	CHECK_EQ(create("A.-_z9", UZ_DISK_SIZE_MAX, p, e), 0);
}

static void refuse(uint64_t off, size_t len)
{
	bool write = len % 2;
	uint64_t before = dev_rig_stats(&rig).invalid_io;

	CHECK_EQ(uz_dev_read(rig.dev, rig.st, off, buf, len, 0), -EINVAL);
	CHECK_EQ(uz_dev_write(rig.dev, rig.st, off, buf, len, write ? UZ_IO_SHARED : 0), -EINVAL);
	CHECK_EQ(uz_dev_zero(rig.dev, rig.st, off, len), -EINVAL);
	CHECK_EQ(uz_dev_discard(rig.dev, rig.st, off, len), -EINVAL);
	CHECK_EQ(dev_rig_stats(&rig).invalid_io, before + 4);
}

static void test_range(void)
{
	uint64_t len;
	bool hole;

	for (uint64_t off = 0; off <= SIZE; off += UZ_PAGE_SIZE / 2) {
		uz_dev_prefetch_slot(rig.dev, rig.st, off);
		uz_dev_prefetch(rig.dev, rig.st, off);
	}
	uz_dev_prefetch_slot(rig.dev, rig.st, UINT64_MAX);
	uz_dev_prefetch(rig.dev, rig.st, UINT64_MAX);
	refuse(SIZE, 1);
	refuse(SIZE - 1, 2);
	refuse(SIZE + 1, 0);
	refuse(0, SIZE + 1);
	refuse(UINT64_MAX, 1);
	refuse(UINT64_MAX - 4095, 8192);
	refuse(1, SIZE_MAX);
	CHECK_EQ(uz_dev_read(rig.dev, rig.st, SIZE, buf, 0, 0), 0);
	CHECK_EQ(uz_dev_write(rig.dev, rig.st, SIZE, NULL, 0, 0), 0);
	CHECK_EQ(uz_dev_discard(rig.dev, rig.st, SIZE, 0), 0);
	CHECK_EQ(uz_dev_write(rig.dev, rig.st, SIZE - 1, "x", 1, 0), 0);
	CHECK_EQ(uz_dev_extent(rig.dev, rig.st, SIZE, 1, &len, &hole), -EINVAL);
	CHECK_EQ(uz_dev_extent(rig.dev, rig.st, UINT64_MAX, 1, &len, &hole), -EINVAL);
	CHECK_EQ(uz_dev_extent(rig.dev, rig.st, SIZE - 1, UINT64_MAX, &len, &hole), 0);
	CHECK(len == 1 && !hole);
	CHECK_EQ(uz_dev_extent(rig.dev, rig.st, 5, UINT64_MAX, &len, &hole), 0);
	CHECK(len == SIZE - UZ_PAGE_SIZE - 5 && hole);
}

static void test_control(void)
{
	struct uz_recompress rc = { .codec = 15 };
	struct uz_pool_ops old = *uz_pools[0], hollow = *uz_pools[0];
	struct uz_codec_info info;

	old.abi_version++;
	hollow.alloc = NULL;
	CHECK_EQ(uz_dev_set_pool(rig.dev, &old), -UZ_ENOTSUP);
	CHECK_EQ(uz_dev_set_pool(rig.dev, &hollow), -EINVAL);
	CHECK_EQ(uz_dev_set_codec(rig.dev, 15), -EINVAL);
	CHECK_EQ(uz_dev_set_codec(rig.dev, 16), -EINVAL);
	CHECK_EQ(uz_dev_resize(rig.dev, 0), -EINVAL);
	CHECK_EQ(uz_dev_resize(rig.dev, SIZE + 512), -EINVAL);
	CHECK_EQ(uz_dev_resize(rig.dev, UZ_DISK_SIZE_MAX + UZ_PAGE_SIZE), -EINVAL);
	CHECK_EQ(uz_dev_recompress(rig.dev, &rc), -EINVAL);
	CHECK_EQ(uz_dev_set_recompress(rig.dev, 15, 0, 0, 10), -EINVAL);
	CHECK_EQ(uz_dev_set_recompress(rig.dev, 0, 0, 0, 0), -EINVAL);
	CHECK_EQ(uz_dev_set_recompress(rig.dev, 0, 0, 0, 101), -EINVAL);
	CHECK_EQ(uz_dev_set_recompress(rig.dev, 0, 0, UZ_PAGE_SIZE + 1, 10), -EINVAL);
	CHECK_EQ(uz_dev_set_recompress(rig.dev, -1, 0, 0, 0), 0);
	CHECK_EQ(uz_store_codec_info(rig.store, 15, &info), -ENOENT);
	CHECK_EQ(uz_store_codec_info(rig.store, 99, &info), -ENOENT);
	CHECK_EQ(uz_dev_sample(rig.dev, rig.st, buf, 0), 0);
}

static void test_codec_args(void)
{
	static char dict[UZ_DICT_MAX + 1];
	struct uz_codec_params p = { .level = 1000 };
	struct uz_codec_ops old = uz_codec_lz4;

	CHECK_EQ(uz_store_codec(rig.store, &uz_codec_zstd, &p, false), -EINVAL);
	p = (struct uz_codec_params){ .level = UZ_LEVEL_DEFAULT,
				      .dict = dict,
				      .dict_bytes = sizeof(dict) };
	CHECK_EQ(uz_store_codec(rig.store, &uz_codec_zstd, &p, false), -EINVAL);
	p.dict_bytes = 100;
	CHECK_EQ(uz_store_codec(rig.store, &uz_codec_deflate, &p, false), -EINVAL);
	old.abi_version++;
	p.dict_bytes = 0;
	CHECK_EQ(uz_store_codec(rig.store, &old, &p, false), -UZ_ENOTSUP);
}

/* As many streams and disks as there may be, and one more. */
static void test_counts(void)
{
	struct uz_stream *st[UZ_STREAM_MAX];
	unsigned int n = 0;
	char name[16];
	int r;

	while ((r = uz_stream_open(rig.store, &st[n])) == 0)
		n++;
	CHECK_EQ(r, -ENOSPC);
	CHECK_EQ(n, UZ_STREAM_MAX - 3); /* the background's, recompression's and the rig's */
	while (n)
		uz_stream_close(st[--n]);
	uz_stream_close(NULL);
	do {
		snprintf(name, sizeof(name), "n%u", n);
		r = create(name, SIZE, uz_pools[0], uz_dev_codec(rig.dev));
	} while (r == 0 && ++n);
	CHECK_EQ(r, -ENOSPC);
	CHECK(uz_store_disk_at(rig.store, UZ_DISK_MAX - 1) != NULL);
	CHECK(uz_store_disk_at(rig.store, UZ_DISK_MAX) == NULL);
	test_count("disks", n);
}

int main(void)
{
	struct dev_rig_config c = { .size_bytes = SIZE, .limit_bytes = 1 << 30 };

	test_start();
	dev_rig_open(&rig, &c);
	test_create();
	test_range();
	test_control();
	test_codec_args();
	test_counts();
	CHECK_EQ(uz_store_check(rig.store), 0);
	CHECK_EQ(uz_dev_size(rig.dev), SIZE);
	dev_rig_close(&rig);
	return 0;
}
