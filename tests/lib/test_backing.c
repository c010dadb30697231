/* SPDX-License-Identifier: MIT */
#include "test_backing.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static bool fails(uint64_t call, uint64_t first, uint64_t nr)
{
	return first && call - first < nr;
}

static void check_aligned(const struct test_backing *b, uint64_t off, const void *buf, size_t len)
{
	CHECK(off % 4096 == 0 && len % 4096 == 0 && (uintptr_t)buf % 4096 == 0);
	CHECK(off + len <= b->dev.size_bytes);
}

static int backing_read(struct uz_backing_dev *dev, uint64_t off, void *buf, size_t len)
{
	struct test_backing *b = (struct test_backing *)dev;

	check_aligned(b, off, buf, len);
	if (fails(__atomic_add_fetch(&b->reads, 1, __ATOMIC_RELAXED), b->fail_read, b->fail_nr))
		return -EIO;
	memcpy(buf, b->bytes + off, len);
	return 0;
}

static int backing_write(struct uz_backing_dev *dev, uint64_t off, const void *buf, size_t len)
{
	struct test_backing *b = (struct test_backing *)dev;

	check_aligned(b, off, buf, len);
	if (fails(__atomic_add_fetch(&b->writes, 1, __ATOMIC_RELAXED), b->fail_write, b->fail_nr))
		return -EIO;
	memcpy(b->bytes + off, buf, len);
	return 0;
}

/* What is read of it later must not be taken for data. */
static void backing_discard(struct uz_backing_dev *dev, uint64_t off, uint64_t len)
{
	struct test_backing *b = (struct test_backing *)dev;

	check_aligned(b, off, b->bytes, len);
	CHECK(off >= 4096 && len);
	memset(b->bytes + off, TEST_BACKING_HOLE, len);
	__atomic_add_fetch(&b->discarded, len, __ATOMIC_RELAXED);
}

static const struct uz_backing_ops ops = { .read = backing_read,
					   .write = backing_write,
					   .discard = backing_discard };

void test_backing_open(struct test_backing *b, uint64_t size_bytes)
{
	*b = (struct test_backing){ .dev = { &ops, size_bytes, test_seed() | 1 } };
	b->bytes = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(b->bytes != MAP_FAILED);
}

void test_backing_close(struct test_backing *b)
{
	munmap(b->bytes, b->dev.size_bytes);
}

void test_backing_fail(struct test_backing *b, uint64_t nth_read, uint64_t nth_write, uint64_t nr)
{
	b->fail_read = nth_read ? b->reads + nth_read : 0;
	b->fail_write = nth_write ? b->writes + nth_write : 0;
	b->fail_nr = nr;
}
