/* SPDX-License-Identifier: MIT */
/* Sizes as people write them. */
#ifndef UZ_APP_SIZE_H
#define UZ_APP_SIZE_H

#include <stdint.h>

#define UZ_SIZE_TEXT 32

/* For formats of messages: what a size looks like. */
#define UZ_SIZE_SYNTAX "write a number with K, M, G or T (4G), a share of RAM (50%%), or ram / 2"

/*
 * Bytes of @text: "4096", "4K", "1.5G", "4GiB", "50%" (of @ram_bytes), and sums of those with
 * ram, + - * / ( ) min(a, b) max(a, b). K is 1024. A fraction of a byte is cut off.
 * 0, or -EINVAL: not a size, negative, or 2^63 bytes and more.
 */
int uz__size_parse(const char *text, uint64_t ram_bytes, uint64_t *bytes);

/* The same as zram-generator reads it: numbers without a unit are MiB. */
int uz__size_parse_mib(const char *text, uint64_t ram_bytes, uint64_t *bytes);

/* The shortest text that reads back as exactly @bytes: "4G", "1536M", "4097". */
const char *uz__size_exact(uint64_t bytes, char text[UZ_SIZE_TEXT]);

/* For people, one decimal at most: "1.4G". */
const char *uz__size_human(uint64_t bytes, char text[UZ_SIZE_TEXT]);

#endif
