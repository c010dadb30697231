/* SPDX-License-Identifier: MIT */
/*
 * Regions of the server: promised after the disks of an adopted store are there and before new ones
 * are made, so that what cannot be kept together is refused at the start, not at the first grant.
 */
#include "cleanup.h"
#include "region_memory.h"
#include "size.h"

#include <errno.h>
#include <string.h>

/* The first disk whose pool cannot move its blocks; NULL: it is one that a disk is leaving. */
static struct uz_dev *stuck(struct uz_server *s)
{
	struct uz_dev *dev;

	for (unsigned int i = 0; (dev = uz_store_disk_at(s->store, i)); i++)
		if (!uz_dev_pool(dev)->isolate || !uz_dev_pool(dev)->move)
			return dev;
	return NULL;
}

static int no_room(struct uz_server *s, const struct uz_region_spec *spec, struct uz_error *e)
{
	char size[UZ_SIZE_TEXT], used[UZ_SIZE_TEXT], ram[UZ_SIZE_TEXT];
	struct uz_arena_stats st;

	uz_arena_stats(uz_store_arena(s->store), &st);
	return uz__error(
		e, ENOSPC,
		"region %s of %s has no room: the RAM budget is %s%s, %s of it are in use, and a "
		"region is kept beside what the disks hold: make it smaller, give more with --ram, or "
		"start without it and discard data",
		spec->name, uz__size_exact(spec->bytes, size), uz__size_human(s->ram_bytes, ram),
		s->defaults->value[OPT_RAM] ? "" : ", as no --ram was given",
		uz__size_human(st.ram_total_bytes, used));
}

static int create_error(struct uz_server *s, const struct uz_server_region *r, int err,
			struct uz_error *e)
{
	const struct uz_region_spec *spec = &r->spec;
	struct uz_dev *dev;

	if ((err == -ENOSPC && !uz__region_memory_full(r)) || spec->bytes >= s->ram_bytes)
		return no_room(s, spec, e);
	if (err != -ENOTSUP && r->fd >= 0)
		return uz__region_memory_error(r, err, e);
	if (err != -ENOTSUP)
		return uz__error(e, -err, "region %s cannot be made: %s", spec->name,
				 strerror(-err));
	dev = stuck(s);
	return uz__error(e, ENOTSUP,
			 "region %s: pool %s of disk %s cannot move what it holds, which a region "
			 "needs: start without --region and change the pool with 'uzram set %s "
			 "pool=POOL'",
			 spec->name, dev ? uz_dev_pool(dev)->name : "(an old one)",
			 dev ? uz_dev_name(dev) : "?", dev ? uz_dev_name(dev) : "NAME");
}

static int create(struct uz_server *s, struct uz_server_region *r, struct uz_error *e)
{
	struct uz_region_config c = { .name = r->spec.name,
				      .bytes = r->spec.bytes,
				      .policy = r->spec.policy,
				      .evac_min_bytes = r->spec.evac_bytes,
				      .spread = r->spec.spread };
	int err = uz__region_memory_open(s, r, e);

	if (err)
		return err;
	c.foreign = r->fd >= 0;
	c.fd = r->fd;
	c.fd_offset_bytes = r->spec.offset_bytes;
	err = uz_store_region_create(s->store, &c, &r->region);
	if (err) {
		err = create_error(s, r, err, e);
		uz__close_fd(&r->fd);
	}
	return err;
}

int uz__server_open_regions(struct uz_server *s, struct uz_error *e)
{
	struct uz_region_spec spec[UZ_REGION_MAX];
	unsigned int nr = uz__region_specs(s->defaults->value[OPT_REGION], spec);
	int err = 0;

	for (unsigned int i = 0; i < nr && !err; i++) {
		struct uz_server_region *r = &s->region[s->nr_regions];

		r->spec = spec[i];
		err = create(s, r, e);
		s->nr_regions += !err;
	}
	return err;
}

void uz__server_close_regions(struct uz_server *s)
{
	while (s->nr_regions) {
		struct uz_server_region *r = &s->region[--s->nr_regions];

		uz_store_region_destroy(s->store, r->region);
		uz__close_fd(&r->fd);
	}
}

int uz__server_stuck(const char *disk, const char *pool, struct uz_error *e)
{
	return uz__error(e, ENOTSUP,
			 "disk %s: pool %s cannot move what it holds, and this server's regions "
			 "need that: choose another pool, or start the server without --region",
			 disk, pool);
}

uint64_t uz__server_promised(const struct uz_server *s)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < s->nr_regions; i++)
		bytes += s->region[i].spec.bytes;
	return bytes;
}

uint64_t *uz__region_bitmap(const struct uz_server_region *r, unsigned int *nr)
{
	unsigned int bits = (unsigned int)(r->spec.bytes / UZ_WINDOW_BYTES);
	uint64_t *words = calloc(UZ_DIV_UP(bits, 64), sizeof(*words));

	*nr = bits;
	if (words)
		uz_region_bitmap(r->region, words, UZ_DIV_UP(bits, 64));
	return words;
}

static void names(const struct uz_server *s, char *text, size_t bytes)
{
	size_t used = 0;

	*text = 0;
	for (unsigned int i = 0; i < s->nr_regions && used < bytes; i++)
		used += (size_t)snprintf(text + used, bytes - used, " %s", s->region[i].spec.name);
}

struct uz_server_region *uz__server_region(struct uz_server *s, const char *name,
					   struct uz_error *e)
{
	char all[UZ_REGION_MAX * UZ_REGION_NAME_MAX];

	for (unsigned int i = 0; i < s->nr_regions; i++)
		if (!strcmp(s->region[i].spec.name, name))
			return &s->region[i];
	names(s, all, sizeof(all));
	uz__error(e, ENOENT, "no region '%s'; %s%s", name,
		  all[0] ? "there are:"
			 : "give the server one with 'uzram serve --region NAME:SIZE', or take "
			   "what the budget has left with 'uzram contig alloc SIZE --scatter'",
		  all);
	return NULL;
}
