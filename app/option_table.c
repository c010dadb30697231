/* SPDX-License-Identifier: MIT */
#include "command.h"
#include "options.h"

#define ON(command) (1u << UZ_CMD_##command)
#define FOR_SERVER ON(SERVE)
#define FOR_DISKS (ON(SERVE) | ON(CREATE))
#define FOR_CLIENTS \
	(ON(CREATE) | ON(REMOVE) | ON(SET) | ON(LIST) | ON(STAT) | ON(COMPACT) | ON(RECOMPRESS) | \
	 ON(WRITEBACK) | ON(IDLE) | ON(TRAIN) | ON(RESET) | ON(RESIZE) | ON(METRICS) | ON(TOP) | \
	 ON(CONTIG))
#define FOR_ALL UINT32_MAX

#define FLAG(name, letter, scope, commands, help) \
	{ \
		name, letter, UZ_KIND_FLAG, scope, commands, NULL, "no", help \
	}

const struct uz_option uz__options[OPT_NR] = {
	[OPT_NAME] = { "name", 0, UZ_KIND_NAME, UZ_SCOPE_DISK, FOR_SERVER, "NAME", NULL,
		       "starts a disk: the options after it belong to this disk, the options before "
		       "the first --name are defaults for all (no --name: one disk, d0)" },
	[OPT_SIZE] = { "size", 's', UZ_KIND_SIZE, UZ_SCOPE_DISK, FOR_DISKS, "SIZE",
		       "min(ram / 2, 4G)", "disk size: what a client sees, whatever it costs" },
	[OPT_RAM] = { "ram", 0, UZ_KIND_SIZE, UZ_SCOPE_SERVER, FOR_DISKS, "SIZE", NULL,
		      "RAM budget: the most that all disks of the server together may cost, everything "
		      "counted (default: what disks and regions need when nothing compresses, at most half of "
		      "the RAM); after a --name, and for create: the same as --mem-limit" },
	[OPT_MEM_LIMIT] = { "mem-limit", 0, UZ_KIND_SIZE, UZ_SCOPE_DISK, FOR_DISKS, "SIZE", "0",
			    "share of the RAM budget that one disk may take, 0 is no limit of its own" },
	[OPT_POOL] = { "pool", 'p', UZ_KIND_TEXT, UZ_SCOPE_DISK, FOR_DISKS, "POOL", NULL,
		       "page allocator: one that is built in, pool-NAME.so of a plugin folder, or a path" },
	[OPT_CODEC] = { "codec", 'a', UZ_KIND_CODEC, UZ_SCOPE_DISK, FOR_DISKS,
			"CODEC[:level=N][,dict=FILE]", "lz4",
			"compressor: one that is built in, codec-NAME.so of a plugin folder, or a path" },
	[OPT_LEVEL] = { "level", 0, UZ_KIND_LEVEL, UZ_SCOPE_DISK, FOR_DISKS, "N", NULL,
			"level of the codec" },
	[OPT_DICT] = { "dict", 0, UZ_KIND_TEXT, UZ_SCOPE_DISK, FOR_DISKS, "FILE", NULL,
		       "dictionary of the codec; see also the command train" },
	[OPT_CHECKSUM] = FLAG("checksum", 0, UZ_SCOPE_DISK, FOR_DISKS,
			      "keep and check 4 bytes of checksum with each page"),
	[OPT_RECOMPRESS] = { "recompress", 0, UZ_KIND_RECOMPRESS, UZ_SCOPE_DISK, FOR_DISKS,
			     "CODEC[:level=N][,idle=SECONDS][,min=BYTES][,cpu=PERCENT]", "off",
			     "compress pages again in the background, those not used for idle seconds "
			     "(60) and at least min bytes long (1), with cpu percent of one CPU (10); off" },
	[OPT_BACKING] = { "backing", 0, UZ_KIND_TEXT, UZ_SCOPE_DISK, FOR_DISKS, "FILE|DEVICE", NULL,
			  "file or block device that takes pages of the disk out of memory, when the RAM "
			  "budget is reached, by age, and by the command writeback; each disk its own" },
	[OPT_BACKING_FORMAT] =
		FLAG("backing-format", 0, UZ_SCOPE_DISK, FOR_DISKS,
		     "overwrite what is on the backing, unless pages of this disk are"),
	[OPT_WRITEBACK_IDLE] = { "writeback-idle", 0, UZ_KIND_SECONDS, UZ_SCOPE_DISK, FOR_DISKS,
				 "SECONDS", "0",
				 "write pages to the backing in the background that were not used for so "
				 "long, 0 is off" },
	[OPT_WRITEBACK_LIMIT] = { "writeback-limit", 0, UZ_KIND_LIMIT, UZ_SCOPE_DISK, FOR_DISKS,
				  "SIZE|off", "off",
				  "write no more than that to the backing from now on: to spare flash" },
	[OPT_READ_ONLY] = FLAG("read-only", 'r', UZ_SCOPE_DISK, FOR_DISKS, "clients may not write"),
	[OPT_REGION] = { "region", 0, UZ_KIND_REGION, UZ_SCOPE_SERVER, FOR_SERVER,
			 "NAME:SIZE[,fd=N|,path=FILE][,offset=SIZE][,evac=SIZE][,policy=guaranteed|gcma|cma][,spread]",
			 NULL,
			 "promise so much of the RAM budget to 'uzram contig alloc NAME': the disks use it "
			 "until then; in multiples of 2 MiB, may be repeated; with --private it can be memory of an "
			 "inherited descriptor or a file, granted in place; evac is memory outside that is kept "
			 "ready to move data to (2M); policies and spread are there to compare with" },
	[OPT_NBD] = { "nbd", 0, UZ_KIND_ENDPOINT, UZ_SCOPE_SERVER, FOR_SERVER,
		      "unix:PATH|tcp:HOST:PORT", NULL,
		      "serve NBD there; may be repeated (default: unix:$XDG_RUNTIME_DIR/uzram-nbd.sock, "
		      "else unix:/run/uzram-nbd.sock, or the sockets that systemd passes)" },
	[OPT_LISTEN_INSECURE] =
		FLAG("listen-insecure", 0, UZ_SCOPE_SERVER, FOR_SERVER,
		     "allow tcp: on an address that other machines reach; NBD has no "
		     "password and no encryption here"),
	[OPT_SOCKET_MODE] = { "socket-mode", 0, UZ_KIND_MODE, UZ_SCOPE_SERVER, FOR_SERVER, "MODE",
			      "0600", "permissions of unix: NBD sockets, octal" },
	[OPT_MEMORY] = { "memory", 0, UZ_KIND_TEXT, UZ_SCOPE_SERVER, FOR_SERVER, "FILE", NULL,
			 "keep everything in this file, on tmpfs (/dev/shm): a server that is started "
			 "with it again, even after SIGKILL, has all disks of it back" },
	[OPT_MEMFD] = FLAG("memfd", 0, UZ_SCOPE_SERVER, FOR_SERVER,
			   "keep everything in a memfd (default)"),
	[OPT_PRIVATE] =
		FLAG("private", 0, UZ_SCOPE_SERVER, FOR_SERVER,
		     "keep everything in private memory, huge pages where the system allows"),
	[OPT_RETURN] = { "return", 0, UZ_KIND_RETURN, UZ_SCOPE_SERVER, FOR_SERVER,
			 "auto|eager|lazy", "auto",
			 "how free memory goes back to the system: eager frees it at once, lazy lets the "
			 "system take it when it is short and frees it after half a second (--private only), auto "
			 "does what measures best" },
	[OPT_CONTROL] = { "control", 0, UZ_KIND_TEXT, UZ_SCOPE_SERVER, FOR_SERVER | FOR_CLIENTS,
			  "PATH", NULL,
			  "control socket (default: $UZRAM_CONTROL, else $XDG_RUNTIME_DIR/uzram.sock, "
			  "else /run/uzram.sock)" },
	[OPT_CONFIG] = { "config", 0, UZ_KIND_TEXT, UZ_SCOPE_SERVER, FOR_SERVER, "FILE", NULL,
			 "configuration file (default: /etc/uzram.conf if it is there); options of the "
			 "command line win" },
	[OPT_DUMP_CONFIG] =
		FLAG("dump-config", 0, UZ_SCOPE_SERVER, FOR_SERVER,
		     "print the effective configuration as a configuration file, and end"),
	[OPT_PID_FILE] = { "pid-file", 'P', UZ_KIND_TEXT, UZ_SCOPE_SERVER, FOR_SERVER, "FILE", NULL,
			   "write the process id there once clients can connect" },
	[OPT_EXIT_WITH_PARENT] = FLAG("exit-with-parent", 0, UZ_SCOPE_SERVER, FOR_SERVER,
				      "end when the process that started the server ends"),
	[OPT_OUTPUT] = { "output", 'o', UZ_KIND_TEXT, UZ_SCOPE_CLIENT,
			 ON(LIST) | ON(MEASURE) | ON(MADVISE_BENCH), "LIST", NULL,
			 "columns to show, separated by commas" },
	[OPT_OUTPUT_ALL] = FLAG("output-all", 0, UZ_SCOPE_CLIENT, ON(LIST), "show all columns"),
	[OPT_NOHEADINGS] =
		FLAG("noheadings", 'n', UZ_SCOPE_CLIENT, ON(LIST), "no line of headings"),
	[OPT_RAW] = FLAG("raw", 0, UZ_SCOPE_CLIENT, ON(LIST),
			 "one blank between columns, no alignment"),
	[OPT_BYTES] = FLAG("bytes", 'b', UZ_SCOPE_CLIENT, ON(LIST) | ON(STAT),
			   "sizes in bytes instead of 1.5G"),
	[OPT_JSON] = FLAG(
		"json", 'J', UZ_SCOPE_CLIENT,
		ON(LIST) | ON(STAT) | ON(CONTIG) | ON(MEASURE) | ON(MADVISE_BENCH),
		"JSON: for disks an array of objects, keys as in the table of statistics, sizes in bytes; "
		"for contig an object of the arrays regions and grants; "
		"for measure an array of objects, sizes in bytes, times in nanoseconds; "
		"for madvise-bench an object that --compare and --from read, times in picoseconds a page"),
	[OPT_SYSFS] = FLAG(
		"sysfs", 0, UZ_SCOPE_CLIENT, ON(STAT) | ON(CONTIG),
		"the lines mm_stat, io_stat and bd_stat of the kernel's zram, in Linux 6.1's format; of "
		"contig: what the kernel has in files for CMA, as PATH: VALUE"),
	[OPT_LATENCY] = FLAG("latency", 0, UZ_SCOPE_CLIENT, ON(STAT),
			     "latencies of requests too: p50, p99, p99.9, max"),
	[OPT_METRICS_FILE] = { "metrics-file", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(METRICS),
			       "FILE", NULL,
			       "replace FILE at once instead of printing: for node_exporter's textfile "
			       "collector" },
	[OPT_SCATTER] =
		FLAG("scatter", 0, UZ_SCOPE_CLIENT, ON(CONTIG),
		     "memory out of no region: what the budget has left, nothing is moved for it"),
	[OPT_DEADLINE] = { "deadline", 0, UZ_KIND_DEADLINE, UZ_SCOPE_CLIENT, ON(CONTIG), "TIME",
			   "100ms",
			   "how long a region may take to be emptied, 1ms to 10s; the time that the system "
			   "takes to clear the memory comes on top" },
	[OPT_POOLS] = { "pools", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(MEASURE), "LIST", NULL,
			"pools to measure, separated by blanks (default: all)" },
	[OPT_CODECS] = { "codecs", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(MEASURE), "LIST", NULL,
			 "codecs to measure, separated by blanks, each CODEC[:level=N][,dict=FILE]; dict=train "
			 "is a dictionary made of the sample (default: all, each with its usual level)" },
	[OPT_PID] = { "pid", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(MEASURE), "PID", NULL,
		      "measure the memory of that process, as it would be swapped out" },
	[OPT_SAMPLE] = { "sample", 0, UZ_KIND_SIZE, UZ_SCOPE_CLIENT, ON(MEASURE), "SIZE", "32M",
			 "take so much of the data, evenly spread; of a small sample the half-full blocks "
			 "of a pool weigh more than of a full disk" },
	[OPT_METHODS] = { "methods", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(MADVISE_BENCH), "LIST",
			  NULL,
			  "methods to measure: none, dontneed, dontneed_batch, free, remove, "
			  "punch_hole, cold, pageout (default: all)" },
	[OPT_BACKINGS] = { "backings", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(MADVISE_BENCH), "LIST",
			   NULL,
			   "kinds of memory: private-4k, private-thp, memfd, tmpfs, hugetlb (default: all)" },
	[OPT_PIECES] = { "pieces", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(MADVISE_BENCH), "LIST",
			 "4K,64K,2M", "bytes that one call is for" },
	[OPT_THREADS] = { "threads", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(MADVISE_BENCH), "LIST",
			  NULL, "numbers of threads (default: 1 and the number of CPUs)" },
	[OPT_FOOTPRINT] = { "footprint", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(MADVISE_BENCH),
			    "SIZE", "16M", "memory of each thread" },
	[OPT_REPEATS] = { "repeats", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT,
			  ON(MEASURE) | ON(MADVISE_BENCH), "N", "5",
			  "times that each figure is taken, of which the median counts" },
	[OPT_CGROUP] = { "cgroup", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(MADVISE_BENCH), "FOLDER",
			 NULL,
			 "measure under memory pressure too, in a group of the memory controller that is "
			 "made in FOLDER and removed again" },
	[OPT_FROM] = { "from", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(MADVISE_BENCH), "FILE", NULL,
		       "take the figures from what --json printed, measure nothing" },
	[OPT_COMPARE] = { "compare", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(MADVISE_BENCH), "FILE",
			  NULL,
			  "say what became worse since --json printed FILE, and exit with 1 if anything "
			  "did" },
	[OPT_PLOT] = { "plot", 0, UZ_KIND_TEXT, UZ_SCOPE_CLIENT, ON(MADVISE_BENCH), "FILE", NULL,
		       "draw the figures as SVG" },
	[OPT_HELP] = FLAG("help", 'h', UZ_SCOPE_CLIENT, FOR_ALL, "this text"),
};

/* From zram-generator, the kernel's sysfs and zramctl. */
const struct uz_synonym uz__synonyms[] = {
	{ "zram-size", OPT_SIZE, true, true },
	{ "zram-resident-limit", OPT_MEM_LIMIT, true, true },
	{ "compression-algorithm", OPT_CODEC, true, false },
	{ "writeback-device", OPT_BACKING, true, false },
	{ "disksize", OPT_SIZE, true, false },
	{ "comp_algorithm", OPT_CODEC, true, false },
	{ "algorithm", OPT_CODEC, false, false },
	{ "algo", OPT_CODEC, false, false },
	{ "compressor", OPT_CODEC, false, false },
	{ "recomp_algorithm", OPT_RECOMPRESS, false, false },
	{ "backing_dev", OPT_BACKING, false, false },
	{ "allocator", OPT_POOL, false, false },
	{ "zpool", OPT_POOL, false, false },
	{ .word = NULL },
};
