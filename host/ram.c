/* SPDX-License-Identifier: MIT */
/*
 * How much memory this process may use: RAM, and the limits of the control groups that it is
 * in. A limit counts if it is set on our own group or on any group above it.
 */
#include "host_i.h"

static uint64_t mem_total(const char *root)
{
	char path[PATH_MAX], line[128];
	unsigned long long kib;

	snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	UZ_FCLOSE FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "MemTotal: %llu kB", &kib) == 1)
			return kib << 10;
	}
	return UINT64_MAX;
}

static uint64_t read_limit(const struct uz__group *g, const char *name)
{
	UZ_FCLOSE FILE *f = uz__group_open(g, name);
	unsigned long long v = UINT64_MAX;

	return f && fscanf(f, "%llu", &v) == 1 ? v : UINT64_MAX;
}

/* The smallest limit on the way from our group up to the mount point. */
static uint64_t group_limit(const char *root, bool v2, const char *name)
{
	uint64_t min = UINT64_MAX;
	struct uz__group g;

	if (!uz__group_find(root, v2, &g))
		return min;
	do
		min = UZ_MIN(min, read_limit(&g, name));
	while (uz__group_up(&g));
	return min;
}

uint64_t uz__ram_bytes_at(const char *root)
{
	uint64_t v1 = group_limit(root, false, "memory.limit_in_bytes");
	uint64_t v2 = group_limit(root, true, "memory.max");

	return UZ_MIN(mem_total(root), UZ_MIN(v1, v2));
}

uint64_t uz_host_ram_bytes(void)
{
	return uz__ram_bytes_at("");
}
