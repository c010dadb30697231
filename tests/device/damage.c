/* SPDX-License-Identifier: MIT */
/*
 * A closed store is damaged at random: superblock, tables, disk records, dictionaries, roots, slots,
 * descriptors, objects; bits, words, whole pages, its length. Attach either refuses it, says why and leaves it as it
 * is; or it attaches, recounts right, and every page reads as its true content or as EIO. Where a codec entry has
 * no checksum, damaged objects may decode to something else; where it has one, never. What was
 * quarantined can be overwritten, and the store adopted again.
 *
 * uz-test: timeout 240
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uz/device.h>
#include <uz/host.h>

#include "../../core/device/meta.h"
#include "self_page.h"
#include "test.h"

#define PAGES 700u
#define LIMIT (32ull << 20)
#define SEED_OF_DATA 42

enum target { SUPER, META, DICT, ROOT, SLOT, DESC, OBJECT, PAGE, LENGTH, TARGETS };

static const char *const names[TARGETS] = {
	"super", "meta", "dict", "root", "slot", "desc", "object", "page", "length",
};

struct part {
	uint64_t off, len;
	unsigned char *data;
};

struct image {
	int memfd;
	uint64_t bytes; /* of the file */
	struct part part[4096];
	unsigned int nr_parts;
	uint64_t area_off[UZ_AREA_NR], frames_off;
	uint64_t root_off[2]; /* in the file */
	uint32_t table[2][2]; /* frames of the two tables of each disk */
	uint32_t nr_desc;
};

struct opened {
	struct uz_host *host;
	struct uz_store *store;
	struct uz_stream *st;
	struct uz_dev *dev[2];
};

static struct test_rng rng;
static uint64_t nr_refused[TARGETS], nr_bad_pages[TARGETS], nr_wrong[TARGETS], nr_whole[TARGETS];

static int try_open(struct image *im, struct opened *o, bool attach, struct uz_store_error *err)
{
	struct uz_host_config hc = { .backing = UZ_HOST_MEMFD, .fd = dup(im->memfd) };
	struct uz_store_config sc = { .arena = { .capacity_bytes = 2 * LIMIT,
						 .limit_bytes = LIMIT },
				      .registry = uz_host_registry(),
				      .attach = attach };
	int r;

	CHECK_EQ(uz_host_open(&hc, &o->host), 0);
	r = uz_store_open(uz_host_plat(o->host), &sc, &o->store, err);
	if (r < 0) {
		uz_host_close(o->host);
		return r;
	}
	CHECK_EQ(uz_stream_open(o->store, &o->st), 0);
	o->dev[0] = uz_store_disk(o->store, "plain");
	o->dev[1] = uz_store_disk(o->store, "checked");
	return 0;
}

static void shut(struct opened *o)
{
	uz_stream_close(o->st);
	uz_store_close(o->store);
	uz_host_close(o->host);
}

static unsigned int codec(struct opened *o, const struct uz_codec_ops *ops, bool dict, bool sum)
{
	unsigned char bytes[8192];
	struct uz_codec_params p = { .level = UZ_LEVEL_DEFAULT,
				     .dict = bytes,
				     .dict_bytes = dict ? sizeof(bytes) : 0 };
	int r;

	self_page_make(bytes, 1, 1, 1, SELF_HARD);
	self_page_make(bytes + 4096, 2, 1, 1, SELF_HARD);
	r = uz_store_codec(o->store, ops, &p, sum);
	CHECK(r >= 0);
	return (unsigned int)r;
}

/* Page p of both disks has sequence p + 1; every seventh is empty. */
static bool expected(uint32_t page)
{
	return page % 7 != 0;
}

static void write_pages(struct opened *o, unsigned int disk, uint32_t from)
{
	unsigned char buf[UZ_PAGE_SIZE];

	for (uint32_t p = from; p < PAGES; p += 2) {
		self_page_make(buf, p, p + 1, SEED_OF_DATA, SELF_ANY);
		if (expected(p))
			CHECK_EQ(uz_dev_write(o->dev[disk], o->st, (uint64_t)p << UZ_PAGE_SHIFT,
					      buf, sizeof(buf), 0),
				 0);
	}
}

