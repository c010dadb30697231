/* SPDX-License-Identifier: MIT */
/* object.c: what a slot names. A place is an object without its bytes. */
#ifndef UZ_DEVICE_OBJECT_I_H
#define UZ_DEVICE_OBJECT_I_H

#include "device_i.h"

/* Where an object's bytes go, and the word that is to name it then. */
struct uz__place {
	uint64_t word;
	char *addr;
};

struct uz_pool *uz__pool_of(struct uz_dev *d, uint64_t handle);
uint32_t uz__encode(struct uz_dev *d, struct uz_stream *st, unsigned int codec, const void *src,
		    void *out);
void uz__object_prepare(struct uz_dev *d, struct uz_stream *st, uint32_t size);
int uz__object_place(struct uz_dev *d, struct uz_stream *st, uint64_t page, unsigned int codec,
		     uint32_t size, unsigned int flags, struct uz__place *at);
void uz__object_fill(struct uz_dev *d, uint64_t page, const struct uz__place *at,
		     const void *bytes);
int uz__object_make(struct uz_dev *d, struct uz_stream *st, uint64_t page, unsigned int codec,
		    const void *bytes, uint32_t size, unsigned int flags, uint64_t *word);
int uz__page_make(struct uz_dev *d, struct uz_stream *st, uint64_t page, unsigned int codec,
		  unsigned int flags, uint64_t old, uint32_t *size, uint64_t *word);
void uz__object_drop(struct uz_dev *d, uint64_t word);
#define UZ__DROP_MAX 8u
void uz__objects_drop(struct uz_dev *d, const uint64_t *word, uint32_t nr);
void uz__object_prefetch(struct uz_dev *d, const uint64_t *slot, bool drop, bool bytes);
const void *uz__object_bytes(struct uz_dev *d, uint64_t w, uint32_t *bytes);
bool uz__object_same(struct uz_dev *d, uint64_t w, uint64_t now, const void *bytes, uint32_t len);
bool uz__object_sum_is(struct uz_dev *d, uint64_t w, const void *bytes, uint32_t sum);
bool uz__object_intact(struct uz_dev *d, uint64_t w, uint64_t page, const void *bytes);
int uz__object_decode(struct uz_dev *d, struct uz_stream *st, uint64_t w, uint64_t page,
		      const void *bytes, void *dst);
uint32_t uz__checksum(const struct uz_dev *d, uint64_t page, const void *bytes, uint32_t size);
int uz__object_expand(struct uz_dev *d, struct uz_stream *st, uint64_t w, const void *bytes,
		      void *dst);
void uz__account(struct uz_dev *d, struct uz_stream *st, uint64_t word, int sign);

#endif
