/* SPDX-License-Identifier: MIT */
/*
 * The demo's machine, without instrumentation: one CPU with one context, a pool that is small
 * enough to be used up, and the start. What differs from machine to machine is in arch.c.
 */
#include "machine.h"

#include <kmsan.h>
#include <kmsan_port.h>

extern char stack_low[], stack_high[];

static uint8_t pool[24 << 20] __attribute__((aligned(4096)));
static uint8_t context[KMSAN_PORT_CONTEXT_BYTES] __attribute__((aligned(16)));

void kmsan_port_write(const char *text, size_t size_bytes)
{
	for (; size_bytes > 0; size_bytes--)
		put(*text++);
}

void *kmsan_port_context(void)
{
	return context;
}

bool kmsan_port_stack(uintptr_t frame, uintptr_t *low, uintptr_t *high)
{
	*low = (uintptr_t)stack_low;
	*high = (uintptr_t)stack_high;
	return frame >= *low && frame < *high;
}

void print(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	kmsan_port_write(text, n);
}

int pool_is_full(void)
{
	return sizeof(pool) - kmsan_port_used_bytes() < 2 << 20;
}

/* What the interrupted code has in its context stays there: the handler gets its own. */
void interrupt(void)
{
	int level = kmsan_intr_enter();

	demo_tick();
	kmsan_intr_leave(level);
}

void kernel_main(void)
{
	const struct kmsan_port_memory memory = { pool, sizeof(pool), 128 << 10 };
	const char *error = kmsan_port_start(&memory, "stack_depth=16:dedup=0");

	if (error) {
		print(error);
		print("\n");
		kmsan_port_stop(2);
	}
	demo();
	print("done\n");
	kmsan_port_stop(0);
}
