/* SPDX-License-Identifier: MIT */
/*
 * qemu's virt machine: the serial line (PL011), the virtual timer, which is interrupt 27 of the
 * controller (GICv2), and the end by semihosting.
 */
#include "machine.h"

#include <kmsan_port.h>

#define SERIAL 0x09000000ul
#define SERIAL_FLAGS 0x18
#define SERIAL_FULL 0x20
#define DISTRIBUTOR 0x08000000ul
#define CONTROLLER 0x08010000ul
#define TIMER 27
#define ENABLE 0x100
#define PRIORITY_MASK 4
#define ACKNOWLEDGE 0xc
#define END 0x10

void timer_interrupt(void);

static volatile uint32_t *device(uintptr_t base, uintptr_t offset)
{
	return (volatile uint32_t *)(base + offset);
}

void put(char c)
{
	while (*device(SERIAL, SERIAL_FLAGS) & SERIAL_FULL)
		;
	*device(SERIAL, 0) = (uint8_t)c;
}

uint64_t kmsan_port_irq_save(void)
{
	uint64_t flags;

	__asm__ volatile("mrs %0, daif; msr daifset, #2" : "=r"(flags) : : "memory");
	return flags;
}

void kmsan_port_irq_restore(uint64_t state)
{
	__asm__ volatile("msr daif, %0" : : "r"(state) : "memory");
}

/* qemu exits with the status. */
void kmsan_port_stop(int status)
{
	static uint64_t block[2];
	register uint64_t x0 __asm__("x0") = 0x18;
	register uint64_t x1 __asm__("x1") = (uintptr_t)block;

	block[0] = 0x20026;
	block[1] = (uint64_t)status;
	for (;;)
		__asm__ volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
}

static void timer_arm(void)
{
	uint64_t hz;

	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(hz));
	__asm__ volatile("msr cntv_tval_el0, %0" : : "r"(hz / 1000));
	__asm__ volatile("msr cntv_ctl_el0, %0; isb" : : "r"(1ul));
}

void timer_start(void)
{
	*device(DISTRIBUTOR, 0) = 1;
	*device(DISTRIBUTOR, ENABLE) = 1u << TIMER;
	*device(CONTROLLER, PRIORITY_MASK) = 0xff;
	*device(CONTROLLER, 0) = 1;
	timer_arm();
	__asm__ volatile("msr daifclr, #2" : : : "memory");
}

void timer_stop(void)
{
	__asm__ volatile("msr daifset, #2" : : : "memory");
}

void timer_interrupt(void)
{
	uint32_t number = *device(CONTROLLER, ACKNOWLEDGE);

	timer_arm();
	interrupt();
	*device(CONTROLLER, END) = number;
}
