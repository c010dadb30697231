/* SPDX-License-Identifier: MIT */
/*
 * The one table of a disk's counters. Names are the kernel's where it has the
 * counter (mm_stat, io_stat, zramctl). Feeds the command line, JSON, Prometheus
 * text and the manual page.
 *
 * X(name, unit, kind, help); unit BYTES, PAGES or COUNT; kind GAUGE or COUNTER.
 */
#ifndef UZ_STATS_H
#define UZ_STATS_H

#include <uz/port.h>

#define UZ_DEV_STATS(X) \
	X(disksize, BYTES, GAUGE, "size of the disk as clients see it") \
	X(orig_data_size, BYTES, GAUGE, \
	  "uncompressed size of the data stored, fill pages not counted") \
	X(compr_data_size, BYTES, GAUGE, "compressed size of the data stored") \
	X(mem_used_total, BYTES, GAUGE, "frames of the disk's pools and raw pages") \
	X(mem_limit, BYTES, GAUGE, \
	  "most that mem_used_total, table_size and clean_size may reach, 0 is no limit") \
	X(mem_used_max, BYTES, GAUGE, "highest mem_used_total so far") \
	X(same_pages, PAGES, GAUGE, "pages of one repeated 32-bit word, kept in the table") \
	X(pages_compacted, PAGES, COUNTER, "frames freed by compaction") \
	X(huge_pages, PAGES, GAUGE, "pages kept uncompressed") \
	X(huge_pages_since, PAGES, COUNTER, "pages ever kept uncompressed") \
	X(table_size, BYTES, GAUGE, "frames and root of the slot table") \
	X(ram_total, BYTES, GAUGE, "all memory the store costs, everything counted") \
	X(ram_limit, BYTES, GAUGE, \
	  "RAM budget of the store: ram_total without ram_owed stays below") \
	X(ram_owed, BYTES, GAUGE, \
	  "part of ram_total that grants have taken, on its way back to the system") \
	X(ram_reserve, BYTES, GAUGE, "part of ram_total that is populated ahead of demand") \
	X(resident_claimed, BYTES, GAUGE, \
	  "memory of the store that is resident as far as uzram knows, lazily returned included") \
	X(returned_eager_bytes, BYTES, COUNTER, "memory given back that the system had at once") \
	X(returned_lazy_bytes, BYTES, COUNTER, \
	  "memory given back for the system to take when it needs it") \
	X(refault_ns, NS, COUNTER, "CPU time spent on populating again what was given back") \
	X(return_switches, COUNT, COUNTER, \
	  "times that another method of giving memory back turned out to be better") \
	X(failed_reads, COUNT, COUNTER, "reads that ended in an error") \
	X(failed_writes, COUNT, COUNTER, "writes that ended in an error") \
	X(invalid_io, COUNT, COUNTER, "requests outside the disk") \
	X(notify_free, PAGES, COUNTER, "pages freed by discard") \
	X(enospc, COUNT, COUNTER, \
	  "page writes refused because the RAM budget or mem_limit was reached") \
	X(bad_pages, PAGES, COUNTER, "reads of damaged pages") \
	X(commit_stalls, COUNT, COUNTER, "times a write had to wait for memory to be populated") \
	X(objects_moved, COUNT, COUNTER, "objects moved by compaction and migration") \
	X(recompressed, PAGES, COUNTER, "pages replaced by recompression") \
	X(idle_pages, PAGES, GAUGE, "pages marked idle at the last mark and not touched since") \
	X(migrate_left, PAGES, GAUGE, "pages still in an old pool or codec after a live change") \
	X(reads, COUNT, COUNTER, "read requests") \
	X(writes, COUNT, COUNTER, "write requests") \
	X(read_bytes, BYTES, COUNTER, "bytes read by clients") \
	X(write_bytes, BYTES, COUNTER, "bytes written by clients") \
	X(bd_count, PAGES, GAUGE, "pages on the backing") \
	X(bd_reads, PAGES, COUNTER, "pages read back from the backing") \
	X(bd_writes, PAGES, COUNTER, "pages written to the backing") \
	X(bd_failed_reads, PAGES, COUNTER, "pages that the backing did not give back intact") \
	X(bd_failed_writes, PAGES, COUNTER, "pages that the backing did not take, kept in memory") \
	X(clean_pages, PAGES, GAUGE, "pages on the backing with a clean copy in memory") \
	X(clean_size, BYTES, GAUGE, "frames of clean copies: they go when memory is wanted") \
	X(clean_hits, PAGES, COUNTER, "reads of pages on the backing served by a clean copy") \
	X(writeback_limit_enable, COUNT, GAUGE, "1 when writeback_limit holds") \
	X(writeback_limit, PAGES, GAUGE, "pages that may still be written to the backing")

struct uz_dev_stats {
#define UZ_STATS_FIELD(name, unit, kind, help) uint64_t name;
	UZ_DEV_STATS(UZ_STATS_FIELD)
#undef UZ_STATS_FIELD
};

enum uz_op { UZ_OP_READ, UZ_OP_WRITE, UZ_OP_ZERO, UZ_OP_DISCARD, UZ_OP_NR };

/* Of requests since creation or reset; each value is at most 12.5% above the true one. */
struct uz_latency {
	uint64_t count;
	uint64_t p50_ns, p99_ns, p999_ns, max_ns;
};

#endif
