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

/* All that follows is for this disk, which is new and has WRITERS_PAGES. */
void writers_disk(struct dev_rig *rig);
/* A stream for each writer; a full store may have no memory for them. */
void writers_open(void);
/* Writes pages [first, end) from the calling thread, with the rig's stream. */
void writers_fill(uint32_t first, uint32_t end);
void writers_start(void);
void writers_stop(void);
/* Reads pages [first, end) and compares them; also after dev_rig_adopt. No writer runs. */
void writers_check(uint32_t first, uint32_t end);
/* Pages that were refused so far, of all disks. */
uint64_t writers_refused(void);

#endif
