/* SPDX-License-Identifier: MIT */
/* Boundaries that bytes cross by vectors: hosted programs only. */
#include "kmsan_i.h"

static size_t part_of(const struct iovec *v, size_t left)
{
	return v->iov_len < left ? v->iov_len : left;
}

KMSAN_EXPORT bool kmsan_out_iov(struct kmsan_boundary *b, const struct iovec *iov, int nr,
				size_t size_bytes)
{
	bool clean = true;
	int i;

	for (i = 0; i < nr && size_bytes; i++) {
		size_t n = part_of(&iov[i], size_bytes);

		clean &= kmsan__check(KMSAN_CALLER, iov[i].iov_base, n, b);
		size_bytes -= n;
	}
	return clean;
}

KMSAN_EXPORT void kmsan_in_iov(struct kmsan_boundary *b, const struct iovec *iov, int nr,
			       size_t size_bytes)
{
	int i;

	for (i = 0; i < nr && size_bytes; i++) {
		size_t n = part_of(&iov[i], size_bytes);

		kmsan_in(b, iov[i].iov_base, n);
		size_bytes -= n;
	}
}