static void locate(struct image *im, struct opened *o)
{
	struct uz_arena *a = uz_store_arena(o->store);
	struct uz_area area;
	uint32_t first, end;
	const struct uz__meta *m;

	for (int i = 0; i < UZ_AREA_NR; i++) {
		uz_arena_area(a, (enum uz_area_kind)i, &area);
		im->area_off[i] = (uint64_t)(area.base - a->base);
	}
	uz_arena_span(a, &first, &end);
	im->frames_off = (uint64_t)first << UZ_FRAME_SHIFT;
	m = (const void *)(a->base + im->area_off[UZ_AREA_META]);
	for (unsigned int d = 0; d < 2; d++) {
		im->root_off[d] = im->area_off[UZ_AREA_ROOT] +
				  m->disk[d].copy[m->disk[d].current == META_COPY(1)].root_off;
		memcpy(im->table[d], a->base + im->root_off[d], sizeof(im->table[d]));
		CHECK(im->table[d][0] && im->table[d][1]);
		for (unsigned int i = 0; i < 2; i++)
			im->table[d][i] &= ROOT_FRAME;
	}
	im->nr_desc = ((const struct uz_desc *)(const void *)(a->base + im->area_off[UZ_AREA_DESC]))
			      ->owner;
}

/* Two disks of two pools each, one with checksums. */
static void build(struct image *im)
{
	struct uz_dev_config c = { .size_bytes = (uint64_t)PAGES << UZ_PAGE_SHIFT };
	unsigned int nr = 0, codecs[2][2];
	struct opened o;

	while (uz_pools[nr])
		nr++;
	CHECK_EQ(try_open(im, &o, false, NULL), 0);
	for (unsigned int d = 0; d < 2; d++) {
		codecs[d][0] = codec(&o, &uz_codec_lz4, false, d == 1);
		codecs[d][1] = codec(&o, &uz_codec_zstd, true, d == 1);
		c.name = d ? "checked" : "plain";
		c.pool = uz_pools[test_below(&rng, nr)];
		c.codec = codecs[d][0];
		CHECK_EQ(uz_dev_create(o.store, &c, &o.dev[d]), 0);
		write_pages(&o, d, 0);
		CHECK_EQ(uz_dev_set_pool(o.dev[d], uz_pools[test_below(&rng, nr)]), 0);
		CHECK_EQ(uz_dev_set_codec(o.dev[d], codecs[d][1]), 0);
		write_pages(&o, d, 1);
	}
	CHECK_EQ(uz_store_check(o.store), 0);
	locate(im, &o);
	shut(&o);
}

static void snapshot(struct image *im)
{
	off_t at = 0, end;

	im->bytes = (uint64_t)lseek(im->memfd, 0, SEEK_END);
	while ((at = lseek(im->memfd, at, SEEK_DATA)) >= 0) {
		struct part *p = &im->part[im->nr_parts++];

		CHECK(im->nr_parts < 4096);
		end = lseek(im->memfd, at, SEEK_HOLE);
		*p = (struct part){ (uint64_t)at, (uint64_t)(end - at),
				    malloc((size_t)(end - at)) };
		CHECK_EQ(pread(im->memfd, p->data, p->len, at), p->len);
		at = end;
	}
}

static void restore(struct image *im)
{
	CHECK_EQ(ftruncate(im->memfd, 0), 0);
	CHECK_EQ(ftruncate(im->memfd, (off_t)im->bytes), 0);
	for (unsigned int i = 0; i < im->nr_parts; i++)
		CHECK_EQ(pwrite(im->memfd, im->part[i].data, im->part[i].len,
				(off_t)im->part[i].off),
			 im->part[i].len);
}

