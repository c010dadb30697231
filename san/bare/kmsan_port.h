/* SPDX-License-Identifier: MIT */
/*
 * kmsan_port.h: what libkmsan needs from a kernel, and its start there. The kernel gives
 * six functions, built without the instrumentation; the runtime has no constructor, no
 * thread-local memory and no other undefined symbol.
 */
#ifndef KMSAN_PORT_H
#define KMSAN_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one context, aligned to 16 bytes, zeroed before its first use. */
#define KMSAN_PORT_CONTEXT_BYTES 4352

struct kmsan_port_memory {
	void *pool; /* for metadata and the depot; never given back, any contents */
	size_t pool_bytes; /* 2 MiB for each MiB that is used, 128 KiB for each 16 GiB, the depot */
	size_t depot_bytes; /* of it, for the stacks of origins */
};

/*
 * Before the first instrumented function; on one CPU. options as KMSAN_OPTIONS, or NULL.
 * NULL, or a sentence that says what is wrong with the options, in static memory.
 */
const char *kmsan_port_start(const struct kmsan_port_memory *memory, const char *options);
/* Bytes of the pool in use. Once all are, further memory counts as written. */
size_t kmsan_port_used_bytes(void);

/* The kernel's part. The context of what runs now (a task's or a CPU's): called very often. */
void *kmsan_port_context(void);
/* The text of reports; not ended by a zero. */
void kmsan_port_write(const char *text, size_t size_bytes);
/* Interrupts off on this CPU, and as they were before. */
uint64_t kmsan_port_irq_save(void);
void kmsan_port_irq_restore(uint64_t state);
/* The stack that holds this frame, or false: then a stack trace has one pc. */
bool kmsan_port_stack(uintptr_t frame, uintptr_t *low, uintptr_t *high);
/* on_error=exit or abort, and KMSAN_ABORT. */
_Noreturn void kmsan_port_stop(int status);

#endif
