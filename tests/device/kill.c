/* SPDX-License-Identifier: MIT */
/*
 * A process works on a store and is killed with SIGKILL at a random instant; this one adopts the
 * store and finds every write that was acknowledged. The worker notes each write in shared memory before it
 * starts and after it returned; a page then holds the last acknowledged write or discard or the one that had
 * been started, and never anything else. Each round is dominated by one kind of work; where that is grants, the
 * kill comes while one moves pages, or while it owes the system memory; that is not the store's afterwards. The
 * next worker goes on with the same store.
 *
 * uz-test: timeout 240
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uz/contig.h>
#include <uz/host.h>

#include "self_page.h"
#include "test.h"

#define PAGES 2048u
#define LIMIT (64ull << 20)
#define REGION (8ull << 20)
#define GRANT_NS 10000000000ull
#define BIG_SIZE (6ull << 30) /* has another root than the small one */

enum work {
	WRITE,
	OVERWRITE,
	DISCARD,
	COMPACT,
	POOL,
	CODEC,
	RECOMPRESS,
	RESIZE,
	DISKS,
	FULL,
	WRITEBACK,
	GRANT,
	WORKS
};

static const char *const names[WORKS] = {
	"write",      "overwrite", "discard", "compact", "pool",      "codec",
	"recompress", "resize",	   "disks",   "full",	 "writeback", "grant",
};

struct note {
	uint32_t started, done; /* sequences; a discard takes one and sets the bit */
};
#define ZEROED 0x80000000u

struct shared {
	struct note page[PAGES];
	uint64_t work_done, done[WORKS];
	uint32_t seq;
	uint32_t granting; /* atomic: the worker is inside uz_store_contig_alloc */
	uint32_t owing; /* atomic: its grant owes memory, and nobody gives it back now */
};

struct worker {
	struct uz_host *host;
	struct uz_store *store;
	struct uz_dev *dev;
	struct uz_stream *st;
	struct uz_backing_dev *backing;
	struct test_rng rng;
	unsigned int codec[3];
};

static struct shared *sh;
static int memfd;
static uint64_t killed_granting, killed_owing;

static struct uz_dev *find_or_make(struct worker *w, const char *name, uint64_t size)
{
	struct uz_dev_config c = {
		.name = name, .size_bytes = size, .pool = uz_pools[0], .codec = w->codec[0]
	};
	struct uz_dev *d = uz_store_disk(w->store, name);

	if (!d)
		CHECK_EQ(uz_dev_create(w->store, &c, &d), 0);
	return d;
}

static unsigned int codec(struct worker *w, const struct uz_codec_ops *ops, const void *dict,
			  bool sum)
{
	struct uz_codec_params p = { .level = UZ_LEVEL_DEFAULT,
				     .dict = dict,
				     .dict_bytes = dict ? 4096 : 0 };
	int r = uz_store_codec(w->store, ops, &p, sum);

	CHECK_MSG(r >= 0, "codec entry: %d", r);
	return (unsigned int)r;
}

/* It may have been taken away and not been given again; what is on it then is nobody's. */
static void give_backing(struct worker *w)
{
	CHECK_EQ(uz_dev_set_backing(w->dev, w->backing, "backing",
				    UZ_BACKING_KEPT | UZ_BACKING_FORMAT),
		 0);
}

static void worker_open(struct worker *w, bool attach)
{
	struct uz_host_config hc = { .backing = UZ_HOST_MEMFD, .fd = dup(memfd) };
	struct uz_store_config sc = { .arena = { .capacity_bytes = 4 * LIMIT,
						 .limit_bytes = LIMIT },
				      .registry = uz_host_registry(),
				      .attach = attach };
	struct uz_store_error err;
	unsigned char dict[UZ_PAGE_SIZE];
	int r;

	CHECK_EQ(uz_host_open(&hc, &w->host), 0);
	r = uz_store_open(uz_host_plat(w->host), &sc, &w->store, &err);
	CHECK_MSG(r == 0, "store: %d %s", r, err.what);
	self_page_make(dict, 1, (uint32_t)test_below(&w->rng, 3), 0, SELF_HARD);
	w->codec[0] = codec(w, &uz_codec_lz4, NULL, false);
	w->codec[1] = codec(w, &uz_codec_zstd, test_one_in(&w->rng, 2) ? dict : NULL, true);
	w->codec[2] = codec(w, &uz_codec_deflate, NULL, false);
	w->dev = find_or_make(w, "d0", (uint64_t)PAGES * UZ_PAGE_SIZE);
	CHECK_EQ(uz_host_backing_open(test_path("backing"), &w->backing, NULL, 0), 0);
	give_backing(w);
	CHECK_EQ(uz_stream_open(w->store, &w->st), 0);
}

