/* SPDX-License-Identifier: MIT */
#include "region_spec.h"

#include "cleanup.h"
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <uz/host.h>

#define POLICY "policy="
#define EVAC "evac="
#define FD "fd="
#define PATH "path="
#define OFFSET "offset="
#define NR_POLICIES 3

static const char *const policies[NR_POLICIES] = {
	[UZ_CONTIG_GUARANTEED] = "guaranteed",
	[UZ_CONTIG_GCMA] = "gcma",
	[UZ_CONTIG_CMA] = "cma",
};

static int take_name(struct uz_region_spec *spec, const char *name, size_t bytes, const char *where,
		     struct uz_error *e)
{
	if (!uz__is_name(name, bytes, sizeof(spec->name) - 1))
		return uz__error(
			e, EINVAL,
			"%s: '%.*s' is not the name of a region: use 1 to %d of the letters "
			"A-Z a-z 0-9 . _ -",
			where, (int)bytes, name, UZ_REGION_NAME_MAX - 1);
	memcpy(spec->name, name, bytes);
	return 0;
}

static int take_size(struct uz_region_spec *spec, const char *text, const char *where,
		     struct uz_error *e)
{
	if (uz__size_parse(text, uz_host_ram_bytes(), &spec->bytes))
		return uz__error(e, EINVAL, "%s: '%s' is not a size: " UZ_SIZE_SYNTAX, where, text);
	if (!spec->bytes)
		return uz__error(e, EINVAL, "%s: region %s must have more than 0 bytes", where,
				 spec->name);
	spec->bytes = UZ_ALIGN_UP(spec->bytes, UZ_WINDOW_BYTES);
	return 0;
}

static int take_policy(struct uz_region_spec *spec, const char *name, const char *where,
		       struct uz_error *e)
{
	for (int i = 0; i < NR_POLICIES; i++)
		if (!strcmp(name, policies[i])) {
			spec->policy = (enum uz_contig_policy)i;
			return 0;
		}
	return uz__error(e, EINVAL, "%s: '%s' is none of guaranteed, gcma, cma", where, name);
}

static int take_evac(struct uz_region_spec *spec, const char *text, const char *where,
		     struct uz_error *e)
{
	if (uz__size_parse(text, uz_host_ram_bytes(), &spec->evac_bytes))
		return uz__error(e, EINVAL, "%s: '%s' is not a size: " UZ_SIZE_SYNTAX, where, text);
	spec->evac_bytes = UZ_ALIGN_UP(spec->evac_bytes, UZ_WINDOW_BYTES);
	return 0;
}

static int take_fd(struct uz_region_spec *spec, const char *text, const char *where,
		   struct uz_error *e)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 7 || text[digits])
		return uz__error(e, EINVAL,
				 "%s: fd=%s is not the number of a descriptor that the server "
				 "inherits, such as fd=5",
				 where, text);
	spec->fd = atoi(text);
	return 0;
}

static int take_path(struct uz_region_spec *spec, const char *text, const char *where,
		     struct uz_error *e)
{
	size_t bytes = strlen(text);

	if (!bytes || bytes >= sizeof(spec->path) || strchr(text, '\n'))
		return uz__error(e, EINVAL,
				 "%s: path=%s is not a file: use 1 to %d bytes without line breaks "
				 "and commas",
				 where, text, UZ_REGION_PATH_MAX - 1);
	memcpy(spec->path, text, bytes + 1);
	return 0;
}

static int take_offset(struct uz_region_spec *spec, const char *text, const char *where,
		       struct uz_error *e)
{
	if (uz__size_parse(text, uz_host_ram_bytes(), &spec->offset_bytes) ||
	    spec->offset_bytes > INT64_MAX / 2)
		return uz__error(e, EINVAL, "%s: '%s' is not a size: " UZ_SIZE_SYNTAX, where, text);
	return 0;
}

static int take_word(struct uz_region_spec *spec, const char *word, const char *where,
		     struct uz_error *e)
{
	if (!strncmp(word, POLICY, strlen(POLICY)))
		return take_policy(spec, word + strlen(POLICY), where, e);
	if (!strncmp(word, EVAC, strlen(EVAC)))
		return take_evac(spec, word + strlen(EVAC), where, e);
	if (!strncmp(word, FD, strlen(FD)))
		return take_fd(spec, word + strlen(FD), where, e);
	if (!strncmp(word, PATH, strlen(PATH)))
		return take_path(spec, word + strlen(PATH), where, e);
	if (!strncmp(word, OFFSET, strlen(OFFSET)))
		return take_offset(spec, word + strlen(OFFSET), where, e);
	spec->spread = !strcmp(word, "spread");
	return spec->spread
		       ? 0
		       : uz__error(e, EINVAL,
				   "%s: '%s' is none of policy=guaranteed, policy=gcma, "
				   "policy=cma, evac=SIZE, spread, fd=N, path=FILE, offset=SIZE",
				   where, word);
}

