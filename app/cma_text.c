/* SPDX-License-Identifier: MIT */
#include "cma_text.h"

#include "cleanup.h"
#include "size.h"

#include <errno.h>
#include <inttypes.h>

static void put_culprits(FILE *f, const struct uz_contig_failure *why)
{
	for (uint32_t i = 0; i < why->nr_culprits; i++) {
		const struct uz_culprit *c = &why->culprit[i];

		fprintf(f, "busy: pfn %u owner %s:", c->frame, c->client[0] ? c->client : "?");
		if (c->owner == UINT64_MAX)
			fprintf(f, "?");
		else
			fprintf(f, "%" PRIu64, c->owner);
		fprintf(f, " age %" PRIu64 " ms\n", c->age_ns / 1000000);
	}
}

/* Where it was when the time was over: core gives figures only once it has begun. */
static const char *stage(const struct uz_contig_failure *why)
{
	if (why->nr_culprits)
		return "the pages named (disk:page) were in use";
	return why->limit_bytes ? "data was still being moved out of the region"
				: "another grant or background work had the store";
}

static void put_busy(FILE *f, const struct uz_server_region *r, uint64_t deadline_ns,
		     const struct uz_contig_failure *why)
{
	if (r->spec.policy == UZ_CONTIG_GUARANTEED || !why->limit_bytes)
		fprintf(f, "%s at the deadline of %" PRIu64 " ms: give more time with --deadline",
			stage(why), deadline_ns / 1000000);
	else if (r->spec.policy == UZ_CONTIG_GCMA)
		fprintf(f,
			"policy gcma takes only copies of what is on a backing, and there is other "
			"data in every window: 'uzram writeback', or policy=guaranteed");
	else
		fprintf(f,
			"policy cma gave up on pages in use: ask again, or use policy=guaranteed");
}

static void put_advice(FILE *f, const struct uz_server_region *r, uint64_t pages,
		       uint64_t deadline_ns, const struct uz_contig_failure *why, uint64_t maxchunk)
{
	char promised[UZ_SIZE_TEXT], limit[UZ_SIZE_TEXT];

	if (maxchunk < pages)
		fprintf(f,
			"region %s has no stretch of %" PRIu64
			" pages left: free a grant, 'uzram contig stat' lists them",
			r->spec.name, pages);
	else if (why->error == -EBUSY)
		put_busy(f, r, deadline_ns, why);
	else
		fprintf(f,
			"there is no place to move the disks' data to: %s are promised of the RAM budget "
			"of %s: discard data, or raise it with 'uzram set ram=SIZE'",
			uz__size_human(why->promised_bytes, promised),
			uz__size_human(why->limit_bytes, limit));
}

/* The next bit from @i on that is @set. */
static unsigned int next_bit(const uint64_t *words, unsigned int i, unsigned int nr, bool set)
{
	while (i < nr && (words[i / 64] >> i % 64 & 1) != set)
		i++;
	return i;
}

/* Stretches that are not granted: pages@bit, a bit is 2 MiB. */
static void put_areas(FILE *f, const struct uz_server_region *r)
{
	unsigned int nr, i, end;
	UZ_FREE uint64_t *words = uz__region_bitmap(r, &nr);
	const char *plus = "";

	fprintf(f, "number of available pages: ");
	if (!words)
		return;
	for (i = next_bit(words, 0, nr, false); i < nr; i = next_bit(words, end, nr, false)) {
		end = next_bit(words, i, nr, true);
		fprintf(f, "%s%llu@%u", plus, (end - i) * (UZ_WINDOW_BYTES >> UZ_PAGE_SHIFT), i);
		plus = "+";
	}
	fprintf(f, " ");
}

static void put_failure(FILE *f, const struct uz_server_region *r, uint64_t bytes,
			uint64_t deadline_ns, const struct uz_contig_failure *why)
{
	uint64_t pages = bytes >> UZ_PAGE_SHIFT;
	struct uz_region_stats st;

	uz_region_stats(r->region, &st);
	fprintf(f, "cma: cma_alloc: %s: alloc failed, req-size: %" PRIu64 " pages, ret: %d\n",
		r->spec.name, pages, why->error);
	put_areas(f, r);
	fprintf(f, "=> %" PRIu64 " free of %" PRIu64 " total pages\n", st.count - st.used,
		st.count);
	put_culprits(f, why);
	put_advice(f, r, pages, deadline_ns, why, st.maxchunk);
}

int uz__cma_failed(struct uz_server_region *r, uint64_t bytes, uint64_t deadline_ns,
		   const struct uz_contig_failure *why, struct uz_error *e)
{
	UZ_FREE char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (f)
		put_failure(f, r, bytes, deadline_ns, why);
	if (!f || fclose(f))
		return uz__error(e, -why->error, "region %s gives no grant", r->spec.name);
	fprintf(stderr, "uzram: %s\n", text);
	return uz__error(e, -why->error, "%s", text);
}
