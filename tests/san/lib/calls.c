/* SPDX-License-Identifier: MIT */
/* Runs rows: calls [NAME...]; without names all, --list names them. */
#include "calls.h"

#include <fcntl.h>
#include <stdio_ext.h>
#include <sys/mman.h>
#include <unistd.h>

#define NR_SLOTS 40
#define ROOM 20480
#define GUARD 64

enum mode { PATTERN, CHECK_OUT, POISON_FIRST, POISON_LAST };

struct memory {
	enum slot_kind kind;
	size_t size_bytes;
	unsigned char bytes[GUARD + ROOM + GUARD] __attribute__((aligned(64)));
	unsigned char first_run[ROOM];
};

extern const struct row __start_rows[], __stop_rows[];

static struct memory slots[NR_SLOTS];
static int nr_slots;
static enum mode mode;
static int poisoned; /* the slot, in POISON_* */
static unsigned char pattern;
static const char *failed; /* in the row that runs */
static int nr_reports, nr_reports_there;
static char last_report[128];

bool is_checking(void)
{
	return mode == CHECK_OUT;
}

void expect(bool held, const char *what)
{
	if (!held && !failed && mode < POISON_FIRST)
		failed = what;
}

static void guard(struct memory *m)
{
	unsigned char *p = m->bytes + GUARD;

	kmsan_poison(p - GUARD, GUARD);
	kmsan_poison(p + m->size_bytes, GUARD);
	if (mode == CHECK_OUT && m->kind >= SLOT_OUT)
		kmsan_poison(p, m->size_bytes);
	if (mode == POISON_FIRST && poisoned == m - slots)
		kmsan_poison(p, 1);
	if (mode == POISON_LAST && poisoned == m - slots)
		kmsan_poison(p + m->size_bytes - 1, 1);
}

void *slot(enum slot_kind kind, const void *content, size_t size_bytes)
{
	struct memory *m = &slots[nr_slots++];

	if (nr_slots > NR_SLOTS || size_bytes > ROOM)
		abort();
	m->kind = kind;
	m->size_bytes = size_bytes;
	memset(m->bytes, pattern, sizeof(m->bytes));
	if (content)
		memcpy(m->bytes + GUARD, content, size_bytes);
	guard(m);
	return m->bytes + GUARD;
}

const char *a_path(const char *text)
{
	static char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/a file", getenv("TMPDIR") ? getenv("TMPDIR") : ".");
	remove(path);
	if (!text)
		return path;
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	return path;
}

char *a_checked_path(const char *text)
{
	const char *path = a_path(text);

	return slot(SLOT_IN, path, strlen(path) + 1);
}

int a_file(const char *text)
{
	int fd = memfd_create("a file", 0);

	EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	lseek(fd, 0, SEEK_SET);
	return fd;
}

FILE *a_stream(const char *text)
{
	return fdopen(a_file(text), "r+");
}

void input(const char *text)
{
	int fd = a_file(text);

	__fpurge(stdin);
	clearerr(stdin);
	dup2(fd, 0);
	close(fd);
}

static void on_report(const struct kmsan_report *r, void *arg)
{
	const unsigned char *at = (const unsigned char *)r->object + r->first_byte;
	const struct memory *m = &slots[poisoned];

	(void)arg;
	nr_reports++;
	nr_reports_there += at >= m->bytes && at < m->bytes + sizeof(m->bytes);
	snprintf(last_report, sizeof(last_report), "bytes %zu-%zu of %zu, boundary %s",
		 r->first_byte, r->last_byte, r->size_bytes, r->boundary ? r->boundary : "none");
}

static void run(const struct row *row, enum mode m, unsigned char filler)
{
	long descriptors = dup(2);
	int fd;

	mode = m;
	pattern = filler;
	nr_slots = 0;
	nr_reports = nr_reports_there = 0;
	kmsan_unpoison(slots, sizeof(slots));
	row->run();
	for (fd = (int)descriptors; fd < 64; fd++)
		close(fd);
}

static int complain(const struct row *row, const char *text, int number)
{
	printf("FAIL: %s: %s %d %s\n", row->name, text, number, nr_reports ? last_report : "");
	return 1;
}

/* What libc wrote is known; it, and nothing else, is marked as written. */
static int check_slot(const struct row *row, struct memory *m)
{
	const unsigned char *now = m->bytes + GUARD;
	size_t i;

	for (i = 0; i < m->size_bytes; i++) {
		bool written = now[i] != 0x55 || m->first_run[i] != 0xaa;
		bool marked = !kmsan_shadow_bits(now + i);

		if (written && !marked)
			return complain(row, "written and not marked: byte", (int)i);
		if (!written && marked && m->kind != SLOT_LOOSE)
			return complain(row, "marked and not written: byte", (int)i);
	}
	if (kmsan_shadow_bits(now + i) != 0xff || kmsan_shadow_bits(now - 1) != 0xff)
		return complain(row, "marked beyond its end: slot", (int)(m - slots));
	return 0;
}

static int check_out(const struct row *row)
{
	int i, bad = 0;

	run(row, PATTERN, 0xaa);
	for (i = 0; i < nr_slots; i++)
		memcpy(slots[i].first_run, slots[i].bytes + GUARD, ROOM);
	run(row, CHECK_OUT, 0x55);
	if (nr_reports)
		return complain(row, "a false report, or several:", nr_reports);
	for (i = 0; i < nr_slots; i++)
		if (slots[i].kind >= SLOT_OUT)
			bad += check_slot(row, &slots[i]);
	return bad;
}

static int check_in(const struct row *row)
{
	int bad = 0, all = nr_slots;

	for (poisoned = 0; poisoned < all; poisoned++) {
		if (slots[poisoned].kind != SLOT_IN)
			continue;
		run(row, POISON_FIRST, 0x55);
		if (!nr_reports_there)
			bad += complain(row, "no report for the first byte of slot", poisoned);
		run(row, POISON_LAST, 0x55);
		if (!nr_reports_there)
			bad += complain(row, "no report for the last byte of slot", poisoned);
	}
	return bad;
}

static int check(const struct row *row)
{
	int bad;

	failed = NULL;
	bad = check_out(row) + check_in(row);
	if (failed)
		bad += printf("FAIL: %s: %s\n", row->name, failed) > 0;
	return bad;
}

static bool is_named(const char *name, char **names)
{
	if (!*names)
		return true;
	while (*names)
		if (!strcmp(*names++, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	const struct row *row;
	int bad = 0;

	if (argc > 1 && !strcmp(argv[1], "--list")) {
		for (row = __start_rows; row < __stop_rows; row++)
			puts(row->name);
		return 0;
	}
	kmsan_set_report_fn(on_report, NULL);
	for (row = __start_rows; row < __stop_rows; row++)
		if (is_named(row->name, argv + 1))
			bad += check(row);
	fflush(stdout);
	_exit(bad != 0);
}
