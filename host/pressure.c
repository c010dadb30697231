/* SPDX-License-Identifier: MIT */
/*
 * Whether the system or our control group is short of memory: the time that tasks stalled for it
 * grew (PSI), or the group met its limits (memory.events, memory.failcnt). Each file is a sum that
 * only grows, so what counts is its growth since the last look. Files that are not there say
 * nothing. A look costs up to five small reads, some 10 us each.
 */
#include "host_i.h"

#include <limits.h>

#define STALL_PART \
	100 /* pressed when tasks stalled for more than one part in so many of the time */

enum source { PSI_SYSTEM, PSI_GROUP, EVENTS, FAILCNT };

/* The root has no name of its own in a path, and neither has what is not there. */
static void find_group(const char *root, bool v2, char *group, size_t bytes)
{
	if (!uz__group_find(root, v2, group, bytes) || strcmp(group, "/") == 0)
		group[0] = 0;
}

/* The number behind @key ("total=", "high "), of each line that has it; behind nothing with "". */
static uint64_t sum_of(FILE *f, const char *key)
{
	unsigned long long n, sum = 0;
	char line[256];

	while (fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, key);

		if (at && sscanf(at + strlen(key), "%llu", &n) == 1)
			sum += n;
		if (!strncmp(line, "some ", 5))
			break;
	}
	return sum;
}

static FILE *open_source(const struct uz__pressure *p, enum source s)
{
	static const char *const above[] = { "", "/unified" };
	char path[PATH_MAX];
	FILE *f = NULL;

	if (s == PSI_SYSTEM)
		snprintf(path, sizeof(path), "%s/proc/pressure/memory", p->root);
	if (s == FAILCNT)
		snprintf(path, sizeof(path), "%s/sys/fs/cgroup/memory%s/memory.failcnt", p->root,
			 p->group_v1);
	if (s == PSI_SYSTEM || s == FAILCNT)
		return fopen(path, "re");
	for (int i = 0; i < 2 && !f; i++) {
		snprintf(path, sizeof(path), "%s/sys/fs/cgroup%s%s/%s", p->root, above[i],
			 p->group_v2, s == EVENTS ? "memory.events" : "memory.pressure");
		f = fopen(path, "re");
	}
	return f;
}

static bool grew(struct uz__pressure *p, enum source s, const char *key, uint64_t by)
{
	UZ_CLEANUP(uz__close_file) FILE *f = open_source(p, s);
	uint64_t sum = f ? sum_of(f, key) : 0, before = p->seen[s];

	p->seen[s] = sum;
	return sum > before && sum - before > by;
}

void uz__pressure_init(struct uz__pressure *p, const char *root, uint64_t now_ns)
{
	*p = (struct uz__pressure){ .root = root };
	find_group(root, true, p->group_v2, sizeof(p->group_v2));
	find_group(root, false, p->group_v1, sizeof(p->group_v1));
	uz__pressure_rose(p, now_ns);
}

bool uz__pressure_rose(struct uz__pressure *p, uint64_t now_ns)
{
	uint64_t us = (now_ns - p->looked_ns) / 1000;
	bool rose;

	p->looked_ns = now_ns;
	rose = grew(p, PSI_SYSTEM, "total=", us / STALL_PART);
	rose |= grew(p, PSI_GROUP, "total=", us / STALL_PART);
	rose |= grew(p, EVENTS, "high ", 0);
	rose |= grew(p, FAILCNT, "", 0);
	return rose;
}