/* A sum over all that is not a hole. */
static uint64_t sum_of(struct image *im)
{
	static unsigned char buf[1 << 16];
	uint64_t sum = 0;
	off_t at = 0;
	ssize_t n;

	while ((at = lseek(im->memfd, at, SEEK_DATA)) >= 0) {
		n = pread(im->memfd, buf, 4096, at);
		CHECK(n > 0);
		for (ssize_t i = 0; i < n; i++)
			sum += buf[i] * (((uint64_t)at + (uint64_t)i) * 0x9e3779b97f4a7c15ull | 1);
		at += n;
	}
	return sum;
}

static void flip(struct image *im, uint64_t off)
{
	unsigned char b;

	CHECK_EQ(pread(im->memfd, &b, 1, (off_t)off), 1);
	b ^= (unsigned char)(1u << test_below(&rng, 8));
	CHECK_EQ(pwrite(im->memfd, &b, 1, (off_t)off), 1);
}

static void scribble(struct image *im, uint64_t off, size_t len)
{
	unsigned char buf[UZ_PAGE_SIZE];

	test_fill_random(&rng, buf, len);
	CHECK_EQ(pwrite(im->memfd, buf, len, (off_t)off), len);
}

/* One bit, a whole word, or another word of the same table. */
static void damage_word(struct image *im, uint64_t base, uint64_t nr, size_t word)
{
	uint64_t off = base + test_below(&rng, nr) * word;
	unsigned char other[16];

	switch (test_below(&rng, 4)) {
	case 0:
		scribble(im, off, word);
		break;
	case 1:
		CHECK_EQ(pread(im->memfd, other, word, (off_t)(base + test_below(&rng, nr) * word)),
			 word);
		CHECK_EQ(pwrite(im->memfd, other, word, (off_t)off), word);
		break;
	default:
		flip(im, off + test_below(&rng, word));
		break;
	}
}

/* A byte of a part that lies in frames. */
static uint64_t in_frames(struct image *im)
{
	const struct part *p;

	do
		p = &im->part[test_below(&rng, im->nr_parts)];
	while (p->off < im->frames_off);
	return p->off + test_below(&rng, p->len - 64);
}

static void inject(struct image *im, enum target t, unsigned int disk)
{
	uint64_t meta = im->area_off[UZ_AREA_META], at;

	switch (t) {
	case SUPER:
		at = test_below(&rng, 104);
		test_one_in(&rng, 3) ? scribble(im, at, 1 + test_below(&rng, 8)) : flip(im, at);
		break;
	case META:
		at = meta + test_below(&rng, offsetof(struct uz__meta, disk[2]));
		test_one_in(&rng, 3) ? scribble(im, at, 1 + test_below(&rng, 32)) : flip(im, at);
		break;
	case DICT:
		flip(im, meta + META_DICT_OFF + UZ_DICT_MAX * (1 + 2 * test_below(&rng, 2)) +
				 test_below(&rng, 8192));
		break;
	case ROOT:
		damage_word(im, im->root_off[disk], 4, 4);
		break;
	case SLOT:
		at = (uint64_t)im->table[disk][test_below(&rng, 4) == 0] << UZ_FRAME_SHIFT;
		damage_word(im, at, at >> UZ_FRAME_SHIFT == im->table[disk][0] ? 512 : PAGES - 512,
			    8);
		break;
	case DESC:
		damage_word(im, im->area_off[UZ_AREA_DESC], im->nr_desc, 16);
		break;
	case OBJECT:
		at = in_frames(im);
		test_one_in(&rng, 2) ? scribble(im, at, 1 + test_below(&rng, 63)) : flip(im, at);
		break;
	case PAGE:
		scribble(im, in_frames(im) & ~4095ull, UZ_PAGE_SIZE);
		break;
	case LENGTH:
		CHECK_EQ(ftruncate(im->memfd, (off_t)test_below(&rng, im->bytes)), 0);
		break;
	case TARGETS:
		break;
	}
}

/*
 * Whether other content than the true one is bearable. A word of a table that was replaced by that of an empty
 * page tells nobody so, and neither does a root entry that became zero, or another with the right
 * parity that names an empty frame.
 */
