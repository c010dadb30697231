/* SPDX-License-Identifier: MIT */
/*
 * A region on the caller's own descriptor, a sealed memfd in the place of a dma-heap's: the disks' pages
 * lie in it, a grant is made in place and stays as the caller wrote it while two writers go on,
 * nothing of it is punched out, and when the region ends all pages are back in the store's own
 * memory. Descriptors that cannot be such memory are refused, each by its own error, and nothing is
 * left of the attempt.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uz/contig.h>

#include "two_writers.h"

#define PAGES WRITERS_PAGES
#define LIMIT (96ull << 20)
#define REGION (32ull << 20)
#define OFFSET (2ull << 20)
#define SIZE (REGION + OFFSET)
#define MS 1000000ull

static struct dev_rig rig;

static int memory(uint64_t bytes, int seals)
{
	int fd = memfd_create("caller", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, (off_t)bytes), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int make(int fd, uint64_t offset, struct uz_region **region)
{
	struct uz_region_config c = { .name = "cam0",
				      .bytes = REGION,
				      .spread = true,
				      .foreign = true,
				      .fd = fd,
				      .fd_offset_bytes = offset };

	return uz_store_region_create(rig.store, &c, region);
}

static uint64_t ram_total(void)
{
	struct uz_arena_stats st;

	uz_arena_stats(uz_store_arena(rig.store), &st);
	return st.ram_total_bytes;
}

static void refused(int fd, uint64_t offset, int error)
{
	struct uz_region *region;

	CHECK_EQ(make(fd, offset, &region), error);
	CHECK(!uz_region_find(uz_store_arena(rig.store), "cam0"));
	CHECK_EQ(uz_store_check(rig.store), 0);
	if (fd >= 0)
		close(fd);
}

static void refusals(void)
{
	const int sealed = F_SEAL_SHRINK | F_SEAL_GROW;
	char path[64];
	int fd;

	refused(-1, 0, -EBADF);
	refused(memory(REGION - 4096, sealed), 0, -EOVERFLOW);
	refused(memory(SIZE, sealed), OFFSET + 4096, -EOVERFLOW);
	refused(memory(SIZE, sealed), 1, -EINVAL);
	refused(memory(SIZE, F_SEAL_GROW), 0, -EPERM);
	refused(memory(SIZE, sealed | F_SEAL_WRITE), 0, -EPERM);
	fd = memory(SIZE, sealed);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	refused(open(path, O_RDONLY | O_CLOEXEC), 0, -EACCES);
	close(fd);
	refused(open("/dev/null", O_RDWR | O_CLOEXEC), 0, -ENODEV);
	fd = open(test_path("plain"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK_EQ(ftruncate(fd, SIZE), 0);
	refused(fd, 0, -EPERM);
}

static void adoptable(void)
{
	struct dev_rig_config c = { .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT,
				    .limit_bytes = LIMIT };

	dev_rig_open(&rig, &c);
	refused(memory(SIZE, F_SEAL_SHRINK), 0, -EOPNOTSUPP);
	dev_rig_close(&rig);
}

static uint64_t blocks(int fd)
{
	struct stat st;

	CHECK_EQ(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* In few calls: a sanitizer looks at each access. */
static void check_filled(const char *p, uint64_t bytes, char with)
{
	CHECK_EQ(p[0], with);
	CHECK_MEM(p + 1, p, bytes - 1);
}

/* The window is the caller's: what is written there stays, and the disks do not notice. */
static void use(struct uz_region *region, char *map, uint64_t bytes)
{
	struct uz_contig_failure why;
	struct uz_grant g;

	CHECK_EQ(dev_rig_grant(&rig, region, bytes, 10000 * MS, &g, &why), 0);
	CHECK(g.offset_bytes + bytes <= REGION && g.offset_bytes % UZ_FRAME_SIZE == 0);
	map += OFFSET + g.offset_bytes;
	memset(map, 0x5a, bytes);
	usleep(20000);
	uz_store_background(rig.store, dev_rig_in(&rig, 0), MS);
	check_filled(map, bytes, 0x5a);
	CHECK(ram_total() <= LIMIT);
	CHECK_EQ(uz_contig_free(region, g.id), 0);
}

static void keeps(const char *pool, struct test_rng *rng)
{
	struct dev_rig_config c = { .limit_bytes = LIMIT, .pool = pool, .private_memory = true };
	int fd = memory(SIZE, F_SEAL_SHRINK | F_SEAL_GROW);
	char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct uz_region_stats st;
	struct uz_region *region;
	uint64_t alone;

	CHECK(map != MAP_FAILED);
	memset(map, 1, OFFSET);
	writers_disk(&rig, c);
	writers_open();
	refusals();
	alone = ram_total();
	CHECK_EQ(make(fd, OFFSET, &region), 0);
	CHECK(ram_total() >= alone + REGION);
	writers_fill(0, PAGES);
	uz_region_stats(region, &st);
	CHECK(st.lent_move > st.count / 4);
	writers_start();
	use(region, map, REGION);
	for (uint64_t i = test_scale(4, 8, 200); i; i--)
		use(region, map, (1 + test_below(rng, 8)) << UZ_ABLOCK_SHIFT);
	writers_stop();
	CHECK_EQ(uz_store_check(rig.store), 0);
	CHECK_EQ(blocks(fd), SIZE);
	writers_check(0, PAGES);
	uz_arena_trim(uz_store_arena(rig.store));
	CHECK_EQ(blocks(fd), SIZE);
	CHECK_EQ(uz_store_region_destroy(rig.store, region), 0);
	memset(map, 0xa5, SIZE);
	writers_check(0, PAGES);
	CHECK_EQ(uz_store_check(rig.store), 0);
	uz_arena_trim(uz_store_arena(rig.store));
	dev_rig_close(&rig);
	check_filled(map, SIZE, (char)0xa5);
	munmap(map, SIZE);
	close(fd);
}

int main(void)
{
	struct test_rng rng = test_start();

	adoptable();
	for (unsigned int p = 0; uz_pools[p]; p++)
		keeps(uz_pools[p]->name, &rng);
	return 0;
}
