/* SPDX-License-Identifier: MIT */
/*
 * Two writers on a disk that is too small for what they write: each has every other page, checks it,
 * then overwrites or discards it. A store that is full refuses a page and keeps the old one, so every
 * page is known at any time. One page in 16 does not compress.
 */
#ifndef UZ_TEST_TWO_WRITERS_H
#define UZ_TEST_TWO_WRITERS_H

#include "dev_rig.h"

#define WRITERS_PAGES 24576u

/* As dev_rig_open, with a disk of WRITERS_PAGES. All that follows is for this disk. */
void writers_disk(struct dev_rig *rig, struct dev_rig_config c);
/* A stream for each writer; a full store may have no memory for them. */
void writers_open(void);
/* Writes pages [first, end) from the calling thread, with the rig's stream. */
void writers_fill(uint32_t first, uint32_t end);
/* The same with all; the first @copies are on the disk's backing then, and copies of them in memory. */
void writers_fill_copies(uint32_t copies);
void writers_start(void);
void writers_stop(void);
/* Reads pages [first, end) and compares them; also after dev_rig_adopt. No writer runs. */
void writers_check(uint32_t first, uint32_t end);
/* Pages that were refused so far, of all disks. */
uint64_t writers_refused(void);

#endif
