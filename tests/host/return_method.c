/* SPDX-License-Identifier: MIT */
/*
 * Each method on private memory, a memfd and a file: it says that it does not know this
 * backing, or the content is gone, and what the system then holds is what the method promises. What
 * it calls LazyFree counts as gone: it may take that at any time. Each CPU tells it of some pages later. A
 * method that costs time and frees nothing (MADV_DONTNEED on a memfd) is found by uz_host_held.
 */
#include "host_i.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <uz/return_method.h>

#include "test.h"

#define PIECE ((size_t)64 << 10)
#define PIECES 32
#define BYTES (PIECE * PIECES)

enum { PRIVATE, MEMFD, TMPFS, NR_BACKINGS };
static const char *const names[NR_BACKINGS] = { "private", "memfd", "file" };

static struct uz_host_map map_backing(int b)
{
	struct uz_host_map m = { .fd = -1 };
	int shared = b == PRIVATE ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p;

	if (b == MEMFD)
		m.fd = memfd_create("return", MFD_CLOEXEC);
	if (b == TMPFS)
		m.fd = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
	CHECK(b == PRIVATE || m.fd >= 0);
	CHECK(m.fd < 0 || ftruncate(m.fd, BYTES) == 0);
	p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, shared, m.fd, 0);
	CHECK(p != MAP_FAILED);
	m.base = p;
	return m;
}

/* Every other piece, so that each is a range of its own. */
static unsigned int ranges(const struct uz_host_map *m, struct uz_range *v)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < PIECES; i += 2)
		v[nr++] = (struct uz_range){ (char *)(uintptr_t)m->base + i * PIECE, PIECE };
	return nr;
}

/* What the system may take when it needs it. */
static int64_t lazy_bytes(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	long long kib = -1;
	char line[256];

	CHECK(f);
	while (kib < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "LazyFree: %lld kB", &kib);
	fclose(f);
	return kib < 0 ? -EOPNOTSUPP : kib << 10;
}

/* Bytes that went or may go any moment: some may while we look, so until both figures are of one state. */
static int64_t gone(const char *base)
{
	int64_t held, lazy;

	do {
		held = uz_host_held(base, BYTES);
		lazy = lazy_bytes();
		CHECK(lazy >= 0);
	} while (uz_host_held(base, BYTES) != held);
	return (int64_t)BYTES - held + lazy;
}

/* Bytes that went, or -errno. What was not given back is as it was. */
static int64_t give(const struct uz_host_map *m, enum uz_host_return method)
{
	struct uz_range v[UZ_RANGE_MAX];
	unsigned int nr = ranges(m, v);
	char *base = (char *)(uintptr_t)m->base;
	int rc;

	memset(base, 'x', BYTES);
	CHECK_EQ(uz_host_held(base, BYTES), (int64_t)BYTES);
	rc = uz_host_give_back(method, m, v, nr);
	if (rc < 0)
		return rc;
	for (unsigned int i = 1; i < PIECES; i += 2)
		CHECK(base[i * PIECE] == 'x' && base[(i + 1) * PIECE - 1] == 'x');
	return gone(base);
}

static void test_backing(int b)
{
	struct uz_host_map m = map_backing(b);
	int64_t half = (int64_t)BYTES / 2;
	int64_t went[UZ_HOST_RETURN_NR];
	bool file = b != PRIVATE;

	for (int i = 0; i < UZ_HOST_RETURN_NR; i++) {
		went[i] = give(&m, (enum uz_host_return)i);
		printf("%s %s: %lld\n", names[b], uz_host_return_methods[i].name,
		       (long long)went[i]);
	}
	CHECK_EQ(went[UZ_HOST_DONTNEED], file ? 0 : half);
	if (file)
		CHECK_EQ(went[UZ_HOST_FREE], -EINVAL);
	else
		CHECK(went[UZ_HOST_FREE] >= half / 2 && went[UZ_HOST_FREE] <= half);
	CHECK_EQ(went[UZ_HOST_REMOVE], file ? half : -EINVAL);
	CHECK_EQ(went[UZ_HOST_PUNCH_HOLE], file ? half : -EBADF);
	if (went[UZ_HOST_DONTNEED_BATCH] >= 0)
		CHECK_EQ(went[UZ_HOST_DONTNEED_BATCH], file ? 0 : half);
	munmap((void *)(uintptr_t)m.base, BYTES);
	if (m.fd >= 0)
		close(m.fd);
}

/* A vector that ends in the middle of nothing that is mapped fails, and does not go on for ever. */
static void test_bad_range(void)
{
	struct uz_host_map m = map_backing(PRIVATE);
	struct uz_range v = { (char *)(uintptr_t)m.base, BYTES };

	munmap((char *)(uintptr_t)m.base + BYTES / 2, BYTES / 2);
	for (int i = 0; i < UZ_HOST_RETURN_NR; i++)
		CHECK(uz_host_give_back((enum uz_host_return)i, &m, &v, 1) < 0);
	munmap((void *)(uintptr_t)m.base, BYTES / 2);
}

int main(void)
{
	test_start();
	for (int b = 0; b < NR_BACKINGS; b++)
		test_backing(b);
	test_bad_range();
	return 0;
}
