/* SPDX-License-Identifier: MIT */
/* What the figures were taken on. What cannot be found out is "unknown" or 0. */
#include "cleanup.h"
#include "madvise.h"

#include <sched.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"

/* The word in brackets: "always [madvise] never". */
static void chosen(const char *path, char *text, size_t bytes)
{
	UZ_FCLOSE FILE *f = fopen(path, "re");
	char line[128];
	const char *from, *to;

	snprintf(text, bytes, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		from = strchr(line, '[');
		to = from ? strchr(from, ']') : NULL;
		if (to)
			snprintf(text, bytes, "%.*s", (int)(to - from - 1), from + 1);
	}
}

static void cpu_name(char *text, size_t bytes)
{
	UZ_FCLOSE FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(text, bytes, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		const char *value = strstr(line, ": ");

		if (strncmp(line, "model name", 10) || !value)
			continue;
		snprintf(text, bytes, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
		return;
	}
}

uint64_t uz__madvise_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (uint64_t)CPU_COUNT(&set);
}

void uz__madvise_system(struct uz_madvise_report *r)
{
	time_t now = time(NULL);
	struct utsname u = { 0 };
	struct sysinfo si = { 0 };
	struct tm tm;

	strftime(r->date, sizeof(r->date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	uname(&u);
	snprintf(r->kernel, sizeof(r->kernel), "%.79s", u.release);
	snprintf(r->machine, sizeof(r->machine), "%.31s", u.machine);
	cpu_name(r->cpu, sizeof(r->cpu));
	chosen(THP "enabled", r->thp, sizeof(r->thp));
	chosen(THP "defrag", r->thp_defrag, sizeof(r->thp_defrag));
	chosen(THP "shmem_enabled", r->thp_shmem, sizeof(r->thp_shmem));
	r->cpus = uz__madvise_cpus();
	r->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	sysinfo(&si);
	r->swap_bytes = (uint64_t)si.totalswap * si.mem_unit;
}