static void worker_close(struct worker *w)
{
	uz_stream_close(w->st);
	uz_store_close(w->store);
	uz_host_backing_close(w->backing);
	uz_host_close(w->host);
}

static void start(uint32_t page, uint32_t seq)
{
	__atomic_store_n(&sh->page[page].started, seq, __ATOMIC_SEQ_CST);
}

static void done(uint32_t page, uint32_t seq)
{
	__atomic_store_n(&sh->page[page].done, seq, __ATOMIC_SEQ_CST);
}

static void write_page(struct worker *w, uint32_t page)
{
	uint32_t seq = sh->seq + 1;
	unsigned char buf[UZ_PAGE_SIZE];
	int r;

	sh->seq = seq;
	self_page_make(buf, page, seq, test_seed(), SELF_ANY);
	start(page, seq);
	r = uz_dev_write(w->dev, w->st, (uint64_t)page << UZ_PAGE_SHIFT, buf, sizeof(buf), 0);
	CHECK(r == 0 || r == -ENOSPC);
	if (r == 0)
		done(page, seq);
}

static void discard(struct worker *w, uint32_t page, uint32_t nr)
{
	uint32_t seq = ++sh->seq | ZEROED;

	for (uint32_t i = page; i < page + nr; i++)
		start(i, seq);
	CHECK_EQ(uz_dev_discard(w->dev, w->st, (uint64_t)page << UZ_PAGE_SHIFT,
				(uint64_t)nr << UZ_PAGE_SHIFT),
		 0);
	for (uint32_t i = page; i < page + nr; i++)
		done(i, seq);
}

static void some_writes(struct worker *w, uint32_t nr)
{
	while (nr--)
		write_page(w, (uint32_t)test_below(&w->rng, PAGES));
}

static void background(struct worker *w)
{
	for (int i = 0; i < 20 && uz_dev_background(w->dev, 0, 2000000); i++)
		;
}

static void work_pool(struct worker *w)
{
	unsigned int nr = 0;

	while (uz_pools[nr])
		nr++;
	CHECK_EQ(uz_dev_set_pool(w->dev, uz_pools[test_below(&w->rng, nr)]), 0);
	background(w);
}

static void work_recompress(struct worker *w)
{
	struct uz_recompress rc = { .codec = w->codec[1 + test_below(&w->rng, 2)],
				    .max_pages = 1 + test_below(&w->rng, 300) };

	CHECK(uz_dev_recompress(w->dev, &rc) >= 0);
	uz_dev_idle(w->dev, 0);
}

/* Grows to another root and back; pages past the small size hold something meanwhile. */
static void work_resize(struct worker *w)
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint64_t far = BIG_SIZE - UZ_PAGE_SIZE * (1 + test_below(&w->rng, 1000));

	CHECK_EQ(uz_dev_resize(w->dev, BIG_SIZE), 0);
	CHECK_EQ(uz_dev_read(w->dev, w->st, far, buf, sizeof(buf), 0), 0);
	CHECK(buf[0] == 0 && memcmp(buf, buf + 1, sizeof(buf) - 1) == 0);
	self_page_make(buf, 1, 1, 1, SELF_HARD);
	CHECK_EQ(uz_dev_write(w->dev, w->st, far, buf, sizeof(buf), 0), 0);
	CHECK_EQ(uz_dev_resize(w->dev, (uint64_t)PAGES * UZ_PAGE_SIZE), 0);
}

/* Another disk comes, must be empty, is written to, and goes. */
static void work_disks(struct worker *w)
{
	struct uz_dev *d = uz_store_disk(w->store, "d1");
	unsigned char buf[UZ_PAGE_SIZE];

	if (d)
		uz_dev_destroy(d);
	d = find_or_make(w, "d1", BIG_SIZE);
	for (uint64_t at = 0; at < BIG_SIZE; at += BIG_SIZE / 8) {
		CHECK_EQ(uz_dev_read(d, w->st, at, buf, sizeof(buf), 0), 0);
		CHECK(buf[0] == 0 && memcmp(buf, buf + 1, sizeof(buf) - 1) == 0);
		self_page_make(buf, 7, 7, 7, SELF_EASY);
		CHECK_EQ(uz_dev_write(d, w->st, at, buf, sizeof(buf), 0), 0);
	}
	uz_dev_destroy(d);
}

