/* SPDX-License-Identifier: MIT */
/*
 * Records of the persistent tables: sealed with a checksum, published by one
 * store of the word that says they count.
 */
#include <uz/hash.h>

#include "device_i.h"

void uz__record_seal(void *record, size_t bytes)
{
	uint64_t check = uz_hash64(record, bytes - sizeof(check), bytes);

	memcpy((char *)record + bytes - sizeof(check), &check, sizeof(check));
}

bool uz__record_ok(const void *record, size_t bytes)
{
	uint64_t check = uz_hash64(record, bytes - sizeof(check), bytes);

	return memcmp((const char *)record + bytes - sizeof(check), &check, sizeof(check)) == 0;
}

const struct uz__disk_record *uz__disk_record(const struct uz__meta *m, unsigned int i)
{
	const struct uz__disk_slot *ds = &m->disk[i];

	if (ds->current == META_COPY(0))
		return &ds->copy[0];
	return ds->current == META_COPY(1) ? &ds->copy[1] : NULL;
}

void uz__disk_publish(struct uz__meta *m, unsigned int i, const struct uz__disk_record *rec)
{
	struct uz__disk_slot *ds = &m->disk[i];
	uint32_t next = ds->current == META_COPY(0);

	ds->copy[next] = *rec;
	uz__record_seal(&ds->copy[next], sizeof(*rec));
	uz_store_release(&ds->current, META_COPY(next));
}

void uz__disk_erase(struct uz__meta *m, unsigned int i)
{
	uz_store_release(&m->disk[i].current, 0);
}

void uz__explain(struct uz_store_error *err, const char *what, const char *name)
{
	size_t n = 0;

	if (!err)
		return;
	for (; *what && n < sizeof(err->what) - 1; what++)
		err->what[n++] = *what;
	for (; name && *name && n < sizeof(err->what) - 1; name++)
		err->what[n++] = *name;
	err->what[n] = 0;
}
