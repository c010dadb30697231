/* SPDX-License-Identifier: MIT */
/*
 * Loads the pool, keeps pages in it on a disk, ends as a killed process would
 * (nothing is said to the store but that it is closed), and finds them again.
 *
 *   test ./pool-solo.so
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uz/host.h>

#define PAGES 500u

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			exit(1); \
		} \
	} while (0)

struct session {
	struct uz_host *host;
	struct uz_store *store;
	struct uz_stream *stream;
};

static struct session open_session(int memfd, bool attach)
{
	struct uz_host_config hc = { .backing = UZ_HOST_MEMFD, .fd = dup(memfd) };
	struct uz_store_config sc = {
		.arena = { .capacity_bytes = 64 << 20, .limit_bytes = 32 << 20 },
		.registry = uz_host_registry(),
		.attach = attach,
	};
	struct uz_store_error error = { "" };
	struct session s;

	CHECK(uz_host_open(&hc, &s.host) == 0);
	if (uz_store_open(uz_host_plat(s.host), &sc, &s.store, &error) != 0) {
		fprintf(stderr, "cannot open the store: %s\n", error.what);
		exit(1);
	}
	CHECK(uz_stream_open(s.store, &s.stream) == 0);
	return s;
}

static void close_session(struct session s)
{
	uz_stream_close(s.stream);
	uz_store_close(s.store);
	uz_host_close(s.host);
}

/* Half of the page is noise, so that it is neither raw nor a fill. */
static void make_page(unsigned char *page, unsigned int n)
{
	memset(page, (int)n, UZ_PAGE_SIZE);
	for (unsigned int i = 0, x = n + 1; i < UZ_PAGE_SIZE / 2; i++) {
		x = x * 1664525u + 1013904223u;
		page[i] = (unsigned char)(x >> 24);
	}
}

static void write_pages(struct session s, struct uz_dev *d)
{
	unsigned char page[UZ_PAGE_SIZE];

	for (unsigned int i = 0; i < 2 * PAGES; i++) {
		make_page(page, i);
		CHECK(uz_dev_write(d, s.stream, (uint64_t)(i % PAGES) * sizeof(page), page,
				   sizeof(page), 0) == 0);
	}
	CHECK(uz_dev_discard(d, s.stream, 0, UZ_PAGE_SIZE) == 0);
}

static void verify_pages(struct session s, struct uz_dev *d)
{
	unsigned char page[UZ_PAGE_SIZE], want[UZ_PAGE_SIZE] = { 0 };

	for (unsigned int i = 0; i < PAGES; i++) {
		if (i)
			make_page(want, i + PAGES);
		CHECK(uz_dev_read(d, s.stream, (uint64_t)i * sizeof(page), page, sizeof(page), 0) ==
		      0);
		CHECK(memcmp(page, want, sizeof(page)) == 0);
	}
	CHECK(uz_store_check(s.store) == 0);
}

static struct uz_dev *make_disk(struct session s, const struct uz_pool_ops *pool)
{
	struct uz_codec_params params = { .level = UZ_LEVEL_DEFAULT };
	int codec = uz_store_codec(s.store, &uz_codec_lz4, &params, false);
	struct uz_dev_config dc = {
		.name = "d0",
		.size_bytes = PAGES * UZ_PAGE_SIZE,
		.pool = pool,
		.codec = (unsigned int)codec,
	};
	struct uz_dev *d;

	CHECK(codec >= 0);
	CHECK(uz_dev_create(s.store, &dc, &d) == 0);
	return d;
}

int main(int argc, char **argv)
{
	int memfd = memfd_create("pool-example", MFD_CLOEXEC);
	const struct uz_pool_ops *pool;
	char why[256] = "no path given";
	struct session s;
	struct uz_dev *d;

	pool = argc == 2 ? uz_host_pool(argv[1], why, sizeof(why)) : NULL;
	if (!pool) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	CHECK(memfd >= 0 && strcmp(pool->name, "solo") == 0);
	s = open_session(memfd, false);
	d = make_disk(s, pool);
	write_pages(s, d);
	verify_pages(s, d);
	close_session(s);

	s = open_session(memfd, true);
	d = uz_store_disk(s.store, "d0");
	CHECK(d && uz_dev_pool(d) == pool);
	verify_pages(s, d);
	uz_dev_destroy(d);
	CHECK(uz_store_check(s.store) == 0);
	close_session(s);
	printf("solo: %u pages kept and found again\n", PAGES - 1);
	return 0;
}