static bool may_differ(enum target t, unsigned int disk, enum self_state s)
{
	if (t == ROOT || t == DESC || t == OBJECT || t == PAGE || t == SLOT)
		return disk == 0 || ((t == ROOT || t == SLOT) && s == SELF_ZERO);
	return false;
}

static uint64_t read_disk(struct opened *o, enum target t, unsigned int disk)
{
	unsigned char buf[UZ_PAGE_SIZE];
	uint64_t bad = 0, last;

	for (uint32_t p = 0; p < PAGES; p++) {
		int r = uz_dev_read(o->dev[disk], o->st, (uint64_t)p << UZ_PAGE_SHIFT, buf,
				    sizeof(buf), 0);
		uint32_t seq = 0;
		enum self_state s;

		CHECK(r == 0 || r == -EIO);
		if (r < 0) {
			bad++;
			CHECK(uz_dev_last_bad(o->dev[disk], &last) && last == p);
			continue;
		}
		s = self_page_read(buf, p, SEED_OF_DATA, SELF_ANY, &seq);
		if (expected(p) ? s == SELF_OK && seq == p + 1 : s == SELF_ZERO)
			continue;
		CHECK_MSG(may_differ(t, disk, s),
			  "%s damaged: page %u of disk %u has other content", names[t], p, disk);
		nr_wrong[t]++;
	}
	return bad;
}

/* Everything is overwritten but what lies in a table that is gone. */
static void repair(struct opened *o)
{
	unsigned char buf[UZ_PAGE_SIZE], got[UZ_PAGE_SIZE];

	for (unsigned int d = 0; d < 2; d++)
		for (uint32_t p = 0; p < PAGES; p++) {
			uint64_t off = (uint64_t)p << UZ_PAGE_SHIFT;
			int r;

			self_page_make(buf, p, p + 1, SEED_OF_DATA, SELF_ANY);
			r = uz_dev_write(o->dev[d], o->st, off, buf, sizeof(buf), 0);
			CHECK(r == 0 || r == -EIO);
			if (r == 0) {
				CHECK_EQ(uz_dev_read(o->dev[d], o->st, off, got, sizeof(got), 0),
					 0);
				CHECK_MEM(got, buf, sizeof(buf));
			}
		}
	for (int i = 0; i < 50; i++)
		if (!uz_dev_background(o->dev[i & 1], 0, 10000000) && i > 4)
			break;
	CHECK(uz_dev_compact(o->dev[0]) >= 0);
	CHECK_EQ(uz_store_check(o->store), 0);
}

static void attached(struct image *im, struct opened *o, enum target t, unsigned int disk)
{
	struct uz_store_error err;
	uint64_t bad[2];

	CHECK(t != LENGTH && t != DICT);
	CHECK_EQ(uz_store_check(o->store), 0);
	CHECK(o->dev[0] && o->dev[1]);
	for (unsigned int d = 0; d < 2; d++)
		bad[d] = read_disk(o, t, d);
	CHECK(t != SLOT || !bad[!disk]);
	CHECK(t > DICT || (!bad[0] && !bad[1]));
	nr_bad_pages[t] += bad[0] + bad[1];
	nr_whole[t] += !bad[0] && !bad[1];
	shut(o);
	CHECK_EQ(try_open(im, o, true, &err), 0);
	for (unsigned int d = 0; d < 2; d++)
		CHECK_EQ(read_disk(o, t, d), bad[d]);
	repair(o);
	shut(o);
}

static void one_round(struct image *im, enum target t)
{
	unsigned int disk = (unsigned int)test_below(&rng, 2);
	struct uz_store_error err = { "untouched" };
	struct opened o;
	uint64_t before;
	int r;

	restore(im);
	for (uint64_t n = 1 + test_below(&rng, 3); n; n--)
		inject(im, t, disk);
	before = sum_of(im);
	alarm(60);
	r = try_open(im, &o, true, &err);
	if (r < 0) {
		CHECK_MSG(r == -EBADMSG || r == -ENOENT, "%s damaged: %d", names[t], r);
		CHECK_MSG(err.what[0] && strcmp(err.what, "untouched") != 0, "%s: no words",
			  names[t]);
		CHECK_MSG(sum_of(im) == before, "%s: refused (%s) and changed", names[t], err.what);
		nr_refused[t]++;
	} else {
		attached(im, &o, t, disk);
	}
	alarm(0);
}

