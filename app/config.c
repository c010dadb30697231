/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "region_spec.h"
#include "size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uz/host.h>

#define IMPLIED_DISK "d0"
#define RAM_SPARE (16ULL << 20)

struct uz_section *uz__config_disk(struct uz_config *c, const char *name)
{
	struct uz_section *disk;

	for (unsigned int i = 0; i < c->nr_disks; i++)
		if (!strcmp(c->disk[i].name, name))
			return &c->disk[i];
	if (c->nr_disks == UZ_DISK_MAX)
		return NULL;
	disk = reallocarray(c->disk, c->nr_disks + 1, sizeof(*disk));
	if (!disk)
		return NULL;
	c->disk = disk;
	disk += c->nr_disks++;
	memset(disk, 0, sizeof(*disk));
	snprintf(disk->name, sizeof(disk->name), "%s", name);
	return disk;
}

void uz__config_fini(struct uz_config *c)
{
	uz__section_fini(&c->server);
	for (unsigned int i = 0; i < c->nr_disks; i++)
		uz__section_fini(&c->disk[i]);
	free(c->disk);
	memset(c, 0, sizeof(*c));
}

/* A codec given anew takes the level and dictionary of the old one away. */
static int lay_over(struct uz_section *to, const struct uz_section *from, struct uz_error *e)
{
	if (from->value[OPT_CODEC]) {
		free(to->value[OPT_LEVEL]);
		free(to->value[OPT_DICT]);
		to->value[OPT_LEVEL] = to->value[OPT_DICT] = NULL;
	}
	for (int i = 0; i < OPT_NR; i++) {
		if (!from->value[i])
			continue;
		free(to->value[i]);
		to->value[i] = strdup(from->value[i]);
		if (!to->value[i])
			return uz__error(e, ENOMEM, "out of memory");
	}
	return 0;
}

static int add_implied(struct uz_config *c, struct uz_error *e)
{
	c->implied = true;
	return uz__config_disk(c, IMPLIED_DISK) ? 0 : uz__error(e, ENOMEM, "out of memory");
}

static int check_backing(const struct uz_config *c, struct uz_error *e)
{
	bool memfd = uz__option_is_on(NULL, &c->server, OPT_MEMFD);
	bool private = uz__option_is_on(NULL, &c->server, OPT_PRIVATE);
	const char *policy = uz__option_value(NULL, &c->server, OPT_RETURN);

	if (memfd + private + (c->server.value[OPT_MEMORY] != NULL) > 1)
		return uz__error(e, EINVAL,
				 "--memory, --memfd and --private exclude each other: give one");
	return uz__return_check(uz__option_return(policy), private, "--return", e);
}

/* What is in memory of somebody else is not where a store could be adopted from. */
static int check_regions(const struct uz_config *c, struct uz_error *e)
{
	struct uz_region_spec region[UZ_REGION_MAX];
	unsigned int nr = uz__region_specs(c->server.value[OPT_REGION], region);

	for (unsigned int i = 0; i < nr; i++)
		if (uz__region_in_place(&region[i]) &&
		    !uz__option_is_on(NULL, &c->server, OPT_PRIVATE))
			return uz__error(
				e, EINVAL,
				"--region: region %s is on memory of its own (%s), so part "
				"of the disks is lost with the server: say so with --private, "
				"or leave that out",
				region[i].name, region[i].path[0] ? "path=" : "fd=");
	return 0;
}

int uz__config_load(struct uz_config *c, const struct uz_command_line *cl, struct uz_error *e)
{
	const char *path = cl->server.value[OPT_CONFIG];
	struct uz_section *disk;
	int err = 0;

	memset(c, 0, sizeof(*c));
	if (path || access(UZ_CONFIG_FILE, F_OK) == 0)
		err = uz__ini_read(c, path ? path : UZ_CONFIG_FILE, e);
	if (!err)
		err = lay_over(&c->server, &cl->server, e);
	for (unsigned int i = 0; !err && i < cl->nr_disks; i++) {
		disk = uz__config_disk(c, cl->disk[i].name);
		err = disk ? lay_over(disk, &cl->disk[i], e)
			   : uz__error(e, EINVAL, "a server has at most %d disks", UZ_DISK_MAX);
	}
	if (!err && !c->nr_disks)
		err = add_implied(c, e);
	if (!err)
		err = check_backing(c, e);
	return err ? err : check_regions(c, e);
}

static uint64_t size_of(const char *text)
{
	uint64_t bytes = 0;

	if (text)
		uz__size_parse(text, uz_host_ram_bytes(), &bytes);
	return bytes;
}

