/* SPDX-License-Identifier: MIT */
/*
 * A PC: a serial line at 0x3f8, qemu's isa-debug-exit, and the timer (8254) through the
 * interrupt controller (8259), whose first line becomes vector 32.
 */
#include "machine.h"

#include <kmsan_port.h>

#define SERIAL 0x3f8
#define DEBUG_EXIT 0xf4
#define PIC 0x20
#define PIC_2 0xa0
#define PIT 0x40
#define PIT_HZ 1193182
#define VECTOR 32

struct gate {
	uint16_t low, selector, flags, middle;
	uint32_t high, zero;
};

extern char timer_entry[];
void timer_interrupt(void);

static struct gate gates[VECTOR + 1];

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

void put(char c)
{
	while (!(in(SERIAL + 5) & 0x20))
		;
	out(SERIAL, (uint8_t)c);
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

/* qemu exits with 2 * status + 1. */
void kmsan_port_stop(int status)
{
	out(DEBUG_EXIT, (uint8_t)status);
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void gate_set(struct gate *g, uintptr_t entry)
{
	*g = (struct gate){ (uint16_t)entry,	     8, 0x8e00, (uint16_t)(entry >> 16),
			    (uint32_t)(entry >> 32), 0 };
}

/* All lines but the timer's stay off. */
static void controller_init(void)
{
	static const uint8_t words[] = { 0x11, VECTOR, 4, 1 },
			     words_2[] = { 0x11, VECTOR + 8, 2, 1 };
	int i;

	for (i = 0; i < 4; i++) {
		out(PIC + (i > 0), words[i]);
		out(PIC_2 + (i > 0), words_2[i]);
	}
	out(PIC + 1, 0xfe);
	out(PIC_2 + 1, 0xff);
}

void timer_start(void)
{
	const struct {
		uint16_t limit;
		uintptr_t base;
	} __attribute__((packed)) table = { sizeof(gates) - 1, (uintptr_t)gates };

	gate_set(&gates[VECTOR], (uintptr_t)timer_entry);
	__asm__ volatile("lidt %0" : : "m"(table));
	controller_init();
	out(PIT + 3, 0x34);
	out(PIT, (uint8_t)(PIT_HZ / 1000));
	out(PIT, PIT_HZ / 1000 >> 8);
	__asm__ volatile("sti" : : : "memory");
}

void timer_stop(void)
{
	__asm__ volatile("cli" : : : "memory");
}

void timer_interrupt(void)
{
	interrupt();
	out(PIC, 0x20);
}
