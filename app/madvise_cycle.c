/* SPDX-License-Identifier: MIT */
/*
 * One sample: touch, advice, hog, touch again. Each phase is done by all threads at once, each
 * in its own slice of one mapping, and each takes its own time from the moment when all are
 * there; the figure is their mean. So locks of the mapping and of the kernel are fought for,
 * and starting threads costs nothing. What a thread waits for a CPU that another process has is
 * taken off (the kernel counts it where it has CONFIG_SCHED_INFO); what it waits for a lock is not:
 * that is what is measured.
 */
#include "cleanup.h"
#include "clock.h"
#include "madvise.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <uz/bits.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define SLACK_BYTES ((uint64_t)8 << 20)
#define READING_NS 20000 /* more than it takes to read a number from /proc */
#define DISTURBED_PART 50 /* others had a CPU for more than one part in so many of the time */
#define THREAD_BYTES ((uint64_t)64 << 10)

const char *const uz__madvise_phases[] = { "touch", "advice", "hog", "retouch", NULL };

struct crew {
	const struct uz_madvise_cell *cell;
	const struct uz_madvise_memory *memory;
	size_t slice_bytes, page_bytes;
	enum uz_madvise_phase phase;
	uint64_t ns, waited_ns; /* of all threads in all phases */
	pthread_barrier_t start;
};

struct worker {
	struct crew *crew;
	unsigned int index;
	uint64_t ns, waited_ns;
	int err;
	pthread_t thread;
};

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* How long the calling thread has waited for a CPU so far. */
static uint64_t waited_ns(int fd)
{
	unsigned long long waited = 0;
	char text[96];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	return sscanf(text, "%*u %llu", &waited) == 1 ? waited : 0;
}

/*
 * The same, and the time with it. A thread whose turn is over often loses the CPU on the way out of
 * a system call, of this one too: then what was read is old, and is read again.
 */
static uint64_t start_ns(int fd, uint64_t *waited)
{
	uint64_t before, after;
	int tries = 0;

	do {
		before = uz__now_ns();
		*waited = waited_ns(fd);
		after = uz__now_ns();
	} while (after - before > READING_NS && ++tries < 10);
	return after;
}

/* A huge page that is not to be had is an error from POPULATE_WRITE and SIGBUS otherwise. */
static int touch(const struct crew *c, char *p)
{
	if (c->memory->backing == UZ_MADVISE_HUGETLB)
		return madvise(p, c->slice_bytes, MADV_POPULATE_WRITE) ? -errno : 0;
	for (size_t at = 0; at < c->slice_bytes; at += c->page_bytes)
		*(volatile char *)(p + at) = 1;
	return 0;
}

static void *work(void *argument)
{
	struct worker *w = argument;
	struct crew *c = w->crew;
	char *p = c->memory->base + w->index * c->slice_bytes;
	UZ_CLOSE int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	uint64_t from, waited;

	pthread_barrier_wait(&c->start);
	from = start_ns(fd, &waited);
	w->err = c->phase == UZ_MADVISE_ADVICE
			 ? uz__madvise_advise(c->memory, c->cell->method, p, c->slice_bytes,
					      c->cell->piece_bytes)
			 : touch(c, p);
	w->ns = uz__now_ns() - from;
	w->waited_ns = waited_ns(fd) - waited;
	w->ns = less(w->ns, w->waited_ns);
	return NULL;
}

static uint64_t ps_a_page(const struct crew *c, uint64_t ns)
{
	return ns * 1000 / c->cell->threads / (c->slice_bytes / c->page_bytes);
}

/* The calling thread is the first worker. If one cannot be had, the process ends with those that wait. */
static int run_phase(struct crew *c, const struct uz_madvise_memory *m, enum uz_madvise_phase phase,
		     struct uz_madvise_sample *s)
{
	struct worker w[UZ_MADVISE_THREADS_MAX];
	unsigned int nr = 1;
	uint64_t ns = 0;
	int err = 0;

	c->memory = m;
	c->phase = phase;
	pthread_barrier_init(&c->start, NULL, c->cell->threads);
	for (unsigned int i = 0; i < c->cell->threads; i++)
		w[i] = (struct worker){ .crew = c, .index = i };
	for (; !err && nr < c->cell->threads; nr++)
		err = -pthread_create(&w[nr].thread, NULL, work, &w[nr]);
	if (err)
		return err;
	work(&w[0]);
	for (unsigned int i = 0; i < c->cell->threads; i++) {
		if (i)
			pthread_join(w[i].thread, NULL);
		ns += w[i].ns;
		c->waited_ns += w[i].waited_ns;
		err = err ? err : w[i].err;
	}
	pthread_barrier_destroy(&c->start);
	c->ns += ns;
	s->ps[phase] = ps_a_page(c, ns);
	return err;
}

static int stop(struct uz_madvise_sample *s, const char *what, int err)
{
	snprintf(s->reason, sizeof(s->reason), "%s: %s", what, strerror(-err));
	return err;
}

