/* SPDX-License-Identifier: MIT */
/*
 * The last resort of a replacement on a full disk. The new object is no larger than the old one,
 * but is made before the old one is freed, and there may be no room for both: then the page goes
 * into a raw frame of the emergency reserve, the old object is freed, and the new one takes its
 * place. Each step is published with one store, so that a crash finds the old page or the new one.
 */
#include "device_i.h"
#include "object_i.h"

/* Makes the slot name a raw frame with the page's bytes in place of *old, which is freed. */
static int spill(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t *old,
		 uint64_t page, unsigned int codec, const void *bytes)
{
	uint64_t raw;
	int r = uz__object_make(d, st, page, codec, bytes, UZ_PAGE_SIZE,
				UZ_ALLOC_URGENT | UZ_ALLOC_LAST, &raw);

	if (r < 0)
		return r;
	uz_store_release(slot, raw | UZ_SLOT_LOCK);
	uz__replaced(d, st, page, *old, raw);
	*old = raw;
	return 0;
}

/*
 * The slot is locked and holds *old; the page's @bytes compress to @size in @out; a whole
 * page: they do not, and what is there is of no use. 0: the slot still is locked, *old is what it
 * holds now, *w what it is to hold.
 */
int uz__detour(struct uz_dev *d, struct uz_stream *st, uint64_t *slot, uint64_t *old, uint64_t page,
	       unsigned int codec, const void *bytes, const void *out, uint32_t size, uint64_t *w)
{
	uint64_t packed;
	int r;

	if (!uz__slot_is_stored(*old) || size > uz__slot_size(*old))
		return -UZ_ENOSPC;
	r = spill(d, st, slot, old, page, codec, bytes);
	if (r < 0)
		return r;
	*w = *old; /* stays raw if that is what it is to be, or if somebody was quicker */
	if (size < UZ_PAGE_SIZE &&
	    uz__object_make(d, st, page, codec, out, size, UZ_ALLOC_URGENT, &packed) == 0)
		*w = packed;
	return 0;
}
