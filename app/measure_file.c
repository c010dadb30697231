/* SPDX-License-Identifier: MIT */
/*
 * A sample of files. What can be sought in is read in runs at equal distances, as a file system or swap
 * would lay out neighbours; of a pipe, whose length nobody knows, each run that comes takes the place of
 * a random earlier one with the probability that makes all of them equally likely (Vitter's algorithm R).
 */
#include "measure.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <uz/bits.h>

#define RUN_PAGES 16u
#define RUN_BYTES ((size_t)RUN_PAGES << UZ_PAGE_SHIFT)

int uz__measure_sample_init(struct uz_measure_sample *s, uint64_t bytes, struct uz_error *e)
{
	*s = (struct uz_measure_sample){ .max = bytes >> UZ_PAGE_SHIFT };
	s->pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->pages != MAP_FAILED)
		return 0;
	s->pages = NULL;
	return uz__error(e, ENOMEM, "no memory for a sample of %" PRIu64 " bytes", bytes);
}

void uz__measure_sample_fini(struct uz_measure_sample *s)
{
	if (s->pages)
		munmap(s->pages, s->max << UZ_PAGE_SHIFT);
	s->pages = NULL;
}

/* Bytes read, fewer than @bytes only at the end. */
static ssize_t read_run(int fd, char *to, size_t bytes, off_t at)
{
	size_t n = 0;

	while (n < bytes) {
		ssize_t got = at < 0 ? read(fd, to + n, bytes - n)
				     : pread(fd, to + n, bytes - n, at + (off_t)n);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	return (ssize_t)n;
}

/* Whole pages, the last one filled up. */
static size_t pages_of(char *run, size_t bytes)
{
	size_t pages = (bytes + UZ_PAGE_SIZE - 1) >> UZ_PAGE_SHIFT;

	memset(run + bytes, 0, (pages << UZ_PAGE_SHIFT) - bytes);
	return pages;
}

/* Up to @want pages of @bytes of a file, in runs at equal distances. */
static int spread(struct uz_measure_sample *s, int fd, uint64_t bytes, size_t want)
{
	uint64_t all = (bytes + RUN_BYTES - 1) / RUN_BYTES;
	uint64_t runs = UZ_MIN((uint64_t)(want + RUN_PAGES - 1) / RUN_PAGES, all);
	size_t end = UZ_MIN(s->nr + want, s->max);

	for (uint64_t i = 0; i < runs && s->nr < end; i++) {
		uint64_t at = (uint64_t)((unsigned __int128)i * all / runs) * RUN_BYTES;
		size_t room = UZ_MIN(end - s->nr, (size_t)RUN_PAGES) << UZ_PAGE_SHIFT;
		char *run = s->pages + (s->nr << UZ_PAGE_SHIFT);
		ssize_t got = read_run(fd, run, room, (off_t)at);

		if (got < 0)
			return (int)got;
		s->nr += pages_of(run, (size_t)got);
	}
	return 0;
}

/* One more run of a pipe, the @i-th: where it goes, NULL if it is not taken. */
static char *place_of(struct uz_measure_sample *s, uint64_t i, uint64_t *random)
{
	uint64_t slots = s->max / RUN_PAGES, at = i;

	if (i >= slots) {
		*random = *random * 6364136223846793005u + 1442695040888963407u;
		at = (*random >> 32) % (i + 1);
	}
	return at < slots ? s->pages + at * RUN_BYTES : NULL;
}

static int read_pipe(struct uz_measure_sample *s, int fd)
{
	UZ_FREE char *run = malloc(RUN_BYTES);
	uint64_t random = 1;
	ssize_t got = RUN_BYTES;

	if (!run)
		return -ENOMEM;
	for (uint64_t i = 0; got == RUN_BYTES; i++) {
		size_t pages;
		char *to;

		got = read_run(fd, run, RUN_BYTES, -1);
		if (got <= 0)
			break;
		s->of_bytes += (uint64_t)got;
		pages = pages_of(run, (size_t)got);
		to = pages == RUN_PAGES || i < s->max / RUN_PAGES ? place_of(s, i, &random) : NULL;
		if (to)
			memcpy(to, run, pages << UZ_PAGE_SHIFT);
		s->nr = UZ_MIN(s->nr + pages, s->max / RUN_PAGES * RUN_PAGES);
	}
	return got < 0 ? (int)got : 0;
}

struct source {
	const char *path;
	int fd;
	uint64_t bytes;
	bool pipe;
};

static int open_source(struct source *f, struct uz_error *e)
{
	bool in = !strcmp(f->path, "-");
	struct stat st;
	off_t end;

	f->fd = in ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
		   : open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (f->fd < 0 || fstat(f->fd, &st))
		return uz__error(e, errno == ENOENT ? EINVAL : errno, "%s: %s",
				 in ? "standard input" : f->path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return uz__error(e, EINVAL,
				 "%s is a folder: measure files, an image, or what comes from "
				 "'tar -c %s | uzram measure -'",
				 f->path, f->path);
	end = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) ? lseek(f->fd, 0, SEEK_END) : -1;
	f->pipe = end < 0;
	f->bytes = f->pipe ? 0 : (uint64_t)end;
	return 0;
}

static int fault(const struct source *f, int err, struct uz_error *e)
{
	return err ? uz__error(e, -err, "%s cannot be read: %s", f->path, strerror(-err)) : 0;
}

static int take(struct uz_measure_sample *s, const struct source *f, uint64_t all_bytes,
		struct uz_error *e)
{
	uint64_t want;

	if (f->pipe)
		return fault(f, read_pipe(s, f->fd), e);
	s->of_bytes += f->bytes;
	want = (uint64_t)((unsigned __int128)s->max * f->bytes / UZ_MAX(all_bytes, (uint64_t)1));
	return fault(f, spread(s, f->fd, f->bytes, UZ_MAX(want, (uint64_t)1)), e);
}

static int take_all(struct uz_measure_sample *s, struct source *source, unsigned int nr,
		    struct uz_error *e)
{
	uint64_t all_bytes = 0;
	int err = 0;

	for (unsigned int i = 0; !err && i < nr; i++) {
		err = open_source(&source[i], e);
		if (!err && source[i].pipe && nr > 1)
			err = uz__error(
				e, EINVAL,
				"%s is a pipe, of which nobody knows the share: measure it alone",
				source[i].path);
		all_bytes += source[i].bytes;
	}
	for (unsigned int i = 0; !err && i < nr; i++)
		err = take(s, &source[i], all_bytes, e);
	if (!err && !s->nr)
		err = uz__error(e, EINVAL, "%s: there is nothing in it to measure", source[0].path);
	return err;
}

int uz__measure_files(struct uz_measure_sample *s, const char *const *paths, unsigned int nr,
		      struct uz_error *e)
{
	UZ_FREE struct source *source = calloc(nr, sizeof(*source));
	int err;

	if (!source)
		return uz__error(e, ENOMEM, "out of memory");
	for (unsigned int i = 0; i < nr; i++)
		source[i] = (struct source){ .path = paths[i], .fd = -1 };
	err = take_all(s, source, nr, e);
	for (unsigned int i = 0; i < nr; i++)
		uz__close_fd(&source[i].fd);
	return err;
}
