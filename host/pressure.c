/* SPDX-License-Identifier: MIT */
/*
 * Whether the system or our control group is short of memory: the time that tasks stalled for it
 * grew (PSI), or our group or one above it met a limit (memory.events, memory.failcnt). Each file is
 * a sum that only grows, so what counts is its growth since the last look. Files that are not there
 * say nothing. A look costs three small reads and one for each level of groups, some 10 us each.
 */
#include "host_i.h"

#define STALL_PART \
	100 /* pressed when tasks stalled for more than one part in so many of the time */

enum source { PSI_SYSTEM, PSI_GROUP, EVENTS, FAILCNT };

/* The number behind @key ("total=", "high "), 0 if the line has none; behind nothing with "". */
static unsigned long long number_of(const char *line, const char *key)
{
	unsigned long long n = 0;
	const char *at = strstr(line, key);

	return at && sscanf(at + strlen(key), "%llu", &n) == 1 ? n : 0;
}

/* PSI's first line is "some"; the second, "full", is a part of it. */
static uint64_t stalled(FILE *f)
{
	char line[256];

	return f && fgets(line, sizeof(line), f) ? number_of(line, "total=") : 0;
}

/* How often a limit was met: memory.high, memory.max; or that of v1, whose file is one number. */
static uint64_t met(FILE *f, bool v2)
{
	uint64_t sum = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		sum += v2 ? number_of(line, "high ") + number_of(line, "max ")
			  : number_of(line, "");
	return sum;
}

static uint64_t system_stalled(const char *root)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc/pressure/memory", root);
	UZ_FCLOSE FILE *f = fopen(path, "re");
	return stalled(f);
}

static uint64_t group_stalled(const struct uz__group *g)
{
	UZ_FCLOSE FILE *f = uz__group_open(g, "memory.pressure");

	return stalled(f);
}

/* Of our group and all above it: what one meets the kernel counts there and not below. */
static uint64_t limits_met(struct uz__group g, bool v2)
{
	uint64_t sum = 0;

	if (!g.folder[0])
		return 0;
	do {
		UZ_FCLOSE
		FILE *f = uz__group_open(&g, v2 ? "memory.events" : "memory.failcnt");

		sum += met(f, v2);
	} while (uz__group_up(&g));
	return sum;
}

static bool grew(struct uz__pressure *p, enum source s, uint64_t sum, uint64_t by)
{
	uint64_t before = p->seen[s];

	p->seen[s] = sum;
	return sum > before && sum - before > by;
}

static void find_group(const char *root, bool v2, struct uz__group *g)
{
	if (!uz__group_find(root, v2, g))
		g->folder[0] = 0;
}

void uz__pressure_init(struct uz__pressure *p, const char *root, uint64_t now_ns)
{
	p->root = root;
	find_group(root, false, &p->v1);
	find_group(root, true, &p->v2);
	uz__pressure_rose(p, now_ns);
}

bool uz__pressure_rose(struct uz__pressure *p, uint64_t now_ns)
{
	uint64_t us = (now_ns - p->looked_ns) / 1000;
	bool rose;

	p->looked_ns = now_ns;
	rose = grew(p, PSI_SYSTEM, system_stalled(p->root), us / STALL_PART);
	rose |= grew(p, PSI_GROUP, group_stalled(&p->v2), us / STALL_PART);
	rose |= grew(p, EVENTS, limits_met(p->v2, true), 0);
	rose |= grew(p, FAILCNT, limits_met(p->v1, false), 0);
	return rose;
}
