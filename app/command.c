/* SPDX-License-Identifier: MIT */
#include "command.h"

const struct uz_command uz__commands[UZ_CMD_NR] = {
	[UZ_CMD_SERVE] = { "serve", "[options] [--name NAME [options]]...", 0, 0,
			   "run a server with its disks in the foreground", uz__cmd_serve },
	[UZ_CMD_CREATE] = { "create", "NAME [options]", 1, 1, "add a disk to a running server",
			    uz__cmd_create },
	[UZ_CMD_REMOVE] = { "remove", "NAME", 1, 1,
			    "end the disk's connections and forget all that is on it",
			    uz__cmd_remove },
	[UZ_CMD_SET] = { "set", "[NAME] KEY=VALUE...", 1, UZ_ARGS_MAX,
			 "change a live disk: pool codec level dict checksum size mem-limit recompress "
			 "backing backing-format writeback-idle writeback-limit read-only; without NAME: ram, the RAM budget, and return, how memory "
			 "goes back",
			 uz__cmd_set },
	[UZ_CMD_LIST] = { "list", "[NAME...] [options]", 0, UZ_ARGS_MAX, "a table of the disks",
			  uz__cmd_list },
	[UZ_CMD_STAT] = { "stat", "[NAME...] [options]", 0, UZ_ARGS_MAX,
			  "all statistics of the disks", uz__cmd_stat },
	[UZ_CMD_COMPACT] = { "compact", "NAME", 1, 1, "compact the disk's pools now",
			     uz__cmd_compact },
	[UZ_CMD_RECOMPRESS] = { "recompress",
				"NAME [codec=CODEC] [level=N] [dict=FILE] [idle=SECONDS] [min=BYTES] "
				"[max-pages=N]",
				1, 7,
				"compress pages again now, those not used for idle seconds and at least min "
				"bytes long",
				uz__cmd_recompress },
	[UZ_CMD_IDLE] = { "idle", "NAME [SECONDS|all]", 1, 2,
			  "mark pages not used for so long (all) as idle, say how many",
			  uz__cmd_idle },
	[UZ_CMD_WRITEBACK] = { "writeback", "NAME idle|huge|huge_idle|all [PAGES]", 2, 3,
			       "write such pages to the disk's backing now and free their memory",
			       uz__cmd_writeback },
	[UZ_CMD_TRAIN] = { "train", "NAME [CODEC [BYTES]]", 1, 3,
			   "make a dictionary of at most BYTES (16K) from the disk's own pages and use it",
			   uz__cmd_train },
	[UZ_CMD_RESET] = { "reset", "NAME", 1, 1,
			   "every page of the disk reads as zeros from now on", uz__cmd_reset },
	[UZ_CMD_RESIZE] = { "resize", "NAME SIZE", 2, 2,
			    "change the disk size; what is beyond a smaller one is gone",
			    uz__cmd_resize },
	[UZ_CMD_METRICS] = { "metrics", "[options]", 0, 0, "all statistics as Prometheus text",
			     uz__cmd_metrics },
	[UZ_CMD_TOP] = { "top", "", 0, 0, "the table of disks with rates, every second",
			 uz__cmd_top },
	[UZ_CMD_CONTIG] = { "contig",
			    "alloc NAME [SIZE] [-- COMMAND [ARGUMENTS]] | alloc SIZE --scatter [-- ...] | "
			    "free ID | stat",
			    1, UZ_ARGS_MAX,
			    "a memfd out of the RAM budget, whose room is made in region NAME until a "
			    "deadline: for COMMAND as descriptor $UZRAM_GRANT_FD, in which it has "
			    "$UZRAM_GRANT_BYTES from $UZRAM_GRANT_OFFSET on, or held until this "
			    "process ends",
			    uz__cmd_contig },
	[UZ_CMD_MEASURE] = { "measure", "FILE... | - | --pid PID [options]", 0, UZ_ARGS_MAX,
			     "what your data would cost on a disk and how fast it would be, with every "
			     "pool and codec, before you choose: of files, devices, a pipe, or what a "
			     "process has in memory",
			     uz__cmd_measure },
	[UZ_CMD_MADVISE_BENCH] = { "madvise-bench", "[options]", 0, 0,
				   "measure what giving memory back to this kernel costs, by every method",
				   uz__cmd_madvise_bench },
	[UZ_CMD_VERSION] = { "version", "", 0, 0, "the version, and what is built in",
			     uz__cmd_version },
	[UZ_CMD_HELP] = { "help", "[COMMAND]", 0, 1, "what there is", uz__cmd_help },
};
