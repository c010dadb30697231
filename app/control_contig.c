/* SPDX-License-Identifier: MIT */
/* The control socket's side of grants. */
#include "control_commands.h"

#include "size.h"

#include <errno.h>

int uz__control_contig_alloc(struct uz_request *r, struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, "size"), id;
	char text[UZ_SIZE_TEXT];
	uint64_t bytes;
	int fd, err;

	if (!uz__json_is_true(&r->json, uz__json_get(&r->json, 0, "scatter")))
		return uz__error(
			e, EINVAL,
			"contig-alloc: this server has no region of contiguous memory; scatter is "
			"for memory of scattered pages");
	if (!token || uz__json_copy(&r->json, token, text, sizeof(text)) ||
	    uz__size_parse(text, 0, &bytes) || !bytes)
		return uz__error(e, EINVAL,
				 "size: it is not a size of more than 0: " UZ_SIZE_SYNTAX);
	err = uz__grants_alloc(r->server, r->wire, bytes, &id, &fd, e);
	if (err)
		return err;
	r->wire->reply_fd = fd;
	uz__json_put_u64(&r->out, "grant", id);
	uz__json_put_u64(&r->out, "bytes", UZ_ALIGN_UP(bytes, (uint64_t)UZ_PAGE_SIZE));
	return 0;
}

int uz__control_contig_free(struct uz_request *r, struct uz_error *e)
{
	uint32_t token = uz__json_get(&r->json, 0, "grant");
	char text[24];
	uint64_t id;

	if (!token || uz__json_copy(&r->json, token, text, sizeof(text)) ||
	    uz__size_parse(text, 0, &id))
		return uz__error(e, EINVAL, "grant: it is not the number of a grant");
	return uz__grants_free(r->server, r->wire, id, e);
}

int uz__control_contig_stat(struct uz_request *r, struct uz_error *e)
{
	(void)e;
	uz__grants_report(r->server, &r->out);
	return 0;
}
