/* SPDX-License-Identifier: MIT */
/*
 * Keeps cold pages compressed inside a program: a cache of records where only
 * the hot ones stay as they are. Build it against an installed library with
 *
 *	cc cold_pages.c $(pkg-config --cflags --libs uzram) -o cold_pages
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uzram.h>

#define RECORDS 20000u
#define RECORD_BYTES 4096u

static void make_record(unsigned int id, char *record)
{
	int at = 0;

	while (at < (int)RECORD_BYTES - 80)
		at += snprintf(record + at, RECORD_BYTES - (size_t)at,
			       "record %u field %d value %u;", id, at, id * 2654435761u % 1000);
	memset(record + at, 0, RECORD_BYTES - (size_t)at);
}

int main(void)
{
	struct uz_ram_options o = { .struct_size = sizeof(o),
				    .size_bytes = (uint64_t)RECORDS * RECORD_BYTES,
				    .background = true };
	char record[RECORD_BYTES], back[RECORD_BYTES], why[200];
	struct uz_dev_stats st;
	struct uz_ram *ram;

	if (uz_ram_open(&o, &ram, why, sizeof(why)) < 0) {
		fprintf(stderr, "cold_pages: %s\n", why);
		return 1;
	}
	for (unsigned int id = 0; id < RECORDS; id++) {
		make_record(id, record);
		if (uz_ram_write(ram, (uint64_t)id * RECORD_BYTES, record, RECORD_BYTES) < 0)
			return 1;
	}
	for (unsigned int id = 0; id < RECORDS; id += 7) {
		make_record(id, record);
		if (uz_ram_read(ram, (uint64_t)id * RECORD_BYTES, back, RECORD_BYTES) < 0 ||
		    memcmp(record, back, RECORD_BYTES) != 0)
			return 1;
	}
	uz_dev_stats(uz_ram_dev(ram), &st);
	printf("uzram %s: %u records, %llu bytes of data in %llu bytes of memory\n", uz_version(),
	       RECORDS, (unsigned long long)st.orig_data_size, (unsigned long long)st.ram_total);
	uz_ram_close(ram);
	return 0;
}
