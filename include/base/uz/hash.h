/* SPDX-License-Identifier: MIT */
/*
 * hash: XXH64, written from its published specification
 * (github.com/Cyan4973/xxHash, doc/xxhash_spec.md). Finds damage, keeps no
 * secrets: anybody can make two inputs with one hash.
 */
#ifndef UZ_HASH_H
#define UZ_HASH_H

#include <uz/port.h>

uint64_t uz_hash64(const void *data, size_t bytes, uint64_t seed);

#endif
