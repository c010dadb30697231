/* SPDX-License-Identifier: MIT */
/*
 * kmsan.h: uses of uninitialised memory, found in C programs that are built with
 * clang -fsanitize=kernel-memory (or simply with the driver kmsan-cc).
 *
 * The compiler follows each value; libkmsan.a keeps, for every byte of memory, which
 * of its bits were never written (its shadow) and where those came from (its origin).
 * A report is made when a program branches on such a value, uses it as an address,
 * passes it to a function or a system call, or lets it leave through a boundary.
 *
 * A source may include this header whatever it is built with: without the
 * instrumentation every call below is an empty inline.
 *
 * All functions may be called from any thread and from signal handlers, before main
 * and with any lock held; none of them allocates with malloc.
 */
#ifndef KMSAN_H
#define KMSAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if __STDC_HOSTED__
#include <sys/types.h>
#include <sys/uio.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What the bits of a report are about. The names are kmsan_kind_name()'s. */
enum kmsan_kind {
	KMSAN_UNINIT_VALUE, /* uninit-value */
	KMSAN_USE_AFTER_FREE, /* use-after-free */
	KMSAN_INFOLEAK, /* infoleak: bytes that left through a boundary */
	KMSAN_INFOLEAK_AFTER_FREE, /* infoleak-after-free */
};

#define KMSAN_STACK_MAX 16
#define KMSAN_CHAIN_MAX 9

struct kmsan_stack {
	unsigned int nr_pcs;
	uintptr_t pcs[KMSAN_STACK_MAX]; /* return addresses, innermost first */
};

enum kmsan_event_kind {
	KMSAN_EVENT_STORED,
	KMSAN_EVENT_CREATED,
	KMSAN_EVENT_LOCAL,
	KMSAN_EVENT_LOST
};

/* One step of a value's history, the latest first. LOST: steps that were not kept. */
struct kmsan_event {
	enum kmsan_event_kind kind;
	char name[64]; /* of a local variable, else empty */
	struct kmsan_stack stack;
};

struct kmsan_report {
	enum kmsan_kind kind;
	const char *boundary; /* its name, NULL when no boundary is involved */
	const void *object; /* what was checked; NULL when a value in a register was used */
	size_t size_bytes;
	size_t first_byte, last_byte; /* of object, both included */
	uint8_t bits[16]; /* the unwritten bits of the bytes from first_byte on */
	struct kmsan_stack stack; /* where the value was used */
	uint32_t origin; /* 0: unknown */
	unsigned int nr_events;
	struct kmsan_event events[KMSAN_CHAIN_MAX];
};

typedef void kmsan_report_fn(const struct kmsan_report *report, void *arg);

struct iovec;

enum kmsan_policy {
	KMSAN_REPORT, /* report, and go on as KMSAN_OPTIONS says */
	KMSAN_ZERO, /* report, and write zeros over what would leak */
	KMSAN_COUNT, /* only count */
	KMSAN_ABORT, /* report and abort */
};

/*
 * A place where bytes leave or enter a trust domain: a socket, a shared ring, a file,
 * a DMA buffer. Static storage; nr_leaks counts for every policy.
 */
struct kmsan_boundary {
	const char *name;
	enum kmsan_policy policy;
	uint64_t nr_leaks;
};

const char *kmsan_kind_name(enum kmsan_kind kind);

#if defined(KMSAN_RUNTIME) || \
	(defined(__has_feature) && defined(__clang__) && !defined(KMSAN_DISABLE))
#if defined(KMSAN_RUNTIME)
#define KMSAN_ENABLED 1
#elif __has_feature(memory_sanitizer)
#define KMSAN_ENABLED 1
#endif
#endif

#ifdef KMSAN_ENABLED

/* Memory: marks bytes as never written (with the caller's stack as origin), or written. */
void kmsan_poison(const void *p, size_t size_bytes);
void kmsan_unpoison(const void *p, size_t size_bytes);
/* As kmsan_poison, and a later use is reported as use-after-free. */
void kmsan_poison_freed(const void *p, size_t size_bytes);
/* dst's bits and origins become those of src; the ranges may overlap. */
void kmsan_copy_meta(void *dst, const void *src, size_t size_bytes);
/* Forgets the range: all written, and what its metadata occupied is given back. */
void kmsan_release(const void *p, size_t size_bytes);
/* Two mappings of the same bytes: what is written through one is written in the other. 0 or
 * -EINVAL (not page-aligned) or -ENOSPC (64 aliases at a time). size_bytes 0 ends a's alias. */
int kmsan_alias(const void *a, const void *b, size_t size_bytes);

/* Queries: the first byte with an unwritten bit, or -1; the unwritten bits of one byte; its origin. */
ptrdiff_t kmsan_test(const void *p, size_t size_bytes);
uint8_t kmsan_shadow_bits(const void *p);
uint32_t kmsan_origin(const void *p);

/* Reports unless all is written. True when it was. */
bool kmsan_check(const void *p, size_t size_bytes);

/* Boundaries: bytes leave, arrive. kmsan_out is true when nothing leaks. */
bool kmsan_out(struct kmsan_boundary *b, const void *p, size_t size_bytes);
void kmsan_in(struct kmsan_boundary *b, void *p, size_t size_bytes);
/* The first size_bytes of the vector; (size_t)-1 for all of it. */
bool kmsan_out_iov(struct kmsan_boundary *b, const struct iovec *iov, int nr, size_t size_bytes);
void kmsan_in_iov(struct kmsan_boundary *b, const struct iovec *iov, int nr, size_t size_bytes);

/* Allocators of one's own. A zeroed allocation is written. */
void kmsan_on_alloc(const void *p, size_t size_bytes, bool zeroed);
void kmsan_on_free(const void *p, size_t size_bytes);

/*
 * Contexts: the compiler hands arguments' and results' bits over in a context of the
 * thread. Code that runs in between (a signal handler, an interrupt) needs one of its
 * own: enter returns a token for leave. Signal handlers that are installed by
 * sigaction() or signal() have this already.
 */
int kmsan_intr_enter(void);
void kmsan_intr_leave(int token);

/* Reports so far; a function to call for each (NULL: text as KMSAN_OPTIONS says); off and on
 * for this thread, nested. */
uint64_t kmsan_report_count(void);
void kmsan_set_report_fn(kmsan_report_fn *fn, void *arg);
void kmsan_disable(void);
void kmsan_enable(void);

#else

#include "kmsan_empty.h"

#endif

#ifdef __cplusplus
}
#endif

#endif