/* Pages go to the backing, are read back from there or from their copies, and are replaced. */
static void work_writeback(struct worker *w)
{
	unsigned char buf[16 * UZ_PAGE_SIZE];
	uint64_t off = test_below(&w->rng, PAGES - 16) << UZ_PAGE_SHIFT;

	CHECK(uz_dev_writeback(w->dev, UZ_WRITEBACK_ALL, 1 + test_below(&w->rng, 200)) >= 0);
	CHECK_EQ(uz_dev_read(w->dev, w->st, off, buf, sizeof(buf), 0), 0);
	if (test_one_in(&w->rng, 4))
		background(w);
	if (test_one_in(&w->rng, 8)) {
		CHECK_EQ(uz_dev_drop_backing(w->dev), 0);
		give_backing(w);
	}
}

/*
 * All of a region is granted while pages lie in it, and they are there afterwards. Another process finds
 * no region, so the first step makes it.
 */
static void work_grant(struct worker *w)
{
	struct uz_region_config c = { .name = "cam0", .bytes = REGION, .spread = true };
	struct uz_region *region = uz_region_find(uz_store_arena(w->store), c.name);
	struct uz_plat *pl = uz_host_plat(w->host);
	struct uz_contig_failure why;
	struct uz_arena_stats st;
	struct uz_grant g;
	int r;

	if (!region)
		CHECK_EQ(uz_store_region_create(w->store, &c, &region), 0);
	uz_store_release(&sh->granting, 1u);
	r = uz_store_contig_alloc(w->store, region, REGION, pl->ops->now(pl) + GRANT_NS, &g, &why);
	uz_store_release(&sh->granting, 0u);
	CHECK_MSG(r == 0, "grant: %d", r);
	uz_arena_stats(uz_store_arena(w->store), &st);
	uz_store_release(&sh->owing, st.owed_bytes != 0);
	usleep((useconds_t)test_below(&w->rng, 3000));
	uz_store_release(&sh->owing, 0u);
	some_writes(w, 50);
	CHECK_EQ(uz_contig_free(region, g.id), 0);
	discard(w, (uint32_t)test_below(&w->rng, PAGES / 2), PAGES / 4);
	some_writes(w, PAGES / 4);
}

static void one_step(struct worker *w, enum work work)
{
	uint32_t page = (uint32_t)test_below(&w->rng, PAGES - 64);

	if (work != WRITE && work != OVERWRITE && !test_one_in(&w->rng, 3))
		some_writes(w, 5);
	switch (work) {
	case WRITE:
	case FULL:
		some_writes(w, 20);
		break;
	case OVERWRITE:
		for (uint32_t i = 0; i < 20; i++)
			write_page(w, page + i % 4);
		break;
	case DISCARD:
		discard(w, page, 1 + (uint32_t)test_below(&w->rng, 64));
		background(w);
		break;
	case COMPACT:
		discard(w, page, 30);
		CHECK(uz_dev_compact(w->dev) >= 0);
		break;
	case POOL:
		work_pool(w);
		break;
	case CODEC:
		CHECK_EQ(uz_dev_set_codec(w->dev, w->codec[test_below(&w->rng, 3)]), 0);
		background(w);
		break;
	case RECOMPRESS:
		work_recompress(w);
		break;
	case RESIZE:
		work_resize(w);
		break;
	case DISKS:
		work_disks(w);
		break;
	case WRITEBACK:
		work_writeback(w);
		break;
	case GRANT:
		work_grant(w);
		break;
	case WORKS:
		break;
	}
}

static _Noreturn void child(uint64_t seed, enum work work, bool attach)
{
	struct worker w = { .rng = test_rng_of(seed) };

	worker_open(&w, attach);
	if (work == FULL) {
		CHECK_EQ(uz_dev_set_recompress(w.dev, (int)w.codec[1], 3600, 0, 1), 0);
		uz_arena_set_limit(uz_store_arena(w.store), 6 << 20);
	}
	for (;;) {
		one_step(&w, work);
		__atomic_add_fetch(&sh->done[work], 1, __ATOMIC_SEQ_CST);
		__atomic_add_fetch(&sh->work_done, 1, __ATOMIC_SEQ_CST);
	}
}

/* What the page holds is what that note says: 0 and discards are zeros. */
static bool is(uint32_t note, enum self_state s, uint32_t seq)
{
	return s == SELF_ZERO ? !note || (note & ZEROED) : note == seq;
}