static int check_memory(const struct uz_region_spec *spec, const char *where, struct uz_error *e)
{
	if (spec->fd >= 0 && spec->path[0])
		return uz__error(e, EINVAL,
				 "%s: fd= and path= exclude each other: give region %s one", where,
				 spec->name);
	if (!uz__region_in_place(spec) && spec->offset_bytes)
		return uz__error(e, EINVAL,
				 "%s: offset= is for memory given with fd= or path=", where);
	if (uz__region_in_place(spec) && spec->policy != UZ_CONTIG_GUARANTEED)
		return uz__error(
			e, EINVAL,
			"%s: region %s: policy=%s is there to compare with, not for fd= or path=: "
			"leave it out",
			where, spec->name, policies[spec->policy]);
	return 0;
}

/* The next part up to a comma outside of parentheses, which a size may have. */
static char *next_part(char **rest)
{
	char *part = *rest, *s = part;
	int depth = 0;

	for (; s && *s && (*s != ',' || depth > 0); s++)
		depth += (*s == '(') - (*s == ')');
	*rest = s && *s ? s + 1 : NULL;
	if (s)
		*s = 0;
	return part;
}

int uz__region_spec_parse(struct uz_region_spec *spec, const char *text, const char *where,
			  struct uz_error *e)
{
	const char *colon = strchr(text, ':');
	UZ_FREE char *copy = colon ? strdup(colon + 1) : NULL;
	char *rest = copy, *part;
	int err;

	*spec = (struct uz_region_spec){ .fd = -1 };
	if (!colon)
		return uz__error(e, EINVAL, "%s: '%s' is not NAME:SIZE, such as cam0:256M", where,
				 text);
	if (!copy)
		return uz__error(e, ENOMEM, "out of memory");
	err = take_name(spec, text, (size_t)(colon - text), where, e);
	if (!err)
		err = take_size(spec, next_part(&rest), where, e);
	while (!err && (part = next_part(&rest)))
		err = take_word(spec, part, where, e);
	return err ? err : check_memory(spec, where, e);
}

void uz__region_spec_print(const struct uz_region_spec *spec, char text[UZ_REGION_SPEC_TEXT])
{
	char size[UZ_SIZE_TEXT], evac[UZ_SIZE_TEXT], offset[UZ_SIZE_TEXT], fd[16] = "";

	if (spec->fd >= 0)
		snprintf(fd, sizeof(fd), "," FD "%d", spec->fd);
	snprintf(text, UZ_REGION_SPEC_TEXT, "%s:%s%s%s%s%s%s%s%s%s%s%s", spec->name,
		 uz__size_exact(spec->bytes, size), spec->policy ? "," POLICY : "",
		 spec->policy ? policies[spec->policy] : "", spec->evac_bytes ? "," EVAC : "",
		 spec->evac_bytes ? uz__size_exact(spec->evac_bytes, evac) : "",
		 spec->spread ? ",spread" : "", fd, spec->path[0] ? "," PATH : "", spec->path,
		 spec->offset_bytes ? "," OFFSET : "",
		 spec->offset_bytes ? uz__size_exact(spec->offset_bytes, offset) : "");
}

bool uz__region_in_place(const struct uz_region_spec *spec)
{
	return spec->fd >= 0 || spec->path[0];
}

const char *uz__region_memory(const struct uz_region_spec *spec, char text[UZ_REGION_MEMORY_TEXT])
{
	if (spec->path[0])
		snprintf(text, UZ_REGION_MEMORY_TEXT, "%s", spec->path);
	else
		snprintf(text, UZ_REGION_MEMORY_TEXT, "descriptor %d", spec->fd);
	return text;
}

const char *uz__policy_name(enum uz_contig_policy policy)
{
	return policies[policy];
}

unsigned int uz__region_specs(const char *lines, struct uz_region_spec spec[UZ_REGION_MAX])
{
	UZ_FREE char *copy = lines ? strdup(lines) : NULL;
	char *rest = copy, *line;
	struct uz_error e;
	unsigned int nr = 0;

	while (nr < UZ_REGION_MAX && (line = strsep(&rest, "\n")))
		if (!uz__region_spec_parse(&spec[nr], line, "", &e))
			nr++;
	return nr;
}

int uz__region_spec_add(const char *lines, const struct uz_region_spec *spec, const char *where,
			struct uz_error *e)
{
	struct uz_region_spec before[UZ_REGION_MAX];
	unsigned int nr = uz__region_specs(lines, before);

	for (unsigned int i = 0; i < nr; i++)
		if (!strcmp(before[i].name, spec->name))
			return uz__error(e, EINVAL, "%s: region %s is given twice", where,
					 spec->name);
	if (nr == UZ_REGION_MAX)
		return uz__error(e, EINVAL, "%s: a server has at most %d regions", where,
				 UZ_REGION_MAX);
	return 0;
}
