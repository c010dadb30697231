/* SPDX-License-Identifier: MIT */
/*
 * Pages that say what they are: page number, sequence number and seed decide every byte, so that
 * a torn page, another page's content and an old one are all told apart from the right one.
 * All kinds occur: one repeated word, tiny, half compressible, incompressible.
 */
#ifndef UZ_TEST_SELF_PAGE_H
#define UZ_TEST_SELF_PAGE_H

#include <uz/codec.h>

enum self_state { SELF_ZERO, SELF_OK, SELF_TORN };

/* How well pages compress: of any kind, all incompressible, all to about a tenth, all to almost nothing. */
enum self_mix { SELF_ANY, SELF_HARD, SELF_EASY, SELF_TINY };

void self_page_make(void *buf, uint32_t page, uint32_t seq, uint64_t seed, enum self_mix mix);

/* @seq is set if the page is intact and not all zero. */
enum self_state self_page_read(const void *buf, uint32_t page, uint64_t seed, enum self_mix mix,
			       uint32_t *seq);

#endif