static uint64_t disk_size(const struct uz_section *server, const struct uz_section *disk)
{
	uint64_t bytes = size_of(uz__option_value(disk, server, OPT_SIZE));

	return UZ_ALIGN_UP(bytes, (uint64_t)UZ_PAGE_SIZE);
}

uint64_t uz__config_ram(const struct uz_config *c)
{
	uint64_t need = RAM_SPARE, half = uz_host_ram_bytes() / 2;
	struct uz_region_spec region[UZ_REGION_MAX];
	unsigned int nr = uz__region_specs(c->server.value[OPT_REGION], region);

	if (c->server.value[OPT_RAM])
		return size_of(c->server.value[OPT_RAM]);
	for (unsigned int i = 0; i < nr; i++)
		need += region[i].bytes;
	for (unsigned int i = 0; i < c->nr_disks; i++) {
		uint64_t bytes = disk_size(&c->server, &c->disk[i]);

		need += bytes + bytes / 64;
	}
	return UZ_ALIGN_UP(UZ_MIN(need, half), 1ULL << 20);
}

void uz__disk_config(const struct uz_section *server, const struct uz_section *disk,
		     struct uz_disk_config *out)
{
	const char *level = uz__option_value(disk, server, OPT_LEVEL);
	const char *dict = uz__option_value(disk, server, OPT_DICT);
	struct uz_error e;

	*out = (struct uz_disk_config){
		.name = disk->name,
		.pool = uz__option_value(disk, server, OPT_POOL),
		.size_bytes = disk_size(server, disk),
		.mem_limit_bytes = size_of(uz__option_value(disk, server, OPT_MEM_LIMIT)),
		.checksum = uz__option_is_on(disk, server, OPT_CHECKSUM),
		.read_only = uz__option_is_on(disk, server, OPT_READ_ONLY),
		.codec.level = level ? atoi(level) : UZ_LEVEL_DEFAULT,
	};
	snprintf(out->codec.name, sizeof(out->codec.name), "%s",
		 uz__option_value(disk, server, OPT_CODEC));
	snprintf(out->codec.dict, sizeof(out->codec.dict), "%s", dict ? dict : "");
	uz__recompress_spec_parse(&out->recompress, uz__option_value(disk, server, OPT_RECOMPRESS),
				  "", &e);
}

void uz__control_path(const struct uz_section *server, char *path, size_t bytes)
{
	uz_host_control_path(server->value[OPT_CONTROL], path, bytes);
}

static void dump_value(FILE *f, enum uz_option_id id, const char *value)
{
	char *copy = strdup(value), *rest = copy, *line;

	while (copy && (line = strsep(&rest, "\n")))
		fprintf(f, "%s = %s\n", uz__options[id].name, line);
	free(copy);
}

static const char *effective(const struct uz_config *c, const struct uz_section *disk,
			     enum uz_option_id id, char size[UZ_SIZE_TEXT])
{
	if (id == OPT_POOL && !uz__option_value(disk, &c->server, id))
		return uz_host_pool_name(0);
	if (id == OPT_SIZE)
		return uz__size_exact(disk_size(&c->server, disk), size);
	return uz__option_value(disk, &c->server, id);
}

static void dump_disk(const struct uz_config *c, const struct uz_section *disk, FILE *f)
{
	char size[UZ_SIZE_TEXT];

	fprintf(f, "\n[%s]\n", disk->name);
	for (int i = 0; i < OPT_NR; i++) {
		const char *value = i != OPT_NAME && uz__options[i].scope == UZ_SCOPE_DISK
					    ? effective(c, disk, (enum uz_option_id)i, size)
					    : NULL;

		if (value)
			dump_value(f, (enum uz_option_id)i, value);
	}
}

void uz__config_dump(const struct uz_config *c, FILE *f)
{
	char text[UZ_SIZE_TEXT], path[512];

	uz__control_path(&c->server, path, sizeof(path));
	fprintf(f, "[" UZ_SERVER_SECTION "]\nram = %s\ncontrol = %s\n",
		uz__size_exact(uz__config_ram(c), text), path);
	for (int i = 0; i < OPT_NR; i++) {
		const char *value = uz__option_value(NULL, &c->server, (enum uz_option_id)i);
		bool here = uz__options[i].scope == UZ_SCOPE_SERVER && i != OPT_RAM &&
			    i != OPT_CONTROL && i != OPT_CONFIG && i != OPT_DUMP_CONFIG;

		if (here && value)
			dump_value(f, (enum uz_option_id)i, value);
	}
	for (unsigned int i = 0; i < c->nr_disks; i++)
		dump_disk(c, &c->disk[i], f);
}
