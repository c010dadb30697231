/* SPDX-License-Identifier: MIT */
/*
 * The demo's machine, without instrumentation: a PC with one CPU, a serial line at 0x3f8 and
 * qemu's isa-debug-exit, the six functions that libkmsan needs, and the start.
 */
#include "machine.h"

#include <kmsan_port.h>

#define SERIAL 0x3f8
#define DEBUG_EXIT 0xf4

extern char stack_low[], stack_high[];
void kernel_main(void);

static uint8_t pool[24 << 20] __attribute__((aligned(4096)));
static uint8_t context[KMSAN_PORT_CONTEXT_BYTES] __attribute__((aligned(16)));

static void out(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static uint8_t in(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

void kmsan_port_write(const char *text, size_t size_bytes)
{
	for (; size_bytes > 0; size_bytes--) {
		while (!(in(SERIAL + 5) & 0x20))
			;
		out(SERIAL, (uint8_t)*text++);
	}
}

void *kmsan_port_context(void)
{
	return context;
}

uint64_t kmsan_port_irq_save(void)
{
	uint64_t flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

void kmsan_port_irq_restore(uint64_t state)
{
	__asm__ volatile("pushq %0; popfq" : : "r"(state) : "memory", "cc");
}

bool kmsan_port_stack(uintptr_t frame, uintptr_t *low, uintptr_t *high)
{
	*low = (uintptr_t)stack_low;
	*high = (uintptr_t)stack_high;
	return frame >= *low && frame < *high;
}

/* qemu exits with 2 * status + 1. */
void kmsan_port_stop(int status)
{
	out(DEBUG_EXIT, (uint8_t)status);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void print(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	kmsan_port_write(text, n);
}

void kernel_main(void)
{
	const struct kmsan_port_memory memory = { pool, sizeof(pool), 1 << 20 };
	const char *error = kmsan_port_start(&memory, "stack_depth=4");

	if (error) {
		print(error);
		print("\n");
		kmsan_port_stop(2);
	}
	demo();
	print("done\n");
	kmsan_port_stop(0);
}