static uint32_t share(uint64_t part, uint64_t whole)
{
	return whole ? (uint32_t)(UZ_MIN(part, whole) * 1000 / whole) : 0;
}

static void judge(const struct uz_madvise_memory *m, const struct uz_madvise_usage *before,
		  const struct uz_madvise_usage *after, struct uz_madvise_sample *s)
{
	uint64_t unmapped = less(before->rss_bytes, after->rss_bytes);
	uint64_t freed = m->fd < 0 ? unmapped : less(before->file_bytes, after->file_bytes);

	s->freed = share(freed, m->bytes);
	s->lazy = share(after->lazy_bytes, m->bytes);
	s->unmapped = share(unmapped, m->bytes);
}

/*
 * The limit leaves room for mapping or hog and some slack. The hog is larger than the mapping by
 * 5/8 of it, so nearly all of the mapping has to go; 3/8 are for the process itself, its page tables
 * and what the CPUs have charged ahead.
 */
static uint64_t slack_of(const struct uz_madvise_cell *c)
{
	return SLACK_BYTES + c->threads * THREAD_BYTES;
}

uint64_t uz__madvise_limit(const struct uz_madvise_cell *c, uint64_t slice_bytes)
{
	return slice_bytes * c->threads + slack_of(c);
}

static size_t hog_slice(const struct crew *c)
{
	size_t more = (size_t)slack_of(c->cell) / 8 * 5 / c->cell->threads;

	return c->slice_bytes + more / c->page_bytes * c->page_bytes;
}

static int take_hog(struct crew *c, struct uz_madvise_sample *s)
{
	bool huge = c->cell->backing == UZ_MADVISE_PRIVATE_THP;
	size_t slice_bytes = c->slice_bytes;
	struct uz_madvise_memory hog;
	int err;

	if (s->freed + s->lazy < 500) {
		snprintf(s->reason, sizeof(s->reason),
			 "frees nothing, so a limit would only end in out of memory");
		return -ENOMEM;
	}
	c->slice_bytes = hog_slice(c);
	err = uz__madvise_map(&hog, huge ? UZ_MADVISE_PRIVATE_THP : UZ_MADVISE_PRIVATE_4K,
			      c->slice_bytes * c->cell->threads, s->reason);
	if (!err) {
		err = run_phase(c, &hog, UZ_MADVISE_HOG, s);
		uz__madvise_unmap(&hog);
	}
	c->slice_bytes = slice_bytes;
	if (s->reason[0])
		return err;
	return err ? stop(s, "hog", err) : 0;
}

static int check_huge(const struct uz_madvise_memory *m, const struct uz_madvise_usage *u,
		      struct uz_madvise_sample *s)
{
	if (m->backing != UZ_MADVISE_PRIVATE_THP || share(u->huge_bytes, m->bytes) >= 500)
		return 0;
	snprintf(s->reason, sizeof(s->reason),
		 "no huge pages came: see /sys/kernel/mm/transparent_hugepage");
	return -ENOMEM;
}

static int phases(struct crew *c, const struct uz_madvise_memory *m, struct uz_madvise_sample *s)
{
	struct uz_madvise_usage before, after;
	int err = run_phase(c, m, UZ_MADVISE_TOUCH, s);

	if (err)
		return stop(s, "touch", err);
	err = uz__madvise_usage(m, &before);
	if (err)
		return stop(s, "/proc/self/smaps", err);
	if (check_huge(m, &before, s))
		return -ENOMEM;
	err = run_phase(c, m, UZ_MADVISE_ADVICE, s);
	if (err)
		return stop(s, "advice", err);
	err = uz__madvise_usage(m, &after);
	if (err)
		return stop(s, "/proc/self/smaps", err);
	judge(m, &before, &after, s);
	if (c->cell->pressure)
		err = take_hog(c, s);
	if (err)
		return err;
	err = run_phase(c, m, UZ_MADVISE_RETOUCH, s);
	return err ? stop(s, "touch", err) : 0;
}

void uz__madvise_cycle(const struct uz_madvise_cell *cell, size_t slice_bytes,
		       struct uz_madvise_sample *s)
{
	struct crew c = { .cell = cell,
			  .slice_bytes = slice_bytes,
			  .page_bytes = (size_t)sysconf(_SC_PAGESIZE) };
	struct uz_madvise_memory m;

	memset(s, 0, sizeof(*s));
	if (cell->method == UZ_MADVISE_PUNCH_HOLE && cell->backing <= UZ_MADVISE_PRIVATE_THP) {
		snprintf(s->reason, sizeof(s->reason), "advice: private memory has no file");
		return;
	}
	if (uz__madvise_map(&m, cell->backing, slice_bytes * cell->threads, s->reason))
		return;
	phases(&c, &m, s);
	s->disturbed = c.waited_ns * DISTURBED_PART > c.ns;
	uz__madvise_unmap(&m);
}