/* Every bit of every root entry, one at a time: an error for that table's pages, never other content. */
static void each_root_bit(struct image *im)
{
	for (unsigned int at = 0; at < 2 * 2 * 32; at++) {
		unsigned int disk = at / 64, bit = at % 32;
		off_t off = (off_t)(im->root_off[disk] + at / 32 % 2 * 4);
		uint64_t bad[2];
		struct opened o;
		uint32_t e;

		restore(im);
		CHECK_EQ(pread(im->memfd, &e, sizeof(e), off), sizeof(e));
		e ^= 1u << bit;
		CHECK_EQ(pwrite(im->memfd, &e, sizeof(e), off), sizeof(e));
		CHECK_EQ(try_open(im, &o, true, NULL), 0);
		for (unsigned int d = 0; d < 2; d++)
			bad[d] = read_disk(&o, SUPER, d);
		CHECK_EQ(bad[!disk], 0);
		CHECK_EQ(bad[disk] == 0, 1u << bit == ROOT_CLOSING);
		shut(&o);
	}
}

/* As a version made it that knew no parity; adopted once, it has it. */
static void strip_parity(struct image *im)
{
	for (unsigned int disk = 0; disk < 2; disk++) {
		off_t at = (off_t)(im->area_off[UZ_AREA_META] + offsetof(struct uz__meta, disk));
		struct uz__disk_slot slot;

		CHECK_EQ(pwrite(im->memfd, im->table[disk], sizeof(im->table[disk]),
				(off_t)im->root_off[disk]),
			 sizeof(im->table[disk]));
		at += (off_t)(disk * sizeof(slot));
		CHECK_EQ(pread(im->memfd, &slot, sizeof(slot), at), sizeof(slot));
		for (unsigned int i = 0; i < 2; i++) {
			slot.copy[i].codec &= ~META_PARITY;
			uz__record_seal(&slot.copy[i], sizeof(slot.copy[i]));
		}
		CHECK_EQ(pwrite(im->memfd, &slot, sizeof(slot), at), sizeof(slot));
	}
}

static void old_root(struct image *im)
{
	struct opened o;
	uint32_t e;

	restore(im);
	strip_parity(im);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(try_open(im, &o, true, NULL), 0);
		for (unsigned int d = 0; d < 2; d++)
			CHECK_EQ(read_disk(&o, SUPER, d), 0);
		shut(&o);
		CHECK_EQ(pread(im->memfd, &e, sizeof(e), (off_t)im->root_off[1]), sizeof(e));
		CHECK_EQ(e, uz__root_entry(im->table[1][0]));
	}
}

int main(void)
{
	static struct image im;
	uint64_t rounds = test_scale(180, 1500, 100000);

	rng = test_start();
	im.memfd = memfd_create("uzram-damage", MFD_CLOEXEC);
	CHECK(im.memfd >= 0);
	build(&im);
	snapshot(&im);
	each_root_bit(&im);
	old_root(&im);
	for (test_step = 0; test_step < rounds; test_step++)
		one_round(&im, test_step % TARGETS);
	for (int t = 0; t < TARGETS; t++)
		printf("%-7s refused %llu, whole %llu, pages quarantined %llu, other content %llu\n",
		       names[t], (unsigned long long)nr_refused[t], (unsigned long long)nr_whole[t],
		       (unsigned long long)nr_bad_pages[t], (unsigned long long)nr_wrong[t]);
	CHECK(nr_refused[SUPER] && nr_refused[META] && nr_refused[DICT] && nr_refused[LENGTH]);
	CHECK(nr_bad_pages[SLOT] && nr_bad_pages[DESC] && nr_bad_pages[OBJECT] &&
	      nr_bad_pages[ROOT]);
	test_count("rounds", rounds);
	return 0;
}
