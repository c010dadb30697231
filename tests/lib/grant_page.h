/* SPDX-License-Identifier: MIT */
/*
 * The pages of the loads that grants are measured under, ours and the kernel's: disk, number and sequence
 * decide every byte. Seven of eight compress to about 3 KiB, the others hardly.
 */
#ifndef UZ_GRANT_PAGE_H
#define UZ_GRANT_PAGE_H

#include <stdint.h>

/* Before the first page. From one thread; again does nothing. */
void grant_page_open(void);

/* UZ_PAGE_SIZE bytes. */
void grant_page_make(void *buf, uint32_t disk, uint32_t page, uint32_t seq);

#endif