static void verify_page(struct worker *w, uint32_t page)
{
	struct note n = sh->page[page];
	unsigned char buf[UZ_PAGE_SIZE];
	enum self_state s;
	uint32_t seq = 0;

	CHECK_EQ(uz_dev_read(w->dev, w->st, (uint64_t)page << UZ_PAGE_SHIFT, buf, sizeof(buf), 0),
		 0);
	s = self_page_read(buf, page, test_seed(), SELF_ANY, &seq);
	CHECK_MSG(s != SELF_TORN, "page %u is torn", page);
	CHECK_MSG(is(n.done, s, seq) || is(n.started, s, seq),
		  "page %u has sequence %u, acknowledged is %x, started %x", page, seq, n.done,
		  n.started);
	sh->page[page] = (struct note){ seq, seq };
}

/* The file has no more than the store says. */
static void verify_held(struct worker *w)
{
	struct uz_arena_stats as;
	struct stat st;

	uz_arena_stats(uz_store_arena(w->store), &as);
	CHECK_EQ(fstat(memfd, &st), 0);
	CHECK_MSG((uint64_t)st.st_blocks * 512 <= as.resident_claimed_bytes,
		  "the file has %llu bytes, the store says %llu",
		  (unsigned long long)st.st_blocks * 512,
		  (unsigned long long)as.resident_claimed_bytes);
	CHECK_EQ(as.owed_bytes, 0);
}

static void verify(uint64_t seed)
{
	struct worker w = { .rng = test_rng_of(seed) };
	uint64_t size;

	worker_open(&w, true);
	CHECK_EQ(uz_store_check(w.store), 0);
	CHECK(!uz_region_find(uz_store_arena(w.store), "cam0"));
	verify_held(&w);
	size = uz_dev_size(w.dev);
	CHECK(size == (uint64_t)PAGES * UZ_PAGE_SIZE || size == BIG_SIZE);
	for (uint32_t i = 0; i < PAGES; i++)
		verify_page(&w, i);
	if (size == BIG_SIZE)
		CHECK_EQ(uz_dev_resize(w.dev, (uint64_t)PAGES * UZ_PAGE_SIZE), 0);
	CHECK_EQ(uz_store_check(w.store), 0);
	worker_close(&w);
}

/* The child has done something, and then some time has passed. */
static void let_work(struct test_rng *rng, pid_t pid)
{
	uint64_t before = __atomic_load_n(&sh->work_done, __ATOMIC_SEQ_CST);
	int status;

	for (int ms = 0; __atomic_load_n(&sh->work_done, __ATOMIC_SEQ_CST) == before; ms++) {
		CHECK_MSG(ms < 60000, "the worker does nothing");
		CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
		usleep(1000);
	}
	usleep((useconds_t)test_below(rng, test_one_in(rng, 2) ? 5000 : 60000));
}

/* The next grant has begun, and has gone on for some 100 us, or is out and owes memory. */
static void let_grant(struct test_rng *rng)
{
	int naps = 0;

	while (uz_load_acquire(&sh->granting))
		usleep(100);
	while (!uz_load_acquire(&sh->granting) && naps++ < 200000)
		usleep(10);
	if (test_one_in(rng, 2))
		for (naps = 0; !uz_load_acquire(&sh->owing) && naps < 20000; naps++)
			usleep(10);
	for (uint64_t n = test_below(rng, 100000); n; n--)
		uz_relax();
}

static void round_of(struct test_rng *rng, enum work work, bool attach)
{
	uint64_t seed = test_random(rng);
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0)
		child(seed, work, attach);
	let_work(rng, pid);
	if (work == GRANT)
		let_grant(rng);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	killed_granting += uz_exchange_release(&sh->granting, 0u);
	killed_owing += uz_exchange_release(&sh->owing, 0u);
	CHECK_MSG(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the worker (%s) failed: %x",
		  names[work], status);
	verify(seed);
}

int main(void)
{
	struct test_rng rng = test_start();
	uint64_t rounds = test_scale(200, 1000, 20000);

	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(sh != MAP_FAILED);
	memfd = memfd_create("uzram-kill", MFD_CLOEXEC);
	CHECK(memfd >= 0);
	for (test_step = 0; test_step < rounds; test_step++)
		round_of(&rng, test_step % WORKS, test_step > 0);
	for (; test_step < 2 * rounds && !(killed_granting && killed_owing); test_step++)
		round_of(&rng, GRANT, true); /* a busy machine may come late each time */
	for (enum work k = 0; k < WORKS; k++) {
		CHECK(sh->done[k] > 0);
		test_count(names[k], sh->done[k]);
	}
	CHECK(killed_granting > 0 && killed_owing > 0);
	test_count("killed_owing", killed_owing);
	test_count("killed_in_a_grant", killed_granting);
	test_count("kills", rounds);
	return 0;
}
