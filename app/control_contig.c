/* SPDX-License-Identifier: MIT */
/* The control socket's side of grants. */
#include "control_commands.h"

#include "region_report.h"
#include "size.h"

#include <errno.h>

/* In @unit, rounded up. Without a size: the whole of the region. */
static int take_size(struct uz_request *r, const struct uz_server_region *region, uint64_t *bytes,
		     struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, "size");
	uint64_t unit = region ? UZ_WINDOW_BYTES : UZ_PAGE_SIZE;
	char text[UZ_SIZE_TEXT], has[UZ_SIZE_TEXT];

	if (!token && region) {
		*bytes = region->spec.bytes;
		return 0;
	}
	if (!token || uz__json_copy(&r->json, token, text, sizeof(text)) ||
	    uz__size_parse(text, 0, bytes) || !*bytes)
		return uz__error(e, EINVAL,
				 "size: it is not a size of more than 0: " UZ_SIZE_SYNTAX);
	if (region && *bytes > region->spec.bytes)
		return uz__error(e, EINVAL, "size: %s is more than region %s has: %s", text,
				 region->spec.name, uz__size_exact(region->spec.bytes, has));
	*bytes = UZ_ALIGN_UP(*bytes, unit);
	return 0;
}

static int take_deadline(struct uz_request *r, uint64_t *deadline_ns, struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, "deadline_ms");
	uint64_t ms = UZ_DEADLINE_MS;

	if (token && (!uz__json_u64(&r->json, token, &ms) || ms < 1 || ms > UZ_DEADLINE_MS_MAX))
		return uz__error(e, EINVAL, "deadline_ms: it is a number from 1 to %d",
				 UZ_DEADLINE_MS_MAX);
	*deadline_ns = ms * 1000000;
	return 0;
}

/* @region: NULL for scattered pages. */
static int take_region(struct uz_request *r, struct uz_server_region **region, struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, "region");
	char name[UZ_REGION_NAME_MAX];
	bool scatter;
	int err = uz__control_flag(r, "scatter", &scatter, e);

	*region = NULL;
	if (err)
		return err;
	if (!token && scatter)
		return 0;
	if (token && scatter)
		return uz__error(
			e, EINVAL,
			"contig-alloc: scatter is for memory out of no region: leave one out");
	if (!token)
		return uz__error(e, EINVAL,
				 "contig-alloc: name a region, or give scatter for memory of "
				 "scattered pages");
	if (uz__json_copy(&r->json, token, name, sizeof(name)))
		return uz__error(e, EINVAL, "region: it is not the name of a region");
	*region = uz__server_region(r->server, name, e);
	return *region ? 0 : -e->code;
}

int uz__control_contig_alloc(struct uz_request *r, struct uz_error *e)
{
	struct uz_server_region *region;
	struct uz_mem_grant g;
	uint64_t bytes = 0, deadline_ns = 0;
	int fd, err = take_region(r, &region, e);

	if (!err)
		err = take_size(r, region, &bytes, e);
	if (!err)
		err = take_deadline(r, &deadline_ns, e);
	if (!err)
		err = uz__grants_alloc(r->server, r->wire, region, bytes, deadline_ns, &g, &fd, e);
	if (err)
		return err;
	r->wire->reply_fd = fd;
	uz__json_put_u64(&r->out, "grant", g.id);
	uz__json_put_u64(&r->out, "bytes", g.bytes);
	uz__json_put_u64(&r->out, "offset", g.offset_bytes);
	uz__json_put_bool(&r->out, "in_place", uz__grant_in_place(&g));
	uz__json_put_u64(&r->out, "evacuate_us", g.evacuate_ns / 1000);
	uz__json_put_u64(&r->out, "commit_us", g.commit_ns / 1000);
	return 0;
}

int uz__control_contig_free(struct uz_request *r, struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, "grant");
	char text[24];
	uint64_t id;

	if (!token || uz__json_copy(&r->json, token, text, sizeof(text)))
		text[0] = 0;
	if (uz__size_parse(text, 0, &id))
		return uz__error(
			e, EINVAL,
			"grant: '%s' is not the number of a grant; 'uzram contig stat' lists them",
			text);
	return uz__grants_free(r->server, r->wire, id, e);
}

int uz__control_contig_stat(struct uz_request *r, struct uz_error *e)
{
	(void)e;
	uz__regions_report(&r->out, r->server);
	uz__grants_report(r->server, &r->out);
	return 0;
}
