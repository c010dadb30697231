/* SPDX-License-Identifier: MIT */
/* Shared inside the runtime. Order of the files: sys, mem, shadow, meta, depot, origin, ctx, report. */
#ifndef KMSAN_I_H
#define KMSAN_I_H

#define KMSAN_RUNTIME 1
#include <kmsan.h>

#include "atomic.h"
#include "sys.h"
#if !__STDC_HOSTED__
#include <kmsan_port.h>
#endif

#define KMSAN_EXPORT __attribute__((visibility("default")))
#define kmsan_likely(x) __builtin_expect(!!(x), 1)
#define kmsan_unlikely(x) __builtin_expect(!!(x), 0)
/* The instrumented code's pc and frame: only in functions that it calls. */
#define KMSAN_CALLER \
	((struct kmsan_caller){ (uintptr_t)__builtin_return_address(0), \
				(uintptr_t)__builtin_frame_address(0) })

struct kmsan_caller {
	uintptr_t pc;
	uintptr_t frame;
};

/* mem.c: what the runtime uses instead of libc's functions */
void *kmsan__memcpy(void *dst, const void *src, size_t n);
void *kmsan__memmove(void *dst, const void *src, size_t n);
void *kmsan__memset(void *dst, int c, size_t n);
int kmsan__memcmp(const void *a, const void *b, size_t n);
size_t kmsan__strlen(const char *s);

/* ctx.c */
struct kmsan__bounce;

/* What clang calls __msan_context_state; the layout is the ABI of clang 14 to 19. */
struct kmsan__state {
	uint64_t param[100];
	uint64_t retval[100];
	uint64_t va_arg[100];
	uint64_t va_arg_origin[100];
	uint64_t va_arg_overflow_size_bytes;
	uint32_t param_origin[200];
	uint32_t retval_origin;
	uint32_t unused_origin;
};
_Static_assert(offsetof(struct kmsan__state, va_arg_overflow_size_bytes) == 3200, "ABI");
_Static_assert(offsetof(struct kmsan__state, retval_origin) == 4008, "ABI");
_Static_assert(sizeof(struct kmsan__state) == 4016, "ABI");

struct kmsan__level {
	struct kmsan__state state;
	struct kmsan__bounce *bounce; /* taken by the first store over a chunk's edge */
	uintptr_t interrupted_sp; /* 0 in the thread's own level */
};

#define KMSAN__DEPTH_MAX 15

struct kmsan__thread {
	struct kmsan__level own;
	int depth; /* 0: own; else nested[depth] */
	struct kmsan__level *nested[KMSAN__DEPTH_MAX + 1];
	int in_runtime;
	int disabled;
	uintptr_t stack_low, stack_high; /* 0: not known */
};

#if __STDC_HOSTED__
extern KMSAN_EXPORT __thread struct kmsan__thread kmsan__self;
#else
#define kmsan__self (*(struct kmsan__thread *)kmsan_port_context())
#endif

static inline struct kmsan__level *kmsan__level(void)
{
	return kmsan_likely(!kmsan__self.depth) ? &kmsan__self.own
						: kmsan__self.nested[kmsan__self.depth];
}

static inline bool kmsan__quiet(void)
{
	return kmsan__self.in_runtime || kmsan__self.disabled;
}

void kmsan__thread_start(uintptr_t stack_low, uintptr_t stack_high);
void kmsan__thread_exit(void);
int kmsan__intr_enter_at(uintptr_t interrupted_sp);
/* Leaves the levels that a longjmp to this stack pointer abandons. */
void kmsan__jump_to(uintptr_t target_sp);
uint64_t kmsan__lost_contexts(void);

/* depot.c: records that are never changed or freed, found by content. Lock-free. */
enum kmsan__record_kind { KMSAN__STACK, KMSAN__ALLOCA, KMSAN__CHAIN };

struct kmsan__record {
	uint32_t hash;
	uint32_t next;
	uint8_t kind;
	uint8_t depth; /* CHAIN: how many stores are below */
	uint8_t freed; /* the memory was freed */
	uint8_t nr_words;
	uint32_t previous; /* CHAIN: the origin before */
	uint64_t words[];
};

void kmsan__depot_init(size_t size_bytes);
/* 0 when there is no room. reserve: may use the last eighth. */
uint32_t kmsan__depot_put(const struct kmsan__record *key, const uint64_t *words, bool reserve);
const struct kmsan__record *kmsan__depot_get(uint32_t id);
size_t kmsan__depot_used_bytes(void);
uint64_t kmsan__depot_full_count(void);

/* origin.c */
uint32_t kmsan__origin_heap(struct kmsan_caller at, bool freed);
uint32_t kmsan__origin_alloca(struct kmsan_caller at, const char *description);
uint32_t kmsan__origin_chain(struct kmsan_caller at, uint32_t previous);
bool kmsan__origin_is_freed(uint32_t origin);
unsigned int kmsan__origin_explain(uint32_t origin, struct kmsan_event *events, unsigned int max);

/* unwind.c */
void kmsan__unwind(struct kmsan_caller at, struct kmsan_stack *stack, unsigned int max);

/* options.c */
enum kmsan__on_error { KMSAN__CONTINUE, KMSAN__EXIT, KMSAN__DIE };

struct kmsan__options {
	int on_error;
	int exit_code;
	int max_reports;
	int dedup;
	int symbolize;
	int depot_mib;
	int stack_depth;
	int chain_depth;
	int poison_heap;
	int poison_free;
	int large_kib;
	int lazy_kib;
	int origins;
	char log[256];
	char json[256];
};

extern struct kmsan__options kmsan__options;
/* NULL, or a sentence that says what is wrong; buf holds it. */
const char *kmsan__options_parse(struct kmsan__options *o, const char *text, char *buf,
				 size_t size);

/* report.c */
void kmsan__report(struct kmsan_report *r, struct kmsan_caller at);
void kmsan__warn_value(struct kmsan_caller at, uint32_t origin);
bool kmsan__check(struct kmsan_caller at, const void *p, size_t n, struct kmsan_boundary *b);
/* No other thread reports or changes tables until kmsan__after_fork. */
void kmsan__before_fork(void);
void kmsan__after_fork(void);

/* print.c and json.c: a report as text and as one line of JSON */
struct kmsan__out {
	int fd;
	size_t used;
	char buf[16384];
};
void kmsan__out_flush(struct kmsan__out *o);
void kmsan__print(struct kmsan__out *o, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void kmsan__format(char *buf, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void kmsan__text(struct kmsan__out *o, const struct kmsan_report *r);
void kmsan__json(struct kmsan__out *o, const struct kmsan_report *r);

/* symbol.c: fn is called for each function at pc, inlined ones first; file may be NULL */
struct kmsan__place {
	const char *function;
	const char *file;
	int line;
	const char *module;
	uintptr_t offset;
};
typedef void kmsan__place_fn(const struct kmsan__place *place, void *arg);
void kmsan__symbolize(uintptr_t pc, kmsan__place_fn *fn, void *arg);

#endif
