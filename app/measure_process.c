/* SPDX-License-Identifier: MIT */
/*
 * A sample of a process: the anonymous pages that it has in memory, which are what swap is for. Which
 * ones those are is in /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst: bit 63 present, bit 61
 * file-mapped or shared anonymous), what is in them in /proc/PID/mem. A page that goes away between the
 * two is left out.
 */
#include "measure.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <uz/bits.h>

#define PRESENT (1ull << 63)
#define OF_FILE (1ull << 61)
#define ENTRIES 512u

struct process {
	pid_t pid;
	uint64_t page_bytes; /* of this system */
	uint64_t *address; /* of its pages */
	size_t nr, max;
};

static int open_proc(const struct process *p, const char *name, struct uz_error *e)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)p->pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return uz__error(e, ESRCH, "--pid: there is no process %d", (int)p->pid);
	return uz__error(e, errno, "--pid: %s: %s: measure a process of your own, or as root", path,
			 strerror(errno));
}

static int add(struct process *p, uint64_t address)
{
	uint64_t *more;

	if (p->nr == p->max) {
		p->max = p->max ? 2 * p->max : 4096;
		more = reallocarray(p->address, p->max, sizeof(*more));
		if (!more)
			return -ENOMEM;
		p->address = more;
	}
	p->address[p->nr++] = address;
	return 0;
}

static int add_range(struct process *p, int pagemap, uint64_t start, uint64_t end)
{
	uint64_t entry[ENTRIES];
	ssize_t got = sizeof(entry);

	while (start < end && got == sizeof(entry)) {
		got = pread(pagemap, entry, sizeof(entry),
			    (off_t)(start / p->page_bytes * sizeof(*entry)));
		for (size_t i = 0; got > 0 && i < (size_t)got / sizeof(*entry) && start < end;
		     i++) {
			if ((entry[i] & (PRESENT | OF_FILE)) == PRESENT && add(p, start))
				return -ENOMEM;
			start += p->page_bytes;
		}
	}
	return 0;
}

/* Special mappings of the kernel ([vvar], [vsyscall]) have no pages of the process. */
static int list_pages(struct process *p, struct uz_error *e)
{
	UZ_CLOSE int pagemap = open_proc(p, "pagemap", e);
	UZ_CLOSE int maps_fd = pagemap < 0 ? -1 : open_proc(p, "maps", e);
	UZ_FCLOSE FILE *maps = maps_fd < 0 ? NULL : fdopen(maps_fd, "r");
	uint64_t start, end;
	char line[4352];
	int err = 0;

	if (!maps)
		return -e->code;
	maps_fd = -1;
	while (!err && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) == 2 && !strstr(line, "[v"))
			err = add_range(p, pagemap, start, end);
	if (err)
		return uz__error(e, ENOMEM, "out of memory");
	return p->nr ? 0
		     : uz__error(e, ENODATA, "--pid: process %d has no memory of its own",
				 (int)p->pid);
}

static int read_pages(struct uz_measure_sample *s, const struct process *p, struct uz_error *e)
{
	UZ_CLOSE int mem = open_proc(p, "mem", e);
	size_t each = p->page_bytes >> UZ_PAGE_SHIFT;
	size_t want = UZ_MIN(p->nr, s->max / each);
	ssize_t got = 0;

	if (mem < 0)
		return mem;
	for (size_t i = 0; i < want; i++) {
		uint64_t at = p->address[(size_t)((unsigned __int128)i * p->nr / want)];

		got = pread(mem, s->pages + (s->nr << UZ_PAGE_SHIFT), p->page_bytes, (off_t)at);
		s->nr += got == (ssize_t)p->page_bytes ? each : 0;
	}
	if (s->nr)
		return 0;
	return uz__error(e, got < 0 ? errno : EIO,
			 "--pid: the memory of process %d cannot be read: %s", (int)p->pid,
			 got < 0 ? strerror(errno) : "it went away");
}

int uz__measure_process(struct uz_measure_sample *s, pid_t pid, struct uz_error *e)
{
	struct process p = { .pid = pid, .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE) };
	int err = list_pages(&p, e);

	s->of_bytes = p.nr * p.page_bytes;
	if (!err)
		err = read_pages(s, &p, e);
	free(p.address);
	return err;
}
