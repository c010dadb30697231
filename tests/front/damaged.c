/* SPDX-License-Identifier: MIT */
/*
 * A page whose stored bytes were damaged: a read of it fails with EIO, structured and naming the
 * byte once structured replies are negotiated; other pages, the connection and other reads go
 * on. Only a simple reply that is under way already cannot say so: its connection ends.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nbd_rig.h"

#define DISK_BYTES (4u << 20)
#define BAD_PAGE 300u
#define BAD_OFFSET (BAD_PAGE * UZ_PAGE_SIZE)
#define BUFFER_BYTES 1024u

static char content[DISK_BYTES];

/* Requests of a session as they are put together. */
struct script {
	char bytes[BUFFER_BYTES];
	size_t nr;
};

static void add(struct script *s, const void *p, size_t bytes)
{
	CHECK(s->nr + bytes <= sizeof(s->bytes));
	memcpy(s->bytes + s->nr, p, bytes);
	s->nr += bytes;
}

static void add_u64(struct script *s, uint64_t v, unsigned int bytes)
{
	v = htobe64(v << (64 - 8 * bytes));
	add(s, &v, bytes);
}

static uint64_t get(const char *p, unsigned int bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);
	return be64toh(v) >> (64 - 8 * bytes);
}

static void add_handshake(struct script *s, bool structured)
{
	add_u64(s, 3, 4);
	if (structured) {
		add(s, "IHAVEOPT", 8);
		add_u64(s, 8, 4);
		add_u64(s, 0, 4);
	}
	add(s, "IHAVEOPT", 8);
	add_u64(s, 7, 4);
	add_u64(s, 6, 4);
	add(s, "\0\0\0\0\0\0", 6);
}

static void add_read(struct script *s, uint64_t cookie, uint64_t offset, uint32_t bytes)
{
	add_u64(s, 0x25609513, 4);
	add_u64(s, 0, 4);
	add_u64(s, cookie, 8);
	add_u64(s, offset, 8);
	add_u64(s, bytes, 4);
}

/* What the server says after GO. */
static struct nbd_reply run(struct nbd_rig *rig, const struct script *s, char **to_free)
{
	struct nbd_reply r;
	bool go = false;

	nbd_rig_session(rig, s->bytes, s->nr, &r);
	*to_free = r.p;
	r.p += 18;
	r.bytes -= 18;
	while (!go) {
		size_t bytes = 20 + get(r.p + 16, 4);

		go = get(r.p + 8, 4) == 7 && get(r.p + 12, 4) == 1;
		CHECK(bytes <= r.bytes);
		r.p += bytes;
		r.bytes -= bytes;
	}
	return r;
}

/* Finds the page in the store and changes one bit of it. */
static void damage(struct nbd_rig *rig, uint64_t page)
{
	struct stat st;
	unsigned int hits = 0;
	char *map;

	CHECK(fstat(rig->disk.memfd, &st) == 0);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, rig->disk.memfd,
		   0);
	CHECK(map != MAP_FAILED);
	for (off_t i = 0; (i = lseek(rig->disk.memfd, i, SEEK_DATA)) >= 0; i += UZ_PAGE_SIZE) {
		if (memcmp(map + i, content + page * UZ_PAGE_SIZE, UZ_PAGE_SIZE))
			continue;
		map[i + 1000] ^= 4;
		hits++;
	}
	munmap(map, (size_t)st.st_size);
	CHECK_EQ(hits, 1);
}

static void check_structured(struct nbd_rig *rig)
{
	struct script s = { .nr = 0 };
	struct nbd_reply r;
	char *mem;
	size_t text;

	add_handshake(&s, true);
	add_read(&s, 1, BAD_OFFSET + 8, 100);
	add_read(&s, 2, BAD_OFFSET - UZ_PAGE_SIZE, UZ_PAGE_SIZE);
	add_read(&s, 3, 0, DISK_BYTES);
	r = run(rig, &s, &mem);
	CHECK(get(r.p, 4) == 0x668e33ef && get(r.p + 4, 2) == 1 && get(r.p + 6, 2) == 0x8002);
	CHECK(get(r.p + 8, 8) == 1 && get(r.p + 20, 4) == EIO);
	text = get(r.p + 24, 2);
	CHECK(text > 0 && get(r.p + 26 + text, 8) == BAD_OFFSET + 8);
	r.p += 34 + text;
	CHECK(get(r.p + 6, 2) == 1 && get(r.p + 8, 8) == 2);
	CHECK_MEM(r.p + 28, content + BAD_OFFSET - UZ_PAGE_SIZE, UZ_PAGE_SIZE);
	r.p += 28 + UZ_PAGE_SIZE;
	while (get(r.p + 6, 2) == 1) {
		uint64_t bytes = get(r.p + 16, 4) - 8;

		CHECK_MEM(r.p + 28, content + get(r.p + 20, 8), bytes);
		r.p += 28 + bytes;
	}
	text = get(r.p + 24, 2);
	CHECK(get(r.p + 6, 2) == 0x8002 && get(r.p + 8, 8) == 3 && get(r.p + 20, 4) == EIO);
	CHECK_EQ(get(r.p + 26 + text, 8), BAD_OFFSET);
	free(mem);
}

static void check_simple(struct nbd_rig *rig)
{
	struct script s = { .nr = 0 };
	struct nbd_reply r;
	char *mem;

	add_handshake(&s, false);
	add_read(&s, 1, BAD_OFFSET, 1);
	add_read(&s, 2, BAD_OFFSET - UZ_PAGE_SIZE, DISK_BYTES - BAD_OFFSET);
	add_read(&s, 3, 0, 10);
	r = run(rig, &s, &mem);
	CHECK_EQ(r.bytes, 3 * 16 + 10);
	CHECK(get(r.p + 4, 4) == EIO && get(r.p + 8, 8) == 1);
	CHECK(get(r.p + 16 + 4, 4) == EIO && get(r.p + 16 + 8, 8) == 2);
	CHECK(get(r.p + 32 + 4, 4) == 0 && !memcmp(r.p + 48, content, 10));
	free(mem);
}

static void check_under_way(struct nbd_rig *rig)
{
	struct script s = { .nr = 0 };
	struct nbd_reply r;
	char *mem;

	add_handshake(&s, false);
	add_read(&s, 1, 0, DISK_BYTES);
	add_read(&s, 2, 0, 10);
	r = run(rig, &s, &mem);
	CHECK(r.bytes >= 16 && get(r.p + 4, 4) == 0 && get(r.p + 8, 8) == 1);
	CHECK_MSG(r.bytes < 16 + BAD_OFFSET + UZ_PAGE_SIZE, "%zu bytes", r.bytes);
	CHECK_MEM(r.p + 16, content, r.bytes - 16);
	free(mem);
}

int main(void)
{
	struct test_rng rng = test_start();
	struct uz_dev_stats st;
	struct nbd_rig rig;

	nbd_rig_open(&rig, DISK_BYTES, true);
	test_fill_random(&rng, content, sizeof(content));
	CHECK_EQ(uz_dev_write(rig.disk.dev, rig.disk.st, 0, content, DISK_BYTES, 0), 0);
	damage(&rig, BAD_PAGE);
	check_structured(&rig);
	check_simple(&rig);
	check_under_way(&rig);
	st = dev_rig_stats(&rig.disk);
	CHECK(st.bad_pages >= 5);
	test_count("bad_pages", st.bad_pages);
	nbd_rig_close(&rig);
	return 0;
}
